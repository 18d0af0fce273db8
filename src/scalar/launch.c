#include "launch.h"

#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#else
#define omp_get_num_threads() 1
#define omp_get_thread_num()  0
#endif

#include "arguments.h"
#include "blas/blas.h"
#include "gradient.h"
#include "group.h"
#include "iterate.h"
#include "lines.h"
#include "norm.h"
#include "numeric.h"
#include "reduce.h"
#include "span.h"
#include "step.h"

/* Below this many blocks a parallel region costs more than it saves. */
#define PARALLEL_BLOCKS 64

/* Blocks of the tensors one after the other, each with buffers of its own. */
static uint32_t get_many(const struct tik_launch *l, uint64_t from, uint64_t to,
                         struct tik_block *block)
{
    const struct tik_many *tensor = l->many;
    while (from >= (tensor->count + TIK_BLOCK - 1) / TIK_BLOCK) {
        const uint64_t blocks = (tensor->count + TIK_BLOCK - 1) / TIK_BLOCK;
        from -= blocks;
        to -= blocks;
        tensor++;
    }
    const uint32_t taken = find_stretch(NULL, 0, tensor->count, from, to, &block->place);
    block->place.slot += tensor->slot;
    set_block(l, &tensor->arrays, &tensor->at, block);
    return taken;
}

/*
 * Block `from` of the launch and those after it, as one, as far as they lie side by side in a unit
 * and before `to`; returns how many they are.
 */
