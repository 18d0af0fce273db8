/*
 * Steps that the device may skip. The reference is an optimizer without a guard that is not stepped
 * where a gradient is not finite: afterwards both have the same bits, counts and scalars, whether
 * the host looked after each step or at the end alone. The loss scale is held against a model of
 * torch.amp.GradScaler in double. Arguments: a device ("scalar"), and one case.
 */
#include "suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 20261122, STEPS = 40, JOIN = 20, TENSORS = 6, LONGEST = 1030 };

/* Matrices, which every rule takes; the last two come while steps are under way. */
static const struct {
    const char *name;
    size_t group, shape[2];
} tensors[TENSORS] = {
    {"a", 0, {10, 103}}, {"b", 0, {3, 31}}, {"c", 1, {7, 2}},
    {"d", 1, {1, 1025}}, {"e", 0, {2, 20}}, {"f", 2, {4, 5}},
};

/* One optimizer, and whether it is stepped at all where a gradient is not finite. */
struct run {
    struct tik_optimizer *optimizer;
    const char *rule;
    bool guarded;
    size_t count;
};

static size_t count_of(size_t t)
{
    return tensors[t].shape[0] * tensors[t].shape[1];
}

static void add_tensor(struct run *run)
{
    static float values[LONGEST];
    const size_t t = run->count++;
    uint64_t seed = SEED + t;
    suite_fill(values, count_of(t), SUITE_LEVEL, &seed);
    const struct tik_tensor tensor = {
        .name = tensors[t].name, .rank = 2, .shape = tensors[t].shape, .param = values};
    judge_ok(tik_optimizer_add_tensor(run->optimizer, tensors[t].group, &tensor, NULL));
}

static void add_group(struct run *run, bool debias)
{
    struct tik_schedule schedule;
    struct tik_policy *policy = suite_rich_policy(run->rule);
    size_t group;
    judge_ok(tik_policy_set_ema(policy, 0.9, debias));
    judge_ok(tik_optimizer_add_group(run->optimizer, policy, &group));
    tik_policy_destroy(policy);
    tik_schedule_defaults(&schedule);
    schedule.warmup_steps = 9;
    judge_ok(tik_optimizer_set_schedule(run->optimizer, group, &schedule));
}

static void open_run(struct run *run, const char *rule, const struct tik_optimizer_options *options)
{
    *run = (struct run){.rule = rule, .guarded = options->nonfinite == TIK_NONFINITE_SKIP};
    judge_ok(tik_optimizer_create(judge_context(), options, &run->optimizer));
    add_group(run, true);
    add_group(run, false);
    while (run->count < TENSORS - 2)
        add_tensor(run);
}

/* ---- what becomes of each step, the same for both ---- */

struct fate {
    bool bad;             /* a tensor that takes part has a gradient that is not finite */
    bool active[TENSORS]; /* which take part */
    size_t where;         /* the tensor with such a gradient, active or not; TENSORS: none */
    float value;          /* that gradient */
    uint64_t seed;
};

static struct fate draw_fate(size_t t, size_t count)
{
    uint64_t seed = SEED + 1000 * t;
    struct fate fate = {.where = TENSORS, .seed = seed};
    const unsigned dice = (unsigned)(suite_word(&seed) % 8);
    for (size_t i = 0; i < count; i++)
        fate.active[i] = true;
    fate.active[1] = t % 7 != 3;
    fate.active[2] = fate.active[3] = t % 5 != 4;
    /* The first three, and a row of five, so that none or few of the steps under way count. */
    if (dice < 2 || t < 3 || (t >= 26 && t < 31))
        fate.where = suite_word(&seed) % count;
    fate.value = (const float[]){NAN, INFINITY, -INFINITY}[t % 3];
    fate.bad = fate.where < TENSORS && fate.active[fate.where];
    return fate;
}

