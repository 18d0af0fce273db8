/*
 * What must hold of every penalty's proximal point, whatever its closed form is: it minimises
 * (x - v)^2 / 2 + lr penalty(x). Then identities of lp and box, and what they refuse. Arguments: a
 * device ("scalar"), and one case.
 */
#include "suite.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { SEED = 20261122, COUNT = 1500, LADDER = 90 };

static float before[COUNT], grad[COUNT], after[COUNT], other[COUNT];

/* One penalty; options up to a name NULL. */
struct sample {
    const char *name;
    struct oracle_option options[4];
};

static struct tik_policy *make_policy(const struct sample *sample, const char *application,
                                      double lr)
{
    struct tik_policy *policy = suite_policy("sgd", (struct oracle_option[]){{"lr", lr}, {0}});
    judge_ok(tik_policy_add_penalty(policy, sample->name, NULL));
    for (const struct oracle_option *o = sample->options; o->name != NULL; o++)
        judge_ok(tik_policy_set_penalty(policy, 0, o->name, o->value));
    judge_ok(tik_policy_set_penalty_text(policy, 0, "application", application));
    judge_ok(tik_policy_check(policy));
    return policy;
}

/* after = the parameter `from` after one step with the gradient; returns the penalty's value. */
static double take_step(const struct sample *sample, const char *application, double lr,
                        const float *from)
{
    struct tik_policy *policy = make_policy(sample, application, lr);
    struct tik_optimizer_options options;
    struct tik_report report;
    struct suite_run run;
    tik_optimizer_defaults(&options);
    options.report = true;
    suite_run_open(&run, judge_context(), &options, policy, 1, from, COUNT);
    suite_run_step(&run, grad);
    suite_run_read(&run, TIK_PARAM, after);
    judge_ok(tik_optimizer_report(run.optimizer, 0, &report));
    suite_run_close(&run);
    tik_policy_destroy(policy);
    return report.penalty;
}

/* ---- the proximal point ---- */

static double option_of(const struct sample *sample, const char *name)
{
    for (const struct oracle_option *o = sample->options; o->name != NULL; o++)
        if (strcmp(o->name, name) == 0)
            return o->value;
    return 0;
}

/* weight times this is the penalty of one element. */
static long double measure(const struct sample *sample, long double x)
{
    const long double size = fabsl(x);
    if (strcmp(sample->name, "lp") == 0) {
        const long double p = option_of(sample, "p");
        return powl(size, p) / p;
    }
    long double l1 = option_of(sample, "l1_ratio");
    if (strcmp(sample->name, "l1") == 0)
        l1 = 1;
    return l1 * size + (1 - l1) * size * size / 2;
}

static bool has_kink(const struct sample *sample)
{
    return strcmp(sample->name, "l1") == 0 || strcmp(sample->name, "elastic_net") == 0 ||
           option_of(sample, "p") == 1;
}

/* The objective at y is not below that at x by more than what the difference itself is rounded. */
static void check_not_lower(const struct sample *sample, long double c, long double v,
                            long double x, long double y)
{
    const long double at_x = c * measure(sample, x), at_y = c * measure(sample, y);
    const long double difference = (y - x) * ((x + y) / 2 - v) + (at_y - at_x);
    const long double rounding =
        16 * LDBL_EPSILON * (fabsl(y - x) * (fabsl(x) + fabsl(y) + fabsl(v)) + at_x + at_y);
    ck_assert_msg(difference >= -rounding,
                  "%s, p = %g, c = %Lg: the objective of v = %.9Lg is lower by %Lg at %.12Lg than "
                  "at the result, %.9Lg",
                  sample->name, option_of(sample, "p"), c, v, -difference, y, x);
}

/*
 * Beside x, nearer than a relative error of 0.03 %, where a threshold cancels nearer than 2^-20 v
 * (float32 errs by less than half of either); and over all magnitudes, of both signs.
 */
static void check_minimum(const struct sample *sample, long double c, long double v, long double x)
{
    long double apart = ldexpl(fabsl(x), -12);
    if (has_kink(sample))
        apart = fmaxl(apart, ldexpl(fabsl(v), -20));
    check_not_lower(sample, c, v, x, x - apart);
    check_not_lower(sample, c, v, x, x + apart);
    check_not_lower(sample, c, v, x, 0);
    for (int k = -2; k < LADDER; k++) {
        const long double y = ldexpl(v, -k);
        if (fabsl(y - x) >= apart)
            check_not_lower(sample, c, v, x, y);
        check_not_lower(sample, c, v, x, -y);
    }
}

