/*
 * Penalties on rows, columns and tensors: what must hold of them whatever the numbers are, and what
 * is refused. Then the cumulative l1, whose u and q go with a checkpoint. Arguments: a device
 * ("scalar"), and one case.
 */
#include "suite.h"

#include <math.h>
#include <string.h>

enum { SEED = 20261122, MOST = 2100 };

static float before[MOST], after[MOST], again[MOST], other[MOST];

static const struct shape {
    size_t rows, columns;
} shapes[] = {{40, 25}, {3, 700}, {1030, 2}, {1, 93}, {7, 1}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static const char *const units[] = {"row", "column", "tensor"};

struct sample {
    const char *name, *option;
    double value;
};

static const struct sample samples[] = {
    {"group_lasso", "weight", 2}, {"max_norm", "radius", 1.5}, {"l2_ball", "radius", 0.7},
    {"l1_ball", "radius", 3},     {"simplex", "radius", 2},
};
enum { SAMPLES = sizeof samples / sizeof *samples };

static struct tik_policy *make_policy(const struct sample *sample, const char *unit)
{
    struct tik_policy *policy = suite_policy("sgd", (struct oracle_option[]){{"lr", 0.5}, {0}});
    judge_ok(tik_policy_add_penalty(policy, sample->name, NULL));
    judge_ok(tik_policy_set_penalty(policy, 0, sample->option, sample->value));
    judge_ok(tik_policy_set_penalty_text(policy, 0, "unit", unit));
    judge_ok(tik_policy_set_penalty_text(policy, 0, "application", "proximal"));
    return policy;
}

/* to = the matrix `from` after one step without a gradient: the proximal point. */
static struct tik_report project(const struct sample *sample, const char *unit,
                                 const struct shape *shape, float *from, float *to)
{
    struct tik_policy *policy = make_policy(sample, unit);
    struct tik_optimizer_options options;
    struct tik_optimizer *optimizer;
    struct tik_report report;
    const struct tik_tensor tensor = {.name = "p",
                                      .rank = 2,
                                      .shape = (size_t[]){shape->rows, shape->columns},
                                      .memory = TIK_MEMORY_LIBRARY,
                                      .param = from};
    tik_optimizer_defaults(&options);
    options.report = true;
    judge_ok(tik_optimizer_create(judge_context(), &options, &optimizer));
    judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    judge_ok(tik_optimizer_add_tensor(optimizer, 0, &tensor, NULL));
    judge_ok(tik_optimizer_step(optimizer));
    judge_ok(tik_optimizer_read(optimizer, 0, TIK_PARAM, to));
    judge_ok(tik_optimizer_report(optimizer, 0, &report));
    tik_optimizer_destroy(optimizer);
    tik_policy_destroy(policy);
    return report;
}

/* ---- units, in double ---- */

struct unit {
    size_t first, stride, count;
};

static size_t count_units(const struct shape *shape, const char *unit)
{
    return unit[0] == 'r' ? shape->rows : unit[0] == 'c' ? shape->columns : 1;
}

static struct unit find_unit(const struct shape *shape, const char *unit, size_t index)
{
    if (unit[0] == 'r')
        return (struct unit){index * shape->columns, 1, shape->columns};
    if (unit[0] == 'c')
        return (struct unit){index, shape->columns, shape->rows};
    return (struct unit){0, 1, shape->rows * shape->columns};
}

/* The sum of |p|^power. */
static double sum_of(const float *p, struct unit unit, int power)
{
    double sum = 0;
    for (size_t i = 0; i < unit.count; i++)
        sum += pow(fabs((double)p[unit.first + i * unit.stride]), power);
    return sum;
}

static size_t count_zeros(const float *p, struct unit unit)
{
    size_t zeros = 0;
    for (size_t i = 0; i < unit.count; i++)
        zeros += p[unit.first + i * unit.stride] == 0;
    return zeros;
}

static void fill(float *values, const struct shape *shape, uint64_t seed, double size)
{
    for (size_t i = 0; i < shape->rows * shape->columns; i++)
        values[i] = (float)suite_uniform(&seed, -size, size);
}

/* ---- what holds ---- */

/* Roundings of a sum of at most 2100 terms, and of the elements: far below this. */
static const double slack = 4e-6;

static void check_feasible(const struct sample *sample, const char *unit, const struct shape *shape,
                           const float *p)
{
    for (size_t u = 0; u < count_units(shape, unit); u++) {
        const struct unit one = find_unit(shape, unit, u);
        const double sum = sum_of(p, one, 1), norm = sqrt(sum_of(p, one, 2));
        const bool ball = strcmp(sample->name, "l1_ball") == 0;
        const double size = ball || strcmp(sample->name, "simplex") == 0 ? sum : norm;
        ck_assert_msg(size <= sample->value * (1 + slack), "%s by %s %zu: %.9g is beyond %g",
                      sample->name, unit, u, size, sample->value);
        if (strcmp(sample->name, "simplex") != 0)
            continue;
        ck_assert_msg(size >= sample->value * (1 - slack), "simplex by %s %zu: the sum is %.9g",
                      unit, u, size);
        for (size_t i = 0; i < one.count; i++)
            ck_assert_msg(p[one.first + i * one.stride] >= 0, "simplex: element %zu is below 0", i);
    }
}

/* In the set, and there again: what a second projection moves is a rounding. */
START_TEST(test_projections)
{
    static const double sizes[] = {0.01, 1, 1e4, 1e8};
    const struct sample *sample = &samples[1 + _i];
    for (size_t s = 0; s < SHAPES; s++)
        for (size_t k = 0; k < 3; k++)
            for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
                fill(before, &shapes[s], SEED + s, sizes[j]);
                const struct tik_report report =
                    project(sample, units[k], &shapes[s], before, after);
                check_feasible(sample, units[k], &shapes[s], after);
                ck_assert_double_eq(report.penalty, 0);
                project(sample, units[k], &shapes[s], after, again);
                for (size_t i = 0; i < shapes[s].rows * shapes[s].columns; i++)
                    ck_assert_msg(fabs((double)again[i] - (double)after[i]) <=
                                      slack * sample->value,
                                  "%s by %s: element %zu moves from %.9g to %.9g again",
                                  sample->name, units[k], i, (double)after[i], (double)again[i]);
            }
}
END_TEST

