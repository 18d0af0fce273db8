/*
 * The library against the double oracle in what is done around a step: loss scale, clipping by value,
 * by a tensor's norm and adaptively, accumulation, zeroed gradients, the mean of the parameters.
 * Arguments: a device ("scalar"), one case, and what the labels of its gradients' ways hold.
 */
#include "judge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 20261122, MICRO_BATCHES = 3, COUNT = 1030, JUDGE_COUNT = 2100 };

static void set_options(const struct judge_run *run, struct tik_optimizer_options *options)
{
    const struct oracle_around *around = &run->around;
    options->clip_value = around->clip_value;
    options->clip_norm = around->clip_norm;
    options->agc = around->agc;
    if (around->agc > 0)
        options->agc_eps = around->agc_eps;
    if (around->inverse_scale > 0)
        options->loss_scale = 1 / around->inverse_scale;
}

static void set_ema(struct tik_policy *policy, const struct oracle_ema_options *ema)
{
    judge_ok(tik_policy_set_ema(policy, ema->decay, ema->debias));
}

/* The average as it is kept: the state named "ema", the last of the tensor's. */
static int ema_part(struct tik_optimizer *optimizer, size_t tensor)
{
    struct tik_tensor_info info;
    judge_ok(tik_optimizer_tensor(optimizer, tensor, &info));
    ck_assert_uint_gt(info.state_count, 0);
    ck_assert_str_eq(info.states[info.state_count - 1], "ema");
    return TIK_STATE + (int)info.state_count - 1;
}

static void write_ema(struct tik_optimizer *optimizer, size_t tensor, const float *values)
{
    judge_ok(tik_optimizer_write(optimizer, tensor, ema_part(optimizer, tensor), values));
}

static void read_ema(struct tik_optimizer *optimizer, size_t tensor, float *values)
{
    judge_ok(tik_optimizer_read(optimizer, tensor, ema_part(optimizer, tensor), values));
}

static const struct judge_around api = {set_options, set_ema, write_ema, read_ema};

/*
 * What is read of the average: the stored values with their bias corrected; the parameters of a
 * tensor whose group has not stepped.
 */
static void judge_read(struct judge_run *run, const struct judge_part *part)
{
    static float stored[JUDGE_COUNT], got[JUDGE_COUNT];
    struct tik_optimizer *optimizer = run->optimizer;
    const struct oracle_moment moment = {.unit = ldexp(1, -24), .tiny = ldexp(1, -150)};
    uint64_t steps;
    judge_ok(tik_optimizer_steps(optimizer, part->group, &steps));
    judge_ok(tik_optimizer_read_ema(optimizer, part->tensor, got));
    if (steps == 0)
        judge_ok(tik_optimizer_read(optimizer, part->tensor, TIK_PARAM, stored));
    else
        read_ema(optimizer, part->tensor, stored);
    for (size_t i = 0; i < part->count; i++) {
        const struct oracle_number read =
            steps == 0
                ? (struct oracle_number){.value = (double)stored[i]}
                : oracle_ema_read(&part->policy.ema, (double)stored[i], (double)steps, &moment);
        judge_number(run->tally, "ema as it is read", i, (double)got[i], &read);
    }
}

/* ---- one step at a time, in several shapes and two groups ---- */

static void judge_steps(const char *label, const struct oracle_around *around, double max_norm,
                        const struct oracle_ema_options *ema, struct judge_tally *tally)
{
    const struct oracle_policy plain = {
        .rule = "sgd", .options = {{"lr", 0.37}, {"maximize", 1}}, .ema = *ema};
    const struct oracle_policy decayed = {
        .rule = "adamw", .options = {{"lr", 0.37}, {"eps", 1e-3}}, .ema = *ema};
    struct judge_run run = {
        .label = label,
        .max_norm = max_norm,
        .around = *around,
        .api = &api,
        .parts = {{.policy = decayed, .count = 1000, .rows = 40, .cols = 25},
                  {.policy = decayed, .count = 2100, .rows = 3, .cols = 700, .joins = true},
                  {.policy = plain, .count = COUNT},
                  {.policy = plain, .count = 9, .rows = 3, .cols = 3, .idle = true}},
        .part_count = 4,
        .tally = tally,
    };
    judge_run_create(&run);
    for (uint64_t t = 1; t <= 5; t++) {
        run.parts[3].idle = t != 3;
        judge_run_fill(&run, SEED + t, t == 1);
        if (t != 2) {
            judge_run_level(&run, SEED + t);
            judge_run_uniform(&run, SEED + t, t == 4 ? 1e-4 : 3);
        }
        judge_run_step(&run, t);
        for (size_t i = 0; i < run.part_count && ema->decay > 0; i++)
            judge_read(&run, &run.parts[i]);
    }
    judge_run_destroy(&run);
}