static const struct sample samples[] = {
    {"l1", {{"weight", 0.4}}},
    {"l2", {{"weight", 0.4}}},
    {"elastic_net", {{"weight", 0.4}, {"l1_ratio", 0.3}}},
    {"lp", {{"weight", 0.4}, {"p", 1}}},
    {"lp", {{"weight", 0.4}, {"p", 1.5}}},
    {"lp", {{"weight", 0.4}, {"p", 2}}},
    {"lp", {{"weight", 0.4}, {"p", 3}}},
};
enum { SAMPLES = sizeof samples / sizeof *samples };

START_TEST(test_proximal_point_is_a_minimum)
{
    static const double rates[] = {1e-6, 0.01, 0.7, 5, 60};
    static const float large[] = {1e37F, -1e37F, 1e30F, -1e20F, 0.0F, -0.0F};
    const struct sample *sample = &samples[_i];
    uint64_t seed = SEED;
    memset(grad, 0, sizeof grad);
    for (size_t i = 0; i < COUNT; i++) {
        const double size = exp2(suite_uniform(&seed, -12, 24));
        before[i] = (float)(suite_word(&seed) & 1 ? size : -size);
        if (i < sizeof large / sizeof *large)
            before[i] = large[i];
    }
    for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
        take_step(sample, "proximal", rates[k], before);
        for (size_t i = 0; i < COUNT; i++)
            check_minimum(sample, rates[k] * 0.4L, before[i], after[i]);
    }
}
END_TEST

/* What a NaN is, no penalty may hide, and with lr 0 only a box moves anything. */
START_TEST(test_nan_and_lr_0)
{
    const struct sample *sample = &samples[_i];
    uint64_t seed = SEED;
    memset(grad, 0, sizeof grad);
    suite_fill(before, COUNT, SUITE_OVERFLOW, &seed);
    before[5] = NAN;
    take_step(sample, "proximal", 0.3, before);
    ck_assert_msg(isnan(after[5]), "%s makes %g of NaN", sample->name, (double)after[5]);
    take_step(sample, "proximal", 0, before);
    for (size_t i = 0; i < COUNT; i++)
        ck_assert_msg(after[i] == before[i] || (i == 5 && isnan(after[i])),
                      "%s, p = %g, element %zu: %.9g (0x%08x) became %.9g (0x%08x)", sample->name,
                      option_of(sample, "p"), i, (double)before[i], suite_bits(before[i]),
                      (double)after[i], suite_bits(after[i]));
}
END_TEST

/* ---- identities ---- */

/* lp with p = 1 is l1, with p = 2 it is l2, in both applications, with its value in the report. */
START_TEST(test_lp_is_l1_and_l2)
{
    static const enum suite_values kinds[] = {SUITE_LEVEL, SUITE_HUGE, SUITE_WILD};
    const char *application = _i % 2 == 0 ? "coupled" : "proximal";
    const struct sample plain = {_i < 2 ? "l1" : "l2", {{"weight", 0.17}}};
    const struct sample power = {"lp", {{"weight", 0.17}, {"p", _i < 2 ? 1 : 2}}};
    uint64_t seed = SEED;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        suite_fill(before, COUNT, kinds[k], &seed);
        suite_fill(grad, COUNT, kinds[k], &seed);
        const double value = take_step(&plain, application, 0.3, before);
        memcpy(other, after, sizeof other);
        const double same = take_step(&power, application, 0.3, before);
        suite_check_words(plain.name, after, other, COUNT);
        ck_assert_msg(same == value || (isnan(same) && isnan(value)),
                      "the report has %.17g for lp, %.17g for %s", same, value, plain.name);
    }
}
END_TEST

