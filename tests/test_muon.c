/*
 * Muon where it is more than a rule of the table: what it refuses, how many launches it takes, and
 * its products by CLBlast and CBLAS, compared with the scalar path within the bound of
 * docs/numerics.md. Arguments: a device ("scalar"), the folder of the kernels.
 */
#include "suite.h"
#include "workdir.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 20261130, STEPS = 3, MOST = 130 * 140, TENSORS = 8 };

static const char *kernels;

/* Wide, tall, square, a row, a column; several of one shape, some of them transposed. */
static const size_t shapes[TENSORS][2] = {{40, 90}, {90, 40}, {40, 90},   {64, 64},
                                          {1, 333}, {333, 1}, {130, 140}, {90, 40}};

/* ---- contexts and optimizers ---- */

struct heard {
    size_t compiles, ready, warnings;
};

static void listen(enum tik_log_level level, const char *message, void *data)
{
    struct heard *heard = data;
    heard->compiles += strstr(message, "compiles its kernels") != NULL;
    heard->ready += strstr(message, "is ready") != NULL;
    heard->warnings += level == TIK_LOG_WARNING;
}

static struct tik_context *open_context(const char *kernel_path, bool strict, struct heard *heard)
{
    struct tik_context_options options;
    struct tik_context *context;
    tik_context_defaults(&options);
    options.device = tik_context_device(judge_context())->index;
    options.strict = strict;
    options.kernel_path = kernel_path;
    options.log = heard != NULL ? listen : NULL;
    options.log_data = heard;
    judge_ok(tik_context_create(&options, &context));
    return context;
}

static const struct oracle_option visible[] = {
    {"lr", 0.2}, {"momentum", 0.8}, {"weight_decay", 0.1}, {NULL, 0}};

static struct tik_optimizer *make(struct tik_context *context, enum tik_verify verify,
                                  const size_t (*sides)[2], size_t count)
{
    struct tik_policy *policy = suite_policy("muon", visible);
    struct tik_optimizer_options options;
    struct tik_optimizer *optimizer;
    uint64_t seed = SEED;
    float *values = suite_allocate(MOST, sizeof *values);
    tik_optimizer_defaults(&options);
    options.verify = verify;
    judge_ok(tik_policy_set_ema(policy, 0.9, false));
    judge_ok(tik_optimizer_create(context, &options, &optimizer));
    judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    for (size_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "w%zu", i);
        suite_fill(values, sides[i][0] * sides[i][1], SUITE_LEVEL, &seed);
        const struct tik_tensor tensor = {
            .name = name, .rank = 2, .shape = sides[i], .param = values};
        judge_ok(tik_optimizer_add_tensor(optimizer, 0, &tensor, NULL));
    }
    free(values);
    tik_policy_destroy(policy);
    return optimizer;
}

static void write_gradients(struct tik_optimizer *optimizer, uint64_t t)
{
    uint64_t seed = SEED + t;
    float *values = suite_allocate(MOST, sizeof *values);
    for (size_t i = 0; i < tik_optimizer_tensors(optimizer); i++) {
        struct tik_tensor_info info;
        judge_ok(tik_optimizer_tensor(optimizer, i, &info));
        suite_fill(values, info.count, SUITE_LEVEL, &seed);
        judge_ok(tik_optimizer_write(optimizer, i, TIK_GRAD, values));
    }
    free(values);
}

/* ---- refusals ---- */

START_TEST(test_ranks)
{
    const size_t shape[] = {4, 3, 2};
    struct tik_optimizer *optimizer = make(judge_context(), TIK_VERIFY_OFF, shapes, 1);
    for (size_t rank = 0; rank <= 3; rank++) {
        char rank_words[32];
        snprintf(rank_words, sizeof rank_words, "has rank %zu", rank);
        const struct tik_tensor tensor = {
            .name = rank == 2 ? "layer.weight" : "layer.bias", .rank = rank, .shape = shape};
        const enum tik_status status = tik_optimizer_add_tensor(optimizer, 0, &tensor, NULL);
        if (rank == 2)
            judge_ok(status);
        else
            suite_refused(TIK_ERROR_ARGUMENT, status, "tensor layer.bias", rank_words, "muon",
                          "rank 2", "another rule");
    }
    ck_assert_uint_eq(tik_optimizer_tensors(optimizer), 2);
    tik_optimizer_destroy(optimizer);
}
END_TEST

