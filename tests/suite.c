#include "suite.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool sizes_are(const char *wanted)
{
    const char *sizes = getenv("TIKHONOV_TEST_SIZES");
    return sizes != NULL && strcmp(sizes, wanted) == 0;
}

bool suite_small(void)
{
    return sizes_are("small") || suite_single();
}

bool suite_single(void)
{
    return sizes_are("single");
}

bool suite_whole(void)
{
    return sizes_are("whole");
}

int suite_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

struct tik_context *suite_scalar(int threads)
{
    struct tik_context_options options;
    tik_context_defaults(&options);
    options.device = "scalar";
    options.threads = threads;
    struct tik_context *context;
    judge_ok(tik_context_create(&options, &context));
    return context;
}

/* ---- values ---- */

/* splitmix64 (Steele, Lea and Flood, 2014): the same values on every machine. */
uint64_t suite_word(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

double suite_uniform(uint64_t *seed, double low, double high)
{
    return low + (high - low) * ldexp((double)(suite_word(seed) >> 11), -53);
}

static const float edges[] = {0.0F,    -0.0F, 0x1p-149F, -0x1p-149F, 1e-40F, -1e-40F, FLT_MIN,
                              -1e-30F, 1e-8F, -1.0F,     1.0F,       3.0F,   -1e4F};
static const float huge[] = {1e15F, -1e17F, 3e12F, -1e10F};
static const float overflowing[] = {1e30F, -FLT_MAX, FLT_MAX, 2e19F};
static const float wild[] = {INFINITY, -INFINITY, NAN, FLT_MAX};

enum { EDGES = sizeof edges / sizeof *edges, EXTREMES = 4 };

static const float *extremes_of(enum suite_values kind)
{
    switch (kind) {
    case SUITE_HUGE:
        return huge;
    case SUITE_OVERFLOW:
        return overflowing;
    case SUITE_WILD:
        return wild;
    case SUITE_LEVEL:
    case SUITE_EDGES:
        break;
    }
    return NULL;
}

static float random_value(enum suite_values kind, uint64_t *seed)
{
    const unsigned dice = (unsigned)(suite_word(seed) & 63);
    if (kind == SUITE_LEVEL)
        return dice < 4 ? 0.0F : (float)suite_uniform(seed, -2, 2);
    const float *extremes = extremes_of(kind);
    if (extremes != NULL && dice < 4)
        return extremes[dice];
    if (dice < 16)
        return edges[suite_word(seed) % EDGES];
    const double magnitude = exp2(suite_uniform(seed, -30, 16));
    return (float)(dice & 1 ? magnitude : -magnitude);
}

/* Short tensors get an extreme value too, where the kind has one: at their last element. */
void suite_fill(float *values, size_t count, enum suite_values kind, uint64_t *seed)
{
    for (size_t i = 0; i < count; i++)
        values[i] = random_value(kind, seed);
    const float *extremes = extremes_of(kind);
    if (extremes != NULL && count > 1)
        values[count - 1] = extremes[suite_word(seed) % EXTREMES];
}

void *suite_allocate(size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);
    if (memory == NULL) {
        fprintf(stderr, "the suite has no memory for %zu elements\n", count);
        abort();
    }
    return memory;
}

/* ---- comparison ---- */

uint32_t suite_bits(float x)
{
    uint32_t word;
    memcpy(&word, &x, sizeof word);
    return word;
}

bool suite_same(float a, float b)
{
    return suite_bits(a) == suite_bits(b) || (isnan(a) && isnan(b));
}

void suite_check_words(const char *what, const float *a, const float *b, size_t count)
{
    /* Check writes to its file at each assertion, passed or not: only the one that fails is made. */
    for (size_t i = 0; i < count; i++)
        if (!suite_same(a[i], b[i]))
            ck_abort_msg("%s, element %zu of %zu: %.9g (0x%08x), not %.9g (0x%08x)", what, i, count,
                         (double)a[i], suite_bits(a[i]), (double)b[i], suite_bits(b[i]));
}

/* ---- refusals ---- */

void suite_check_refusal(enum tik_status expected, enum tik_status status, const char *call,
                         const char *file, int line, const char *const *words)
{
    const char *message = tik_last_error();
    if (status != expected)
        ck_abort_msg("%s:%d: %s: %s, not %s; last error: %s", file, line, call,
                     tik_status_name(status), tik_status_name(expected), message);
    for (; *words != NULL; words++)
        if (strstr(message, *words) == NULL)
            ck_abort_msg("%s:%d: %s: the message does not say '%s': %s", file, line, call, *words,
                         message);
}

/* ---- small optimizers ---- */

struct tik_policy *suite_policy(const char *rule, const struct oracle_option *options)
{
    struct tik_policy *policy;
    judge_ok(tik_policy_create(rule, &policy));
    for (; options != NULL && options->name != NULL; options++)
        judge_ok(tik_policy_set(policy, options->name, options->value));
    judge_ok(tik_policy_check(policy));
    return policy;
}

bool suite_has_option(const struct tik_rule_info *rule, const char *option)
{
    for (size_t i = 0; i < rule->option_count; i++)
        if (strcmp(rule->options[i].name, option) == 0)
            return true;
    return false;
}