static float clamp(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

/* In the box, as it was where it was there already, the same at a second step; NaN stays NaN. */
START_TEST(test_box)
{
    static const double bounds[][2] = {{-1, 2}, {0, FLT_MAX}, {-FLT_MAX, -0.1}, {0.3, 0.3}};
    const struct sample box = {"box", {{"low", bounds[_i][0]}, {"high", bounds[_i][1]}}};
    const float low = (float)bounds[_i][0], high = (float)bounds[_i][1];
    size_t moved = 0;
    uint64_t seed = SEED;
    memset(grad, 0, sizeof grad);
    suite_fill(before, COUNT, SUITE_WILD, &seed);
    before[7] = NAN;
    ck_assert_double_eq(take_step(&box, "proximal", 0.3, before), 0);
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert_msg(isnan(before[i]) ? isnan(after[i]) : after[i] >= low && after[i] <= high,
                      "element %zu: %g became %g, outside [%g, %g]", i, (double)before[i],
                      (double)after[i], (double)low, (double)high);
        other[i] = clamp(before[i], low, high);
        moved += !suite_same(other[i], before[i]);
    }
    suite_check_words("box", after, other, COUNT);
    ck_assert_uint_gt(moved, COUNT / 4);
    take_step(&box, "proximal", 0, other);
    suite_check_words("box again, lr 0", after, other, COUNT);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(test_refusals)
{
    const struct tik_option *o = tik_penalty_find("lp")->options;
    const char *chosen = NULL;
    for (size_t i = 0; i < tik_penalty_find("lp")->option_count; i++)
        if (strcmp(o[i].name, "application") == 0)
            chosen = o[i].choices[(size_t)o[i].value];
    ck_assert_str_eq(chosen, "proximal");

    static const double wrong[] = {1.25, 2.5, 1.0000001, 20};
    struct tik_policy *lp = suite_policy("sgd", NULL), *box = suite_policy("sgd", NULL);
    judge_ok(tik_policy_add_penalty(lp, "lp", NULL));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const enum tik_status status = tik_policy_set_penalty(lp, 0, "p", wrong[i]);
        suite_refused(TIK_ERROR_ARGUMENT, status != TIK_OK ? status : tik_policy_check(lp), "p is",
                      "1, 1.5, 2 or 3");
    }
    judge_ok(tik_policy_set_penalty_text(lp, 0, "application", "coupled"));
    judge_ok(tik_policy_check(lp));
    suite_refused(TIK_ERROR_ARGUMENT, tik_policy_set_penalty(lp, 0, "p", 0.5), "p", "0.5");
    suite_refused(TIK_ERROR_ARGUMENT, tik_policy_set_penalty(lp, 0, "p", 20.5), "p", "[1, 20]");
    suite_refused(TIK_ERROR_ARGUMENT, tik_policy_set_penalty(lp, 0, "p", NAN), "p", "nan");
    suite_refused(TIK_ERROR_ARGUMENT,
                  tik_policy_set_penalty_text(lp, 0, "application", "decoupled"), "decoupled");

    judge_ok(tik_policy_add_penalty(box, "box", NULL));
    suite_refused(TIK_ERROR_ARGUMENT, tik_policy_set_penalty_text(box, 0, "application", "coupled"),
                  "coupled", "proximal");
    suite_refused(TIK_ERROR_ARGUMENT, tik_policy_set_penalty(box, 0, "low", NAN), "low", "nan");
    suite_refused(TIK_ERROR_ARGUMENT, tik_policy_set_penalty(box, 0, "weight", 1), "weight", "low");
    judge_ok(tik_policy_set_penalty(box, 0, "low", 0.5));
    judge_ok(tik_policy_set_penalty(box, 0, "high", 0.25));
    suite_refused(TIK_ERROR_ARGUMENT, tik_policy_check(box), "low", "0.5", "0.25");
    tik_policy_destroy(lp);
    tik_policy_destroy(box);
}
END_TEST