static void write_gradients(const struct run *run, const struct fate *fate, double scale)
{
    static float grad[LONGEST];
    for (size_t i = 0; i < run->count; i++) {
        uint64_t seed = fate->seed + i;
        suite_fill(grad, count_of(i), SUITE_LEVEL, &seed);
        for (size_t k = 0; k < count_of(i); k++)
            grad[k] = (float)((double)grad[k] * scale);
        if (i == fate->where)
            grad[suite_word(&seed) % count_of(i)] = fate->value;
        judge_ok(tik_optimizer_write(run->optimizer, i, TIK_GRAD, grad));
        judge_ok(tik_optimizer_set_active(run->optimizer, i, fate->active[i]));
    }
}

static void look(const struct run *run, size_t t)
{
    static float values[LONGEST];
    struct tik_scaling scaling;
    struct tik_report report;
    uint64_t steps;
    switch (t % 5) {
    case 0:
        judge_ok(tik_optimizer_steps(run->optimizer, 0, &steps));
        break;
    case 1:
        judge_ok(tik_optimizer_scaling(run->optimizer, &scaling));
        break;
    case 2:
        judge_ok(tik_optimizer_report(run->optimizer, 0, &report));
        break;
    case 3:
        judge_ok(tik_optimizer_read_ema(run->optimizer, 0, values));
        break;
    default:
        judge_ok(tik_optimizer_sync(run->optimizer));
    }
}

/* ---- comparison ---- */

static void compare_reports(const struct run *a, const struct run *b, bool skipped)
{
    for (size_t g = 0; g < tik_optimizer_groups(a->optimizer); g++) {
        struct tik_report one, other;
        judge_ok(tik_optimizer_report(a->optimizer, g, &one));
        ck_assert_int_eq(one.skipped, skipped);
        if (skipped) {
            ck_assert(one.penalty == 0 && one.half_squared_norm == 0);
            ck_assert_uint_eq(one.zeros + one.count, 0);
            continue;
        }
        judge_ok(tik_optimizer_report(b->optimizer, g, &other));
        ck_assert_msg(one.penalty == other.penalty && one.norm == other.norm &&
                          one.half_squared_norm == other.half_squared_norm &&
                          one.zeros == other.zeros && one.count == other.count &&
                          one.clip == other.clip,
                      "group %zu: the reports differ: penalty %g and %g, norm %g and %g", g,
                      one.penalty, other.penalty, one.norm, other.norm);
        ck_assert_msg(one.lr == other.lr, "group %zu: lr is %.17g; %.17g without the guard", g,
                      one.lr, other.lr);
    }
}

static void compare_groups(const struct run *a, const struct run *b)
{
    for (size_t g = 0; g < tik_optimizer_groups(a->optimizer); g++) {
        uint64_t one, other;
        judge_ok(tik_optimizer_steps(a->optimizer, g, &one));
        judge_ok(tik_optimizer_steps(b->optimizer, g, &other));
        ck_assert_msg(one == other, "%s, group %zu: %llu steps; %llu without the guard", a->rule, g,
                      (unsigned long long)one, (unsigned long long)other);
        const char *name;
        for (size_t k = 0; (name = tik_optimizer_carried_name(a->optimizer, g, k)) != NULL; k++) {
            double x, y;
            judge_ok(tik_optimizer_carried(a->optimizer, g, name, &x));
            judge_ok(tik_optimizer_carried(b->optimizer, g, name, &y));
            ck_assert_msg(x == y, "%s, group %zu: %s is %.17g; %.17g without the guard", a->rule, g,
                          name, x, y);
        }
    }
}

static void check_device(struct tik_optimizer *optimizer)
{
    struct tik_optimizer_stats stats;
    tik_optimizer_stats(optimizer, &stats);
    ck_assert_msg(stats.fallbacks == 0, "%llu steps fell back to the scalar path",
                  (unsigned long long)stats.fallbacks);
}

