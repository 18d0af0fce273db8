#include "launch.h"

#include <string.h>

#include "blas/blas.h"
#include "gradient.h"
#include "group.h"
#include "iterate.h"
#include "norm.h"
#include "numeric.h"
#include "reduce.h"
#include "span.h"
#include "step.h"

/* Below this many blocks a parallel region costs more than it saves. */
#define PARALLEL_BLOCKS 64

/* ---- what the kernels get as arguments ---- */

static void *bytes(const struct tik_buffer *buffer)
{
    return buffer != NULL ? buffer->bytes : NULL;
}

static float *floats(const struct tik_buffer *buffer, uint64_t at)
{
    return buffer != NULL ? (float *)buffer->bytes + at : NULL;
}

static const struct tik_plan *plan_of(const struct tik_launch *l)
{
    return &l->program->plan;
}

static const struct tik_control *control_of(const struct tik_launch *l)
{
    return bytes(l->work->control);
}

static bool is_skipped(const struct tik_launch *l)
{
    return plan_of(l)->gather.guard && control_of(l)->skip != 0;
}

/* With a guard the scalars are picked by the count of applied steps. */
static const struct tik_row *pick_row(const struct tik_launch *l)
{
    if (!plan_of(l)->gather.guard)
        return &l->values->row;
    const struct tik_progress *progress = bytes(l->work->progress);
    const struct tik_row *rows = bytes(l->work->rows);
    return &rows[l->group * TIK_ROWS + progress[l->group].row];
}

static struct tik_place get_place(const struct tik_launch *l, uint64_t b)
{
    return find_place(bytes(l->spans.table), l->spans.count, l->count, (uint32_t)b);
}

static struct tik_block get_block(const struct tik_launch *l, uint64_t b)
{
    struct tik_block block = {.place = get_place(l, b)};
    const uint64_t first = block.place.first;
    block.p = floats(l->arrays.param, l->at.param + first);
    block.g = floats(l->arrays.grad, l->at.grad + first);
    for (size_t k = 0; k < TIK_LOW; k++)
        block.state[k] = floats(l->arrays.state[k], l->at.state[k] + first);
    block.stepped = floats(l->work->stepped, first);
    if (l->arrays.state[TIK_LOW] != NULL)
        block.low = (uint16_t *)bytes(l->arrays.state[TIK_LOW]) + l->at.state[TIK_LOW] + first;
    block.control = control_of(l);
    block.clips = floats(l->work->clips, 0);
    block.factors = floats(l->work->factors, 0);
    block.iterate = floats(l->iterate, 0);
    if (l->work->partials != NULL)
        block.partial = (struct tik_partial *)bytes(l->work->partials) + block.place.slot;
    return block;
}

/* A unit and the sums of its blocks. */
struct unit {
    const struct tik_span *span;
    uint32_t blocks, slot, number;
    uint64_t first;
};

static struct unit get_unit(const struct tik_launch *l, uint64_t u)
{
    const struct tik_span *spans = bytes(l->spans.table);
    const struct tik_span *span = &spans[find_unit(spans, l->spans.count, (uint32_t)u)];
    const uint32_t nth = (uint32_t)u - span->order;
    return (struct unit){.span = span,
                         .blocks = unit_blocks(span),
                         .slot = span->slot + nth * unit_blocks(span),
                         .number = span->unit + nth,
                         .first = span->first + nth * span->step};
}

/* ---- kernels: the work of one group ---- */

static void accumulate(const struct tik_launch *l, uint64_t b)
{
    const struct tik_block block = get_block(l, b);
    tik_scalar_accumulate(plan_of(l), &block);
}

/* What is not finite is counted before the limit, which would make an infinity finite. */
static void norm_blocks(const struct tik_launch *l, uint64_t b)
{
    const struct tik_gather *gather = &plan_of(l)->gather;
    const struct tik_block block = get_block(l, b);
    const size_t n = block.place.length;
    float prepared[TIK_BLOCK];
    const float *g = block.g;
    float *sums = floats(l->work->sums, block.place.slot);
    const uint32_t plane = l->work->plane;
    struct tik_gather unlimited = *gather;
    unlimited.limit = false;

    if (tik_scalar_gathers(gather)) {
        tik_scalar_gather(&unlimited, &l->gradient, n, g, block.state[TIK_SUM],
                          gather->unscale ? block.control->coming : 1.0f, prepared);
        g = prepared;
    }
    if (gather->guard)
        sums[2 * (size_t)plane] = tik_scalar_bad(n, g);
    if (gather->limit && !gather->late)
        tik_scalar_limit_by_value(n, &l->gradient, prepared);
    sums[0] = tik_scalar_squares(n, g);
    if (gather->clip == TIK_CLIP_ADAPTIVE)
        sums[plane] = tik_scalar_squares(n, block.p);
}