static uint32_t get_block(const struct tik_launch *l, uint64_t from, uint64_t to,
                          struct tik_block *block)
{
    if (l->many != NULL)
        return get_many(l, from, to, block);
    const uint32_t taken =
        find_stretch(bytes(l->spans.table), l->spans.count, l->count, from, to, &block->place);
    set_block(l, &l->arrays, &l->at, block);
    return taken;
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

/* ---- kernels: the work of some blocks side by side, or of one unit ---- */

static void accumulate(const struct tik_launch *l, const struct tik_block *blocks)
{
    tik_scalar_accumulate(plan_of(l), blocks);
}

/* What is not finite is counted before the limit, which would make an infinity finite. */
static void norm_block(const struct tik_launch *l, const struct tik_block *block)
{
    const struct tik_gather *gather = &plan_of(l)->gather;
    const size_t n = block->place.length;
    float prepared[TIK_BLOCK];
    const float *g = block->g;
    float *sums = floats(l->work->sums, block->place.slot);
    const uint32_t plane = l->work->plane;
    struct tik_gather unlimited = *gather;
    unlimited.limit = false;

    if (tik_scalar_gathers(gather)) {
        tik_scalar_gather(&unlimited, &l->gradient, n, g, block->state[TIK_SUM],
                          gather->unscale ? block->control->coming : 1.0f, prepared);
        g = prepared;
    }
    if (gather->guard)
        sums[2 * (size_t)plane] = tik_scalar_bad(n, g);
    if (gather->limit && !gather->late)
        tik_scalar_limit_by_value(n, &l->gradient, prepared);
    sums[0] = tik_scalar_squares(n, g);
    if (gather->clip == TIK_CLIP_ADAPTIVE)
        sums[plane] = tik_scalar_squares(n, block->p);
}

static void norm_blocks(const struct tik_launch *l, const struct tik_block *blocks)
{
    for (uint32_t at = 0; at < blocks->place.length; at += TIK_BLOCK) {
        struct tik_block block;
        tik_block_part(blocks, at, TIK_BLOCK, &block);
        norm_block(l, &block);
    }
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

static void group_blocks(const struct tik_launch *l, const struct tik_block *blocks)
{
    const struct tik_place *place = &blocks->place;
    float *sums = floats(l->work->sums, place->slot);
    for (uint32_t at = 0; at < place->length; at += TIK_BLOCK) {
        const uint32_t rest = place->length - at;
        sums[at / TIK_BLOCK] = tik_scalar_group_squares(
            rest < TIK_BLOCK ? rest : TIK_BLOCK, blocks->p + at * place->stride, place->stride);
    }
}

static void group_factors(const struct tik_launch *l, uint64_t u)
{
    const struct unit unit = get_unit(l, u);
    const struct penalty_scalars *k = &pick_row(l)->step.penalty[l->slot];
    const float squares = tik_row_sum(floats(l->work->sums, unit.slot), unit.blocks);
    *floats(l->work->factors, unit.number) = plan_of(l)->group->factor_twin(squares, k);
}

static void group_scale(const struct tik_launch *l, const struct tik_block *blocks)
{
    if (is_skipped(l))
        return;
    const struct tik_place *place = &blocks->place;
    tik_scalar_group_scale(place->length, blocks->p, place->stride,
                           *floats(l->work->factors, place->unit));
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

static void measure(const struct tik_launch *l, const struct tik_block *blocks)
{
    if (is_skipped(l))
        return;
    for (uint32_t at = 0; at < blocks->place.length; at += TIK_BLOCK) {
        struct tik_block block;
        float lines[TIK_LINE_VALUES][TIK_BLOCK];
        tik_block_part(blocks, at, TIK_BLOCK, &block);
        tik_scalar_read_lines(l, &block, lines);
        float *sums = floats(l->work->sums, block.place.slot);
        tik_scalar_measure(plan_of(l), pick_row(l), &block, &sums[0], &sums[l->work->plane]);
    }
}

static void ratios(const struct tik_launch *l, uint64_t u)
{
    const struct unit unit = get_unit(l, u);
    float *sums = floats(l->work->sums, unit.slot);
    const float first = tik_row_sum(sums, unit.blocks);
    const float second = tik_row_sum(sums + l->work->plane, unit.blocks);
    *floats(l->work->ratios, unit.number) = plan_of(l)->variant->measure->ratio_of_twin(
        first, second, (float)unit.span->length, pick_row(l)->rule);
}

static void normalize(const struct tik_launch *l, const struct tik_block *blocks)
{
    const struct tik_place *place = &blocks->place;
    tik_scalar_normalize(place->length, floats(l->iterate, place->matrix + place->inside),
                         *floats(l->work->ratios, place->unit));
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

/* Rules with numbers of rows and columns find them spread over one block at a time. */
static void step_lines(const struct tik_launch *l, const struct tik_row *row,
                       const struct tik_block *blocks)
{
    float lines[TIK_LINE_VALUES][TIK_BLOCK];
    for (uint32_t at = 0; at < blocks->place.length; at += TIK_BLOCK) {
        struct tik_block block;
        tik_block_part(blocks, at, TIK_BLOCK, &block);
        tik_scalar_read_lines(l, &block, lines);
        tik_scalar_step(plan_of(l), row, &block);
    }
}

/* The rule's scalars hold what is of its tensor alone: a copy for its blocks. */
static void step(const struct tik_launch *l, const struct tik_block *blocks)
{
    const struct tik_plan *plan = plan_of(l);
    if (is_skipped(l)) {
        tik_scalar_clear(plan, blocks);
        return;
    }
    const struct tik_row *row = pick_row(l);
    if (plan->variant->measure == NULL) {
        tik_scalar_step(plan, row, blocks);
        return;
    }
    struct tik_row own = *row;
    if (plan->variant->measure->ratio_in != NULL)
        own.rule[plan->variant->measure->ratio_index] =
            *floats(l->work->ratios, blocks->place.unit);
    if (plan->variant->iteration != NULL)
        plan->variant->iteration->adjust_twin(own.rule, blocks->place.rows, blocks->place.columns);
    if (plan->variant->lines != NULL)
        step_lines(l, &own, blocks);
    else
        tik_scalar_step(plan, &own, blocks);
}

static void late(const struct tik_launch *l, const struct tik_block *blocks)
{
    if (is_skipped(l))
        return;
    tik_scalar_late(plan_of(l), pick_row(l), blocks);
}

/* ---- launches ---- */

static const struct {
    void (*blocks)(const struct tik_launch *, const struct tik_block *);
    void (*unit)(const struct tik_launch *, uint64_t);
    void (*bundle)(const struct tik_launch *,
                   uint64_t); /* of lines: a block's share by its number */
} kernels[TIK_KERNELS] = {
    [TIK_ACCUMULATE] = {.blocks = accumulate},
    [TIK_NORM_BLOCKS] = {.blocks = norm_blocks},
    [TIK_NORM_MANY] = {.blocks = norm_blocks},
    [TIK_NORM_UNITS] = {.unit = norm_units},
    [TIK_NORM_FINISH] = {.unit = norm_finish},
    [TIK_GROUP_BLOCKS] = {.blocks = group_blocks},
    [TIK_GROUP_FACTORS] = {.unit = group_factors},
    [TIK_ROW_SUMS] = {.bundle = tik_scalar_row_sums},
    [TIK_COLUMN_SUMS] = {.bundle = tik_scalar_column_sums},
    [TIK_LINE_ENDS] = {.unit = tik_scalar_line_ends},
    [TIK_MEANS] = {.bundle = tik_scalar_means},
    [TIK_MEASURE] = {.blocks = measure},
    [TIK_RATIOS] = {.unit = ratios},
    [TIK_NORMALIZE] = {.blocks = normalize},
    [TIK_PRODUCT] = {.unit = product},
    [TIK_STEP] = {.blocks = step},
    [TIK_STEP_MANY] = {.blocks = step},
    [TIK_GROUP_SCALE] = {.blocks = group_scale},
    [TIK_GROUP_PROJECT] = {.unit = group_project},
    [TIK_LATE] = {.blocks = late},
};

static void work(const struct tik_launch *l, uint64_t from, uint64_t to)
{
    if (kernels[l->kernel].blocks == NULL) {
        void (*each)(const struct tik_launch *, uint64_t) = kernels[l->kernel].unit;
        each = each != NULL ? each : kernels[l->kernel].bundle;
        for (; from < to; from++)
            each(l, from);
        return;
    }
    struct tik_block blocks;
    while (from < to) {
        from += get_block(l, from, to, &blocks);
        kernels[l->kernel].blocks(l, &blocks);
    }
}

static uint64_t count_work(const struct tik_launch *l)
{
    if (l->kernel == TIK_NORM_FINISH)
        return 1;
    return kernels[l->kernel].unit != NULL ? l->spans.units : l->spans.blocks;
}

/* Which blocks a thread takes does not matter to the bits: each is a sum of its own. */
void tik_scalar_launch(const struct tik_launch *l, int threads)
{
    const uint64_t count = count_work(l);
    (void)threads;
    if (l->kernel == TIK_PRODUCT && l->product.large && tik_scalar_blas() != NULL) {
        fenv_t saved;
        tik_numeric_enter(&saved);
        blas_product(l);
        tik_numeric_leave(&saved);
        return;
    }
#pragma omp parallel num_threads(threads) if (l->spans.blocks >= PARALLEL_BLOCKS && count > 1 &&   \
                                              threads > 1)
    {
        const uint64_t shares = (uint64_t)omp_get_num_threads();
        const uint64_t share = (uint64_t)omp_get_thread_num();
        fenv_t saved;
        tik_numeric_enter(&saved);
        work(l, count * share / shares, count * (share + 1) / shares);
        tik_numeric_leave(&saved);
    }
}
