/*
 * |w|^(p - 1), as lp's coupled application computes it for any p: its error against double, its
 * special cases, and on a device its bits. sgd with momentum shows the power itself: at the first
 * step, with gradient 0 and weight 1, momentum_buffer becomes sign(w)*|w|^(p - 1), unrounded.
 * Arguments: a device ("scalar"), and one case.
 */
#include "suite.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A quarter of the values each: see fill. */
enum { SEED = 20261122, COUNT = 1 << 19, QUARTER = COUNT / 4 };

/* p - 1; 0.5 is the closed form of p = 3/2. */
static const double exponents[] = {0.01, 0.1, 0.25, 1.0 / 3, 0.5, 0.7,    1.2,
                                   1.5,  1.7, 2.7,  5,       10,  18.999, 19};
enum { EXPONENTS = sizeof exponents / sizeof *exponents };

/* The bound that cl/power.cl derives, in units in the last place of the exact value. */
static const double bound = 2;

static float base[COUNT], zeros[COUNT], result[COUNT], twin[COUNT];

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/*
 * Positive floats: every 2^14th or so of all of them, subnormals included; some in each stretch of
 * log2(x) for which x^exponent is a normal number; beside 1; and beside the powers of two and the
 * two ends of [sqrt(1/2), sqrt(2)] times them, where the exponent changes.
 */
static void fill(double exponent)
{
    uint64_t seed = SEED;
    const uint32_t finite = 0x7f800000;
    const double most = fmin(126 / exponent, 126);
    for (uint32_t i = 0; i < QUARTER; i++) {
        const uint32_t first = (uint32_t)((uint64_t)finite * i / QUARTER);
        base[i] = float_of(first + (uint32_t)(suite_word(&seed) % (finite / QUARTER)));
        const double stretch = 2 * most / QUARTER;
        base[QUARTER + i] = (float)exp2(suite_uniform(&seed, 0, stretch) + stretch * i - most);
        base[2 * QUARTER + i] = float_of(0x3f800000 - QUARTER / 2 + i);
        const uint32_t corner = i % 2 == 0 ? 0 : 0x3504f3;
        const uint32_t step = (i / 508) % 64;
        base[3 * QUARTER + i] = float_of(((1 + (i / 2) % 254) << 23 | corner) + step - 32);
    }
}

/* result = sign(w)*|w|^exponent of all of `base`. */
static void raise_all(struct tik_context *context, double exponent, const float *from, size_t count,
                      float *to)
{
    struct tik_policy *policy =
        suite_policy("sgd", (struct oracle_option[]){{"lr", 0}, {"momentum", 0.5}, {0}});
    struct suite_run run;
    judge_ok(tik_policy_add_penalty(policy, "lp", NULL));
    judge_ok(tik_policy_set_penalty(policy, 0, "weight", 1));
    judge_ok(tik_policy_set_penalty(policy, 0, "p", 1 + exponent));
    judge_ok(tik_policy_set_penalty_text(policy, 0, "application", "coupled"));
    suite_run_open(&run, context, NULL, policy, 1, from, count);
    suite_run_step(&run, zeros);
    suite_run_read(&run, TIK_STATE, to);
    suite_run_close(&run);
    tik_policy_destroy(policy);
}

/* In units in the last place; what is beyond float's range is 2^128, where rounding overflows. */
static double error_of(float got, double exact)
{
    const double overflow = ldexp(1, 128), ulp = oracle_ulp(fmin(exact, (double)FLT_MAX));
    const double value = isinf(got) && got > 0 ? overflow : (double)got;
    const double error = fabs(value - fmin(exact, overflow)) / ulp;
    return isnan(error) ? INFINITY : error;
}