static void compare(const struct run *a, const struct run *b)
{
    check_device(a->optimizer);
    check_device(b->optimizer);
    static float one[LONGEST], other[LONGEST];
    char what[96];
    compare_groups(a, b);
    for (size_t i = 0; i < a->count; i++) {
        struct tik_tensor_info info;
        judge_ok(tik_optimizer_tensor(a->optimizer, i, &info));
        for (int part = TIK_PARAM; part < (int)info.state_count; part++) {
            if (part == TIK_GRAD)
                continue;
            snprintf(what, sizeof what, "%s, tensor %s, part %d", a->rule, info.name, part);
            judge_ok(tik_optimizer_read(a->optimizer, i, part, one));
            judge_ok(tik_optimizer_read(b->optimizer, i, part, other));
            suite_check_words(what, one, other, info.count);
        }
        judge_ok(tik_optimizer_read_ema(a->optimizer, i, one));
        judge_ok(tik_optimizer_read_ema(b->optimizer, i, other));
        suite_check_words("the average as it is read", one, other, info.count);
    }
}

/* ---- every rule, skipped steps among others ---- */

static void change_options(const struct run *run, size_t t)
{
    if (t == 7 || t == 19 || t == 23)
        judge_ok(tik_optimizer_set(run->optimizer, 0, "lr", 0.2 / (double)t));
    if (t == 29 && suite_has_option(tik_rule_find(run->rule), "weight_decay"))
        judge_ok(tik_optimizer_set(run->optimizer, 1, "weight_decay", 0.3));
}

static void join(struct run *run)
{
    add_tensor(run);
    add_group(run, false);
    add_tensor(run);
}

static void run_both(struct run *guarded, struct run *plain, bool looks, size_t *skipped)
{
    for (size_t t = 0; t < STEPS; t++) {
        if (t == JOIN) {
            join(guarded);
            join(plain);
        }
        const struct fate fate = draw_fate(t, guarded->count);
        struct run *const runs[] = {guarded, plain};
        for (size_t k = 0; k < 2; k++) {
            change_options(runs[k], t);
            if (fate.bad && !runs[k]->guarded)
                continue;
            write_gradients(runs[k], &fate, 1);
            judge_ok(tik_optimizer_step(runs[k]->optimizer));
        }
        *skipped += fate.bad;
        if (looks) {
            look(guarded, t);
            compare_reports(guarded, plain, fate.bad);
        }
    }
}

START_TEST(test_rules)
{
    const char *rule = tik_rule_at((size_t)_i / 2)->name;
    const bool looks = _i % 2 == 1;
    struct tik_optimizer_options options;
    struct run guarded, plain;
    struct tik_scaling scaling;
    size_t skipped = 0;
    tik_optimizer_defaults(&options);
    options.report = true;
    options.max_norm = _i / 2 % 2 == 1 ? 3 : 0;
    open_run(&plain, rule, &options);
    options.nonfinite = TIK_NONFINITE_SKIP;
    open_run(&guarded, rule, &options);
    run_both(&guarded, &plain, looks, &skipped);
    ck_assert_uint_gt(skipped, 8);
    ck_assert_uint_lt(skipped, STEPS - 16);
    compare_reports(&guarded, &plain, draw_fate(STEPS - 1, TENSORS).bad);
    compare(&guarded, &plain);
    judge_ok(tik_optimizer_scaling(guarded.optimizer, &scaling));
    ck_assert_uint_eq(scaling.skipped, skipped);
    ck_assert(scaling.scale == 1);
    tik_optimizer_destroy(guarded.optimizer);
    tik_optimizer_destroy(plain.optimizer);
}
END_TEST

/* ---- accumulation, zeroed gradients, clipping beside the guard ---- */

static const struct {
    const char *label;
    unsigned accumulate;
    bool zero_grad;
    double clip_value, clip_norm, agc;
} besides[] = {
    {"accumulate", 3, false, 0, 0, 0},
    {"accumulate, zero_grad", 3, true, 0, 0, 0},
    {"zero_grad, clip_value", 1, true, 0.3, 0, 0},
    {"clip_norm", 1, false, 0, 0.7, 0},
    {"agc, clip_value", 1, false, 0.5, 0, 0.05},
};
enum { BESIDES = sizeof besides / sizeof *besides };

