/* Scalar twin of cl/step.cl and cl/measure.cl: blocks that lie side by side. */
#ifndef TIK_SRC_SCALAR_STEP_H
#define TIK_SRC_SCALAR_STEP_H

#include "../plan.h"
#include "span.h"

/* One block of a tensor, or several side by side, and what the stages look up. */
struct tik_block {
    struct tik_place place;
    float *p, *g;
    float *state[TIK_LOW]; /* those that the plan has */
    uint16_t *low;         /* the low-precision copy */
    const struct tik_control *control;
    const float *clips, *factors;
    float *iterate; /* where the matrices lie that the rule iterates on; NULL: it does not */
    struct tik_partial *partial; /* of the first block; NULL: no report */
};

/* The gradient as the rule sees it: `out` or, where no stage changes it, the block's own. */
const float *tik_scalar_prepare(const struct tik_plan *plan, const struct step_scalars *step,
                                const struct tik_block *block, float *out);

/*
 * `most` elements at most from the element `at` on. Field by field: to load, wide, what was stored
 * narrow a moment ago waits in most processors until all stores before are done, those to the
 * parameters among them.
 */
static inline void tik_block_part(const struct tik_block *blocks, uint32_t at, uint32_t most,
                                  struct tik_block *part)
{
    const uint32_t rest = blocks->place.length - at;
    *part = *blocks;
    part->place.length = rest < most ? rest : most;
    part->place.slot = blocks->place.slot + at / TIK_BLOCK;
    part->place.first = blocks->place.first + at;
    part->place.inside = blocks->place.inside + at;
    part->place.rest = blocks->place.rest - at;
    part->p = blocks->p + at;
    part->g = blocks->g + at;
    for (size_t k = 0; k < TIK_LOW; k++)
        if (blocks->state[k] != NULL)
            part->state[k] = blocks->state[k] + at;
    if (blocks->low != NULL)
        part->low = blocks->low + at;
    if (blocks->partial != NULL)
        part->partial = blocks->partial + at / TIK_BLOCK;
}

/*
 * Steps the blocks through the stages of the plan; `row`: the scalars, the rule's ratio of norms
 * among them.
 */
void tik_scalar_step(const struct tik_plan *plan, const struct tik_row *row,
                     const struct tik_block *blocks);

/*
 * The sums of squares that the rule measures of one block; writes the block's share of what is
 * iterated on.
 */
void tik_scalar_measure(const struct tik_plan *plan, const struct tik_row *row,
                        const struct tik_block *block, float *first, float *second);

/* What reads the new p: the rule's last word, average, report. */
void tik_scalar_late(const struct tik_plan *plan, const struct tik_row *row,
                     const struct tik_block *blocks);

/* sum <- sum + g */
void tik_scalar_accumulate(const struct tik_plan *plan, const struct tik_block *blocks);

/* What is cleared once the gradients were used, or are of no use. */
void tik_scalar_clear(const struct tik_plan *plan, const struct tik_block *blocks);

#endif
