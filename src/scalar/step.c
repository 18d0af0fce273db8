/*
 * Scalar twin of cl/step.cl: the frame of a step over one block, which stays in the first-level
 * cache while the stages, each a plain loop, go over it.
 */
#include "step.h"

#include <string.h>

#include "gradient.h"
#include "norm.h"
#include "numeric.h"
#include "reduce.h"

static void clip_by_factor(size_t n, float *g, float factor)
{
    for (size_t i = 0; i < n; i++)
        g[i] = g[i] * factor;
}

/* The usual stages in one pass over what memory gives; 1 for one of them changes no bit. */
static void unscale_and_clip(size_t n, const float *restrict g, float unscale, float factor,
                             float *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = g[i] * unscale * factor;
}

static void ascend(size_t n, float *g)
{
    for (size_t i = 0; i < n; i++)
        g[i] = -g[i];
}

static void subtract_step(size_t n, float *restrict p, const float *restrict step)
{
    for (size_t i = 0; i < n; i++)
        p[i] = p[i] - step[i];
}

static void subtract_decay_and_step(size_t n, float *restrict p, const float *restrict step,
                                    float decay)
{
    for (size_t i = 0; i < n; i++)
        p[i] = p[i] - (decay * p[i] + step[i]);
}

static void decay(size_t n, const float *p, float share, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = p[i] - share * p[i];
}

static void replace(size_t n, float *restrict p, const float *restrict next)
{
    memcpy(p, next, n * sizeof *p);
}

static void take_decay_and_step(size_t n, const float *restrict p, float decay,
                                float *restrict step)
{
    for (size_t i = 0; i < n; i++)
        step[i] = decay * p[i] + step[i];
}

static void subtract(size_t n, const float *restrict from, const float *restrict taken,
                     float *restrict x)
{
    for (size_t i = 0; i < n; i++)
        x[i] = from[i] - taken[i];
}

static void average(size_t n, float *restrict ema, const float *restrict p,
                    const struct step_scalars *k)
{
    const float decay = k->ema_decay, intake = k->ema_intake;
    for (size_t i = 0; i < n; i++)
        ema[i] = decay * ema[i] + intake * p[i];
}

static uint64_t find_factor(enum tik_scope scope, const struct tik_place *place, uint32_t j)
{
    if (scope == TIK_SCOPE_TENSOR)
        return unit_of_tensor(place, j);
    return scope == TIK_SCOPE_ROW ? unit_of_row(place, j) : unit_of_column(place, j);
}

static void clip_by_unit(const struct tik_block *block, enum tik_scope scope, float *g)
{
    for (uint32_t j = 0; j < block->place.length; j++)
        g[j] = g[j] * block->clips[find_factor(scope, &block->place, j)];
}

static void grouped_by_unit(const struct tik_block *block, enum tik_scope scope, float *g)
{
    for (uint32_t j = 0; j < block->place.length; j++)
        g[j] = g[j] + block->factors[find_factor(scope, &block->place, j)] * block->p[j];
}

/* Whether any stage before the rule changes the gradient. */
static bool changes(const struct tik_plan *plan)
{
    const struct tik_gather *gather = &plan->gather;
    bool changed = tik_scalar_gathers(gather) || gather->limit || gather->clip != TIK_CLIP_NONE ||
                   plan->maximize;
    for (size_t i = 0; i < plan->penalty_count; i++)
        changed |= plan->penalty[i].coupled.twin != NULL || plan->penalty[i].group_coupled;
    return changed;
}

static void clip(const struct tik_plan *plan, const struct tik_block *block, float *g)
{
    const struct tik_gather *gather = &plan->gather;
    if (gather->clip == TIK_CLIP_ALL)
        clip_by_factor(block->place.length, g, block->control->clip);
    else if (gather->clip != TIK_CLIP_NONE)
        clip_by_unit(block, tik_gather_scope(gather), g);
}

