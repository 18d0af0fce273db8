/* One policy on trial: some steps on the device and on the scalar path, every word compared. */
#include "verify.h"

#include <float.h>

#include "command.h"

/* Several blocks and a rest; less than a block, in rows; a scalar. */
static const size_t sizes[] = {4099, 93, 1};
#define TENSORS     (sizeof sizes / sizeof *sizes)
#define LONGEST     4099
#define ROWS        3
#define STEPS       4
#define EDGE_STRIDE 3

static const float edges[] = {0.0f,           -0.0f,       1.0f,   -1.0f,    FLT_MIN, -FLT_MIN,
                              FLT_MIN / 2.0f, -1e-45f,     1e-45f, 1e-39f,   1e-30f,  -1e-30f,
                              1e-20f,         FLT_EPSILON, 1e3f,   -65504.f, 0.1f,    -0.3f};
static const float huge_edges[] = {1e30f, -1e30f, FLT_MAX, -FLT_MAX};

/* Numerical Recipes, "quick and dirty" generator: any spread of values will do here. */
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed;
}

/* Every third an edge value, the others over eight decades. */
static void fill(float *values, size_t count, uint32_t seed, bool huge)
{
    static const float decades[] = {1e-6f, 1e-4f, 1e-3f, 1e-2f, 1e-1f, 1.0f, 10.0f, 100.0f};
    const size_t edge_count = sizeof edges / sizeof *edges;
    const size_t huge_count = huge ? sizeof huge_edges / sizeof *huge_edges : 0;
    for (size_t i = 0; i < count; i++) {
        const float unit = (float)(next_random(&seed) >> 8) * 0x1p-23f - 1.0f;
        values[i] = unit * decades[next_random(&seed) >> 29];
        if (i % EDGE_STRIDE == 0) {
            const size_t edge = (i / EDGE_STRIDE + seed) % (edge_count + huge_count);
            values[i] = edge < edge_count ? edges[edge] : huge_edges[edge - edge_count];
        }
    }
}

/* Of a rule that takes matrices alone every tensor is one. */
static enum tik_status add_tensors(struct tik_optimizer *optimizer, size_t group,
                                   const struct tik_policy *policy)
{
    const bool matrices = tik_rule_find(tik_policy_rule(policy))->matrices;
    static float values[LONGEST];
    enum tik_status status = TIK_OK;
    for (size_t i = 0; status == TIK_OK && i < TENSORS; i++) {
        const char name[] = {(char)('a' + i), '\0'};
        fill(values, sizes[i], (uint32_t)i + 1, true);
        const bool cut = sizes[i] > 1 && sizes[i] % ROWS == 0, matrix = cut || matrices;
        const size_t rows[] = {cut ? ROWS : 1, cut ? sizes[i] / ROWS : sizes[i]};
        const struct tik_tensor tensor = {.name = name,
                                          .rank = matrix ? 2 : 1,
                                          .shape = matrix ? rows : &sizes[i],
                                          .param = values};
        status = tik_optimizer_add_tensor(optimizer, group, &tensor, NULL);
    }
    return status;
}

/* Huge gradients come last: their norm overflows, and the clip factor is 0 from there on. */
static enum tik_status take_steps(struct tik_optimizer *optimizer, size_t group)
{
    static float values[LONGEST];
    enum tik_status status = TIK_OK;
    for (size_t step = 0; status == TIK_OK && step < STEPS; step++) {
        for (size_t i = 0; status == TIK_OK && i < TENSORS; i++) {
            fill(values, sizes[i], (uint32_t)(100 * (step + 1) + i), step + 1 == STEPS);
            status = tik_optimizer_write(optimizer, i, TIK_GRAD, values);
        }
        if (status == TIK_OK)
            status = tik_optimizer_step(optimizer);
    }
    struct tik_report report;
    if (status == TIK_OK)
        status = tik_optimizer_report(optimizer, group, &report);
    return status == TIK_OK ? tik_optimizer_sync(optimizer) : status;
}

/* Nothing compared is not a pass. */
static bool passed(const struct tik_optimizer_stats *stats)
{
    return stats->mismatches == 0 && stats->fallbacks == 0 && stats->verified_steps == STEPS &&
           stats->verified_words > 0;
}

/* Where the scalar path took over, nothing of the device was shown. */
static struct verify_result judge(const char *name, const struct tik_optimizer *optimizer)
{
    struct verify_result result = {.name = name};
    tik_optimizer_stats(optimizer, &result.stats);
    result.conformance =
        result.stats.verified_words > 0 ? tik_optimizer_conformance(optimizer) : TIK_UNTESTED;
    result.ok = passed(&result.stats);
    return result;
}

enum tik_status verify_try(struct tik_context *context, const struct verify_form *form,
                           struct verify_result *result)
{
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    options.verify = TIK_VERIFY_ALL;
    options.max_norm = 1.0;
    options.report = true;
    struct tik_optimizer *optimizer = NULL;
    size_t group = 0;
    enum tik_status status = tik_optimizer_create(context, &options, &optimizer);
    if (status == TIK_OK)
        status = tik_optimizer_add_group(optimizer, form->policy, &group);
    if (status == TIK_OK)
        status = add_tensors(optimizer, group, form->policy);
    if (status == TIK_OK)
        status = take_steps(optimizer, group);
    /* Strict, a wrong program or word is an error of the step; here it is a result. */
    if (status == TIK_ERROR_MISMATCH || status == TIK_ERROR_FALLBACK)
        command_warning("%s: %s", form->name, tik_last_error());
    if (status == TIK_OK || status == TIK_ERROR_MISMATCH || status == TIK_ERROR_FALLBACK) {
        *result = judge(form->name, optimizer);
        status = TIK_OK;
    }
    tik_optimizer_destroy(optimizer);
    return status;
}
