/*
 * Priors and penalties: each convention both ways, what is refused, and what it is for: parameters
 * trained with the lambda of the helper are the most probable ones given data and prior, which a
 * closed form gives without any lambda.
 */
#include "suite.h"

#include <math.h>
#include <string.h>

enum { SEED = 20261122, SAMPLES = 64, FEATURES = 6, STEPS = 900 };

static const double noise = 0.5, tau = 0.4, b = 0.6;

/* ---- the numbers ---- */

/* All eight ways to write loss and l2, and what each multiplies sigma^2/(n tau^2) by. */
static struct tik_prior_convention convention_at(int i)
{
    struct tik_prior_convention c;
    tik_prior_defaults(&c);
    c.noise = noise;
    c.samples = SAMPLES;
    c.mean_loss = (i & 1) == 0;
    c.half_loss = (i & 2) == 0;
    c.half_l2 = (i & 4) == 0;
    return c;
}

static const double gaussian_factors[] = {1, SAMPLES, 2, 2 * SAMPLES, 0.5, SAMPLES / 2, 1, SAMPLES};
static const double laplace_factors[] = {1, SAMPLES, 2, 2 * SAMPLES, 1, SAMPLES, 2, 2 * SAMPLES};

static void check_near(const char *what, double got, double due)
{
    ck_assert_msg(fabs(got - due) <= 1e-14 * fabs(due), "%s is %.17g, should be %.17g", what, got,
                  due);
}

START_TEST(test_both_ways)
{
    const struct tik_prior_convention c = convention_at(_i);
    const double unit = noise * noise / SAMPLES;
    double lambda, scale;
    judge_ok(tik_prior_to_lambda(TIK_PRIOR_GAUSSIAN, tau, &c, &lambda));
    check_near("lambda of l2", lambda, gaussian_factors[_i] * unit / (tau * tau));
    judge_ok(tik_prior_from_lambda(TIK_PRIOR_GAUSSIAN, lambda, &c, &scale));
    check_near("tau", scale, tau);
    judge_ok(tik_prior_to_lambda(TIK_PRIOR_LAPLACE, b, &c, &lambda));
    check_near("lambda of l1", lambda, laplace_factors[_i] * unit / b);
    judge_ok(tik_prior_from_lambda(TIK_PRIOR_LAPLACE, lambda, &c, &scale));
    check_near("b", scale, b);
}
END_TEST

/* Squares that double cannot hold, in a ratio that it can. */
START_TEST(test_extremes)
{
    struct tik_prior_convention c = convention_at(1);
    double lambda, scale;
    c.noise = 1e-200;
    judge_ok(tik_prior_to_lambda(TIK_PRIOR_GAUSSIAN, 2e-200, &c, &lambda));
    check_near("lambda of l2", lambda, 0.25);
    judge_ok(tik_prior_from_lambda(TIK_PRIOR_GAUSSIAN, 0.25, &c, &scale));
    check_near("tau", scale, 2e-200);
    c.samples = 0; /* a sum does not ask how many */
    judge_ok(tik_prior_to_lambda(TIK_PRIOR_LAPLACE, 1e-200, &c, &lambda));
    check_near("lambda of l1", lambda, 1e-200);
}
END_TEST

START_TEST(test_refusals)
{
    static const double wrong[] = {0, -1, NAN, INFINITY};
    const struct tik_prior_convention good = convention_at(0);
    struct tik_prior_convention c;
    double result = 7;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        suite_refused(TIK_ERROR_ARGUMENT,
                      tik_prior_to_lambda(TIK_PRIOR_GAUSSIAN, wrong[i], &good, &result), "tau is",
                      "(0, inf)");
        suite_refused(TIK_ERROR_ARGUMENT,
                      tik_prior_to_lambda(TIK_PRIOR_LAPLACE, wrong[i], &good, &result), "b is",
                      "(0, inf)");
        suite_refused(TIK_ERROR_ARGUMENT,
                      tik_prior_from_lambda(TIK_PRIOR_LAPLACE, wrong[i], &good, &result),
                      "lambda is", "(0, inf)");
        c = good;
        c.noise = wrong[i];
        suite_refused(TIK_ERROR_ARGUMENT, tik_prior_to_lambda(TIK_PRIOR_LAPLACE, 1, &c, &result),
                      "noise is", "(0, inf)");
    }
    tik_prior_defaults(&c);
    suite_refused(TIK_ERROR_ARGUMENT, tik_prior_to_lambda(TIK_PRIOR_GAUSSIAN, 1, &c, &result),
                  "samples is 0", "at least 1");
    suite_refused(TIK_ERROR_ARGUMENT, tik_prior_to_lambda((enum tik_prior)9, 1, &good, &result),
                  "9", "TIK_PRIOR_GAUSSIAN");
    suite_refused(TIK_ERROR_ARGUMENT, tik_prior_to_lambda(TIK_PRIOR_GAUSSIAN, 1, NULL, &result),
                  "convention is NULL");
    suite_refused(TIK_ERROR_ARGUMENT, tik_prior_to_lambda(TIK_PRIOR_GAUSSIAN, 1, &good, NULL),
                  "result is NULL");
    suite_refused(TIK_ERROR_ARGUMENT,
                  tik_prior_to_lambda(TIK_PRIOR_GAUSSIAN, 1e300, &good, &result), "lambda would be",
                  "0");
    ck_assert_double_eq(result, 7);
}
END_TEST

