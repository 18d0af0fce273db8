/*
 * Groups that do not fit into the device's memory, by an artificial limit: the bits of one that
 * fits, for every elementwise rule and whatever is done around the step; and what is refused.
 * Arguments: a device ("scalar"), and one case.
 */
#include "suite.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tensors of less than a window, of several, and at their borders. */
static const size_t counts[] = {7, 16384, 1, 40000, 1023, 16383, 0, 70001, 1024};
enum { SEED = 20261122, TENSORS = sizeof counts / sizeof *counts, STEPS = 4, LARGEST = 70001 };

/* Fewer bytes than a window takes: windows have their least size. */
static const uint64_t tiny = 1;

struct told {
    size_t calls, done, total;
    bool in_order;
};

static void tell(size_t done, size_t total, void *data)
{
    struct told *told = data;
    told->in_order &= done == told->done + 1 && (told->calls == 0 || total == told->total);
    told->calls++;
    told->done = done;
    told->total = total;
}

static struct tik_optimizer *make(const char *rule, struct tik_optimizer_options *options,
                                  uint64_t limit)
{
    options->memory_limit = limit;
    struct tik_policy *policy = suite_rich_policy(rule);
    judge_ok(tik_policy_set_ema(policy, 0.9, false));
    struct tik_optimizer *optimizer;
    judge_ok(tik_optimizer_create(judge_context(), options, &optimizer));
    judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    tik_policy_destroy(policy);
    uint64_t seed = SEED;
    float *values = suite_allocate(LARGEST, sizeof *values);
    for (size_t i = 0; i < TENSORS; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%zu", i);
        suite_fill(values, counts[i], SUITE_LEVEL, &seed);
        suite_add(optimizer, 0, name, counts[i], values);
    }
    free(values);
    return optimizer;
}

static void step(struct tik_optimizer *optimizer, uint64_t t, bool bad)
{
    uint64_t seed = SEED + t;
    float *values = suite_allocate(LARGEST, sizeof *values);
    for (size_t i = 0; i < TENSORS; i++) {
        suite_fill(values, counts[i], SUITE_EDGES, &seed);
        if (bad && counts[i] == LARGEST)
            values[LARGEST - 3] = (float)NAN;
        judge_ok(tik_optimizer_write(optimizer, i, TIK_GRAD, values));
    }
    free(values);
    judge_ok(tik_optimizer_step(optimizer));
}

/* All arrays of all tensors, and the report. */
static void compare(const char *rule, struct tik_optimizer *a, struct tik_optimizer *b)
{
    float *one = suite_allocate(LARGEST, sizeof *one),
          *other = suite_allocate(LARGEST, sizeof *one);
    for (size_t i = 0; i < TENSORS; i++) {
        struct tik_tensor_info info;
        judge_ok(tik_optimizer_tensor(a, i, &info));
        for (int part = TIK_PARAM; part < (int)info.state_count; part++) {
            char what[96];
            snprintf(what, sizeof what, "%s, part %d of tensor %zu", rule, part, i);
            judge_ok(tik_optimizer_read(a, i, part, one));
            judge_ok(tik_optimizer_read(b, i, part, other));
            suite_check_words(what, one, other, counts[i]);
        }
    }
    struct tik_report first, second;
    judge_ok(tik_optimizer_report(a, 0, &first));
    judge_ok(tik_optimizer_report(b, 0, &second));
    ck_assert_mem_eq(&first.penalty, &second.penalty, sizeof first.penalty);
    ck_assert_mem_eq(&first.norm, &second.norm, sizeof first.norm);
    ck_assert_uint_eq(first.zeros, second.zeros);
    free(one);
    free(other);
}

static void run(const char *rule, struct tik_optimizer_options *options, bool bad)
{
    struct told told = {.in_order = true};
    struct tik_optimizer *whole = make(rule, options, 0);
    options->progress = tell;
    options->progress_data = &told;
    struct tik_optimizer *streamed = make(rule, options, tiny);
    for (uint64_t t = 1; t <= STEPS; t++) {
        if (t == 3) { /* chunks are cut anew */
            judge_ok(tik_optimizer_set_active(whole, 3, false));
            judge_ok(tik_optimizer_set_active(streamed, 3, false));
        }
        told.calls = told.done = 0;
        step(whole, t, bad && t == 2);
        step(streamed, t, bad && t == 2);
        if (judge_on_scalar())
            ck_assert_uint_eq(told.calls, 0);
        else
            ck_assert_uint_gt(told.calls, 4);
        ck_assert(told.in_order);
        ck_assert_uint_eq(told.done, told.calls == 0 ? 0 : told.total);
    }
    compare(rule, whole, streamed);
    tik_optimizer_destroy(whole);
    tik_optimizer_destroy(streamed);
}

/* Rules with norms of their tensor are refused below. */
static bool needs_norms(const char *rule)
{
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    struct tik_optimizer *optimizer = make(rule, &options, tiny);
    const enum tik_status status = tik_optimizer_prepare(optimizer);
    tik_optimizer_destroy(optimizer);
    if (status == TIK_OK)
        return false;
    ck_assert_int_eq(status, TIK_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(tik_last_error(), "cannot be streamed"));
    return true;
}

START_TEST(test_rules)
{
    const struct tik_rule_info *rule = tik_rule_at((size_t)_i);
    if (rule == NULL || needs_norms(rule->name))
        return;
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    options.report = true;
    options.max_norm = 0.5;
    run(rule->name, &options, false);
}
END_TEST