static void check_zeroed(const struct run *run, const struct fate *fate)
{
    static float grad[LONGEST];
    for (size_t i = 0; i < run->count; i++) {
        judge_ok(tik_optimizer_read(run->optimizer, i, TIK_GRAD, grad));
        for (size_t k = 0; k < count_of(i) && fate->active[i]; k++)
            ck_assert_msg(grad[k] == 0, "tensor %zu: gradient %zu is %g after its pass", i, k,
                          (double)grad[k]);
    }
}

/* The fate of n gradients that make one step: one of them is enough; all have the same tensors. */
static struct fate draw_share(size_t t, size_t n)
{
    struct fate whole = draw_fate(t / n, TENSORS - 2), fate = whole;
    fate.seed += 7919 * (t % n);
    if (t % n != 1 % n)
        fate.where = TENSORS;
    return fate;
}

START_TEST(test_besides)
{
    struct tik_optimizer_options options;
    struct run guarded, plain;
    const size_t n = besides[_i].accumulate;
    tik_optimizer_defaults(&options);
    options.accumulate = besides[_i].accumulate;
    options.zero_grad = besides[_i].zero_grad;
    options.clip_value = besides[_i].clip_value;
    options.clip_norm = besides[_i].clip_norm;
    options.agc = besides[_i].agc;
    open_run(&plain, "adamw", &options);
    options.nonfinite = TIK_NONFINITE_SKIP;
    open_run(&guarded, "adamw", &options);
    for (size_t t = 0; t < 20 * n; t++) {
        const struct fate fate = draw_share(t, n);
        write_gradients(&guarded, &fate, 1);
        judge_ok(tik_optimizer_step(guarded.optimizer));
        if (options.zero_grad)
            check_zeroed(&guarded, &fate);
        if (fate.bad)
            continue;
        write_gradients(&plain, &fate, 1);
        judge_ok(tik_optimizer_step(plain.optimizer));
    }
    compare(&guarded, &plain);
    tik_optimizer_destroy(guarded.optimizer);
    tik_optimizer_destroy(plain.optimizer);
}
END_TEST

/* ---- loss scale: torch.amp.GradScaler, update() and _amp_update_scale_ ---- */

struct scaler {
    double scale, growth, backoff;
    uint64_t interval, clean, skipped, in_row;
};

static void update_scaler(struct scaler *s, bool bad)
{
    s->skipped += bad;
    s->in_row = bad ? s->in_row + 1 : 0;
    if (bad) {
        s->scale *= s->backoff;
        s->clean = 0;
    } else if (++s->clean == s->interval) {
        s->scale *= s->growth;
        s->clean = 0;
    }
}

static const struct scaler scalers[] = {
    {.scale = 1024, .growth = 2, .backoff = 0.5, .interval = 3},
    {.scale = 1024, .growth = 4, .backoff = 0.25, .interval = 2},
    {.scale = 1024, .growth = 2, .backoff = 0.5, .interval = 1},
};
enum { SCALERS = sizeof scalers / sizeof *scalers };

