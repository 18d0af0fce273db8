#include "verify.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "run.h"

bool tik_verify_same(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

/* A NaN is matched by a NaN alone, an infinity also by what a few ulp keep from overflowing. */
static bool within_bound(float a, float b, float before)
{
    const float most = FLT_MAX * (1 - TIK_BOUND_ULPS * FLT_EPSILON);
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    if (isinf(a) || isinf(b))
        return (a > most && b > most) || (a < -most && b < -most);
    const float own = fmaxf(fabsf(a), fabsf(b));
    const float largest = isfinite(before) ? fmaxf(fabsf(before), own) : own;
    return fabsf(a - b) <= TIK_BOUND_ULPS * FLT_EPSILON * largest + FLT_MIN;
}

uint64_t tik_verify_compare(const float *a, const float *b, const float *before, size_t n,
                            bool bounded)
{
    uint64_t wrong = 0;
    for (size_t i = 0; i < n; i++) {
        const bool right = tik_verify_same(a[i], b[i]) ||
                           (bounded && within_bound(a[i], b[i], before != NULL ? before[i] : 0.0f));
        wrong += !right;
    }
    return wrong;
}

/* ---- values of the known-answer run ---- */

/* SplitMix64 (Steele, Lea and Flood, 2014), as a function of its counter. */
static uint64_t mix(uint64_t counter)
{
    uint64_t z = counter * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static const float edges[] = {
    0.0f,        -0.0f,   1.0f,     -1.0f,       0x1p-149f,      -0x1p-149f,
    0x1.8p-130f, FLT_MIN, -FLT_MIN, FLT_MAX,     -FLT_MAX,       INFINITY,
    -INFINITY,   NAN,     1e-20f,   1e20f,       0x1.fffffep-1f, 0x1.000002p+0f,
    1e-8f,       -1e-3f,  3.0f,     0x1.8p-149f, 1e-10f,         -7.0f,
};
enum { EDGES = sizeof edges / sizeof *edges };

/* Edge cases against each other first, then magnitudes over many decades. */
static float known_value(size_t array, size_t i)
{
    if (i < EDGES * EDGES)
        return edges[(array == 0 ? i : array == 1 ? i / EDGES : i * (array + 5)) % EDGES];
    const uint64_t bits = mix(i * 8 + array + 1);
    const double magnitude = (double)(bits >> 40) / 0x1p24 * 12 - 8;
    const double digits = 1 + (double)((bits >> 8) & 0xffffff) / 0x1p24;
    return (float)(ldexp(digits, (int)floor(magnitude * 3)) * (bits & 1 ? 1 : -1));
}

/* Second moments are not negative in life; one in sixteen is here. */
static float known_state(size_t k, size_t i)
{
    const float value = known_value(2 + k, i);
    return k == 0 || i % 16 == 0 ? value : fabsf(value);
}

static const float known_threshold = 0.01f;

/* Numbers that make every option visible: defaults, and 1/4 where the default is to do nothing. */
static void known_scalars(const struct tik_plan *plan, struct tik_plan_values *values)
{
    const struct tik_rule_info *info = &plan->rule->info;
    double option[TIK_MAX_OPTIONS];
    for (size_t i = 0; i < info->option_count; i++) {
        const struct tik_option *o = &info->options[i];
        option[i] = o->type == TIK_OPTION_REAL && o->value == 0 ? 0.25 : o->value;
    }
    *values = (struct tik_plan_values){.lr = 0.1, .step.decay = 0.013f};
    double carried[TIK_MAX_CARRIED] = {0.81, 0.81};
    plan->rule->scalars(option, values->lr, 3, carried, values->rule);
    for (size_t i = 0; i < TIK_PENALTY_SLOTS; i++)
        values->step.penalty[i] = (struct penalty_scalars){.l1 = 0.03f * (float)(i + 1),
                                                           .l2 = 0.7f,
                                                           .threshold = known_threshold,
                                                           .keep = 0.5f,
                                                           .shrink = 0.065f,
                                                           .weight = 0.06f,
                                                           .share = 0.04f,
                                                           .pull = 0.011f,
                                                           .exponent = 0x1.33p+0f,
                                                           .exponent_tail = 0x1.5p-14f,
                                                           .low = -3.5f,
                                                           .high = 2.25f};
}

/* ---- one run on one backend ---- */

/* Not a whole number of blocks, so that the last one is short. */
enum { COUNT = TIK_KNOWN_ANSWERS - 5, BLOCKS = (COUNT + TIK_BLOCK - 1) / TIK_BLOCK };

struct answers {
    float array[2 + TIK_MAX_STATES][COUNT]; /* param, grad, states */
    struct tik_partial partials[BLOCKS];
};

struct buffers {
    struct tik_buffer *array[2 + TIK_MAX_STATES], *factor, *partials;
};

static enum tik_status upload(struct tik_backend *backend, const void *values, size_t bytes,
                              struct tik_buffer **buffer)
{
    enum tik_status status = backend->ops->memory_create(backend, bytes, buffer);
    if (status == TIK_OK)
        status = backend->ops->memory_write(backend, *buffer, 0, bytes, values);
    return status;
}

static enum tik_status run_plan(struct tik_backend *backend, const struct tik_plan *plan,
                                struct tik_program *program, struct buffers *b,
                                struct answers *answers)
{
    const struct tik_backend_ops *ops = backend->ops;
    const size_t arrays = 2 + plan->variant->state_count;
    const float factor[2] = {0.37f, 0};
    struct tik_plan_values values;
    known_scalars(plan, &values);

    enum tik_status status = upload(backend, factor, sizeof factor, &b->factor);
    if (status == TIK_OK)
        status = ops->memory_create(backend, sizeof answers->partials, &b->partials);
    for (size_t k = 0; k < arrays && status == TIK_OK; k++)
        status = upload(backend, answers->array[k], sizeof answers->array[k], &b->array[k]);
    if (status != TIK_OK)
        return status;

    struct tik_apply apply = {.program = program,
                              .block_count = BLOCKS,
                              .count = COUNT,
                              .param = b->array[0],
                              .grad = b->array[1],
                              .factor = plan->clipped ? b->factor : NULL,
                              .values = &values,
                              .partials = plan->report ? b->partials : NULL};
    for (size_t k = 0; k < plan->variant->state_count; k++)
        apply.state[k] = b->array[2 + k];
    const struct tik_run run = {.piece_count = 1, .pieces = &apply};
    status = tik_run_enqueue(backend, &run);
    if (status == TIK_OK)
        status = ops->finish(backend);
    for (size_t k = 0; k < arrays && status == TIK_OK; k++)
        status =
            ops->memory_read(backend, b->array[k], 0, sizeof answers->array[k], answers->array[k]);
    if (status == TIK_OK && plan->report)
        status =
            ops->memory_read(backend, b->partials, 0, sizeof answers->partials, answers->partials);
    return status;
}

static void release(struct tik_backend *backend, struct buffers *b)
{
    for (size_t k = 0; k < 2 + TIK_MAX_STATES; k++)
        backend->ops->memory_destroy(backend, b->array[k]);
    backend->ops->memory_destroy(backend, b->factor);
    backend->ops->memory_destroy(backend, b->partials);
}

/* ---- verdicts ---- */

/* The zeros of a block must be those of the same run's parameters, whatever these are. */
static bool zeros_are_counted(const struct answers *answers, size_t block)
{
    uint32_t zeros = 0;
    for (size_t i = block * TIK_BLOCK; i < COUNT && i < (block + 1) * TIK_BLOCK; i++)
        zeros += answers->array[0][i] == 0.0f;
    return answers->partials[block].zeros == zeros;
}

/*
 * An array of both runs. What an element is large against: itself before the step, and for the
 * parameter the threshold that the proximal stage takes off, for a state the gradient that enters.
 */
static uint64_t compare_array(const struct answers *a, const struct answers *b,
                              const struct answers *before, size_t k, bool bounded)
{
    uint64_t wrong = 0;
    for (size_t i = 0; i < COUNT; i++) {
        const float other = k == 0 ? known_threshold : fabsf(before->array[1][i]);
        const float own = fabsf(before->array[k][i]);
        const float scale = own >= other ? own : other;
        wrong += tik_verify_compare(&a->array[k][i], &b->array[k][i], &scale, 1, bounded);
    }
    return wrong;
}

static uint64_t compare_answers(const struct answers *a, const struct answers *b,
                                const struct answers *before, size_t arrays, bool report,
                                bool bounded)
{
    uint64_t wrong = 0;
    for (size_t k = 0; k < arrays; k++)
        wrong += compare_array(a, b, before, k, bounded);
    for (size_t i = 0; i < BLOCKS; i++) {
        wrong +=
            tik_verify_compare(&a->partials[i].penalty, &b->partials[i].penalty, NULL, 1, bounded);
        wrong +=
            tik_verify_compare(&a->partials[i].squares, &b->partials[i].squares, NULL, 1, bounded);
        wrong += report && !zeros_are_counted(a, i);
    }
    return wrong;
}

static enum tik_status verify_plan(struct tik_backend *device, struct tik_backend *scalar,
                                   const struct tik_plan *plan, struct tik_program *program,
                                   enum tik_conformance *conformance)
{
    /* Before, on the device, on the scalar path. */
    struct answers *answers = calloc(3, sizeof *answers);
    if (answers == NULL)
        return tik_error_memory("the known-answer run", 3 * sizeof *answers);
    for (size_t i = 0; i < COUNT; i++) {
        answers[0].array[0][i] = known_value(0, i);
        answers[0].array[1][i] = known_value(1, i);
        for (size_t k = 0; k < TIK_MAX_STATES; k++)
            answers[0].array[2 + k][i] = known_state(k, i);
    }
    answers[1] = answers[2] = answers[0];

    struct buffers there = {0}, here = {0};
    struct tik_program *twin = NULL;
    enum tik_status status = scalar->ops->program_create(scalar, plan, &twin);
    if (status == TIK_OK)
        status = run_plan(scalar, plan, twin, &here, &answers[2]);
    if (status == TIK_OK)
        status = run_plan(device, plan, program, &there, &answers[1]);
    if (status == TIK_OK) {
        const size_t arrays = 2 + plan->variant->state_count;
        *conformance = TIK_WRONG;
        if (compare_answers(&answers[1], &answers[2], &answers[0], arrays, plan->report, true) == 0)
            *conformance = TIK_BOUNDED;
        if (compare_answers(&answers[1], &answers[2], &answers[0], arrays, plan->report, false) ==
            0)
            *conformance = TIK_EXACT;
    }
    release(device, &there);
    release(scalar, &here);
    scalar->ops->program_destroy(scalar, twin);
    free(answers);
    return status;
}

/* Tensors of the norm's run: one block, none, a part of one, several. */
static const uint32_t norm_lengths[] = {1, 0, 93, 1030, 2051};
enum { NORM_TENSORS = sizeof norm_lengths / sizeof *norm_lengths };

static enum tik_status run_norm(struct tik_backend *backend, struct tik_program *program,
                                const float *grad, float max_norm, float *factor)
{
    const struct tik_backend_ops *ops = backend->ops;
    struct tik_block blocks[8];
    struct tik_tensor_blocks tensors[NORM_TENSORS];
    uint32_t count = 0;
    uint64_t first = 0;
    for (size_t t = 0; t < NORM_TENSORS; t++) {
        tensors[t].first = count;
        for (uint32_t done = 0; done < norm_lengths[t]; done += TIK_BLOCK, count++) {
            const uint32_t rest = norm_lengths[t] - done;
            blocks[count] = (struct tik_block){.first = first + done,
                                               .length = rest < TIK_BLOCK ? rest : TIK_BLOCK,
                                               .slot = count};
        }
        tensors[t].count = count - tensors[t].first;
        first += norm_lengths[t];
    }

    struct tik_apply piece = {.block_count = count};
    struct tik_run run = {.clip = true, .norm_program = program, .piece_count = 1};
    run.norm = (struct tik_norm_finish){
        .program = program, .tensor_count = NORM_TENSORS, .max_norm = max_norm};
    enum tik_status status = upload(backend, blocks, count * sizeof *blocks, &piece.blocks);
    if (status == TIK_OK)
        status = upload(backend, grad, first * sizeof *grad, &piece.grad);
    if (status == TIK_OK)
        status = upload(backend, tensors, sizeof tensors, &run.norm.tensors);
    if (status == TIK_OK)
        status = ops->memory_create(backend, count * sizeof(float), &run.norm.sums);
    if (status == TIK_OK)
        status = ops->memory_create(backend, NORM_TENSORS * sizeof(float), &run.norm.totals);
    if (status == TIK_OK)
        status = ops->memory_create(backend, 2 * sizeof(float), &run.norm.factor);
    run.pieces = &piece;
    if (status == TIK_OK)
        status = tik_run_norm(backend, &run);
    if (status == TIK_OK)
        status = ops->finish(backend);
    if (status == TIK_OK)
        status = ops->memory_read(backend, run.norm.factor, 0, 2 * sizeof(float), factor);

    struct tik_buffer *used[] = {piece.blocks,  piece.grad,      run.norm.tensors,
                                 run.norm.sums, run.norm.totals, run.norm.factor};
    for (size_t i = 0; i < sizeof used / sizeof *used; i++)
        ops->memory_destroy(backend, used[i]);
    return status;
}

/* Magnitudes of the gradients, and what they are clipped to. */
static const struct norm_case {
    float scale, max_norm;
} norm_cases[] = {
    {1.0f, 0.5f},    /* clipped */
    {1.0f, 1e30f},   /* not clipped */
    {1e-12f, 3e-9f}, /* the 1e-6 in the denominator shows */
    {1e17f, 0.5f},   /* the squares overflow: the clip is 0 */
};

static enum tik_status verify_norm(struct tik_backend *device, struct tik_backend *scalar,
                                   struct tik_program *program, enum tik_conformance *conformance)
{
    float grad[TIK_KNOWN_ANSWERS];
    enum tik_status status = TIK_OK;
    uint64_t differ = 0, beyond = 0;
    for (size_t c = 0; c < sizeof norm_cases / sizeof *norm_cases && status == TIK_OK; c++) {
        for (size_t i = 0; i < TIK_KNOWN_ANSWERS; i++)
            grad[i] = known_value(c, EDGES * EDGES + i) * norm_cases[c].scale;
        float there[2] = {0}, here[2] = {0};
        status = run_norm(device, program, grad, norm_cases[c].max_norm, there);
        if (status == TIK_OK)
            status = run_norm(scalar, NULL, grad, norm_cases[c].max_norm, here);
        differ += tik_verify_compare(there, here, NULL, 2, false);
        beyond += tik_verify_compare(there, here, NULL, 2, true);
    }
    *conformance = differ == 0 ? TIK_EXACT : beyond == 0 ? TIK_BOUNDED : TIK_WRONG;
    return status;
}

enum tik_status tik_verify_program(struct tik_backend *device, struct tik_backend *scalar,
                                   const struct tik_plan *plan, struct tik_program *program,
                                   enum tik_conformance *conformance)
{
    return plan != NULL ? verify_plan(device, scalar, plan, program, conformance)
                        : verify_norm(device, scalar, program, conformance);
}
