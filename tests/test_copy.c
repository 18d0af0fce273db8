/*
 * The low-precision copy of the parameters: every number of both formats and its neighbours, and
 * floats of every exponent, against an oracle; the chances, against Random123's vectors; that it is
 * the copy of the parameters that a step leaves, whatever the step is made of and wherever they
 * lie; how it starts, follows and is restored.
 * Arguments: a device, one case; "every" of the slow suite goes over all 2^32 floats.
 */
#include "suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle/copy.h"

enum { SEED = 20261201, WORDS = 65536, CHUNK = 1 << 20 };

static const uint64_t seed64 = UINT64_C(0xfedcba9876543210);

static const struct oracle_format *oracle_of(enum tik_copy_format format)
{
    return format == TIK_COPY_BF16 ? &oracle_bf16 : &oracle_fp16;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ---- an optimizer whose step leaves the parameters as they are ---- */

static struct tik_policy *idle_policy(enum tik_copy_format format, enum tik_copy_rounding rounding)
{
    struct tik_policy *policy = suite_policy("sgd", NULL);
    judge_ok(tik_policy_set_copy(policy, format, rounding, seed64));
    return policy;
}

static struct tik_optimizer *open_idle(enum tik_copy_format format, enum tik_copy_rounding rounding)
{
    struct tik_policy *policy = idle_policy(format, rounding);
    struct tik_optimizer *optimizer;
    judge_ok(tik_optimizer_create(judge_context(), NULL, &optimizer));
    judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    tik_policy_destroy(policy);
    return optimizer;
}

/* NaN is NaN, quiet, and has its sign: the payload is not promised of arithmetic. */
static bool same_word(const struct oracle_format *format, uint16_t got, uint16_t due)
{
    if (!isnan(oracle_copy_value(format, due)))
        return got == due;
    const uint16_t quiet = (uint16_t)(1u << (format->digits - 1));
    return isnan(oracle_copy_value(format, got)) && (got & quiet) != 0;
}

/* The element's copy in step t. */
static uint16_t due_of(enum tik_copy_format format, enum tik_copy_rounding rounding, uint64_t t,
                       uint32_t block, size_t i, float p)
{
    const struct oracle_format *oracle = oracle_of(format);
    if (rounding == TIK_COPY_NEAREST)
        return oracle_copy_nearest(oracle, p);
    return oracle_copy_stochastic(oracle, p, oracle_copy_chance(seed64, t, block, i));
}

/* Check's own assertions leave a mark each time, which takes longer than all the rest. */
static void check_copies(const char *what, enum tik_copy_format format,
                         enum tik_copy_rounding rounding, uint64_t t, uint32_t block, size_t count,
                         const float *p, const uint16_t *copy)
{
    for (size_t i = 0; i < count; i++) {
        const uint16_t due = due_of(format, rounding, t, block, i, p[i]);
        if (!(same_word(oracle_of(format), copy[i], due)))
            ck_abort_msg(
                "%s, %s, step %llu, element %zu: the copy of %a (%08x) is %04x, due is %04x", what,
                oracle_of(format)->name, (unsigned long long)t, i, (double)p[i],
                (unsigned)suite_bits(p[i]), (unsigned)copy[i], (unsigned)due);
    }
}

/* The device took all steps, and as the scalar path does. */
static void check_exact(const char *what, const struct tik_optimizer *optimizer)
{
    struct tik_optimizer_stats stats;
    tik_optimizer_stats(optimizer, &stats);
    ck_assert_msg(stats.mismatches == 0, "%s: %llu of %llu words differ", what,
                  (unsigned long long)stats.mismatches, (unsigned long long)stats.verified_words);
    ck_assert_msg(stats.fallbacks == 0, "%s: %s", what, tik_last_error());
    ck_assert_msg(tik_optimizer_conformance(optimizer) == TIK_EXACT, "%s: %s, not exact", what,
                  tik_conformance_name(tik_optimizer_conformance(optimizer)));
}

/* One step of all these, in one tensor; and the copies of them. */
static void round_all(struct tik_optimizer *optimizer, const float *p, uint16_t *copy)
{
    judge_ok(tik_optimizer_write(optimizer, 0, TIK_PARAM, p));
    judge_ok(tik_optimizer_step(optimizer));
    check_exact("a step that changes nothing", optimizer);
    judge_ok(tik_optimizer_read(optimizer, 0, TIK_COPY, copy));
}

/* ---- the formats ---- */

/* What a number of the format, and what lies around the middle to the next, must become. */
static size_t list_neighbours(const struct oracle_format *format, float *p, uint16_t *due)
{
    size_t n = 0;
    const unsigned infinity = (unsigned)(format->high - format->low + 2) << format->digits;
    for (unsigned sign = 0; sign < WORDS; sign += WORDS / 2)
        for (unsigned word = 0; word < infinity; word++) {
            const double here = oracle_copy_value(format, (uint16_t)word);
            const double next = word + 1 < infinity
                                    ? oracle_copy_value(format, (uint16_t)(word + 1))
                                    : ldexp(1, format->high + 1);
            const float middle = (float)(here + (next - here) / 2);
            const float each[] = {(float)here, nextafterf(middle, 0.0f), middle,
                                  nextafterf(middle, INFINITY)};
            const unsigned words[] = {word, word, word + (word & 1), word + 1};
            for (size_t k = 0; k < 4; k++) {
                p[n] = sign != 0 ? -each[k] : each[k];
                due[n++] = (uint16_t)(sign | words[k]);
            }
        }
    const float others[] = {INFINITY, -INFINITY, NAN, float_of(0xff923456u), float_of(0x7f800001u),
                            0x1p-149f};
    for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
        p[n] = others[k];
        due[n++] = oracle_copy_nearest(format, others[k]);
    }
    return n;
}