START_TEST(test_error)
{
    const double exponent = 1 + exponents[_i] - 1; /* what p leaves of it */
    double worst = 0;
    size_t at = 0;
    fill(exponent);
    raise_all(judge_context(), exponents[_i], base, COUNT, result);
    for (size_t i = 0; i < COUNT; i++) {
        const double error = error_of(result[i], pow((double)base[i], exponent));
        if (error > worst) {
            worst = error;
            at = i;
        }
    }
    printf("power: x^%-9.6g of %d values on %s: at most %.3f ulp\n", exponent, COUNT,
           judge_device(), worst);
    fflush(stdout);
    ck_assert_msg(worst <= bound,
                  "x^%.17g is %.3f ulp off at %.9g (0x%08x): %.9g (0x%08x), should be %.17g",
                  exponent, worst, (double)base[at], suite_bits(base[at]), (double)result[at],
                  suite_bits(result[at]), pow((double)base[at], exponent));
}
END_TEST

/* On the scalar path too: another context, with threads, gives the same. */
START_TEST(test_bits)
{
    fill(exponents[_i]);
    for (size_t i = 0; i < COUNT; i += 3)
        base[i] = -base[i];
    struct tik_context *scalar = suite_scalar(2);
    raise_all(scalar, exponents[_i], base, COUNT, twin);
    raise_all(judge_context(), exponents[_i], base, COUNT, result);
    suite_check_words("sign(w)*|w|^(p - 1)", result, twin, COUNT);
    tik_context_destroy(scalar);
}
END_TEST

START_TEST(test_special)
{
    /* The first six are their own powers. */
    enum { SPECIAL = 128 };
    const float special[SPECIAL] = {0, -0.0F, 1, -1, INFINITY, -INFINITY, NAN, FLT_MAX, 0x1p-149F};
    float got[SPECIAL];
    raise_all(judge_context(), exponents[_i], special, SPECIAL, got);
    for (size_t i = 0; i < 6; i++)
        ck_assert_msg(got[i] == special[i], "%g^%g is %g", (double)special[i], exponents[_i],
                      (double)got[i]);
    ck_assert_msg(isnan(got[6]), "NaN^%g is %g", exponents[_i], (double)got[6]);
    const bool overflows = exponents[_i] > 1;
    ck_assert_msg(isinf(got[7]) == overflows, "FLT_MAX^%g is %g", exponents[_i], (double)got[7]);
    const bool underflows = exponents[_i] > 1.01;
    ck_assert_msg((got[8] < 0x1p-149F) == underflows && got[8] >= 0, "2^-149^%g is %g",
                  exponents[_i], (double)got[8]);
}
END_TEST

/* Many exponents, each of a few values: the split into head and tail, and p next to 1 and 20. */
START_TEST(test_exponents)
{
    enum { TRIALS = 300, FEW = 500 };
    uint64_t seed = SEED;
    double worst = 0;
    for (int k = 0; k < TRIALS; k++) {
        const double p = k == 0   ? nextafter(1, 2)
                         : k == 1 ? nextafter(20, 0)
                                  : 1 + exp2(suite_uniform(&seed, -30, log2(19)));
        const double exponent = p - 1, most = fmin(127 / exponent, 148);
        for (size_t i = 0; i < FEW; i++)
            base[i] = (float)exp2(suite_uniform(&seed, -most, fmin(most, 127)));
        raise_all(judge_context(), exponent, base, FEW, result);
        for (size_t i = 0; i < FEW; i++) {
            const double error = error_of(result[i], pow((double)base[i], exponent));
            worst = fmax(worst, error);
            ck_assert_msg(error <= bound, "%.9g^%.17g is %.3f ulp off: %.9g", (double)base[i],
                          exponent, error, (double)result[i]);
        }
    }
    printf("power: %d exponents of %d values on %s: at most %.3f ulp\n", TRIALS, FEW,
           judge_device(), worst);
    fflush(stdout);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("power");
    TCase *test_case = tcase_create("power");
    tcase_set_timeout(test_case, 120);
    tcase_add_loop_test(test_case, test_error, 0, EXPONENTS);
    tcase_add_loop_test(test_case, test_bits, 0, EXPONENTS);
    tcase_add_loop_test(test_case, test_special, 0, EXPONENTS);
    tcase_add_test(test_case, test_exponents);
    suite_add_tcase(suite, test_case);
    return suite;
}

int main(int argc, char **argv)
{
    return judge_main(argc, argv, make_suite);
}
