/*
 * Very many small tensors, tensors that come late, and tensors side by side.
 */
#include "suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SEED = 20261126, TENSORS = 100000, LARGEST = 9 };

static struct tik_context *context;

static void open_context(void)
{
    context = suite_scalar(1);
}

static void close_context(void)
{
    tik_context_destroy(context);
}

static struct tik_optimizer *make_optimizer(double max_norm, bool report)
{
    struct tik_policy *policy = suite_rich_policy("adamw");
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    options.max_norm = max_norm;
    options.report = report;
    struct tik_optimizer *optimizer;
    judge_ok(tik_optimizer_create(context, &options, &optimizer));
    judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    tik_policy_destroy(policy);
    return optimizer;
}

static size_t size_of(size_t tensor)
{
    return tensor % (LARGEST + 1);
}

static const char *name_of(size_t tensor)
{
    static char name[64];
    snprintf(name, sizeof name, "layer.%zu.block.%zu.weight", tensor / 7, tensor % 7);
    return name;
}

static double cpu_seconds(void)
{
    struct timespec now;
    ck_assert_int_eq(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void add_many(struct tik_optimizer *optimizer)
{
    uint64_t seed = SEED;
    float values[LARGEST];
    for (size_t t = 0; t < TENSORS; t++) {
        suite_fill(values, size_of(t), SUITE_LEVEL, &seed);
        ck_assert_uint_eq(suite_add(optimizer, t % 2, name_of(t), size_of(t), values), t);
    }
    for (size_t t = 0; t < TENSORS; t++) {
        suite_fill(values, size_of(t), SUITE_LEVEL, &seed);
        judge_ok(tik_optimizer_write(optimizer, t, TIK_GRAD, values));
    }
}

/* Names, shapes and values are those of registration; each name is taken. */
static void check_many(struct tik_optimizer *optimizer)
{
    uint64_t seed = SEED;
    float values[LARGEST], due[LARGEST];
    ck_assert_uint_eq(tik_optimizer_tensors(optimizer), TENSORS);
    for (size_t t = 0; t < TENSORS; t++) {
        struct tik_tensor_info info;
        judge_ok(tik_optimizer_tensor(optimizer, t, &info));
        ck_assert_str_eq(info.name, name_of(t));
        ck_assert_uint_eq(info.count, size_of(t));
        ck_assert_uint_eq(info.group, t % 2);
        suite_fill(due, size_of(t), SUITE_LEVEL, &seed);
        judge_ok(tik_optimizer_read(optimizer, t, TIK_PARAM, values));
        suite_check_words(info.name, values, due, size_of(t));
        const struct tik_tensor again = {.name = name_of(t)};
        if (t % 97 == 0)
            suite_refused(TIK_ERROR_ARGUMENT, tik_optimizer_add_tensor(optimizer, 0, &again, NULL),
                          name_of(t));
    }
}

/* Ten seconds of a processor: three hundred times what it takes, and far less than n squared. */
START_TEST(test_many)
{
    const double begin = cpu_seconds();
    struct tik_optimizer *optimizer = make_optimizer(0.5, true);
    struct tik_report report[2];
    add_many(optimizer);
    check_many(optimizer);
    for (size_t t = 0; t < 3; t++)
        judge_ok(tik_optimizer_step(optimizer));
    for (size_t g = 0; g < 2; g++)
        judge_ok(tik_optimizer_report(optimizer, g, &report[g]));
    ck_assert_uint_eq(report[0].count + report[1].count, TENSORS / 10 * 45);
    ck_assert_double_gt(report[0].norm, 0.5);
    tik_optimizer_destroy(optimizer);
    const double seconds = cpu_seconds() - begin;
    ck_assert_msg(seconds < 10, "%d tensors took %.1f s", TENSORS, seconds);
}
END_TEST

/* One tensor alone, as the reference of what happens to it among others. */
static void run_alone(const float *param, float (*grads)[93], size_t steps, float *result)
{
    struct tik_optimizer *optimizer = make_optimizer(0, true);
    const size_t tensor = suite_add(optimizer, 0, "alone", 93, param);
    for (size_t t = 0; t < steps; t++) {
        judge_ok(tik_optimizer_write(optimizer, tensor, TIK_GRAD, grads[t]));
        judge_ok(tik_optimizer_step(optimizer));
    }
    judge_ok(tik_optimizer_read(optimizer, tensor, TIK_PARAM, result));
    tik_optimizer_destroy(optimizer);
}

/*
 * Tensors that are added between steps, until the group's arena has moved several times: the first
 * one goes on as if it were alone, gradient and states too, and each new one begins with its values
 * and states of zero.
 */
/* Where a tensor is can be asked before anything else was, and again after another came. */
START_TEST(test_host_at_once)
{
    struct tik_optimizer *optimizer = make_optimizer(0, false);
    const float values[3] = {1, 2, 3};
    for (size_t t = 0; t < 2; t++) {
        void *host = NULL;
        suite_add(optimizer, 0, name_of(t), 3, values);
        judge_ok(tik_optimizer_host(optimizer, t, TIK_PARAM, &host));
        ck_assert_ptr_nonnull(host);
        ck_assert_mem_eq(host, values, sizeof values);
    }
    tik_optimizer_destroy(optimizer);
}
END_TEST

START_TEST(test_late_tensors)
{
    enum { STEPS = 6, LATE = 2000 };
    float param[93], grads[STEPS][93], due[93], values[93], *large = suite_allocate(LATE, 4);
    uint64_t seed = SEED;
    suite_fill(param, 93, SUITE_LEVEL, &seed);
    for (size_t t = 0; t < STEPS; t++)
        suite_fill(grads[t], 93, SUITE_LEVEL, &seed);
    struct tik_optimizer *optimizer = make_optimizer(0, true);
    const size_t early = suite_add(optimizer, 0, "early", 93, param);
    for (size_t t = 0; t < STEPS; t++) {
        char name[32];
        snprintf(name, sizeof name, "late%u", (unsigned)t);
        judge_ok(tik_optimizer_write(optimizer, early, TIK_GRAD, grads[t]));
        suite_fill(large, LATE, SUITE_LEVEL, &seed);
        const size_t late = suite_add(optimizer, 0, name, LATE - 100 * t, large);
        float *read = suite_allocate(LATE, sizeof *read), *zeros = suite_allocate(LATE, 4);
        judge_ok(tik_optimizer_read(optimizer, late, TIK_PARAM, read));
        suite_check_words(name, read, large, LATE - 100 * t);
        for (int part = TIK_GRAD; part < 2; part++) {
            judge_ok(tik_optimizer_read(optimizer, late, part, read));
            suite_check_words(name, read, zeros, LATE - 100 * t);
        }
        judge_ok(tik_optimizer_read(optimizer, early, TIK_GRAD, values));
        suite_check_words("gradient of the early one", values, grads[t], 93);
        judge_ok(tik_optimizer_step(optimizer));
        run_alone(param, grads, t + 1, due);
        judge_ok(tik_optimizer_read(optimizer, early, TIK_PARAM, values));
        suite_check_words("the early one", values, due, 93);
        free(read);
        free(zeros);
    }
    free(large);
    tik_optimizer_destroy(optimizer);
}
END_TEST

/*
 * Tensors side by side are one run where no report asks for each: of all lengths, over several
 * blocks, one of them left out. With a report, each is stepped by itself.
 */
START_TEST(test_runs)
{
    static const size_t counts[] = {7, 93, 1030, 33, 2048, 1, 300, 32};
    enum { RUNS = sizeof counts / sizeof *counts, LEFT_OUT = 3, STEPS = 3, MOST = 2048 };
    struct tik_optimizer *joined = make_optimizer(0, false), *apart = make_optimizer(0, true);
    float *values = suite_allocate(MOST, sizeof *values), *due = suite_allocate(MOST, 4);
    uint64_t seed = SEED;
    for (size_t t = 0; t < RUNS; t++) {
        suite_fill(values, counts[t], SUITE_LEVEL, &seed);
        ck_assert_uint_eq(suite_add(joined, 0, name_of(t), counts[t], values), t);
        ck_assert_uint_eq(suite_add(apart, 0, name_of(t), counts[t], values), t);
    }
    for (size_t step = 0; step < STEPS; step++) {
        for (size_t t = 0; t < RUNS; t++) {
            suite_fill(values, counts[t], SUITE_LEVEL, &seed);
            judge_ok(tik_optimizer_write(joined, t, TIK_GRAD, values));
            judge_ok(tik_optimizer_write(apart, t, TIK_GRAD, values));
        }
        judge_ok(tik_optimizer_set_active(joined, LEFT_OUT, step == 0));
        judge_ok(tik_optimizer_set_active(apart, LEFT_OUT, step == 0));
        judge_ok(tik_optimizer_step(joined));
        judge_ok(tik_optimizer_step(apart));
    }
    for (size_t t = 0; t < RUNS; t++)
        for (int part = TIK_PARAM; part < 2; part++) {
            judge_ok(tik_optimizer_read(joined, t, part, values));
            judge_ok(tik_optimizer_read(apart, t, part, due));
            suite_check_words(name_of(t), values, due, counts[t]);
        }
    free(values);
    free(due);
    tik_optimizer_destroy(joined);
    tik_optimizer_destroy(apart);
}
END_TEST

/* Each block has its share of the norm: that of n ones is the root of n. */
START_TEST(test_norm_of_blocks)
{
    static const size_t counts[] = {4099, 93, 1024, 2048};
    enum { TENSORS_OF_ONES = sizeof counts / sizeof *counts, MOST = 4099 };
    struct tik_optimizer *optimizer = make_optimizer(0.5, true);
    float *ones = suite_allocate(MOST, sizeof *ones);
    size_t sum = 0;
    for (size_t i = 0; i < MOST; i++)
        ones[i] = 1.0f;
    for (size_t t = 0; t < TENSORS_OF_ONES; t++) {
        suite_add(optimizer, 0, name_of(t), counts[t], ones);
        judge_ok(tik_optimizer_write(optimizer, t, TIK_GRAD, ones));
        sum += counts[t];
    }
    struct tik_report report;
    judge_ok(tik_optimizer_step(optimizer));
    judge_ok(tik_optimizer_report(optimizer, 0, &report));
    ck_assert_double_eq_tol(report.norm, sqrt((double)sum), 1e-6 * sqrt((double)sum));
    free(ones);
    tik_optimizer_destroy(optimizer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *test_case = tcase_create("store");
    tcase_add_checked_fixture(test_case, open_context, close_context);
    tcase_add_test(test_case, test_many);
    tcase_add_test(test_case, test_host_at_once);
    tcase_add_test(test_case, test_late_tensors);
    tcase_add_test(test_case, test_runs);
    tcase_add_test(test_case, test_norm_of_blocks);
    suite_add_tcase(suite, test_case);
    return suite_main(suite);
}