/* What is inside stays, bit by bit; the simplex alone has no inside. */
START_TEST(test_inside_stays)
{
    const struct sample *sample = &samples[1 + _i];
    for (size_t k = 0; k < 3; k++) {
        fill(before, &shapes[0], SEED, sample->value / 1001);
        project(sample, units[k], &shapes[0], before, after);
        suite_check_words(sample->name, after, before, shapes[0].rows * shapes[0].columns);
    }
}
END_TEST

/* A row of group lasso is 0 as a whole, or shorter by lr*weight and of the same direction. */
START_TEST(test_group_lasso)
{
    const char *unit = units[_i];
    for (size_t s = 0; s < SHAPES; s++) {
        const struct shape *shape = &shapes[s];
        size_t gone = 0, zeros = 0;
        double norms = 0;
        fill(before, shape, SEED + s, 1);
        const double typical =
            sqrt((double)find_unit(shape, unit, 0).count / 3); /* half of the norms are below */
        const struct sample sample = {"group_lasso", "weight", 2 * typical};
        const struct tik_report report = project(&sample, unit, shape, before, after);
        for (size_t u = 0; u < count_units(shape, unit); u++) {
            const struct unit one = find_unit(shape, unit, u);
            const double left = fmax(sqrt(sum_of(before, one, 2)) - typical, 0);
            const double norm = sqrt(sum_of(after, one, 2));
            ck_assert_msg(fabs(norm - left) <= slack * typical, "%s %zu: norm %.9g, should be %.9g",
                          unit, u, norm, left);
            ck_assert_uint_eq(count_zeros(after, one), norm > 0 ? 0 : one.count);
            gone += norm == 0;
            zeros += count_zeros(after, one);
            norms += norm;
        }
        ck_assert_uint_eq(report.zeros, zeros);
        ck_assert_double_le(fabs(report.penalty - sample.value * norms), slack * (1 + norms) * 100);
        if (count_units(shape, unit) > 20)
            ck_assert(gone > 0 && gone < count_units(shape, unit));
    }
}
END_TEST

/* A proximal point does not lead two points apart (Parikh and Boyd 2014, section 2.3). */
START_TEST(test_nonexpansive)
{
    const struct sample *sample = &samples[_i];
    for (size_t s = 0; s < SHAPES; s++)
        for (size_t k = 0; k < 3; k++) {
            const size_t count = shapes[s].rows * shapes[s].columns;
            double here = 0, there = 0;
            fill(before, &shapes[s], SEED, 3);
            fill(other, &shapes[s], SEED + 1, 0.1);
            for (size_t i = 0; i < count; i++) {
                other[i] += before[i];
                here += pow((double)other[i] - (double)before[i], 2);
            }
            project(sample, units[k], &shapes[s], before, after);
            project(sample, units[k], &shapes[s], other, again);
            for (size_t i = 0; i < count; i++)
                there += pow((double)again[i] - (double)after[i], 2);
            ck_assert_msg(sqrt(there) <= sqrt(here) * (1 + slack) + slack,
                          "%s by %s: %.9g apart became %.9g", sample->name, units[k], sqrt(here),
                          sqrt(there));
        }
}
END_TEST

