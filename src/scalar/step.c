/*
 * Scalar twin of cl/step.cl: the frame of a step over one block, piece by piece, each of which
 * stays in the first-level cache while the stages, plain loops, go over it.
 */
#include "step.h"

#include <string.h>

#include "copy.h"
#include "fuse.h"
#include "gradient.h"
#include "norm.h"
#include "numeric.h"
#include "reduce.h"

/*
 * Elements that the stages take at a time: so few that the streams of p, g and states run on side
 * by side, as memory likes it best, and that a stage finds in the first-level cache what the one
 * before it left there.
 */
#define PIECE 256
_Static_assert(TIK_BLOCK % PIECE == 0, "a block is whole pieces");

TIK_WIDE static void clip_by_factor(size_t n, float *g, float factor)
{
    for (size_t i = 0; i < n; i++)
        g[i] = g[i] * factor;
}

/* The usual stages in one pass over what memory gives; 1 for one of them changes no bit. */
TIK_WIDE static void unscale_and_clip(size_t n, const float *restrict g, float unscale,
                                      float factor, float *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = g[i] * unscale * factor;
}

TIK_WIDE static void ascend(size_t n, float *g)
{
    for (size_t i = 0; i < n; i++)
        g[i] = -g[i];
}

TIK_WIDE static void subtract_step(size_t n, float *restrict p, const float *restrict step)
{
    for (size_t i = 0; i < n; i++)
        p[i] = p[i] - step[i];
}

TIK_WIDE static void subtract_decay_and_step(size_t n, float *restrict p,
                                             const float *restrict step, float decay)
{
    for (size_t i = 0; i < n; i++)
        p[i] = p[i] - (decay * p[i] + step[i]);
}

TIK_WIDE static void decay(size_t n, const float *p, float share, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = p[i] - share * p[i];
}

static void replace(size_t n, float *restrict p, const float *restrict next)
{
    memcpy(p, next, n * sizeof *p);
}

TIK_WIDE static void take_decay_and_step(size_t n, const float *restrict p, float decay,
                                         float *restrict step)
{
    for (size_t i = 0; i < n; i++)
        step[i] = decay * p[i] + step[i];
}

TIK_WIDE static void subtract(size_t n, const float *restrict from, const float *restrict taken,
                              float *restrict x)
{
    for (size_t i = 0; i < n; i++)
        x[i] = from[i] - taken[i];
}

