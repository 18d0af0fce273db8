/*
 * The oracles of what is done around a step, judged without the library: identities of clipping,
 * accumulation and the mean of the parameters.
 */
#include "oracle_fixture.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

enum { SEED = 20261122, ROWS = 5, COLS = 7, COUNT = ROWS * COLS };

static const struct oracle_moment exact = {.t = 1, .multiplier = 1};

static struct oracle_tensor make_tensor(void)
{
    struct oracle_tensor tensor = fixture_create(ROWS, COLS);
    fixture_fill(&tensor, SEED, -3, 1);
    return tensor;
}

static double norm_of_g(const struct oracle_tensor *tensor, const struct oracle_slice *slice)
{
    double sum = 0;
    for (size_t i = 0; i < slice->count; i++)
        sum += pow(oracle_slice_at(tensor, slice, i)->g, 2);
    return sqrt(sum);
}

static double norm_of_p(const struct oracle_tensor *tensor, const struct oracle_slice *slice)
{
    double sum = 0;
    for (size_t i = 0; i < slice->count; i++)
        sum += pow(oracle_slice_at(tensor, slice, i)->p, 2);
    return sqrt(sum);
}

/* Every way leaves the direction of what it looks at, and does nothing a second time. */
START_TEST(test_again)
{
    static const struct oracle_around ways[] = {
        {.clip_value = 0.5}, {.clip_norm = 2}, {.agc = 0.02, .agc_eps = 1e-3}};
    struct oracle_tensor one = make_tensor(), other = make_tensor();
    size_t moved = 0;
    oracle_around_apply(&ways[_i], &exact, &one);
    oracle_around_apply(&ways[_i], &exact, &other);
    oracle_around_apply(&ways[_i], &exact, &other);
    for (size_t i = 0; i < COUNT; i++) {
        /* 1e-6 beside the norm: the second clip by a norm is of a factor 1 - 5e-7 */
        fixture_near("a second clip", i, other.elements[i].g, one.elements[i].g, 1e-6);
    }
    fixture_fill(&other, SEED, -3, 1);
    for (size_t i = 0; i < COUNT; i++) {
        double before = other.elements[i].g, after = one.elements[i].g;
        ck_assert_msg(before * after > 0 && fabs(after) <= fabs(before), "%g became %g", before,
                      after);
        moved += after < before || after > before;
    }
    ck_assert_uint_gt(moved, 0);
    fixture_destroy(&one);
    fixture_destroy(&other);
}
END_TEST

/* What the limits say of the result: of every element, of the tensor, of every row. */
START_TEST(test_limits)
{
    struct oracle_tensor tensor = make_tensor();
    struct oracle_slice all = oracle_unit_at(&tensor, ORACLE_TENSOR, 0);
    double before = norm_of_g(&tensor, &all);
    oracle_around_apply(&(struct oracle_around){.clip_norm = 40 * before}, &exact, &tensor);
    fixture_near("norm below its limit", 0, norm_of_g(&tensor, &all), before, 1e-15);
    oracle_around_apply(&(struct oracle_around){.clip_norm = before / 3}, &exact, &tensor);
    fixture_near("norm", 0, norm_of_g(&tensor, &all), before / 3 * (before / (before + 1e-6)),
                 1e-14);
    oracle_around_apply(&(struct oracle_around){.clip_value = 0.1}, &exact, &tensor);
    for (size_t i = 0; i < COUNT; i++)
        ck_assert_double_le(fabs(tensor.elements[i].g), (double)0.1F);

    struct oracle_around agc = {.agc = 0.05, .agc_eps = 1e-3};
    size_t moved = 0;
    fixture_fill(&tensor, SEED, -3, 1);
    for (size_t i = 0; i < COLS; i++)
        tensor.elements[i].p = tensor.elements[COLS + i].g = 0; /* |p| < eps; |g| = 0 */
    for (size_t i = 2 * COLS; i < 3 * COLS; i++)
        tensor.elements[i].g *= 1e-4; /* below its limit */
    double norms[ROWS];
    for (size_t u = 0; u < ROWS; u++) {
        struct oracle_slice row = oracle_unit_at(&tensor, ORACLE_ROW, u);
        norms[u] = norm_of_g(&tensor, &row);
    }
    oracle_around_apply(&agc, &exact, &tensor);
    for (size_t u = 0; u < ROWS; u++) {
        struct oracle_slice row = oracle_unit_at(&tensor, ORACLE_ROW, u);
        double limit = 0.05 * fmax(norm_of_p(&tensor, &row), 1e-3);
        fixture_near("norm of a row", u, norm_of_g(&tensor, &row), fmin(norms[u], limit), 1e-15);
        moved += norms[u] > limit;
    }
    ck_assert_msg(moved > 0 && moved < ROWS, "%zu of the rows were clipped", moved);
    fixture_destroy(&tensor);
}
END_TEST

