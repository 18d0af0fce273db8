/*
 * The scalar path's bits depend on nothing but the numbers: not on the caller's rounding mode or
 * flush-to-zero, which it finds again unchanged, and not on threads. Sums have the one shape of
 * docs/numerics.md.
 */
#include "suite.h"

#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Enough blocks of 1024 for the threads to share, and a rest. */
enum { SEED = 20261124, BLOCK = 1024, COUNT = 22 * BLOCK + 5, STEPS = 2 };

/* ---- the caller's environment ---- */

#ifdef __SSE2__
#include <xmmintrin.h>

enum { FLUSH_BITS = 0x8040 }; /* flush-to-zero and denormals-are-zero */

static unsigned get_flush(void)
{
    return _mm_getcsr() & FLUSH_BITS;
}

static void set_flush(unsigned bits)
{
    _mm_setcsr((_mm_getcsr() & ~(unsigned)FLUSH_BITS) | bits);
}
#else
enum { FLUSH_BITS = 0 };

static unsigned get_flush(void)
{
    return 0;
}

static void set_flush(unsigned bits)
{
    (void)bits;
}
#endif

static const struct {
    const char *name;
    int rounding;
    unsigned flush;
} environments[] = {
    {"upward", FE_UPWARD, 0},
    {"downward", FE_DOWNWARD, 0},
    {"towards zero", FE_TOWARDZERO, 0},
    {"flush to zero", FE_TONEAREST, FLUSH_BITS},
    {"upward, flush to zero", FE_UPWARD, FLUSH_BITS},
};
enum { ENVIRONMENTS = sizeof environments / sizeof *environments };

static float param[COUNT], grad[STEPS][COUNT];

struct outcome {
    float arrays[1 + TIK_MAX_STATES][COUNT];
    struct tik_report report;
};

static void fill(void)
{
    uint64_t seed = SEED;
    suite_fill(param, COUNT, SUITE_EDGES, &seed);
    for (size_t t = 0; t < STEPS; t++)
        suite_fill(grad[t], COUNT, SUITE_EDGES, &seed);
}

/* From the context on, so that nothing is computed outside the caller's environment. */
static void train(const char *rule, int threads, double max_norm, struct outcome *outcome)
{
    struct tik_context *context = suite_scalar(threads);
    struct tik_policy *policy = suite_rich_policy(rule);
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    options.max_norm = max_norm;
    options.report = true;
    struct tik_schedule schedule;
    tik_schedule_defaults(&schedule);
    schedule.kind = TIK_SCHEDULE_COSINE;
    schedule.total_steps = 7;
    struct suite_run run;
    suite_run_open(&run, context, &options, policy, 3, param, COUNT);
    judge_ok(tik_optimizer_set_schedule(run.optimizer, 0, &schedule));
    for (size_t t = 0; t < STEPS; t++)
        suite_run_step(&run, grad[t]);
    suite_run_read(&run, TIK_PARAM, outcome->arrays[0]);
    for (size_t k = 0; k < suite_run_states(&run); k++)
        suite_run_read(&run, TIK_STATE + (int)k, outcome->arrays[1 + k]);
    judge_ok(tik_optimizer_report(run.optimizer, 0, &outcome->report));
    suite_run_close(&run);
    tik_policy_destroy(policy);
    tik_context_destroy(context);
}

static struct outcome *new_outcome(void)
{
    return suite_allocate(1, sizeof(struct outcome));
}

static void check_same(const char *what, const struct outcome *a, const struct outcome *b)
{
    for (size_t k = 0; k < 1 + TIK_MAX_STATES; k++)
        suite_check_words(what, a->arrays[k], b->arrays[k], COUNT);
    ck_assert_msg(memcmp(&a->report, &b->report, sizeof a->report) == 0,
                  "%s: the report differs: norm %a and %a, clip %a and %a, penalty %a and %a", what,
                  a->report.norm, b->report.norm, a->report.clip, b->report.clip, a->report.penalty,
                  b->report.penalty);
}