START_TEST(test_neighbours)
{
    const enum tik_copy_format format = (enum tik_copy_format)(TIK_COPY_BF16 + _i);
    const struct oracle_format *oracle = oracle_of(format);
    float *p = suite_allocate(4 * WORDS, sizeof *p);
    uint16_t *due = suite_allocate(4 * WORDS, sizeof *due);
    uint16_t *copy = suite_allocate(4 * WORDS, sizeof *copy);
    const size_t count = list_neighbours(oracle, p, due);
    struct tik_optimizer *optimizer = open_idle(format, TIK_COPY_NEAREST);
    suite_add(optimizer, 0, "p", count, p);
    judge_ok(tik_optimizer_read(optimizer, 0, TIK_COPY, copy));
    for (size_t i = 0; i < count; i++) /* the host's own rounding, payloads and all */
        if (!(copy[i] == due[i] && oracle_copy_nearest(oracle, p[i]) == due[i]))
            ck_abort_msg("%s: the copy of %a (%08x) is %04x, the oracle's %04x, due is %04x",
                         oracle->name, (double)p[i], (unsigned)suite_bits(p[i]), (unsigned)copy[i],
                         (unsigned)oracle_copy_nearest(oracle, p[i]), (unsigned)due[i]);
    round_all(optimizer, p, copy);
    check_copies("neighbours", format, TIK_COPY_NEAREST, 1, 0, count, p, copy);
    tik_optimizer_destroy(optimizer);
    free(p);
    free(due);
    free(copy);
}
END_TEST

/*
 * The floats from 0 on, `count` at a time: of each `width` in a row one, at a place that moves.
 */
static void round_floats(enum tik_copy_format format, enum tik_copy_rounding rounding,
                         uint64_t width, size_t count, size_t rounds)
{
    float *p = suite_allocate(count, sizeof *p);
    uint16_t *copy = suite_allocate(count, sizeof *copy);
    uint64_t seed = SEED;
    struct tik_optimizer *optimizer = open_idle(format, rounding);
    suite_add(optimizer, 0, "p", count, NULL);
    for (size_t n = 0; n < rounds; n++) {
        for (uint64_t i = 0; i < count; i++)
            p[i] = float_of(
                (uint32_t)((n * count + i) * width + (width > 1 ? suite_word(&seed) % width : 0)));
        round_all(optimizer, p, copy);
        check_copies("floats", format, rounding, n + 1, 0, count, p, copy);
    }
    tik_optimizer_destroy(optimizer);
    free(p);
    free(copy);
}

/* 2^22 floats to nearest; fewer by chance, which takes the oracle longer. */
START_TEST(test_strata)
{
    const enum tik_copy_rounding rounding = (enum tik_copy_rounding)(_i % 2);
    const size_t count = suite_small() ? CHUNK / 16 : CHUNK;
    const size_t rounds = suite_small() || rounding == TIK_COPY_STOCHASTIC ? 1 : 4;
    round_floats((enum tik_copy_format)(TIK_COPY_BF16 + _i / 2), rounding,
                 (UINT64_C(1) << 32) / (count * rounds), count, rounds);
}
END_TEST