/* Powers of 2, so that what is multiplied and divided by them keeps its bits. */
START_TEST(test_loss_scale)
{
    const bool looks = _i % 2 == 1;
    struct scaler s = scalers[_i / 2];
    struct tik_optimizer_options options;
    struct run guarded, plain;
    struct tik_scaling scaling;
    tik_optimizer_defaults(&options);
    options.max_norm = 5;
    open_run(&plain, "nadam", &options);
    options.loss_scale = s.scale;
    options.loss_scale_growth = s.growth;
    options.loss_scale_backoff = s.backoff;
    options.loss_scale_interval = (unsigned)s.interval;
    open_run(&guarded, "nadam", &options);
    for (size_t t = 0; t < STEPS; t++) {
        const struct fate fate = draw_fate(t, guarded.count);
        write_gradients(&guarded, &fate, s.scale);
        judge_ok(tik_optimizer_step(guarded.optimizer));
        update_scaler(&s, fate.bad);
        if (looks || t == STEPS - 1) {
            judge_ok(tik_optimizer_scaling(guarded.optimizer, &scaling));
            ck_assert_msg(scaling.scale == s.scale && scaling.clean == s.clean &&
                              scaling.skipped == s.skipped && scaling.in_row == s.in_row,
                          "step %zu: scale %g, clean %llu; %g, %llu are due", t, scaling.scale,
                          (unsigned long long)scaling.clean, s.scale, (unsigned long long)s.clean);
        }
        if (fate.bad)
            continue;
        write_gradients(&plain, &fate, 1);
        judge_ok(tik_optimizer_step(plain.optimizer));
    }
    compare(&guarded, &plain);
    tik_optimizer_destroy(guarded.optimizer);
    tik_optimizer_destroy(plain.optimizer);
}
END_TEST

static struct tik_optimizer *open_one(const struct tik_optimizer_options *options, size_t *tensor)
{
    static const float param[4] = {1, -2, 3, -4};
    const struct oracle_option lr[] = {{"lr", 0.5}, {NULL, 0}};
    struct tik_optimizer *optimizer;
    struct tik_policy *policy = suite_policy("sgd", lr);
    judge_ok(tik_optimizer_create(judge_context(), options, &optimizer));
    judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    tik_policy_destroy(policy);
    *tensor = suite_add(optimizer, 0, "p", 4, param);
    return optimizer;
}

static enum tik_status step_one(struct tik_optimizer *optimizer, float first)
{
    const float grad[4] = {first, 1, 1, 1};
    judge_ok(tik_optimizer_write(optimizer, 0, TIK_GRAD, grad));
    return tik_optimizer_step(optimizer);
}

static void check_one(struct tik_optimizer *optimizer, const float expected[4])
{
    float got[4];
    judge_ok(tik_optimizer_read(optimizer, 0, TIK_PARAM, got));
    suite_check_words("parameters", got, expected, 4);
}

/* The scale never leaves the normal numbers: where it would, it stays as it is. */
START_TEST(test_scale_ends)
{
    struct tik_optimizer_options options;
    struct tik_scaling scaling = {.scale = 0x1p-125};
    size_t tensor;
    tik_optimizer_defaults(&options);
    options.loss_scale = 1;
    options.loss_scale_interval = 1;
    struct tik_optimizer *optimizer = open_one(&options, &tensor);
    judge_ok(tik_optimizer_set_scaling(optimizer, &scaling));
    for (int t = 0; t < 3; t++)
        judge_ok(step_one(optimizer, NAN));
    judge_ok(tik_optimizer_scaling(optimizer, &scaling));
    ck_assert(scaling.scale == 0x1p-126);
    ck_assert_uint_eq(scaling.in_row, 3);
    scaling = (struct tik_scaling){.scale = 0x1p126};
    judge_ok(tik_optimizer_set_scaling(optimizer, &scaling));
    for (int t = 0; t < 3; t++)
        judge_ok(step_one(optimizer, 0));
    judge_ok(tik_optimizer_scaling(optimizer, &scaling));
    ck_assert(scaling.scale == 0x1p127);
    ck_assert_uint_eq(scaling.clean, 0);
    check_device(optimizer);
    tik_optimizer_destroy(optimizer);
}
END_TEST

/* Finite gradients whose squares overflow: clip is 0, and the step counts. */
START_TEST(test_huge)
{
    static const float unmoved[4] = {1, -2, 3, -4};
    struct tik_optimizer_options options;
    struct tik_report report;
    uint64_t steps;
    size_t tensor;
    tik_optimizer_defaults(&options);
    options.max_norm = 1;
    options.report = true;
    options.nonfinite = TIK_NONFINITE_SKIP;
    struct tik_optimizer *optimizer = open_one(&options, &tensor);
    judge_ok(step_one(optimizer, 1e30F));
    judge_ok(tik_optimizer_report(optimizer, 0, &report));
    ck_assert(isinf(report.norm) && report.clip == 0 && !report.skipped);
    ck_assert_uint_eq(report.count, 4);
    judge_ok(tik_optimizer_steps(optimizer, 0, &steps));
    ck_assert_uint_eq(steps, 1);
    check_one(optimizer, unmoved);
    tik_optimizer_destroy(optimizer);
}
END_TEST

