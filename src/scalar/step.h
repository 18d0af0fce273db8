/* Scalar twin of cl/step.cl and cl/measure.cl: one block. */
#ifndef TIK_SRC_SCALAR_STEP_H
#define TIK_SRC_SCALAR_STEP_H

#include "../plan.h"
#include "span.h"

/* One block of a tensor, and what its stages look up. */
struct tik_block {
    struct tik_place place;
    float *p, *g;
    float *state[TIK_LOW]; /* those that the plan has */
    uint16_t *low;         /* the low-precision copy */
    float *stepped;        /* where a state waits for penalties on units; NULL: it does not */
    const struct tik_control *control;
    const float *clips, *factors;
    float *iterate; /* where the matrices lie that the rule iterates on; NULL: it does not */
    struct tik_partial *partial; /* NULL: no report */
};

/*
 * Steps the block through the stages of the plan; `row`: the scalars, the rule's ratio of norms
 * among them.
 */
void tik_scalar_step(const struct tik_plan *plan, const struct tik_row *row,
                     const struct tik_block *block);

/* The sums of squares that the rule measures; writes the block's share of what is iterated on. */
void tik_scalar_measure(const struct tik_plan *plan, const struct tik_row *row,
                        const struct tik_block *block, float *first, float *second);

/* What reads the new p: the rule's last word, average, report. */
void tik_scalar_late(const struct tik_plan *plan, const struct tik_row *row,
                     const struct tik_block *block);

/* sum <- sum + g */
void tik_scalar_accumulate(const struct tik_plan *plan, const struct tik_block *block);

/* What is cleared once the gradients were used, or are of no use. */
void tik_scalar_clear(const struct tik_plan *plan, const struct tik_block *block);

#endif