/*
 * Magnitudes from 0 on, and what is due of each: the same word up to the middle between it and the
 * next; in the middle the even one of both. Much faster than the oracle, which it takes the numbers
 * of the format from alone.
 */
struct walk {
    const struct oracle_format *format;
    unsigned word, infinity;
    float middle; /* to the next word */
};

static void set_middle(struct walk *w)
{
    const double here = oracle_copy_value(w->format, (uint16_t)w->word);
    const double next = w->word + 1 < w->infinity
                            ? oracle_copy_value(w->format, (uint16_t)(w->word + 1))
                            : ldexp(1, w->format->high + 1);
    w->middle = w->word < w->infinity ? (float)(here + (next - here) / 2) : INFINITY;
}

static unsigned walk_to(struct walk *w, float magnitude)
{
    while (magnitude > w->middle) {
        w->word++;
        set_middle(w);
    }
    return magnitude == w->middle ? w->word + (w->word & 1) : w->word;
}

static void check_walk(struct walk *w, uint32_t sign, uint32_t first, const float *p,
                       const uint16_t *copy)
{
    for (uint32_t i = 0; i < CHUNK; i++) {
        const bool nan = isnan(p[i]);
        const unsigned due = nan ? copy[i] : walk_to(w, fabsf(p[i])) | sign >> 16;
        if (!(copy[i] == due && (!nan || isnan(oracle_copy_value(w->format, copy[i])))))
            ck_abort_msg("%s: the copy of %a (%08x) is %04x, due is %04x", w->format->name,
                         (double)p[i], (unsigned)(sign | (first + i)), (unsigned)copy[i], due);
    }
}

START_TEST(test_every_float)
{
    const enum tik_copy_format format = (enum tik_copy_format)(TIK_COPY_BF16 + _i);
    const struct oracle_format *oracle = oracle_of(format);
    float *p = suite_allocate(CHUNK, sizeof *p);
    uint16_t *copy = suite_allocate(CHUNK, sizeof *copy);
    struct tik_optimizer *optimizer = open_idle(format, TIK_COPY_NEAREST);
    suite_add(optimizer, 0, "p", CHUNK, NULL);
    for (uint64_t sign = 0; sign <= 0x80000000u; sign += 0x80000000u) {
        struct walk walk = {.format = oracle,
                            .infinity = (unsigned)(oracle->high - oracle->low + 2)
                                        << oracle->digits};
        set_middle(&walk);
        for (uint32_t first = 0; first < 0x80000000u; first += CHUNK) {
            for (uint32_t i = 0; i < CHUNK; i++)
                p[i] = float_of((uint32_t)sign | (first + i));
            round_all(optimizer, p, copy);
            check_walk(&walk, (uint32_t)sign, first, p, copy);
        }
    }
    tik_optimizer_destroy(optimizer);
    free(p);
    free(copy);
}
END_TEST

/* ---- chance ---- */

/* Random123, tests/kat_vectors: philox4x32 with 10 rounds. */
static const struct {
    uint32_t counter[4], key[2], out[4];
} known[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

/* The first vector is also what a fresh tensor's elements 0, 128, 256, ... throw under seed 0. */
START_TEST(test_known_vectors)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t out[4];
        oracle_philox(known[i].counter, known[i].key, out);
        ck_assert_msg(memcmp(out, known[i].out, sizeof out) == 0, "vector %zu", i);
    }
    static const uint16_t halves[] = {0xe8d5, 0x6627, 0xc58d, 0xe169,
                                      0xac4c, 0xbc57, 0xdbd8, 0x9b00};
    struct tik_policy *policy = suite_policy("sgd", NULL);
    judge_ok(tik_policy_set_copy(policy, TIK_COPY_BF16, TIK_COPY_STOCHASTIC, 0));
    /* What is least above 1 and still goes up, and the float below it. */
    for (uint32_t below = 0; below < 2; below++) {
        struct tik_optimizer *optimizer;
        float p[1024] = {0};
        uint16_t copy[1024];
        for (size_t h = 0; h < 8; h++)
            p[128 * h] = float_of(0x3f800000u + (0x10000u - halves[h]) - below);
        judge_ok(tik_optimizer_create(judge_context(), NULL, &optimizer));
        judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
        suite_add(optimizer, 0, "p", 1024, p);
        judge_ok(tik_optimizer_read(optimizer, 0, TIK_COPY, copy));
        for (size_t h = 0; h < 8; h++)
            ck_assert_uint_eq(copy[128 * h], 0x3f81 - below);
        tik_optimizer_destroy(optimizer);
    }
    tik_policy_destroy(policy);
}
END_TEST