static void norm_units(const struct tik_launch *l, uint64_t u)
{
    const bool adaptive = plan_of(l)->gather.clip == TIK_CLIP_ADAPTIVE;
    const struct unit unit = get_unit(l, u);
    float *sums = floats(l->work->sums, unit.slot), *clips = floats(l->work->clips, unit.number);
    const float squares = tik_row_sum(sums, unit.blocks);
    const float second = adaptive ? tik_row_sum(sums + l->work->plane, unit.blocks) : 0.0f;
    *clips = adaptive ? tik_scalar_clip_adaptive(squares, second, &l->gradient)
                      : tik_scalar_clip_norm(squares, second, &l->gradient);
}

static void norm_finish(const struct tik_launch *l, uint64_t unused)
{
    (void)unused;
    const struct tik_gather *gather = &plan_of(l)->gather;
    const struct tik_tensor_blocks *tensors = bytes(l->work->tensors);
    struct tik_control *control = bytes(l->work->control);
    float *sums = floats(l->work->sums, 0), *totals = floats(l->work->totals, 0);
    float bad = 0.0f;
    if (gather->guard)
        bad = tik_scalar_sum_tensors(tensors, l->tensor_count, sums + 2 * (size_t)l->work->plane,
                                     totals);
    if (gather->clip == TIK_CLIP_ALL) {
        const float squares = tik_scalar_sum_tensors(tensors, l->tensor_count, sums, totals);
        control->clip = tik_scalar_clip_norm(squares, 0.0f, &l->gradient);
        control->norm = square_root(squares);
    }
    if (gather->guard)
        tik_scalar_decide(bad > 0.0f, control, bytes(l->work->rows), bytes(l->work->progress),
                          l->group_count, &l->guard);
}

static void group_blocks(const struct tik_launch *l, uint64_t b)
{
    const struct tik_place place = get_place(l, b);
    *floats(l->work->sums, place.slot) = tik_scalar_group_squares(
        place.length, floats(l->arrays.param, l->at.param + place.first), place.stride);
}

static void group_factors(const struct tik_launch *l, uint64_t u)
{
    const struct unit unit = get_unit(l, u);
    const struct penalty_scalars *k = &pick_row(l)->step.penalty[l->slot];
    const float squares = tik_row_sum(floats(l->work->sums, unit.slot), unit.blocks);
    *floats(l->work->factors, unit.number) = plan_of(l)->group->factor_twin(squares, k);
}

static void group_scale(const struct tik_launch *l, uint64_t b)
{
    if (is_skipped(l))
        return;
    const struct tik_place place = get_place(l, b);
    tik_scalar_group_scale(place.length, floats(l->arrays.param, l->at.param + place.first),
                           place.stride, *floats(l->work->factors, place.unit));
}

static void group_project(const struct tik_launch *l, uint64_t u)
{
    if (is_skipped(l))
        return;
    const struct unit unit = get_unit(l, u);
    tik_scalar_group_project(plan_of(l)->group->shape_twin, &pick_row(l)->step.penalty[l->slot],
                             unit.span->length, floats(l->arrays.param, l->at.param + unit.first),
                             unit.span->stride, floats(l->work->sums, unit.slot));
}

static void measure(const struct tik_launch *l, uint64_t b)
{
    if (is_skipped(l))
        return;
    const struct tik_block block = get_block(l, b);
    float *sums = floats(l->work->sums, block.place.slot);
    tik_scalar_measure(plan_of(l), pick_row(l), &block, &sums[0], &sums[l->work->plane]);
}

static void ratios(const struct tik_launch *l, uint64_t u)
{
    const struct unit unit = get_unit(l, u);
    float *sums = floats(l->work->sums, unit.slot);
    const float first = tik_row_sum(sums, unit.blocks);
    const float second = tik_row_sum(sums + l->work->plane, unit.blocks);
    *floats(l->work->ratios, unit.number) =
        plan_of(l)->variant->measure->ratio_of_twin(first, second, pick_row(l)->rule);
}

static void normalize(const struct tik_launch *l, uint64_t b)
{
    const struct tik_place place = get_place(l, b);
    tik_scalar_normalize(place.length, floats(l->iterate, place.matrix + place.inside),
                         *floats(l->work->ratios, place.unit));
}