/* A maximum of the norm that is not a float, so that its own rounding shows. */
START_TEST(test_environment)
{
    const char *rule = tik_rule_at((size_t)_i)->name;
    struct outcome *plain = new_outcome(), *changed = new_outcome();
    fill();
    for (int threads = 1; threads <= 2; threads++) {
        train(rule, threads, 0.3, plain);
        for (size_t e = 0; e < ENVIRONMENTS; e++) {
            ck_assert_int_eq(fesetround(environments[e].rounding), 0);
            set_flush(environments[e].flush);
            feclearexcept(FE_ALL_EXCEPT);
            train(rule, threads, 0.3, changed);
            const int rounding = fegetround();
            const unsigned flush = get_flush();
            fesetenv(FE_DFL_ENV);
            set_flush(0);
            ck_assert_msg(rounding == environments[e].rounding && flush == environments[e].flush,
                          "%s, %s: the caller's environment did not come back", rule,
                          environments[e].name);
            check_same(environments[e].name, changed, plain);
        }
    }
    free(plain);
    free(changed);
}
END_TEST

/* The clip factor of huge gradients is itself subnormal, and its products are. */
START_TEST(test_subnormal_clip)
{
    struct outcome *plain = new_outcome(), *flushed = new_outcome();
    fill();
    train("sgd", 1, 1e-37, plain);
    ck_assert(fpclassify((float)plain->report.clip) == FP_SUBNORMAL);
    set_flush(FLUSH_BITS);
    train("sgd", 1, 1e-37, flushed);
    set_flush(0);
    check_same("subnormal clip", flushed, plain);
    free(plain);
    free(flushed);
}
END_TEST

START_TEST(test_thread_counts)
{
    static const int threads[] = {2, 3, 7, 0};
    const char *rule = tik_rule_at((size_t)_i)->name;
    struct outcome *one = new_outcome(), *more = new_outcome();
    fill();
    train(rule, 1, 1e4, one);
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        char what[32];
        snprintf(what, sizeof what, "%d threads", threads[i]);
        train(rule, threads[i], 1e4, more);
        check_same(what, more, one);
    }
    free(one);
    free(more);
}
END_TEST

/* ---- the tree of sums ---- */

/*
 * A block's sum, as docs/numerics.md says it: pairs at distance 512, 256, ... 1. So the sum of the
 * elements first, first + d, first + 2d, ... is that of every other one of them, from the first,
 * plus that of the rest; missing elements are +0.
 */
static float sum_every(const float *x, size_t count, size_t from, size_t distance)
{
    if (distance == BLOCK)
        return from < count ? x[from] : 0;
    const float even = sum_every(x, count, from, 2 * distance);
    return even + sum_every(x, count, from + distance, 2 * distance);
}

/* Blocks first, then their sums in the same way. */
static float sum_row(const float *x, size_t count)
{
    if (count == 0)
        return 0;
    if (count == 1)
        return x[0];
    const size_t blocks = (count + BLOCK - 1) / BLOCK;
    float *sums = suite_allocate(blocks, sizeof *sums);
    for (size_t b = 0; b < blocks; b++)
        sums[b] = sum_every(x + b * BLOCK, b + 1 < blocks ? BLOCK : count - b * BLOCK, 0, 1);
    const float sum = sum_row(sums, blocks);
    free(sums);
    return sum;
}

/* A tensor's blocks are summed even when there is one element only: x + 0 = x. */
static float sum_tensor(const float *x, size_t count)
{
    return count == 1 ? x[0] : sum_row(x, count);
}

/* Around a block, around a block of blocks, and so many tensors that they need two levels. */
static size_t size_of(size_t tensor)
{
    static const size_t sizes[] = {0,    1,    2,    7,    93,   1023,   1024,
                                   1025, 2047, 2048, 2049, 4099, 1048577};
    const size_t few = sizeof sizes / sizeof *sizes;
    return tensor < few ? sizes[tensor] : tensor % 5;
}

enum { TENSORS = 1100, LARGEST = 1048577 };

struct sums {
    float squares[TENSORS], penalty[TENSORS], grad[TENSORS];
    uint64_t count, zeros;
};