/*
 * The mean over many steps of the copies of parameters that stand still is the parameters: their
 * deviation, in units of its own standard deviation sqrt(sum of f(1 - f)), is one of a normal
 * variable, and so below 5 in all but one of two million sets of seeds. By element it is less than 6,
 * which 2,048 of them all are but once in a quarter of a million.
 */
START_TEST(test_unbiased)
{
    enum { COUNT = 2048, STEPS = 500 };
    const enum tik_copy_format format = (enum tik_copy_format)(TIK_COPY_BF16 + _i);
    const struct oracle_format *oracle = oracle_of(format);
    float p[COUNT];
    uint16_t copy[COUNT];
    double deviation[COUNT] = {0}, variance[COUNT] = {0}, sum = 0, all = 0;
    uint64_t seed = SEED;
    for (size_t i = 0; i < COUNT; i++)
        p[i] = (float)suite_uniform(&seed, 0.5, 1); /* where a step is 2^-1-digits */
    struct tik_optimizer *optimizer = open_idle(format, TIK_COPY_STOCHASTIC);
    suite_add(optimizer, 0, "p", COUNT, p);
    for (size_t t = 0; t < STEPS; t++) {
        judge_ok(tik_optimizer_step(optimizer));
        judge_ok(tik_optimizer_read(optimizer, 0, TIK_COPY, copy));
        if (t == 0 || t + 1 == STEPS)
            check_copies("by chance", format, TIK_COPY_STOCHASTIC, t + 1, 0, COUNT, p, copy);
        for (size_t i = 0; i < COUNT; i++) {
            const double steps = ldexp((double)p[i], oracle->digits + 1), f = steps - floor(steps);
            deviation[i] += ldexp(oracle_copy_value(oracle, copy[i]), oracle->digits + 1) - steps;
            variance[i] += f * (1 - f);
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert_msg(fabs(deviation[i]) <= 6 * sqrt(variance[i]) + 1,
                      "element %zu: %a is off by %g steps in %d, deviation %g", i, (double)p[i],
                      deviation[i], STEPS, sqrt(variance[i]));
        sum += deviation[i];
        all += variance[i];
    }
    ck_assert_msg(fabs(sum) <= 5 * sqrt(all), "%s: off by %g steps in all, deviation %g",
                  oracle->name, sum, sqrt(all));
    printf("%s, %s: mean of %d copies off by %.2f standard deviations\n", judge_device(),
           oracle->name, COUNT * STEPS, sum / sqrt(all));
    check_exact("by chance", optimizer);
    tik_optimizer_destroy(optimizer);
}
END_TEST

/* ---- the copy is that of the parameters that the step leaves ---- */

/* Blocks before a tensor decide its chances: empty, short, a block, several and a rest. */
static const struct {
    size_t rows, columns;
} shapes[] = {{1, 5}, {0, 1}, {2, 512}, {31, 33}, {4, 1024}, {1, 1}, {7, 700}};
enum { TENSORS = sizeof shapes / sizeof *shapes, LARGEST = 4900 };

static size_t count_of(size_t i)
{
    return shapes[i].rows * shapes[i].columns;
}

static uint32_t block_of(size_t tensor)
{
    size_t blocks = 0;
    for (size_t i = 0; i < tensor; i++)
        blocks += (count_of(i) + 1023) / 1024;
    return (uint32_t)blocks;
}

struct work {
    enum tik_copy_format format;
    enum tik_copy_rounding rounding;
    struct tik_optimizer *optimizer;
    uint64_t seed;
    float *host[TENSORS][2];
};

static void add_tensors(struct work *w, enum tik_memory memory)
{
    for (size_t i = 0; i < TENSORS; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%zu", i);
        const size_t shape[] = {shapes[i].rows, shapes[i].columns};
        for (int k = 0; k < 2; k++)
            w->host[i][k] = suite_allocate(count_of(i) + 1, sizeof(float));
        suite_fill(w->host[i][0], count_of(i), SUITE_LEVEL, &w->seed);
        const struct tik_tensor tensor = {.name = name,
                                          .rank = 2,
                                          .shape = shape,
                                          .memory = memory,
                                          .param = w->host[i][0],
                                          .grad = w->host[i][1]};
        judge_ok(tik_optimizer_add_tensor(w->optimizer, 0, &tensor, NULL));
    }
}

static void open_work(struct work *w, const struct tik_optimizer_options *options,
                      struct tik_policy *policy, enum tik_memory memory)
{
    w->seed = SEED;
    judge_ok(tik_policy_set_copy(policy, w->format, w->rounding, seed64));
    judge_ok(tik_optimizer_create(judge_context(), options, &w->optimizer));
    judge_ok(tik_optimizer_add_group(w->optimizer, policy, NULL));
    add_tensors(w, memory);
}

static void close_work(struct work *w)
{
    tik_optimizer_destroy(w->optimizer);
    for (size_t i = 0; i < TENSORS; i++)
        for (int k = 0; k < 2; k++)
            free(w->host[i][k]);
}

/* `bad`: with a NaN in one of them. */
static void step(struct work *w, bool bad)
{
    float values[LARGEST];
    for (size_t i = 0; i < TENSORS; i++) {
        suite_fill(values, count_of(i), SUITE_LEVEL, &w->seed);
        if (bad && i == 3)
            values[7] = (float)NAN;
        judge_ok(tik_optimizer_write(w->optimizer, i, TIK_GRAD, values));
    }
    judge_ok(tik_optimizer_step(w->optimizer));
}

static void check(struct work *w, const char *what, uint64_t t)
{
    if (t > 0)
        check_exact(what, w->optimizer);
    for (size_t i = 0; i < TENSORS; i++) {
        float p[LARGEST];
        uint16_t copy[LARGEST];
        judge_ok(tik_optimizer_read(w->optimizer, i, TIK_PARAM, p));
        judge_ok(tik_optimizer_read(w->optimizer, i, TIK_COPY, copy));
        check_copies(what, w->format, w->rounding, t, block_of(i), count_of(i), p, copy);
    }
}

static struct tik_policy *with_penalty(const char *rule, const char *penalty, const char *option,
                                       double value)
{
    struct tik_policy *policy = suite_policy(rule, NULL);
    size_t index;
    judge_ok(tik_policy_set(policy, "lr", 0.05));
    if (penalty == NULL)
        return policy;
    judge_ok(tik_policy_add_penalty(policy, penalty, &index));
    judge_ok(tik_policy_set_penalty(policy, index, option, value));
    judge_ok(tik_policy_set_penalty_text(policy, index, "application", "proximal"));
    return policy;
}

/* Rules, and penalties that come after the rule: on elements, and on rows and tensors. */
static const struct {
    const char *rule, *penalty, *option;
    double value;
} policies[] = {
    {"adamw", "l1", "weight", 0.5},
    {"adam", "group_lasso", "weight", 2},
    {"asgd", "max_norm", "radius", 0.5},
    {"sgd", "simplex", "radius", 3},
    {"sgd", "l1_cumulative", "weight", 1},
    {"ftrl", NULL, NULL, 0},
    {"lamb", NULL, NULL, 0},
};
enum { POLICIES = sizeof policies / sizeof *policies, LASSO = 0, GROUP_LASSO = 1 };

static void check_policy(size_t number, enum tik_copy_format format,
                         enum tik_copy_rounding rounding, const struct tik_optimizer_options *o,
                         enum tik_memory memory)
{
    struct work w = {.format = format, .rounding = rounding};
    struct tik_policy *policy = with_penalty(policies[number].rule, policies[number].penalty,
                                             policies[number].option, policies[number].value);
    if (o->report)
        judge_ok(tik_policy_set_ema(policy, 0.9, false));
    open_work(&w, o, policy, memory);
    char what[96];
    snprintf(what, sizeof what, "%s, %s, memory %d", policies[number].rule,
             policies[number].penalty != NULL ? policies[number].penalty : "no penalty",
             (int)memory);
    if (memory == TIK_MEMORY_LIBRARY)
        check(&w, what, 0);
    for (uint64_t t = 1; t <= 2; t++) {
        step(&w, false);
        check(&w, what, t);
    }
    close_work(&w);
    tik_policy_destroy(policy);
}

/* With all that a pass may have to do beside it; small: one policy of either kind. */
START_TEST(test_policies)
{
    struct tik_optimizer_options o;
    tik_optimizer_defaults(&o);
    o.report = _i % 2 == 1;
    o.zero_grad = _i % 2 == 0;
    o.max_norm = 1;
    o.verify = TIK_VERIFY_ALL;
    if (!suite_small() || _i <= GROUP_LASSO)
        check_policy((size_t)_i, (enum tik_copy_format)(TIK_COPY_BF16 + _i % 2),
                     (enum tik_copy_rounding)(_i / 2 % 2), &o, TIK_MEMORY_LIBRARY);
}
END_TEST

/* The host's memory, chunks of a stream, and blocks that are judged by themselves: the same copies. */
START_TEST(test_elsewhere)
{
    struct tik_optimizer_options o;
    tik_optimizer_defaults(&o);
    check_policy(LASSO, TIK_COPY_BF16, TIK_COPY_STOCHASTIC, &o, TIK_MEMORY_HOST);
    check_policy(GROUP_LASSO, TIK_COPY_FP16, TIK_COPY_STOCHASTIC, &o, TIK_MEMORY_HOST);
    o.memory_limit = 1;
    check_policy(LASSO, TIK_COPY_BF16, TIK_COPY_STOCHASTIC, &o, TIK_MEMORY_LIBRARY);
    o.memory_limit = 0;
    o.verify = TIK_VERIFY_SAMPLE;
    check_policy(LASSO, TIK_COPY_BF16, TIK_COPY_STOCHASTIC, &o, TIK_MEMORY_LIBRARY);
}
END_TEST

/* A skipped step leaves the copy, and its count does not decide the next one's. */
START_TEST(test_skipped)
{
    struct tik_optimizer_options o;
    tik_optimizer_defaults(&o);
    o.nonfinite = TIK_NONFINITE_SKIP;
    for (size_t n = 0; n < 2; n++) {
        struct work w = {.format = TIK_COPY_BF16, .rounding = TIK_COPY_STOCHASTIC};
        const size_t number = n == 0 ? LASSO : GROUP_LASSO; /* in the step's kernel, after it */
        struct tik_policy *policy = with_penalty(policies[number].rule, policies[number].penalty,
                                                 policies[number].option, policies[number].value);
        open_work(&w, &o, policy, TIK_MEMORY_LIBRARY);
        const bool bad[] = {true, false, false, true, true, false};
        uint64_t t = 0;
        for (size_t i = 0; i < sizeof bad; i++) {
            step(&w, bad[i]);
            t += !bad[i];
            if (i != 2) /* sometimes the host does not look */
                check(&w, "steps that may be skipped", t);
        }
        close_work(&w);
        tik_policy_destroy(policy);
    }
}
END_TEST

/* Of gradients that are added up there is one step. */
START_TEST(test_accumulated)
{
    struct tik_optimizer_options o;
    tik_optimizer_defaults(&o);
    o.accumulate = 2;
    struct work w = {.format = TIK_COPY_FP16, .rounding = TIK_COPY_STOCHASTIC};
    struct tik_policy *policy = with_penalty("adamw", NULL, NULL, 0);
    open_work(&w, &o, policy, TIK_MEMORY_LIBRARY);
    for (uint64_t call = 1; call <= 4; call++) {
        step(&w, false);
        check(&w, "accumulated", call / 2);
    }
    close_work(&w);
    tik_policy_destroy(policy);
}
END_TEST

/* ---- how it starts, follows, and is restored ---- */

START_TEST(test_follows)
{
    struct work w = {.format = TIK_COPY_BF16, .rounding = (enum tik_copy_rounding)_i};
    struct tik_policy *policy = with_penalty("adamw", NULL, NULL, 0);
    float values[LARGEST];
    open_work(&w, NULL, policy, TIK_MEMORY_LIBRARY);
    step(&w, false);
    for (size_t i = 0; i < TENSORS; i++) {
        suite_fill(values, count_of(i), SUITE_WILD, &w.seed);
        judge_ok(tik_optimizer_write(w.optimizer, i, TIK_PARAM, values));
    }
    check(&w, "written", 1);
    const uint64_t t = (UINT64_C(1) << 32) + 12345;
    judge_ok(tik_optimizer_set_steps(w.optimizer, 0, t));
    check(&w, "restored", t);
    step(&w, false);
    check(&w, "after it", t + 1);
    /* A tensor that comes late, and what the growing arena kept of the others. */
    suite_fill(values, 1500, SUITE_LEVEL, &w.seed);
    const size_t late = suite_add(w.optimizer, 0, "late", 1500, values);
    uint16_t copy[1500];
    judge_ok(tik_optimizer_read(w.optimizer, late, TIK_COPY, copy));
    check_copies("late", w.format, w.rounding, t + 1, block_of(TENSORS), 1500, values, copy);
    check(&w, "beside the late one", t + 1);
    /* One that is not active keeps the copy that it has. */
    judge_ok(tik_optimizer_set_active(w.optimizer, late, false));
    step(&w, false);
    judge_ok(tik_optimizer_read(w.optimizer, late, TIK_COPY, copy));
    check_copies("idle", w.format, w.rounding, t + 1, block_of(TENSORS), 1500, values, copy);
    check(&w, "beside the idle one", t + 2);
    close_work(&w);
    tik_policy_destroy(policy);
}
END_TEST

/* A training that goes on from a checkpoint has the copies of one that was not interrupted. */
START_TEST(test_checkpoint)
{
    struct work w[2] = {{.format = TIK_COPY_FP16, .rounding = TIK_COPY_STOCHASTIC},
                        {.format = TIK_COPY_FP16, .rounding = TIK_COPY_STOCHASTIC}};
    struct tik_policy *policy = with_penalty("nadam", NULL, NULL, 0);
    struct tik_tensors *state;
    float values[LARGEST];
    for (size_t k = 0; k < 2; k++)
        open_work(&w[k], NULL, policy, TIK_MEMORY_LIBRARY);
    step(&w[0], false);
    step(&w[0], false);
    judge_ok(tik_checkpoint_save(w[0].optimizer, &state));
    for (size_t i = 0; i < tik_tensors_count(state); i++) {
        struct tik_tensor_view view;
        judge_ok(tik_tensors_at(state, i, &view));
        ck_assert_msg(strstr(view.name, "exp_avg") != NULL, "%s is in the state", view.name);
    }
    for (size_t i = 0; i < TENSORS; i++) {
        judge_ok(tik_optimizer_read(w[0].optimizer, i, TIK_PARAM, values));
        judge_ok(tik_optimizer_write(w[1].optimizer, i, TIK_PARAM, values));
    }
    judge_ok(tik_checkpoint_load(w[1].optimizer, state));
    check(&w[1], "restored", 2);
    w[1].seed = w[0].seed;
    for (size_t k = 0; k < 2; k++)
        step(&w[k], false);
    for (size_t i = 0; i < TENSORS; i++) {
        uint16_t one[LARGEST], other[LARGEST];
        judge_ok(tik_optimizer_read(w[0].optimizer, i, TIK_COPY, one));
        judge_ok(tik_optimizer_read(w[1].optimizer, i, TIK_COPY, other));
        ck_assert_int_eq(memcmp(one, other, count_of(i) * sizeof *one), 0);
    }
    check(&w[1], "gone on", 3);
    tik_tensors_destroy(state);
    for (size_t k = 0; k < 2; k++)
        close_work(&w[k]);
    tik_policy_destroy(policy);
}
END_TEST

/* Where it lies: the host's memory on the scalar path, a buffer on a device; two bytes each. */
START_TEST(test_in_place)
{
    struct work w = {.format = TIK_COPY_BF16};
    struct tik_policy *policy = with_penalty("sgd", NULL, NULL, 0);
    open_work(&w, NULL, policy, TIK_MEMORY_LIBRARY);
    step(&w, false);
    judge_ok(tik_optimizer_sync(w.optimizer));
    size_t last = 0;
    for (size_t i = 0; i < TENSORS; i++) {
        struct _cl_mem *buffer;
        size_t offset;
        void *host;
        uint16_t copy[LARGEST];
        judge_ok(tik_optimizer_buffer(w.optimizer, i, TIK_COPY, &buffer, &offset));
        judge_ok(tik_optimizer_host(w.optimizer, i, TIK_COPY, &host));
        ck_assert((buffer == NULL) == judge_on_scalar());
        ck_assert((host != NULL) == judge_on_scalar());
        ck_assert_uint_ge(offset, last);
        last = offset + count_of(i);
        judge_ok(tik_optimizer_read(w.optimizer, i, TIK_COPY, copy));
        if (host != NULL)
            ck_assert_int_eq(memcmp(host, copy, count_of(i) * sizeof *copy), 0);
        judge_ok(tik_optimizer_host(w.optimizer, i, TIK_PARAM, &host));
        float values[LARGEST];
        judge_ok(tik_optimizer_read(w.optimizer, i, TIK_PARAM, values));
        if (host != NULL)
            ck_assert_int_eq(memcmp(host, values, count_of(i) * sizeof *values), 0);
    }
    close_work(&w);
    tik_policy_destroy(policy);
}
END_TEST

/* Two bytes more a parameter, and no launch. */
START_TEST(test_cost)
{
    size_t bytes[2], launches[2];
    for (size_t n = 0; n < 2; n++) {
        struct work w = {.format = n == 1 ? TIK_COPY_FP16 : TIK_COPY_NONE};
        struct tik_policy *policy = with_penalty("adamw", NULL, NULL, 0);
        open_work(&w, NULL, policy, TIK_MEMORY_LIBRARY);
        bytes[n] = tik_optimizer_bytes(w.optimizer, 0);
        launches[n] = tik_optimizer_launches(w.optimizer);
        close_work(&w);
        tik_policy_destroy(policy);
    }
    ck_assert_uint_eq(bytes[0], 28);
    ck_assert_uint_eq(bytes[1], 30);
    ck_assert_uint_eq(launches[0], launches[1]);
}
END_TEST

START_TEST(test_refusals)
{
    struct tik_policy *policy = suite_policy("sgd", NULL);
    suite_refused(TIK_ERROR_ARGUMENT, tik_policy_set_copy(policy, (enum tik_copy_format)3, 0, 0),
                  "format", "3", "TIK_COPY_NONE", "_FP16");
    suite_refused(TIK_ERROR_ARGUMENT,
                  tik_policy_set_copy(policy, TIK_COPY_BF16, (enum tik_copy_rounding)2, 0),
                  "rounding", "2", "_STOCHASTIC");
    struct tik_optimizer *optimizer;
    uint16_t copy[3];
    void *host;
    judge_ok(tik_optimizer_create(judge_context(), NULL, &optimizer));
    judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    suite_add(optimizer, 0, "plain", 3, NULL);
    suite_refused(TIK_ERROR_ARGUMENT, tik_optimizer_read(optimizer, 0, TIK_COPY, copy), "-3",
                  "plain", "no copy");
    suite_refused(TIK_ERROR_ARGUMENT, tik_optimizer_write(optimizer, 0, TIK_COPY, (float *)copy),
                  "TIK_COPY", "TIK_PARAM");
    suite_refused(TIK_ERROR_ARGUMENT, tik_optimizer_host(optimizer, 0, TIK_COPY, &host), "-3");
    tik_optimizer_destroy(optimizer);
    struct tik_update *update;
    judge_ok(tik_policy_set_copy(policy, TIK_COPY_BF16, TIK_COPY_NEAREST, 0));
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_create(judge_context(), policy, false, &update),
                  "bare call", "low-precision copy", "tik_optimizer");
    tik_policy_destroy(policy);
}
END_TEST