/* ---- the learner's case: y = X w + noise ---- */

static double inputs[SAMPLES][FEATURES], targets[SAMPLES];

/* A normal deviate, near enough: a sum of twelve uniform ones (variance 1). */
static double normal(uint64_t *seed)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += suite_uniform(seed, 0, 1);
    return sum;
}

/* Inputs of both signs; orthogonal: signs, each pair alike in half the samples, so that X'X = n. */
static void make_data(bool orthogonal)
{
    uint64_t seed = SEED;
    double w[FEATURES];
    for (size_t j = 0; j < FEATURES; j++)
        w[j] = tau * normal(&seed);
    for (unsigned i = 0; i < SAMPLES; i++) {
        targets[i] = noise * normal(&seed);
        for (unsigned j = 0; j < FEATURES; j++) {
            inputs[i][j] = suite_uniform(&seed, -1, 1);
            if (orthogonal) /* the sign by a bit of i: any two differ in half the samples */
                inputs[i][j] = (i >> j & 1) != 0 ? -1 : 1;
            targets[i] += inputs[i][j] * w[j];
        }
    }
}

/* Gauss' elimination with pivots down the diagonal, which for X'X/sigma^2 + 1/tau^2 is safe. */
static void solve(double a[FEATURES][FEATURES], double x[FEATURES])
{
    for (size_t k = 0; k < FEATURES; k++)
        for (size_t i = k + 1; i < FEATURES; i++) {
            const double ratio = a[i][k] / a[k][k];
            for (size_t j = k; j < FEATURES; j++)
                a[i][j] -= ratio * a[k][j];
            x[i] -= ratio * x[k];
        }
    for (size_t k = FEATURES; k-- > 0;) {
        for (size_t j = k + 1; j < FEATURES; j++)
            x[k] -= a[k][j] * x[j];
        x[k] /= a[k][k];
    }
}

/*
 * (X'X/sigma^2 + 1/tau^2)^-1 X'y/sigma^2: the mean, and mode, of the posterior (Bishop 2006,
 * equations 3.53 and 3.54). precision: 1/tau^2, or 0 for the most likely parameters alone.
 */
static void most_probable(double precision, double w[FEATURES])
{
    double a[FEATURES][FEATURES] = {{0}};
    memset(w, 0, FEATURES * sizeof *w);
    for (size_t j = 0; j < FEATURES; j++) {
        for (size_t i = 0; i < SAMPLES; i++) {
            w[j] += inputs[i][j] * targets[i] / (noise * noise);
            for (size_t k = 0; k < FEATURES; k++)
                a[j][k] += inputs[i][j] * inputs[i][k] / (noise * noise);
        }
        a[j][j] += precision;
    }
    solve(a, w);
}

/* The gradient of the loss as the convention writes it. */
static void find_gradient(const struct tik_prior_convention *c, const float *w, float *g)
{
    const double k = (c->mean_loss ? 1.0 / SAMPLES : 1) * (c->half_loss ? 1 : 2);
    double sum[FEATURES] = {0};
    for (size_t i = 0; i < SAMPLES; i++) {
        double rest = -targets[i];
        for (size_t j = 0; j < FEATURES; j++)
            rest += inputs[i][j] * (double)w[j];
        for (size_t j = 0; j < FEATURES; j++)
            sum[j] += k * rest * inputs[i][j];
    }
    for (size_t j = 0; j < FEATURES; j++)
        g[j] = (float)sum[j];
}