/* ---- steps that are halted ---- */

/* Good steps after the halt, until a call tells of it: on the device none may. */
static enum tik_status go_on(struct tik_optimizer *optimizer)
{
    enum tik_status status = TIK_OK;
    for (int t = 0; t < 3 && status == TIK_OK; t++)
        status = step_one(optimizer, 1);
    return status == TIK_OK ? tik_optimizer_sync(optimizer) : status;
}

START_TEST(test_halt)
{
    const unsigned limit = _i < 3 ? 1 : 3;
    static const float after[4] = {0.5F, -2.5F, 2.5F, -4.5F}, more[4] = {0, -3, 2, -5};
    struct tik_optimizer_options options;
    struct tik_scaling scaling;
    uint64_t steps;
    size_t tensor;
    tik_optimizer_defaults(&options);
    options.nonfinite = limit == 1 ? TIK_NONFINITE_ERROR : TIK_NONFINITE_SKIP;
    options.nonfinite_limit = limit == 1 ? 0 : limit;
    struct tik_optimizer *optimizer = open_one(&options, &tensor);
    judge_ok(step_one(optimizer, 1));
    for (unsigned t = 1; t < limit; t++)
        judge_ok(step_one(optimizer, INFINITY));
    if (limit > 1)
        judge_ok(tik_optimizer_sync(optimizer)); /* one more would be an error */
    judge_ok(step_one(optimizer, NAN));
    const char *words = limit == 1 ? "in 1 step in a row" : "in 3 steps in a row";
    switch (_i % 3) {
    case 0:
        suite_refused(TIK_ERROR_NONFINITE, tik_optimizer_sync(optimizer), "not finite", words);
        break;
    case 1: /* what another call has seen, the next step tells */
        judge_ok(tik_optimizer_scaling(optimizer, &scaling));
        ck_assert_uint_eq(scaling.in_row, limit);
        suite_refused(TIK_ERROR_NONFINITE, tik_optimizer_step(optimizer), "not finite", words);
        break;
    default:
        suite_refused(TIK_ERROR_NONFINITE, go_on(optimizer), "not finite", words);
    }
    judge_ok(tik_optimizer_sync(optimizer));
    judge_ok(tik_optimizer_steps(optimizer, 0, &steps));
    ck_assert_uint_eq(steps, 1);
    check_one(optimizer, after);
    judge_ok(step_one(optimizer, 1));
    judge_ok(tik_optimizer_sync(optimizer));
    check_one(optimizer, more);
    check_device(optimizer);
    tik_optimizer_destroy(optimizer);
}
END_TEST

/* ---- corners ---- */

/* Without groups, without tensors, with none that is active: there is nothing, and no error. */
START_TEST(test_nothing)
{
    struct tik_optimizer_options options;
    struct tik_optimizer *optimizer;
    struct tik_scaling scaling;
    size_t tensor;
    tik_optimizer_defaults(&options);
    options.loss_scale = 8;
    judge_ok(tik_optimizer_create(judge_context(), &options, &optimizer));
    judge_ok(tik_optimizer_step(optimizer));
    judge_ok(tik_optimizer_sync(optimizer));
    struct tik_policy *policy = suite_policy("sgd", NULL);
    judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    tik_policy_destroy(policy);
    judge_ok(tik_optimizer_step(optimizer));
    judge_ok(tik_optimizer_sync(optimizer));
    tik_optimizer_destroy(optimizer);

    optimizer = open_one(&options, &tensor);
    judge_ok(tik_optimizer_set_active(optimizer, tensor, false));
    judge_ok(step_one(optimizer, NAN));
    judge_ok(tik_optimizer_scaling(optimizer, &scaling));
    ck_assert_uint_eq(scaling.skipped, 0);
    tik_optimizer_destroy(optimizer);
}
END_TEST