static const struct {
    const char *label;
    struct oracle_around around;
    double max_norm;
} ways[] = {
    {"loss scale 1024", {.inverse_scale = 1.0 / 1024}, 0},
    {"loss scale 3000", {.inverse_scale = 1.0 / 3000}, 0},
    {"clip_value", {.clip_value = 0.3}, 0},
    {"clip_norm", {.clip_norm = 0.9}, 0},
    {"agc", {.agc = 0.04, .agc_eps = 1e-3}, 0},
    {"agc, large eps", {.agc = 0.3, .agc_eps = 5}, 0},
    {"loss scale, clip_value", {.inverse_scale = 1.0 / 64, .clip_value = 0.02}, 0},
    {"loss scale, agc", {.inverse_scale = 1.0 / 64, .agc = 0.04, .agc_eps = 1e-3}, 0},
    {"loss scale, max_norm", {.inverse_scale = 1.0 / 64}, 0.4},
};
enum { WAYS = sizeof ways / sizeof *ways };

START_TEST(test_gradients)
{
    struct judge_tally tally = {.subject = ways[_i].label};
    if (!judge_wanted(ways[_i].label))
        return;
    judge_steps(ways[_i].label, &ways[_i].around, ways[_i].max_norm,
                &(struct oracle_ema_options){0}, &tally);
    judge_finish(&tally);
}
END_TEST

START_TEST(test_ema)
{
    const struct oracle_ema_options ema = {.decay = _i < 2 ? 0.9 : 0.9999, .debias = _i % 2 == 1};
    struct judge_tally tally = {.subject = ema.debias ? "ema, debias" : "ema"};
    judge_steps(tally.subject, &(struct oracle_around){0}, 0, &ema, &tally);
    judge_steps(tally.subject, &(struct oracle_around){.clip_value = 0.3}, 0, &ema, &tally);
    judge_finish(&tally);
}
END_TEST

/* ---- accumulation and zeroed gradients ---- */

static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U; /* Knuth's MMIX */
    return ldexp((double)(*state >> 11), -52) - 1;
}

/*
 * Steps but every third are no steps: nothing changes. That one is of the sum of three gradients
 * times 1/3, and the gradient that the library keeps is 0 after it when that is asked for.
 */