/* What the mathematics forbids is refused, and the message says why. */
START_TEST(test_forbidden_applications)
{
    static const struct {
        const char *name, *application, *why;
    } rows[] = {
        {"l1", "decoupled", "share"},
        {"lp", "decoupled", "share"},
        {"group_lasso", "decoupled", "share"},
        {"l1_cumulative", "coupled", "after the step"},
        {"l1_cumulative", "decoupled", "after the step"},
        {"box", "coupled", "no gradient"},
        {"box", "decoupled", "no gradient"},
        {"max_norm", "coupled", "no gradient"},
        {"max_norm", "decoupled", "no gradient"},
        {"l2_ball", "coupled", "no gradient"},
        {"l2_ball", "decoupled", "no gradient"},
        {"l1_ball", "coupled", "no gradient"},
        {"l1_ball", "decoupled", "no gradient"},
        {"simplex", "coupled", "no gradient"},
        {"simplex", "decoupled", "no gradient"},
    };
    size_t forbidden = 0;
    for (size_t i = 0; tik_penalty_at(i) != NULL; i++)
        for (unsigned bit = TIK_COUPLED; bit <= TIK_PROXIMAL; bit <<= 1)
            forbidden += (tik_penalty_at(i)->applications & bit) == 0;
    ck_assert_uint_eq(forbidden, sizeof rows / sizeof *rows);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tik_policy *policy = suite_policy("sgd", (struct oracle_option[]){{0}});
        judge_ok(tik_policy_add_penalty(policy, rows[i].name, NULL));
        suite_refused(TIK_ERROR_ARGUMENT,
                      tik_policy_set_penalty_text(policy, 0, "application", rows[i].application),
                      rows[i].name, rows[i].application, rows[i].why, "allowed is", "proximal");
        tik_policy_destroy(policy);
    }
    struct tik_policy *policy = suite_policy("adam", (struct oracle_option[]){{0}});
    judge_ok(tik_policy_add_penalty(policy, "l1_cumulative", NULL));
    suite_refused(TIK_ERROR_ARGUMENT, tik_policy_set_penalty_text(policy, 0, "metric", "diagonal"),
                  "l1_cumulative", "metric", "one sum for all elements");
    tik_policy_destroy(policy);
}
END_TEST

/* A value that makes the bounds cross, or leaves lp without a closed form, changes nothing. */
START_TEST(test_refused_changes)
{
    const struct sample box = {"box", {{"low", -1}, {"high", 2}}};
    struct tik_policy *policy = make_policy(&box, "proximal", 0.3);
    struct suite_run run;
    uint64_t seed = SEED;
    judge_ok(tik_policy_add_penalty(policy, "lp", NULL));
    memset(grad, 0, sizeof grad);
    suite_fill(before, COUNT, SUITE_LEVEL, &seed);
    before[0] = -1;
    before[1] = 2;
    suite_run_open(&run, judge_context(), NULL, policy, 1, before, COUNT);
    suite_refused(TIK_ERROR_ARGUMENT, tik_optimizer_set_penalty(run.optimizer, 0, 0, "low", 3),
                  "low", "3");
    suite_refused(TIK_ERROR_ARGUMENT, tik_optimizer_set_penalty(run.optimizer, 0, 1, "p", 2.5), "p",
                  "2.5");
    suite_run_step(&run, grad);
    suite_run_read(&run, TIK_PARAM, after);
    for (size_t i = 0; i < COUNT; i++)
        other[i] = clamp(before[i], -1, 2);
    suite_check_words("after refused changes", after, other, COUNT);
    judge_ok(tik_optimizer_set_penalty(run.optimizer, 0, 0, "high", 0.5));
    suite_run_step(&run, grad);
    suite_run_read(&run, TIK_PARAM, after);
    for (size_t i = 0; i < COUNT; i++)
        other[i] = clamp(before[i], -1, 0.5F);
    suite_check_words("after another bound", after, other, COUNT);
    suite_run_close(&run);
    tik_policy_destroy(policy);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("penalties");
    TCase *test_case = tcase_create("penalties");
    tcase_set_timeout(test_case, 120);
    tcase_add_loop_test(test_case, test_proximal_point_is_a_minimum, 0, SAMPLES);
    tcase_add_loop_test(test_case, test_nan_and_lr_0, 0, SAMPLES);
    tcase_add_loop_test(test_case, test_lp_is_l1_and_l2, 0, 4);
    tcase_add_loop_test(test_case, test_box, 0, 4);
    tcase_add_test(test_case, test_refusals);
    tcase_add_test(test_case, test_forbidden_applications);
    tcase_add_test(test_case, test_refused_changes);
    suite_add_tcase(suite, test_case);
    return suite;
}

int main(int argc, char **argv)
{
    return judge_main(argc, argv, make_suite);
}