START_TEST(test_around)
{
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    options.report = true;
    options.clip_value = 0.7;
    options.zero_grad = true;
    options.loss_scale = 1024;
    run("adamw", &options, true);
    options.accumulate = 2;
    options.progress = NULL;
    struct tik_optimizer *whole = make("nadam", &options, 0);
    struct tik_optimizer *streamed = make("nadam", &options, tiny);
    for (uint64_t t = 1; t <= 6; t++) {
        step(whole, t, t == 4);
        step(streamed, t, t == 4);
    }
    compare("nadam", whole, streamed);
    tik_optimizer_destroy(whole);
    tik_optimizer_destroy(streamed);
}
END_TEST

START_TEST(test_verified)
{
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    for (int verify = TIK_VERIFY_SAMPLE; verify <= TIK_VERIFY_ALL; verify++) {
        options.verify = (enum tik_verify)verify;
        struct tik_optimizer *streamed = make("adamw", &options, tiny);
        for (uint64_t t = 1; t <= STEPS; t++)
            step(streamed, t, false);
        struct tik_optimizer_stats stats;
        tik_optimizer_stats(streamed, &stats);
        ck_assert_uint_eq(stats.mismatches, 0);
        ck_assert_uint_eq(stats.fallbacks, 0);
        if (!judge_on_scalar())
            ck_assert_uint_eq(stats.verified_steps, STEPS);
        tik_optimizer_destroy(streamed);
    }
}
END_TEST

/* Tensors in the caller's memory on the host, which a group shares with one of the library's. */
struct borrowed {
    struct tik_optimizer *optimizer;
    float *param[TENSORS], *grad[TENSORS];
};

static void borrow(struct borrowed *b, uint64_t limit, struct told *told)
{
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    options.memory_limit = limit;
    options.max_norm = 0.5;
    options.progress = told != NULL ? tell : NULL;
    options.progress_data = told;
    struct tik_policy *policy = suite_rich_policy("adamw");
    judge_ok(tik_optimizer_create(judge_context(), &options, &b->optimizer));
    judge_ok(tik_optimizer_add_group(b->optimizer, policy, NULL));
    tik_policy_destroy(policy);
    uint64_t seed = SEED;
    for (size_t i = 0; i < TENSORS; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%zu", i);
        b->param[i] = suite_allocate(counts[i] + 1, sizeof(float));
        b->grad[i] = suite_allocate(counts[i] + 1, sizeof(float));
        suite_fill(b->param[i], counts[i] + 1, SUITE_LEVEL, &seed);
        const struct tik_tensor tensor = {.name = name,
                                          .rank = 1,
                                          .shape = &counts[i],
                                          .memory = i == 3 ? TIK_MEMORY_LIBRARY : TIK_MEMORY_HOST,
                                          .param = b->param[i],
                                          .grad = i == 3 ? NULL : b->grad[i]};
        judge_ok(tik_optimizer_add_tensor(b->optimizer, 0, &tensor, NULL));
    }
}

static void step_borrowed(struct borrowed *b, uint64_t t)
{
    uint64_t seed = SEED + t;
    for (size_t i = 0; i < TENSORS; i++)
        suite_fill(b->grad[i], counts[i] + 1, SUITE_EDGES, &seed);
    judge_ok(tik_optimizer_write(b->optimizer, 3, TIK_GRAD, b->grad[3]));
    judge_ok(tik_optimizer_step(b->optimizer));
    judge_ok(tik_optimizer_sync(b->optimizer));
}

static void give_back(struct borrowed *b)
{
    tik_optimizer_destroy(b->optimizer);
    for (size_t i = 0; i < TENSORS; i++) {
        free(b->param[i]);
        free(b->grad[i]);
    }
}

/* After a sync the results are where the caller's parameters are, and nothing beside them. */
START_TEST(test_callers_memory)
{
    struct told told = {.in_order = true};
    struct borrowed whole, streamed;
    borrow(&whole, 0, NULL);
    borrow(&streamed, tiny, &told);
    for (uint64_t t = 1; t <= STEPS; t++) {
        told.calls = told.done = 0;
        step_borrowed(&whole, t);
        step_borrowed(&streamed, t);
        if (judge_on_scalar())
            ck_assert_uint_eq(told.calls, 0);
        else
            ck_assert_uint_gt(told.calls, TENSORS);
    }
    for (size_t i = 0; i < TENSORS; i++)
        suite_check_words("the caller's parameters", streamed.param[i], whole.param[i],
                          counts[i] + 1);
    for (size_t i = 0; i < TENSORS; i++)
        for (int part = TIK_PARAM; part < 2; part++) {
            float *one = suite_allocate(counts[i] + 1, sizeof *one),
                  *other = suite_allocate(counts[i] + 1, sizeof *one);
            judge_ok(tik_optimizer_read(streamed.optimizer, i, part, one));
            judge_ok(tik_optimizer_read(whole.optimizer, i, part, other));
            suite_check_words("a part", one, other, counts[i]);
            free(one);
            free(other);
        }
    give_back(&whole);
    give_back(&streamed);
}
END_TEST

/* A tensor's clip needs its whole norm, and a chunk has a part of it. */
START_TEST(test_refused)
{
    if (judge_on_scalar())
        return;
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    options.clip_norm = 1;
    struct tik_optimizer *streamed = make("adamw", &options, tiny);
    suite_refused(TIK_ERROR_ARGUMENT, tik_optimizer_prepare(streamed), "group 0", "memory_limit",
                  "cannot be streamed");
    tik_optimizer_destroy(streamed);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("stream");
    TCase *tests = tcase_create("stream");
    size_t rules = 0;
    while (tik_rule_at(rules) != NULL)
        rules++;
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, test_rules, 0, (int)rules);
    tcase_add_test(tests, test_around);
    tcase_add_test(tests, test_verified);
    tcase_add_test(tests, test_callers_memory);
    tcase_add_test(tests, test_refused);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(int argc, char **argv)
{
    return judge_main(argc, argv, make_suite);
}