/* Gradient descent to its end, with a penalty of this weight. */
static void train(const struct tik_prior_convention *c, const char *penalty,
                  const char *application, double weight, float *w)
{
    const double k = (c->mean_loss ? 1 : SAMPLES) * (c->half_loss ? 1 : 2);
    struct tik_context *context = suite_scalar(1);
    struct tik_policy *policy = suite_policy("sgd", (struct oracle_option[]){{"lr", 0.5 / k}, {0}});
    judge_ok(tik_policy_add_penalty(policy, penalty, NULL));
    judge_ok(tik_policy_set_penalty(policy, 0, "weight", weight));
    judge_ok(tik_policy_set_penalty_text(policy, 0, "application", application));
    struct tik_optimizer *optimizer;
    float g[FEATURES];
    memset(w, 0, FEATURES * sizeof *w);
    judge_ok(tik_optimizer_create(context, NULL, &optimizer));
    judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    const size_t tensor = suite_add(optimizer, 0, "w", FEATURES, w);
    for (int t = 0; t < STEPS; t++) {
        find_gradient(c, w, g);
        judge_ok(tik_optimizer_write(optimizer, tensor, TIK_GRAD, g));
        judge_ok(tik_optimizer_step(optimizer));
        judge_ok(tik_optimizer_read(optimizer, tensor, TIK_PARAM, w));
    }
    tik_optimizer_destroy(optimizer);
    tik_policy_destroy(policy);
    tik_context_destroy(context);
}

/*
 * A step rounds w, |w| < 1, twice, by half an ulp or 3e-8 each, and draws it towards the optimum by
 * 1/12 of the distance or more (lr times the least eigenvalue of X'X/n): it ends within 1e-6.
 */
static void check_weights(const float *w, const double *due)
{
    for (size_t j = 0; j < FEATURES; j++)
        ck_assert_msg(fabs((double)w[j] - due[j]) <= 2e-6, "w[%zu] is %.9g, should be %.9g", j,
                      (double)w[j], due[j]);
}

static double distance(const double *v, const double *w)
{
    double most = 0;
    for (size_t j = 0; j < FEATURES; j++)
        most = fmax(most, fabs(v[j] - w[j]));
    return most;
}

START_TEST(test_gaussian_optimum)
{
    const struct tik_prior_convention c = convention_at(_i / 2);
    double due[FEATURES], unpenalized[FEATURES], lambda;
    float w[FEATURES];
    make_data(false);
    most_probable(1 / (tau * tau), due);
    most_probable(0, unpenalized);
    ck_assert_msg(distance(due, unpenalized) > 0.01, "the prior makes no difference");
    judge_ok(tik_prior_to_lambda(TIK_PRIOR_GAUSSIAN, tau, &c, &lambda));
    /* The library's l2 has the 1/2. */
    train(&c, "l2", _i % 2 == 0 ? "coupled" : "proximal", c.half_l2 ? lambda : 2 * lambda, w);
    check_weights(w, due);
}
END_TEST

/*
 * With X'X = n the posterior of each parameter is of its own: n/(2 sigma^2)(w - u)^2 + |w|/b, u the
 * most likely one, whose minimum is the soft threshold of u at sigma^2/(n b).
 */
START_TEST(test_laplace_optimum)
{
    const struct tik_prior_convention c = convention_at(_i);
    const double narrow = 0.05;
    double due[FEATURES], lambda;
    float w[FEATURES];
    size_t zeros = 0;
    make_data(true);
    most_probable(0, due);
    for (size_t j = 0; j < FEATURES; j++) {
        const double size = fabs(due[j]) - noise * noise / (SAMPLES * narrow);
        due[j] = copysign(fmax(size, 0), due[j]);
        zeros += size <= 0;
    }
    ck_assert_msg(zeros > 0 && zeros < FEATURES, "%zu of %d are 0", zeros, FEATURES);
    judge_ok(tik_prior_to_lambda(TIK_PRIOR_LAPLACE, narrow, &c, &lambda));
    train(&c, "l1", "proximal", lambda, w);
    check_weights(w, due);
    for (size_t j = 0; j < FEATURES; j++)
        zeros -= fpclassify(w[j]) == FP_ZERO;
    ck_assert_uint_eq(zeros, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("prior");
    TCase *test_case = tcase_create("prior");
    tcase_add_loop_test(test_case, test_both_ways, 0, 8);
    tcase_add_test(test_case, test_extremes);
    tcase_add_test(test_case, test_refusals);
    tcase_add_loop_test(test_case, test_gaussian_optimum, 0, 16);
    tcase_add_loop_test(test_case, test_laplace_optimum, 0, 8);
    suite_add_tcase(suite, test_case);
    return suite_main(suite);
}