/* A vector is one unit; and below 1e-6 nothing is divided by less. */
START_TEST(test_adaptive_vector)
{
    struct oracle_tensor tensor = fixture_create(0, 4);
    const struct oracle_around agc = {.agc = 1e-5, .agc_eps = 1e-3};
    for (size_t i = 0; i < 4; i++)
        tensor.elements[i].g = 3e-7;
    oracle_around_apply(&agc, &exact, &tensor); /* |g| = 6e-7, limit 1e-8, divided by 1e-6 */
    for (size_t i = 0; i < 4; i++)
        ck_assert_double_eq_tol(tensor.elements[i].g, 3e-9, 1e-22);
    for (size_t i = 0; i < 4; i++)
        tensor.elements[i].g = 1e-9;
    oracle_around_apply(&agc, &exact, &tensor); /* |g| = 2e-9 is below the limit */
    for (size_t i = 0; i < 4; i++)
        ck_assert_double_eq(tensor.elements[i].g, 1e-9);
    fixture_destroy(&tensor);
}
END_TEST

/* Scaled and unscaled, or in equal parts: the same gradient. */
START_TEST(test_scale_and_parts)
{
    struct oracle_tensor one = make_tensor(), other = make_tensor();
    float half[COUNT], rest[COUNT];
    const float *const parts[] = {half, rest, half};
    for (size_t i = 0; i < COUNT; i++) {
        half[i] = (float)one.elements[i].g;
        rest[i] = -half[i];
        other.elements[i].g *= 1024;
    }
    oracle_around_apply(&(struct oracle_around){.inverse_scale = 1.0 / 1024}, &exact, &other);
    oracle_accumulate(&one, parts, 3, &exact);
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert_double_eq(other.elements[i].g, (double)half[i]);
        fixture_near("sum of parts", i, one.elements[i].g, (double)half[i] / 3, 1e-16);
    }
    fixture_destroy(&one);
    fixture_destroy(&other);
}
END_TEST

/* Of parameters that stand still, both means are those parameters; of others, the weights add up. */
START_TEST(test_ema)
{
    struct oracle_policy policy = {
        .rule = "sgd", .options = {{"lr", 0.1}}, .ema = {.decay = 0.9, .debias = _i == 1}};
    struct oracle_tensor tensor = make_tensor();
    struct oracle_moment moment = exact;
    double start[COUNT], sum[COUNT] = {0}, weights = 0;
    for (size_t i = 0; i < COUNT; i++) {
        start[i] = tensor.elements[i].p;
        tensor.elements[i].ema = policy.ema.debias ? 0 : start[i];
        tensor.elements[i].g = 0;
    }
    for (int n = 1; n <= 6; n++) {
        for (size_t i = 0; i < COUNT; i++) {
            struct oracle_element *e = &tensor.elements[i];
            if (n == 4)
                e->g = (double)i;
        }
        fixture_step(&policy, &moment, &tensor);
        weights = 0.9 * weights + 0.1;
        for (size_t i = 0; i < COUNT; i++) {
            struct oracle_element *e = &tensor.elements[i];
            e->ema = e->next_ema.value;
            sum[i] = 0.9 * sum[i] + 0.1 * e->p;
            double read = oracle_ema_read(&policy.ema, e->ema, n, &moment).value;
            double mean = policy.ema.debias ? sum[i] / weights : sum[i] + (1 - weights) * start[i];
            fixture_near("ema", i, read, mean, 1e-14);
            if (n < 4)
                fixture_near("ema at rest", i, read, start[i], 1e-14);
        }
    }
    fixture_destroy(&tensor);
}
END_TEST