static void add_sums(struct sums *sums, size_t tensor, const float *p, const float *g)
{
    const size_t n = size_of(tensor);
    float *terms = suite_allocate(n, sizeof *terms);
    const float weight = 0.02F;
    for (size_t i = 0; i < n; i++) {
        terms[i] = p[i] * p[i];
        sums->zeros += p[i] == 0;
    }
    sums->squares[tensor] = sum_tensor(terms, n);
    for (size_t i = 0; i < n; i++)
        terms[i] = weight * fabsf(p[i]);
    sums->penalty[tensor] = sum_tensor(terms, n);
    for (size_t i = 0; i < n; i++)
        terms[i] = g[i] * g[i];
    sums->grad[tensor] = sum_tensor(terms, n);
    sums->count += n;
    free(terms);
}

static struct tik_optimizer *make_summing(struct tik_context *context)
{
    struct tik_policy *policy = suite_policy("sgd", (struct oracle_option[]){{"lr", 0.01}, {0}});
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    options.max_norm = 3;
    options.report = true;
    struct tik_optimizer *optimizer;
    judge_ok(tik_policy_add_penalty(policy, "l1", NULL));
    judge_ok(tik_policy_set_penalty(policy, 0, "weight", 0.02));
    judge_ok(tik_optimizer_create(context, &options, &optimizer));
    judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    tik_policy_destroy(policy);
    return optimizer;
}

START_TEST(test_tree)
{
    struct tik_context *context = suite_scalar(2);
    struct tik_optimizer *optimizer = make_summing(context);
    float *p = suite_allocate(LARGEST, sizeof *p), *g = suite_allocate(LARGEST, sizeof *g);
    struct sums *sums = suite_allocate(1, sizeof *sums);
    struct tik_report report;
    uint64_t seed = SEED;
    for (size_t t = 0; t < TENSORS; t++) {
        char name[32];
        snprintf(name, sizeof name, "tensor%zu", t);
        suite_fill(p, size_of(t), SUITE_LEVEL, &seed);
        suite_add(optimizer, 0, name, size_of(t), p);
    }
    const uint64_t gradients = seed;
    for (size_t t = 0; t < TENSORS; t++) {
        suite_fill(g, size_of(t), SUITE_LEVEL, &seed);
        judge_ok(tik_optimizer_write(optimizer, t, TIK_GRAD, g));
    }
    judge_ok(tik_optimizer_step(optimizer));
    judge_ok(tik_optimizer_report(optimizer, 0, &report));
    seed = gradients;
    for (size_t t = 0; t < TENSORS; t++) {
        suite_fill(g, size_of(t), SUITE_LEVEL, &seed);
        judge_ok(tik_optimizer_read(optimizer, t, TIK_PARAM, p));
        add_sums(sums, t, p, g);
    }
    const float norm = sqrtf(sum_row(sums->grad, TENSORS));
    const float half = 0.5F * sum_row(sums->squares, TENSORS);
    const float penalty = sum_row(sums->penalty, TENSORS), clip = 3.0F / (norm + 1e-6F);
    suite_check_words("norm", (float[]){(float)report.norm}, &norm, 1);
    suite_check_words("clip", (float[]){(float)report.clip}, &clip, 1);
    suite_check_words("half_squared_norm", (float[]){(float)report.half_squared_norm}, &half, 1);
    suite_check_words("penalty", (float[]){(float)report.penalty}, &penalty, 1);
    ck_assert_uint_eq(report.count, sums->count);
    ck_assert_uint_eq(report.zeros, sums->zeros);
    free(p);
    free(g);
    free(sums);
    tik_optimizer_destroy(optimizer);
    tik_context_destroy(context);
}
END_TEST

int main(void)
{
    int rules = 0;
    while (tik_rule_at((size_t)rules) != NULL)
        rules++;
    Suite *suite = suite_create("numeric");
    TCase *test_case = tcase_create("numeric");
    tcase_add_loop_test(test_case, test_environment, 0, rules);
    tcase_add_test(test_case, test_subnormal_clip);
    tcase_add_loop_test(test_case, test_thread_counts, 0, rules);
    tcase_add_test(test_case, test_tree);
    suite_add_tcase(suite, test_case);
    return suite_main(suite);
}