/* The gradient as the rule sees it: `out` or, where no stage changes it, the block's own. */
static const float *prepare(const struct tik_plan *plan, const struct step_scalars *step,
                            const struct tik_block *block, float *out)
{
    const size_t n = block->place.length;
    if (!changes(plan))
        return block->g;

    const struct tik_gather *gather = &plan->gather;
    const float unscale = gather->unscale ? block->control->unscale : 1.0f;
    if (gather->clip == TIK_CLIP_ALL && !gather->mean && (!gather->limit || gather->late)) {
        unscale_and_clip(n, block->g, unscale, block->control->clip, out);
    } else {
        tik_scalar_gather(gather, &step->gradient, n, block->g, block->state[TIK_SUM], unscale,
                          out);
        clip(plan, block, out);
    }
    if (plan->maximize)
        ascend(n, out);
    for (size_t i = 0; i < plan->penalty_count; i++)
        if (plan->penalty[i].coupled.twin != NULL)
            plan->penalty[i].coupled.twin(n, block->p, &step->penalty[i], out);
    const size_t group = tik_plan_coupled_group(plan);
    if (group < TIK_PENALTY_SLOTS)
        grouped_by_unit(block, plan->penalty[group].scope, out);
    if (plan->gather.limit && plan->gather.late)
        tik_scalar_limit_by_value(n, &step->gradient, out);
    return out;
}

static void report(const struct tik_plan *plan, const struct step_scalars *step,
                   const struct tik_block *block)
{
    const size_t n = block->place.length;
    const float *p = block->p;
    float terms[TIK_BLOCK] = {0};
    for (size_t i = 0; i < plan->penalty_count; i++)
        if (plan->penalty[i].value.twin != NULL)
            plan->penalty[i].value.twin(n, p, &step->penalty[i], terms);
    block->partial->penalty = tik_block_sum(terms);
    block->partial->squares = tik_scalar_squares(n, p);

    uint32_t zeros = 0;
    for (size_t i = 0; i < n; i++)
        zeros += p[i] == 0.0f;
    block->partial->zeros = zeros;
}

/* What reads the new p. */
static void finish(const struct tik_plan *plan, const struct tik_row *row,
                   const struct tik_block *block)
{
    if (plan->variant->after_twin != NULL)
        plan->variant->after_twin(block->place.length, block->p, block->state, row->rule);
    if (plan->ema)
        average(block->place.length, block->state[TIK_EMA], block->p, &row->step);
    if (plan->report)
        report(plan, &row->step, block);
}

/* The parameter follows the iterate, which a proximal stage has moved. */
static void follow_moved(const struct tik_plan *plan, const struct tik_row *row,
                         const struct tik_block *block, const float *x)
{
    float taken[TIK_BLOCK];
    const size_t n = block->place.length;
    subtract(n, block->state[0], x, taken);
    plan->variant->follow_twin(n, x, taken, block->state, row->rule, block->p);
}

void tik_scalar_late(const struct tik_plan *plan, const struct tik_row *row,
                     const struct tik_block *block)
{
    if (plan->variant->follow_twin != NULL)
        follow_moved(plan, row, block, block->iterate);
    finish(plan, row, block);
}

void tik_scalar_accumulate(const struct tik_plan *plan, const struct tik_block *block)
{
    const size_t n = block->place.length;
    float *restrict sum = block->state[TIK_SUM];
    const float *restrict g = block->g;
    for (size_t i = 0; i < n; i++)
        sum[i] += g[i];
    if (plan->gather.zero_grad)
        memset(block->g, 0, n * sizeof *block->g);
}

void tik_scalar_clear(const struct tik_plan *plan, const struct tik_block *block)
{
    const size_t bytes = block->place.length * sizeof(float);
    if (plan->gather.zero_grad)
        memset(block->g, 0, bytes);
    if (plan->gather.mean)
        memset(block->state[TIK_SUM], 0, bytes);
}