static void product(const struct tik_launch *l, uint64_t row)
{
    const struct tik_product *p = &l->product.scalars;
    tik_scalar_product(p, floats(l->product.a, p->a), floats(l->product.b, p->b),
                       floats(l->product.d, p->d), floats(l->product.c, p->c), row);
}

static void blas_product(const struct tik_launch *l)
{
    const struct tik_product *p = &l->product.scalars;
    tik_scalar_blas_product(p, floats(l->product.a, p->a), floats(l->product.b, p->b),
                            floats(l->product.d, p->d), floats(l->product.c, p->c));
}

/* The rule's scalars hold what is of its tensor alone: a copy for each block. */
static void step(const struct tik_launch *l, uint64_t b)
{
    const struct tik_plan *plan = plan_of(l);
    const struct tik_block block = get_block(l, b);
    if (is_skipped(l)) {
        tik_scalar_clear(plan, &block);
        return;
    }
    const struct tik_row *row = pick_row(l);
    if (plan->variant->measure == NULL) {
        tik_scalar_step(plan, row, &block);
        return;
    }
    struct tik_row own = *row;
    if (plan->variant->measure->ratio_in != NULL)
        own.rule[plan->variant->measure->ratio_index] = *floats(l->work->ratios, block.place.unit);
    if (plan->variant->iteration != NULL)
        plan->variant->iteration->adjust_twin(own.rule, block.place.rows, block.place.columns);
    tik_scalar_step(plan, &own, &block);
}

/* Blocks of the tensors one after the other, each with buffers of its own. */
static void step_many(const struct tik_launch *l, uint64_t b)
{
    uint32_t t = 0;
    while (b >= (l->many[t].count + TIK_BLOCK - 1) / TIK_BLOCK)
        b -= (l->many[t++].count + TIK_BLOCK - 1) / TIK_BLOCK;
    struct tik_launch one = *l;
    one.spans = (struct tik_spans){0};
    one.count = l->many[t].count;
    one.arrays = l->many[t].arrays;
    one.at = l->many[t].at;
    step(&one, b);
}

static void late(const struct tik_launch *l, uint64_t b)
{
    if (is_skipped(l))
        return;
    const struct tik_block block = get_block(l, b);
    tik_scalar_late(plan_of(l), pick_row(l), &block);
}

/* ---- launches ---- */

static const struct {
    void (*work)(const struct tik_launch *, uint64_t);
    bool units; /* a group a unit, not a block */
} kernels[TIK_KERNELS] = {
    [TIK_ACCUMULATE] = {accumulate, false},
    [TIK_NORM_BLOCKS] = {norm_blocks, false},
    [TIK_NORM_UNITS] = {norm_units, true},
    [TIK_NORM_FINISH] = {norm_finish, false},
    [TIK_GROUP_BLOCKS] = {group_blocks, false},
    [TIK_GROUP_FACTORS] = {group_factors, true},
    [TIK_MEASURE] = {measure, false},
    [TIK_RATIOS] = {ratios, true},
    [TIK_NORMALIZE] = {normalize, false},
    [TIK_PRODUCT] = {product, true},
    [TIK_STEP] = {step, false},
    [TIK_STEP_MANY] = {step_many, false},
    [TIK_GROUP_SCALE] = {group_scale, false},
    [TIK_GROUP_PROJECT] = {group_project, true},
    [TIK_LATE] = {late, false},
};

/* Which groups a thread takes does not matter to the bits: each block is a sum of its own. */
void tik_scalar_launch(const struct tik_launch *l, int threads)
{
    const int64_t blocks = (int64_t)l->spans.blocks;
    const int64_t count = l->kernel == TIK_NORM_FINISH ? 1
                          : kernels[l->kernel].units   ? (int64_t)l->spans.units
                                                       : blocks;
    (void)threads;
    if (l->kernel == TIK_PRODUCT && l->product.large && tik_scalar_blas() != NULL) {
        fenv_t saved;
        tik_numeric_enter(&saved);
        blas_product(l);
        tik_numeric_leave(&saved);
        return;
    }
#pragma omp parallel num_threads(threads) if (blocks >= PARALLEL_BLOCKS && count > 1 && threads > 1)
    {
        fenv_t saved;
        tik_numeric_enter(&saved);
#pragma omp for schedule(static)
        for (int64_t n = 0; n < count; n++)
            kernels[l->kernel].work(l, (uint64_t)n);
        tik_numeric_leave(&saved);
    }
}