/* A NaN is not hidden, and stays in its unit. */
START_TEST(test_nan)
{
    const struct sample *sample = &samples[_i];
    const struct shape *shape = &shapes[0];
    fill(before, shape, SEED, 2);
    before[3 * shape->columns + 4] = NAN;
    project(sample, "row", shape, before, after);
    for (size_t i = 0; i < shape->rows * shape->columns; i++)
        ck_assert_msg(isnan(after[i]) == (i / shape->columns == 3), "%s: element %zu is %g",
                      sample->name, i, (double)after[i]);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(test_refusals)
{
    struct tik_policy *policy = suite_policy("sgd", NULL);
    struct tik_update *update;
    size_t index;
    judge_ok(tik_policy_add_penalty(policy, "group_lasso", &index));
    suite_refused(TIK_ERROR_ARGUMENT, tik_policy_set_penalty_text(policy, index, "unit", "block"),
                  "unit", "block", "row");
    suite_refused(TIK_ERROR_ARGUMENT,
                  tik_policy_set_penalty_text(policy, index, "metric", "diagonal"), "group_lasso",
                  "metric", "closed form");
    judge_ok(tik_policy_check(policy));
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_create(judge_context(), policy, false, &update),
                  "rows, columns or tensors", "tik_optimizer");
    judge_ok(tik_policy_add_penalty(policy, "l1", &index));
    suite_refused(TIK_ERROR_ARGUMENT, tik_policy_check(policy), "l1", "group_lasso", "before");
    judge_ok(tik_policy_set_penalty_text(policy, index, "application", "coupled"));
    judge_ok(tik_policy_check(policy));
    judge_ok(tik_policy_add_penalty(policy, "group_lasso", &index));
    judge_ok(tik_policy_check(policy)); /* two proximal ones, one after the other */
    judge_ok(tik_policy_set_penalty_text(policy, 0, "application", "coupled"));
    judge_ok(tik_policy_check(policy));
    judge_ok(tik_policy_set_penalty_text(policy, index, "application", "coupled"));
    suite_refused(TIK_ERROR_ARGUMENT, tik_policy_check(policy), "group_lasso", "coupled", "one");
    judge_ok(tik_policy_add_penalty(policy, "simplex", &index));
    suite_refused(TIK_ERROR_ARGUMENT, tik_policy_set_penalty(policy, index, "radius", 0), "radius",
                  "0", "1e-30");
    tik_policy_destroy(policy);
}
END_TEST

START_TEST(test_metric_refusals)
{
    struct tik_policy *policy = suite_policy("adam", NULL), *plain = suite_policy("sgd", NULL);
    judge_ok(tik_policy_add_penalty(policy, "l1", NULL));
    judge_ok(tik_policy_set_penalty_text(policy, 0, "metric", "diagonal"));
    judge_ok(tik_policy_check(policy));
    judge_ok(tik_policy_set_penalty_text(policy, 0, "application", "coupled"));
    suite_refused(TIK_ERROR_ARGUMENT, tik_policy_check(policy), "l1", "diagonal", "proximal");
    judge_ok(tik_policy_add_penalty(plain, "box", NULL));
    judge_ok(tik_policy_set_penalty_text(plain, 0, "metric", "diagonal"));
    suite_refused(TIK_ERROR_ARGUMENT, tik_policy_check(plain), "box", "sgd", "euclidean");
    tik_policy_destroy(policy);
    tik_policy_destroy(plain);
}
END_TEST

/* ---- the cumulative l1 ---- */

static struct tik_policy *make_cumulative(void)
{
    struct tik_policy *policy = suite_policy("sgd", (struct oracle_option[]){{"lr", 0.1}, {0}});
    judge_ok(tik_policy_add_penalty(policy, "l1_cumulative", NULL));
    judge_ok(tik_policy_set_penalty(policy, 0, "weight", 0.5));
    return policy;
}