static void keep_states(const struct tik_plan *plan, const struct tik_block *block,
                        float old[TIK_MAX_STATES][TIK_BLOCK])
{
    for (size_t k = 0; k < plan->variant->state_count; k++)
        memcpy(old[k], block->state[k], block->place.length * sizeof *old[k]);
}

static void proximal(const struct tik_plan *plan, const struct tik_row *row,
                     const struct tik_block *block, const float *rate, float *x)
{
    for (size_t i = 0; i < plan->penalty_count; i++) {
        const struct tik_plan_penalty *slot = &plan->penalty[i];
        const struct penalty_scalars *k = &row->step.penalty[i];
        if (slot->own.twin != NULL)
            slot->own.twin(block->place.length, rate, block->state[TIK_PAID], k, x);
        else if (slot->proximal.twin != NULL)
            slot->proximal.twin(block->place.length, NULL, k, x);
    }
}

/* The rest of a step that is taken from an iterate; `taken` is the rule's. */
static void step_iterate(const struct tik_plan *plan, const struct tik_row *row,
                         const struct tik_block *block, float *taken)
{
    float x[TIK_BLOCK];
    const size_t n = block->place.length;
    if (plan->decoupled)
        take_decay_and_step(n, block->p, row->step.decay, taken);
    subtract(n, block->state[0], taken, x);
    proximal(plan, row, block, NULL, x);
    if (plan->late)
        memcpy(block->iterate, x, n * sizeof *x);
    else if (plan->moved)
        follow_moved(plan, row, block, x);
    else
        plan->variant->follow_twin(n, x, taken, block->state, row->rule, block->p);
}

void tik_scalar_step(const struct tik_plan *plan, const struct tik_row *row,
                     const struct tik_block *block)
{
    float gradient[TIK_BLOCK], taken[TIK_BLOCK], rate[TIK_BLOCK], old[TIK_MAX_STATES][TIK_BLOCK];
    const size_t n = block->place.length;
    const struct step_scalars *step = &row->step;
    float *p = block->p;
    const float *g = prepare(plan, step, block, gradient);
    if (plan->diagonal)
        keep_states(plan, block, old);
    if (plan->order == TIK_ORDER_BEFORE)
        decay(n, p, step->decay, p);
    plan->variant->twin(n, p, g, block->state, row->rule, taken);
    if (plan->diagonal)
        plan->variant->rate_twin(n, (float *[]){old[0], old[1], old[2], old[3]}, block->state,
                                 row->rule, rate);
    if (plan->variant->follow_twin != NULL)
        step_iterate(plan, row, block, taken);
    else if (plan->rule->replaces)
        replace(n, p, taken);
    else if (plan->decoupled && plan->order == TIK_ORDER_BESIDE)
        subtract_decay_and_step(n, p, taken, step->decay);
    else
        subtract_step(n, p, taken);
    if (plan->order == TIK_ORDER_AFTER)
        decay(n, p, step->decay, p);
    if (plan->variant->follow_twin == NULL)
        proximal(plan, row, block, rate, p);
    tik_scalar_clear(plan, block);
    if (!plan->late)
        finish(plan, row, block);
}

void tik_scalar_measure(const struct tik_plan *plan, const struct tik_row *row,
                        const struct tik_block *block, float *first, float *second)
{
    float gradient[TIK_BLOCK], rest[TIK_BLOCK], one[TIK_BLOCK], other[TIK_BLOCK];
    const size_t n = block->place.length;
    const float *g = prepare(plan, &row->step, block, gradient), *p = block->p;
    if (plan->order == TIK_ORDER_BEFORE) {
        decay(n, p, row->step.decay, rest);
        p = rest;
    }
    plan->variant->measure->measure_twin(n, p, g, block->state, row->rule, one, other);
    *first = tik_scalar_squares(n, one);
    *second = tik_scalar_squares(n, other);
}