TIK_WIDE static void average(size_t n, float *restrict ema, const float *restrict p,
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

TIK_WIDE static void clip_by_unit(const struct tik_block *block, enum tik_scope scope, float *g)
{
    for (uint32_t j = 0; j < block->place.length; j++)
        g[j] = g[j] * block->clips[find_factor(scope, &block->place, j)];
}

TIK_WIDE static void grouped_by_unit(const struct tik_block *block, enum tik_scope scope, float *g)
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

const float *tik_scalar_prepare(const struct tik_plan *plan, const struct step_scalars *step,
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

TIK_WIDE static uint32_t count_zeros(size_t n, const float *p)
{
    uint32_t zeros = 0;
    for (size_t i = 0; i < n; i++)
        zeros += p[i] == 0.0f;
    return zeros;
}

static void report_block(const struct tik_plan *plan, const struct step_scalars *step,
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
    block->partial->zeros = count_zeros(n, p);
}

/* What reads the new p piece by piece. */
static void late_piece(const struct tik_plan *plan, const struct tik_row *row,
                       const struct tik_block *piece)
{
    if (plan->variant->after_twin != NULL)
        plan->variant->after_twin(piece->place.length, piece->p, piece->state, row->rule);
    if (plan->ema)
        average(piece->place.length, piece->state[TIK_EMA], piece->p, &row->step);
}

static void copy(const struct tik_plan *plan, const struct step_scalars *step,
                 const struct tik_block *block)
{
    uint16_t dice[TIK_BLOCK];
    if (plan->copy->random)
        tik_scalar_throw_dice(block->place.slot, &step->copy, dice);
    plan->copy->twin(block->place.length, block->p, dice, block->low);
}

/* What reads the new p of a whole block, whose sums and dice it has. */
static void read_block(const struct tik_plan *plan, const struct step_scalars *step,
                       const struct tik_block *block)
{
    if (plan->copy != NULL)
        copy(plan, step, block);
    if (plan->report)
        report_block(plan, step, block);
}

/* Likewise, once `at` was its last piece. */
static void late_block(const struct tik_plan *plan, const struct tik_row *row,
                       const struct tik_block *blocks, uint32_t at)
{
    const uint32_t end = at + PIECE;
    if ((plan->copy == NULL && !plan->report) ||
        (end % TIK_BLOCK != 0 && end < blocks->place.length))
        return;
    struct tik_block block;
    tik_block_part(blocks, at / TIK_BLOCK * TIK_BLOCK, TIK_BLOCK, &block);
    read_block(plan, &row->step, &block);
}

/* The parameter follows a state, which a proximal stage has moved. */
static void follow_moved(const struct tik_plan *plan, const struct tik_row *row,
                         const struct tik_block *piece, const float *x)
{
    float taken[PIECE];
    const size_t n = piece->place.length;
    subtract(n, piece->state[0], x, taken);
    plan->variant->follow_twin(n, x, taken, piece->state, row->rule, piece->p);
}

void tik_scalar_late(const struct tik_plan *plan, const struct tik_row *row,
                     const struct tik_block *blocks)
{
    for (uint32_t at = 0; at < blocks->place.length; at += PIECE) {
        struct tik_block piece;
        tik_block_part(blocks, at, PIECE, &piece);
        if (plan->variant->follow_twin != NULL)
            follow_moved(plan, row, &piece, piece.stepped);
        late_piece(plan, row, &piece);
        late_block(plan, row, blocks, at);
    }
}

TIK_WIDE static void accumulate(size_t n, float *restrict sum, const float *restrict g)
{
    for (size_t i = 0; i < n; i++)
        sum[i] = sum[i] + g[i];
}

void tik_scalar_accumulate(const struct tik_plan *plan, const struct tik_block *block)
{
    const size_t n = block->place.length;
    accumulate(n, block->state[TIK_SUM], block->g);
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
                        float old[TIK_MAX_STATES][PIECE])
{
    for (size_t k = 0; k < plan->variant->state_count; k++)
        memcpy(old[k], block->state[k], block->place.length * sizeof *old[k]);
}

/* The rule, with what was iterated to behind its states. */
static void run_rule(const struct tik_plan *plan, const struct tik_row *row,
                     const struct tik_block *piece, const float *g, float *taken)
{
    float x[PIECE], *states[TIK_MAX_STATES + 1] = {NULL};
    const size_t n = piece->place.length;
    if (plan->variant->iteration == NULL) {
        plan->variant->twin(n, piece->p, g, piece->state, row->rule, taken);
        return;
    }
    for (uint32_t j = 0; j < n; j++)
        x[j] = piece->iterate[element_of_matrix(&piece->place, j)];
    memcpy(states, piece->state, plan->variant->state_count * sizeof *states);
    states[plan->variant->state_count] = x;
    plan->variant->twin(n, piece->p, g, states, row->rule, taken);
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

/* The rest of a step that is taken from a state; `taken` is the rule's. */
static void step_state(const struct tik_plan *plan, const struct tik_row *row,
                       const struct tik_block *piece, float *taken)
{
    float x[PIECE];
    const size_t n = piece->place.length;
    if (plan->decoupled)
        take_decay_and_step(n, piece->p, row->step.decay, taken);
    subtract(n, piece->state[0], taken, x);
    proximal(plan, row, piece, NULL, x);
    if (plan->late)
        memcpy(piece->stepped, x, n * sizeof *x);
    else if (plan->moved)
        follow_moved(plan, row, piece, x);
    else
        plan->variant->follow_twin(n, x, taken, piece->state, row->rule, piece->p);
}

/* The rest of one that is taken from p. */
static void step_param(const struct tik_plan *plan, const struct tik_row *row,
                       const struct tik_block *piece, const float *taken, const float *rate)
{
    const size_t n = piece->place.length;
    const float share = row->step.decay;
    float *p = piece->p;
    if (plan->rule->replaces)
        replace(n, p, taken);
    else if (plan->decoupled && plan->order == TIK_ORDER_BESIDE)
        subtract_decay_and_step(n, p, taken, share);
    else
        subtract_step(n, p, taken);
    if (plan->order == TIK_ORDER_AFTER)
        decay(n, p, share, p);
    proximal(plan, row, piece, rate, p);
}

static void step_piece(const struct tik_plan *plan, const struct tik_row *row,
                       const struct tik_block *piece)
{
    _Alignas(64) float gradient[PIECE], taken[PIECE], rate[PIECE], old[TIK_MAX_STATES][PIECE];
    const size_t n = piece->place.length;
    const struct step_scalars *step = &row->step;
    float *p = piece->p;
    const float *g = tik_scalar_prepare(plan, step, piece, gradient);
    if (plan->diagonal)
        keep_states(plan, piece, old);
    if (plan->order == TIK_ORDER_BEFORE)
        decay(n, p, step->decay, p);
    run_rule(plan, row, piece, g, taken);
    if (plan->diagonal)
        plan->variant->rate_twin(n, (float *[]){old[0], old[1], old[2], old[3]}, piece->state,
                                 row->rule, rate);
    if (plan->variant->follow_twin != NULL)
        step_state(plan, row, piece, taken);
    else
        step_param(plan, row, piece, taken, rate);
    tik_scalar_clear(plan, piece);
}

/* Asks for the lines of the cache in which n elements are. */
static void fetch(size_t n, const float *x)
{
    const size_t line = 64 / sizeof *x;
    for (size_t i = 0; i < n; i += line)
        __builtin_prefetch(x + i, 1);
}

/* Asks for the piece at `at`, while the one before it is computed: divisions and roots take time. */
static void fetch_piece(const struct tik_block *blocks, uint32_t at)
{
    if (at >= blocks->place.length)
        return;
    struct tik_block piece;
    tik_block_part(blocks, at, PIECE, &piece);
    const size_t n = piece.place.length;
    fetch(n, piece.p);
    fetch(n, piece.g);
    for (size_t k = 0; k < TIK_LOW; k++)
        if (piece.state[k] != NULL)
            fetch(n, piece.state[k]);
}

/*
 * Whether the rule's loop does all of the step: what asks where an element is, or for each one's own
 * step, goes stage by stage.
 */
static bool is_fused(const struct tik_plan *plan)
{
    const struct tik_gather *gather = &plan->gather;
    bool fused = plan->variant->fused != NULL && plan->variant->after_twin == NULL && !plan->late &&
                 !plan->diagonal && !plan->cumulative && plan->order == TIK_ORDER_BESIDE &&
                 !gather->mean && !gather->limit && !tik_gather_units(gather);
    for (size_t i = 0; i < plan->penalty_count; i++)
        fused &= !plan->penalty[i].group_coupled;
    return fused;
}

static void step_fused(const struct tik_plan *plan, const struct tik_row *row,
                       const struct tik_block *blocks)
{
    const struct tik_gather *gather = &plan->gather;
    struct tik_frame frame = {
        .plan = plan,
        .step = &row->step,
        .unscale = gather->unscale ? blocks->control->unscale : 1.0f,
        .clip = gather->clip == TIK_CLIP_ALL ? blocks->control->clip : 1.0f,
        .scales = gather->unscale || gather->clip == TIK_CLIP_ALL,
    };
    for (size_t i = 0; i < plan->penalty_count; i++) {
        frame.couples |= plan->penalty[i].coupled.twin != NULL;
        frame.moves |= plan->penalty[i].proximal.twin != NULL;
    }
    /* Copy and report go block by block. */
    const uint32_t length = blocks->place.length;
    const uint32_t most = plan->copy != NULL || plan->report ? TIK_BLOCK : length;
    for (uint32_t at = 0; at < length; at += most) {
        struct tik_block part;
        tik_block_part(blocks, at, most, &part);
        frame.ema = plan->ema ? part.state[TIK_EMA] : NULL;
        plan->variant->fused(&frame, part.place.length, part.p, part.g, part.state, row->rule);
        read_block(plan, &row->step, &part);
    }
}

void tik_scalar_step(const struct tik_plan *plan, const struct tik_row *row,
                     const struct tik_block *blocks)
{
    if (is_fused(plan)) {
        step_fused(plan, row, blocks);
        return;
    }
    for (uint32_t at = 0; at < blocks->place.length; at += PIECE) {
        struct tik_block piece;
        tik_block_part(blocks, at, PIECE, &piece);
        fetch_piece(blocks, at + PIECE);
        step_piece(plan, row, &piece);
        if (plan->late)
            continue;
        late_piece(plan, row, &piece);
        late_block(plan, row, blocks, at);
    }
}

void tik_scalar_measure(const struct tik_plan *plan, const struct tik_row *row,
                        const struct tik_block *block, float *first, float *second)
{
    float gradient[TIK_BLOCK], rest[TIK_BLOCK], one[TIK_BLOCK], other[TIK_BLOCK];
    const size_t n = block->place.length;
    const float *g = tik_scalar_prepare(plan, &row->step, block, gradient), *p = block->p;
    if (plan->order == TIK_ORDER_BEFORE) {
        decay(n, p, row->step.decay, rest);
        p = rest;
    }
    plan->variant->measure->measure_twin(n, p, g, block->state, row->rule, one, other);
    for (uint32_t j = 0; j < n && plan->variant->iteration != NULL; j++)
        block->iterate[element_of_matrix(&block->place, j)] = other[j];
    *first = tik_scalar_squares(n, one);
    *second = tik_scalar_squares(n, other);
}