/* ---- float32 runs within their bounds ---- */

static const struct oracle_moment rounded = {
    .t = 1, .multiplier = 1, .unit = 0x1p-24, .tiny = 0x1p-150};

/* Scales that are powers of 2 and others, and sums of parts. */
START_TEST(test_single_gradients)
{
    static const double scales[] = {1.0 / 65536, 1.0 / 3000, 0.1};
    float parts[4][COUNT];
    const float *const all[] = {parts[0], parts[1], parts[2], parts[3]};
    struct fixture_score score = {.what = "loss scale and accumulation"};
    uint64_t seed = SEED;
    for (size_t k = 0; k < sizeof scales / sizeof *scales; k++) {
        struct oracle_tensor tensor = make_tensor();
        struct oracle_around around = {.inverse_scale = scales[k]};
        size_t count = k + 2;
        for (size_t i = 0; i < COUNT; i++)
            for (size_t n = 0; n < count; n++)
                parts[n][i] = fixture_spread(&seed, -3, 1);
        oracle_accumulate(&tensor, all, count, &rounded);
        oracle_around_apply(&around, &rounded, &tensor);
        for (size_t i = 0; i < COUNT; i++) {
            const struct oracle_element *e = &tensor.elements[i];
            float sum = 0;
            for (size_t n = 0; n < count; n++)
                sum += parts[n][i];
            float g = (float)scales[k] * (sum * (float)(1 / (double)count));
            fixture_score_add(&score, i, (double)g,
                              &(struct oracle_number){.value = e->g, .bound = e->g_error});
        }
        fixture_destroy(&tensor);
    }
    fixture_score_end(&score);
}
END_TEST

START_TEST(test_single_ema)
{
    static const double decays[] = {0.5, 0.9, 0.9999};
    struct fixture_score score = {.what = "ema"};
    uint64_t seed = SEED;
    for (size_t k = 0; k < sizeof decays / sizeof *decays; k++) {
        const struct oracle_ema_options options = {.decay = decays[k], .debias = true};
        for (size_t i = 0; i < 500; i++) {
            float p = fixture_spread(&seed, -5, 2), old = fixture_spread(&seed, -5, 2);
            const struct oracle_number number = {.value = (double)p};
            struct oracle_number next = oracle_ema(decays[k], (double)old, &number, &rounded);
            float ema = (float)decays[k] * old + (float)(1 - decays[k]) * p;
            fixture_score_add(&score, i, (double)ema, &next);
            next = oracle_ema_read(&options, (double)ema, 7, &rounded);
            fixture_score_add(&score, i, (double)(ema / (float)(1 - pow(decays[k], 7))), &next);
        }
    }
    fixture_score_end(&score);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("judge around");
    TCase *around = tcase_create("around");
    tcase_add_loop_test(around, test_again, 0, 3);
    tcase_add_test(around, test_limits);
    tcase_add_test(around, test_adaptive_vector);
    tcase_add_test(around, test_scale_and_parts);
    tcase_add_loop_test(around, test_ema, 0, 2);
    tcase_add_test(around, test_single_gradients);
    tcase_add_test(around, test_single_ema);
    suite_add_tcase(suite, around);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