START_TEST(test_cumulative_refusals)
{
    struct tik_policy *policy = make_cumulative();
    struct tik_update *update;
    judge_ok(tik_policy_check(policy));
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_create(judge_context(), policy, false, &update),
                  "paid", "tik_optimizer");
    judge_ok(tik_policy_add_penalty(policy, "l1_cumulative", NULL));
    suite_refused(TIK_ERROR_ARGUMENT, tik_policy_check(policy), "2", "l1_cumulative", "one");
    tik_policy_destroy(policy);
}
END_TEST

/* What is charged follows u even where an element was 0 for long, and a checkpoint keeps it. */
START_TEST(test_cumulative_checkpoint)
{
    enum { COUNT = 1100, STEPS = 6 };
    struct tik_policy *policy = make_cumulative();
    struct suite_run whole, first, second;
    struct tik_tensors *state;
    uint64_t seed = SEED;
    double u;
    suite_fill(before, COUNT, SUITE_LEVEL, &seed);
    suite_run_open(&whole, judge_context(), NULL, policy, 1, before, COUNT);
    suite_run_open(&first, judge_context(), NULL, policy, 1, before, COUNT);
    for (size_t t = 0; t < STEPS; t++) {
        suite_fill(other, COUNT, SUITE_LEVEL, &seed);
        suite_run_step(&whole, other);
        if (t < STEPS / 2)
            suite_run_step(&first, other);
        if (t == STEPS / 2) {
            judge_ok(tik_checkpoint_save(first.optimizer, &state));
            suite_run_read(&first, TIK_PARAM, after);
            suite_run_open(&second, judge_context(), NULL, policy, 1, after, COUNT);
            judge_ok(tik_checkpoint_load(second.optimizer, state));
        }
        if (t >= STEPS / 2)
            suite_run_step(&second, other);
    }
    suite_run_check_same("from a checkpoint on", &second, &whole);
    ck_assert_str_eq(tik_optimizer_carried_name(whole.optimizer, 0, 0), "u");
    ck_assert_ptr_null(tik_optimizer_carried_name(whole.optimizer, 0, 1));
    judge_ok(tik_optimizer_carried(whole.optimizer, 0, "u", &u));
    ck_assert_double_eq_tol(u, STEPS * 0.1 * 0.5, 1e-15);
    suite_run_read(&whole, TIK_PARAM, after);
    ck_assert_uint_gt(count_zeros(after, (struct unit){0, 1, COUNT}), COUNT / 20);
    tik_tensors_destroy(state);
    suite_run_close(&whole);
    suite_run_close(&first);
    suite_run_close(&second);
    tik_policy_destroy(policy);
}
END_TEST

/* From before the step to after it: what p follows then waits in memory that is made for it. */
START_TEST(test_changed_application)
{
    enum { COUNT = 1100 };
    struct tik_policy *policy;
    struct suite_run run;
    uint64_t seed = SEED;
    judge_ok(tik_policy_create("schedule_free_adamw", &policy));
    judge_ok(tik_policy_add_penalty(policy, "group_lasso", NULL));
    judge_ok(tik_policy_set_penalty(policy, 0, "weight", 0.1));
    judge_ok(tik_policy_set_penalty_text(policy, 0, "application", "coupled"));
    suite_fill(before, COUNT, SUITE_LEVEL, &seed);
    suite_run_open(&run, judge_context(), NULL, policy, 1, before, COUNT);
    suite_run_step(&run, before);
    judge_ok(tik_optimizer_set_penalty(run.optimizer, 0, 0, "application", 1));
    suite_run_step(&run, before);
    suite_run_read(&run, TIK_PARAM, after);
    for (size_t i = 0; i < COUNT; i++)
        ck_assert(isfinite(after[i]));
    suite_run_close(&run);
    tik_policy_destroy(policy);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("units");
    TCase *test_case = tcase_create("units");
    tcase_set_timeout(test_case, 120);
    tcase_add_loop_test(test_case, test_projections, 0, SAMPLES - 1);
    tcase_add_loop_test(test_case, test_inside_stays, 0, SAMPLES - 2);
    tcase_add_loop_test(test_case, test_group_lasso, 0, 3);
    tcase_add_loop_test(test_case, test_nonexpansive, 0, SAMPLES);
    tcase_add_loop_test(test_case, test_nan, 0, SAMPLES);
    tcase_add_test(test_case, test_refusals);
    tcase_add_test(test_case, test_metric_refusals);
    tcase_add_test(test_case, test_cumulative_refusals);
    tcase_add_test(test_case, test_cumulative_checkpoint);
    tcase_add_test(test_case, test_changed_application);
    suite_add_tcase(suite, test_case);
    return suite;
}

int main(int argc, char **argv)
{
    return judge_main(argc, argv, make_suite);
}