START_TEST(test_sample)
{
    struct tik_optimizer *optimizer = make(judge_context(), TIK_VERIFY_SAMPLE, shapes, 1);
    write_gradients(optimizer, 1);
    const enum tik_status status = tik_optimizer_step(optimizer);
    if (judge_on_scalar())
        judge_ok(status);
    else
        suite_refused(TIK_ERROR_ARGUMENT, status, "muon", "whole matrices", "TIK_VERIFY_ALL");
    tik_optimizer_destroy(optimizer);
}
END_TEST

/* ---- launches: by the shapes, not by the matrices ---- */

START_TEST(test_launches)
{
    static const struct {
        size_t sides[3][2], count, launches;
    } cases[] = {
        {{{40, 90}}, 1, 3 + 15 + 1},
        {{{40, 90}, {90, 40}, {40, 90}}, 3, 3 + 15 + 1},
        {{{40, 90}, {40, 91}, {90, 40}}, 3, 3 + 2 * 15 + 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tik_optimizer *optimizer =
            make(judge_context(), TIK_VERIFY_OFF, cases[i].sides, cases[i].count);
        ck_assert_uint_eq(tik_optimizer_launches(optimizer), cases[i].launches);
        judge_ok(tik_optimizer_set(optimizer, 0, "ns_steps", 0));
        ck_assert_uint_eq(tik_optimizer_launches(optimizer), 4);
        tik_optimizer_destroy(optimizer);
    }
}
END_TEST

/* ---- a BLAS ---- */

/*
 * As docs/numerics.md has it: two sides, each of them (8 + sqrt(longer side)) u, enlarged by 3.9
 * at each iteration; times lr and the adjustment.
 */
static double bound_of(const size_t shape[2])
{
    const double rows = (double)shape[0], cols = (double)shape[1];
    double error = 1;
    for (int step = 0; step < 5; step++)
        error = 3.9 * error + 1;
    return 2 * 0x1p-24 * (8 + sqrt(fmax(rows, cols))) * error * 0.2 * sqrt(fmax(1, rows / cols));
}

/* The largest difference of the parameters, in units of the bound, and how many words differ. */
static double compare(struct tik_optimizer *a, struct tik_optimizer *b, size_t *different)
{
    float *one = suite_allocate(MOST, sizeof *one), *other = suite_allocate(MOST, sizeof *other);
    double worst = 0;
    *different = 0;
    for (size_t i = 0; i < TENSORS; i++) {
        judge_ok(tik_optimizer_read(a, i, TIK_PARAM, one));
        judge_ok(tik_optimizer_read(b, i, TIK_PARAM, other));
        for (size_t j = 0; j < shapes[i][0] * shapes[i][1]; j++) {
            const double off = fabs((double)one[j] - (double)other[j]);
            worst = fmax(worst, off / (bound_of(shapes[i]) + 0x1p-23 * fabs((double)one[j])));
            *different += off != 0;
        }
    }
    free(one);
    free(other);
    return worst;
}

/* Every product by a BLAS, on the device and on the scalar path; each step compared by the library. */
START_TEST(test_blas)
{
    setenv("TIKHONOV_BLAS", "always", 1);
    struct heard heard = {0};
    struct tik_context *context = open_context(NULL, true, &heard), *scalar = suite_scalar(0);
    struct tik_optimizer *there = make(context, TIK_VERIFY_ALL, shapes, TENSORS);
    struct tik_optimizer *here = make(scalar, TIK_VERIFY_OFF, shapes, TENSORS);
    const char *blas = tik_context_device(context)->blas;
    const bool any = blas != NULL || tik_context_device(scalar)->blas != NULL;
    for (uint64_t t = 1; t <= STEPS; t++) {
        write_gradients(there, t);
        write_gradients(here, t);
        judge_ok(tik_optimizer_step(there));
        judge_ok(tik_optimizer_step(here));
        ck_assert_int_eq(tik_optimizer_conformance(there), any ? TIK_BOUNDED : TIK_EXACT);
    }
    struct tik_optimizer_stats stats;
    size_t different;
    tik_optimizer_stats(there, &stats);
    ck_assert_uint_eq(stats.fallbacks + stats.mismatches, 0);
    const double worst = compare(there, here, &different);
    printf("muon by %s on %s and by %s on the host: %.1e of the bound after %d steps, %zu "
           "parameters differ\n",
           blas != NULL ? blas : "our kernel", judge_device(),
           tik_context_device(scalar)->blas != NULL ? "CBLAS" : "our loops", worst, STEPS,
           different);
    ck_assert_double_le(worst, STEPS);
    if (!judge_on_scalar()) {
        ck_assert_uint_eq(stats.verified_steps, STEPS);
        ck_assert_uint_eq(heard.compiles, blas != NULL);
        ck_assert_uint_eq(heard.ready, blas != NULL);
        ck_assert_uint_eq(heard.warnings, 0);
    }
    tik_optimizer_destroy(there);
    tik_optimizer_destroy(here);

    /* It was prepared: another optimizer of the context waits for nothing. */
    there = make(context, TIK_VERIFY_OFF, shapes, 1);
    judge_ok(tik_optimizer_prepare(there));
    ck_assert_uint_le(heard.compiles, 1);
    tik_optimizer_destroy(there);
    tik_context_destroy(context);
    tik_context_destroy(scalar);
    unsetenv("TIKHONOV_BLAS");
}
END_TEST

/* 130 x 140 is large; without a BLAS it has the scalar path's bits too. */
START_TEST(test_never)
{
    struct tik_context *scalar = suite_scalar(0);
    enum tik_conformance by_size = TIK_EXACT;
    for (int never = 0; never < 2; never++) {
        setenv("TIKHONOV_BLAS", never ? "never" : "", 1);
        struct tik_optimizer *there = make(scalar, TIK_VERIFY_OFF, shapes, TENSORS);
        judge_ok(tik_optimizer_prepare(there));
        if (never)
            ck_assert_int_eq(tik_optimizer_conformance(there), TIK_EXACT);
        else
            by_size = tik_optimizer_conformance(there);
        tik_optimizer_destroy(there);
    }
    const bool any = tik_context_device(scalar)->blas != NULL;
    ck_assert_int_eq(by_size, any ? TIK_BOUNDED : TIK_EXACT);

    struct tik_optimizer *there = make(judge_context(), TIK_VERIFY_ALL, shapes, TENSORS);
    struct tik_optimizer *here = make(scalar, TIK_VERIFY_OFF, shapes, TENSORS);
    size_t different;
    for (uint64_t t = 1; t <= STEPS; t++) {
        write_gradients(there, t);
        write_gradients(here, t);
        judge_ok(tik_optimizer_step(there));
        judge_ok(tik_optimizer_step(here));
    }
    compare(there, here, &different);
    if (tik_optimizer_conformance(there) == TIK_EXACT)
        ck_assert_uint_eq(different, 0);
    tik_optimizer_destroy(there);
    tik_optimizer_destroy(here);
    tik_context_destroy(scalar);
    unsetenv("TIKHONOV_BLAS");
}
END_TEST

/* ---- fallback ---- */

/* A device whose compiler does not take the products: the scalar path steps, or strict says why. */
START_TEST(test_fallback)
{
    if (judge_on_scalar())
        return;
    char folder[WORKDIR_PATH], file[WORKDIR_PATH];
    workdir_create(folder);
    workdir_copy(kernels, folder);
    workdir_name(file, folder, "iterate.cl");
    workdir_replace(file, "float sum = 0.0f;", "float sum = nothing;");
    for (int strict = 0; strict < 2; strict++) {
        struct tik_context *context = open_context(folder, strict != 0, NULL);
        struct tik_context *scalar = suite_scalar(0);
        struct tik_optimizer *there = make(context, TIK_VERIFY_OFF, shapes, TENSORS - 2);
        struct tik_optimizer *here = make(scalar, TIK_VERIFY_OFF, shapes, TENSORS - 2);
        write_gradients(there, 1);
        write_gradients(here, 1);
        if (strict) {
            suite_refused(TIK_ERROR_FALLBACK, tik_optimizer_step(there), "strict",
                          "clBuildProgram");
        } else {
            struct tik_optimizer_stats stats;
            float one[90 * 40], other[90 * 40];
            judge_ok(tik_optimizer_step(there));
            judge_ok(tik_optimizer_step(here));
            tik_optimizer_stats(there, &stats);
            ck_assert_uint_eq(stats.fallbacks, 1);
            judge_ok(tik_optimizer_read(there, 1, TIK_PARAM, one));
            judge_ok(tik_optimizer_read(here, 1, TIK_PARAM, other));
            suite_check_words("the scalar path's step", one, other, 90 * 40);
        }
        tik_optimizer_destroy(there);
        tik_optimizer_destroy(here);
        tik_context_destroy(context);
        tik_context_destroy(scalar);
    }
    workdir_remove(folder);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("muon");
    TCase *tests = tcase_create("muon");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, test_ranks);
    tcase_add_test(tests, test_sample);
    tcase_add_test(tests, test_launches);
    tcase_add_test(tests, test_never);
    tcase_add_test(tests, test_blas);
    tcase_add_test(tests, test_fallback);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(int argc, char **argv)
{
    kernels = argc > 2 ? argv[2] : "cl";
    return judge_main(argc > 2 ? 2 : argc, argv, make_suite);
}