/* A parameter that is written before the first step that counts takes its average along. */
START_TEST(test_start)
{
    static const float param[4] = {5, 6, 7, 8};
    struct tik_optimizer_options options;
    struct tik_optimizer *optimizer;
    float got[4];
    tik_optimizer_defaults(&options);
    options.nonfinite = TIK_NONFINITE_SKIP;
    judge_ok(tik_optimizer_create(judge_context(), &options, &optimizer));
    struct tik_policy *policy = suite_policy("sgd", NULL);
    judge_ok(tik_policy_set_ema(policy, 0.5, false));
    judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    tik_policy_destroy(policy);
    suite_add(optimizer, 0, "p", 4, NULL);
    judge_ok(step_one(optimizer, NAN));
    judge_ok(tik_optimizer_write(optimizer, 0, TIK_PARAM, param));
    judge_ok(tik_optimizer_read(optimizer, 0, TIK_STATE, got));
    suite_check_words("the average", got, param, 4);
    tik_optimizer_destroy(optimizer);
}
END_TEST

START_TEST(test_scaling_refused)
{
    struct tik_optimizer_options options;
    struct tik_optimizer *optimizer;
    struct tik_scaling scaling = {.scale = 2};
    tik_optimizer_defaults(&options);
    judge_ok(tik_optimizer_create(judge_context(), &options, &optimizer));
    suite_refused(TIK_ERROR_ARGUMENT, tik_optimizer_set_scaling(optimizer, &scaling), "scale is 2",
                  "without loss_scale");
    tik_optimizer_destroy(optimizer);
    options.loss_scale = 8;
    judge_ok(tik_optimizer_create(judge_context(), &options, &optimizer));
    scaling.scale = 0;
    suite_refused(TIK_ERROR_ARGUMENT, tik_optimizer_set_scaling(optimizer, &scaling), "scale is 0",
                  "2^-126 to 2^127");
    scaling = (struct tik_scaling){.scale = 1, .clean = UINT64_C(1) << 32};
    suite_refused(TIK_ERROR_ARGUMENT, tik_optimizer_set_scaling(optimizer, &scaling), "4294967296",
                  "below 2^32");
    tik_optimizer_destroy(optimizer);
}
END_TEST

static Suite *make_suite(void)
{
    int rules = 0;
    while (tik_rule_at((size_t)rules) != NULL)
        rules++;
    Suite *suite = suite_create("guard");
    TCase *every = tcase_create("rules");
    tcase_set_timeout(every, 120);
    tcase_add_loop_test(every, test_rules, 0, 2 * rules);
    suite_add_tcase(suite, every);
    /* By themselves, so that a mutant of a kernel need not compile the others' programs. */
    TCase *scale = tcase_create("loss scale");
    tcase_set_timeout(scale, 120);
    tcase_add_loop_test(scale, test_loss_scale, 0, 2 * SCALERS);
    suite_add_tcase(suite, scale);
    TCase *beside = tcase_create("besides");
    tcase_set_timeout(beside, 120);
    tcase_add_loop_test(beside, test_besides, 0, BESIDES);
    suite_add_tcase(suite, beside);
    TCase *guard = tcase_create("decisions");
    tcase_set_timeout(guard, 120);
    tcase_add_test(guard, test_scale_ends);
    tcase_add_test(guard, test_huge);
    tcase_add_loop_test(guard, test_halt, 0, 6);
    tcase_add_test(guard, test_nothing);
    tcase_add_test(guard, test_start);
    tcase_add_test(guard, test_scaling_refused);
    suite_add_tcase(suite, guard);
    return suite;
}

int main(int argc, char **argv)
{
    return judge_main(argc, argv, make_suite);
}