START_TEST(test_accumulate)
{
    static float g[MICRO_BATCHES][COUNT], p[COUNT], got[COUNT];
    const float *const parts[MICRO_BATCHES] = {g[0], g[1], g[2]};
    const struct oracle_policy policy = {.rule = "sgd", .options = {{"lr", 0.37}}};
    struct judge_tally tally = {.subject = "accumulate"};
    struct oracle_tensor tensor = {.count = COUNT};
    struct oracle_moment moment = {
        .t = 1, .multiplier = 1, .unit = ldexp(1, -24), .tiny = ldexp(1, -150)};
    struct tik_optimizer_options options;
    struct tik_optimizer *optimizer;
    size_t group, index, shape[] = {COUNT};
    uint64_t seed = SEED, steps;
    tensor.elements = calloc(COUNT, sizeof *tensor.elements);
    ck_assert_ptr_nonnull(tensor.elements);
    for (size_t i = 0; i < COUNT; i++) {
        p[i] = (float)uniform(&seed);
        tensor.elements[i].p = (double)p[i];
        for (size_t k = 0; k < MICRO_BATCHES; k++)
            g[k][i] = (float)uniform(&seed);
    }
    tik_optimizer_defaults(&options);
    options.accumulate = MICRO_BATCHES;
    options.zero_grad = true;
    judge_ok(tik_optimizer_create(judge_context(), &options, &optimizer));
    struct tik_policy *made = judge_policy(&policy);
    judge_ok(tik_optimizer_add_group(optimizer, made, &group));
    tik_policy_destroy(made);
    struct tik_tensor one = {
        .name = "p", .rank = 1, .shape = shape, .memory = TIK_MEMORY_LIBRARY, .param = p};
    judge_ok(tik_optimizer_add_tensor(optimizer, group, &one, &index));
    for (size_t k = 0; k < MICRO_BATCHES; k++) {
        judge_ok(tik_optimizer_read(optimizer, index, TIK_PARAM, got));
        ck_assert_msg(memcmp(got, p, sizeof got) == 0, "micro-batch %zu moved a parameter", k);
        judge_ok(tik_optimizer_write(optimizer, index, TIK_GRAD, g[k]));
        judge_ok(tik_optimizer_step(optimizer));
        judge_ok(tik_optimizer_steps(optimizer, group, &steps));
        ck_assert_uint_eq(steps, k + 1 == MICRO_BATCHES);
    }
    oracle_accumulate(&tensor, parts, MICRO_BATCHES, &moment);
    oracle_step(&policy, &moment, &tensor);
    judge_ok(tik_optimizer_read(optimizer, index, TIK_PARAM, got));
    for (size_t i = 0; i < COUNT; i++)
        judge_number(&tally, "accumulate", i, (double)got[i], &tensor.elements[i].next);
    judge_ok(tik_optimizer_read(optimizer, index, TIK_GRAD, got));
    for (size_t i = 0; i < COUNT; i++)
        judge_value(&tally, "zero_grad", i, (double)got[i], 0, 0);
    tik_optimizer_destroy(optimizer);
    free(tensor.elements);
    judge_finish(&tally);
}
END_TEST

/* The gradients times a power of two, whose loss is scaled by it: the same step; then they are 0. */
START_TEST(test_scaled)
{
    static float g[COUNT], p[COUNT], scaled[COUNT], got[2][COUNT];
    const double scales[2] = {0, 1024};
    const size_t shape[] = {COUNT};
    uint64_t seed = SEED;
    for (size_t i = 0; i < COUNT; i++) {
        p[i] = (float)uniform(&seed);
        g[i] = (float)uniform(&seed);
        scaled[i] = 1024 * g[i];
    }
    for (size_t k = 0; k < 2; k++) {
        struct tik_optimizer_options options;
        struct tik_optimizer *optimizer;
        struct tik_policy *policy;
        tik_optimizer_defaults(&options);
        options.loss_scale = scales[k];
        options.zero_grad = true;
        judge_ok(tik_policy_create("adam", &policy));
        judge_ok(tik_optimizer_create(judge_context(), &options, &optimizer));
        judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
        const struct tik_tensor one = {
            .name = "p", .rank = 1, .shape = shape, .memory = TIK_MEMORY_LIBRARY, .param = p};
        judge_ok(tik_optimizer_add_tensor(optimizer, 0, &one, NULL));
        judge_ok(tik_optimizer_write(optimizer, 0, TIK_GRAD, k == 0 ? g : scaled));
        judge_ok(tik_optimizer_step(optimizer));
        judge_ok(tik_optimizer_read(optimizer, 0, TIK_GRAD, got[k]));
        for (size_t i = 0; i < COUNT; i++)
            ck_assert_msg(got[k][i] == 0, "gradient %zu is left", i);
        judge_ok(tik_optimizer_read(optimizer, 0, TIK_STATE, got[k]));
        tik_optimizer_destroy(optimizer);
        tik_policy_destroy(policy);
    }
    ck_assert_mem_eq(got[0], got[1], sizeof got[0]);
    ck_assert(got[0][0] != 0);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("around");
    TCase *around = tcase_create("around");
    tcase_set_timeout(around, 120);
    tcase_add_loop_test(around, test_gradients, 0, WAYS);
    tcase_add_loop_test(around, test_ema, 0, 4);
    tcase_add_test(around, test_accumulate);
    tcase_add_test(around, test_scaled);
    suite_add_tcase(suite, around);
    return suite;
}

int main(int argc, char **argv)
{
    return judge_main(argc, argv, make_suite);
}