static bool every; /* was asked for by name */

static Suite *make_suite(void)
{
    Suite *suite = suite_create("copy");
    TCase *c = tcase_create("formats");
    tcase_set_timeout(c, 300);
    tcase_add_loop_test(c, test_neighbours, 0, 2);
    tcase_add_test(c, test_known_vectors);
    tcase_add_loop_test(c, test_unbiased, 0, 2);
    suite_add_tcase(suite, c);
    c = tcase_create("strata");
    tcase_set_timeout(c, 300);
    tcase_add_loop_test(c, test_strata, 0, 4);
    suite_add_tcase(suite, c);
    c = tcase_create("policies");
    tcase_set_timeout(c, 300);
    tcase_add_loop_test(c, test_policies, 0, POLICIES);
    suite_add_tcase(suite, c);
    c = tcase_create("around");
    tcase_set_timeout(c, 300);
    tcase_add_test(c, test_elsewhere);
    tcase_add_test(c, test_skipped);
    tcase_add_test(c, test_accumulated);
    suite_add_tcase(suite, c);
    c = tcase_create("kept");
    tcase_set_timeout(c, 300);
    tcase_add_loop_test(c, test_follows, 0, 2);
    tcase_add_test(c, test_checkpoint);
    tcase_add_test(c, test_in_place);
    tcase_add_test(c, test_cost);
    tcase_add_test(c, test_refusals);
    suite_add_tcase(suite, c);
    if (!every)
        return suite;
    c = tcase_create("every");
    tcase_set_timeout(c, 3600);
    tcase_add_loop_test(c, test_every_float, 0, 2);
    suite_add_tcase(suite, c);
    return suite;
}

int main(int argc, char **argv)
{
    every = argc > 2 && strcmp(argv[2], "every") == 0;
    return judge_main(argc, argv, make_suite);
}