bool suite_takes_penalties(const char *rule)
{
    struct tik_policy *policy;
    judge_ok(tik_policy_create(rule, &policy));
    judge_ok(tik_policy_add_penalty(policy, "l1", NULL));
    const bool takes = tik_policy_check(policy) == TIK_OK;
    if (!takes)
        suite_refused(TIK_ERROR_ARGUMENT, tik_policy_check(policy), "penalty l1", rule);
    tik_policy_destroy(policy);
    ck_assert_msg(takes == (strcmp(rule, "ftrl") != 0), "rule %s %s penalties", rule,
                  takes ? "takes" : "refuses");
    return takes;
}

struct tik_policy *suite_rich_policy(const char *rule)
{
    static const struct oracle_option wanted[] = {
        {"lr", 0.05},  {"weight_decay", 0.1}, {"momentum", 0.9},
        {"eps", 1e-3}, {"amsgrad", 1},        {"centered", 1},
        {"l1", 0.02},  {"l2", 0.05},          {"initial_accumulator_value", 0.3},
    };
    struct tik_policy *policy;
    judge_ok(tik_policy_create(rule, &policy));
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (suite_has_option(tik_rule_find(rule), wanted[i].name))
            judge_ok(tik_policy_set(policy, wanted[i].name, wanted[i].value));
    if (!suite_takes_penalties(rule))
        return policy;
    judge_ok(tik_policy_add_penalty(policy, "l1", NULL));
    judge_ok(tik_policy_set_penalty(policy, 0, "weight", 0.02));
    return policy;
}

size_t suite_shape(const char *rule, size_t count, size_t shape[2])
{
    size_t rows = 31;
    shape[0] = count;
    if (!tik_rule_find(rule)->matrices)
        return 1;
    while (rows > 1 && (count % rows != 0 || rows * count >= (size_t)1 << 21))
        rows--;
    shape[0] = rows;
    shape[1] = count / rows;
    return 2;
}

size_t suite_add(struct tik_optimizer *optimizer, size_t group, const char *name, size_t count,
                 const float *param)
{
    size_t index, shape[2];
    const char *rule;
    judge_ok(tik_optimizer_group_rule(optimizer, group, &rule));
    const struct tik_tensor tensor = {.name = name,
                                      .rank = suite_shape(rule, count, shape),
                                      .shape = shape,
                                      .param = (float *)(uintptr_t)param};
    judge_ok(tik_optimizer_add_tensor(optimizer, group, &tensor, &index));
    return index;
}

/* Cuts that fall on no multiple of anything: the second part is empty, the third has one element.
 */
static void cut(struct suite_run *run, size_t count)
{
    static const size_t early[SUITE_PARTS] = {0, 3, 3, 4};
    for (size_t i = 0; i <= run->parts; i++)
        run->first[i] = run->parts == SUITE_PARTS && i < 4 ? early[i] : i * count / run->parts;
    run->first[run->parts] = count;
    ck_assert_uint_gt(count, 100);
}

void suite_run_open(struct suite_run *run, struct tik_context *context,
                    const struct tik_optimizer_options *options, const struct tik_policy *policy,
                    size_t parts, const float *param, size_t count)
{
    *run = (struct suite_run){.parts = parts};
    cut(run, count);
    judge_ok(tik_optimizer_create(context, options, &run->optimizer));
    judge_ok(tik_optimizer_add_group(run->optimizer, policy, NULL));
    for (size_t i = 0; i < parts; i++) {
        char name[16];
        snprintf(name, sizeof name, "part%u", (unsigned)i);
        run->tensor[i] = suite_add(run->optimizer, 0, name, run->first[i + 1] - run->first[i],
                                   param + run->first[i]);
    }
}

void suite_run_close(struct suite_run *run)
{
    tik_optimizer_destroy(run->optimizer);
}

void suite_run_write(struct suite_run *run, int part, const float *values)
{
    for (size_t i = 0; i < run->parts; i++)
        judge_ok(tik_optimizer_write(run->optimizer, run->tensor[i], part, values + run->first[i]));
}

void suite_run_read(struct suite_run *run, int part, float *values)
{
    for (size_t i = 0; i < run->parts; i++)
        judge_ok(tik_optimizer_read(run->optimizer, run->tensor[i], part, values + run->first[i]));
}

void suite_run_step(struct suite_run *run, const float *grad)
{
    suite_run_write(run, TIK_GRAD, grad);
    judge_ok(tik_optimizer_step(run->optimizer));
}

size_t suite_run_states(const struct suite_run *run)
{
    struct tik_tensor_info info;
    judge_ok(tik_optimizer_tensor(run->optimizer, run->tensor[0], &info));
    return info.state_count;
}

void suite_run_check_same(const char *what, struct suite_run *a, struct suite_run *b)
{
    const size_t count = a->first[a->parts];
    float *one = suite_allocate(count, sizeof *one), *other = suite_allocate(count, sizeof *other);
    ck_assert_uint_eq(count, b->first[b->parts]);
    ck_assert_uint_eq(suite_run_states(a), suite_run_states(b));
    for (int part = TIK_PARAM; part < (int)suite_run_states(a); part++) {
        if (part == TIK_GRAD)
            continue;
        suite_run_read(a, part, one);
        suite_run_read(b, part, other);
        suite_check_words(what, one, other, count);
    }
    free(one);
    free(other);
}
