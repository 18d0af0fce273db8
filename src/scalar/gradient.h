/* Scalar twin of cl/gradient.cl: the gradient as it comes to the rule, over one block. */
#ifndef TIK_SRC_SCALAR_GRADIENT_H
#define TIK_SRC_SCALAR_GRADIENT_H

#include "../plan.h"

/*
 * Whether the stages before the clip change anything, and what they make of n <= TIK_BLOCK
 * gradients. `sum` is read while gradients accumulate, `unscale` under a loss scale.
 */
bool tik_scalar_gathers(const struct tik_gather *gather);
void tik_scalar_gather(const struct tik_gather *gather, const struct gradient_scalars *k, size_t n,
                       const float *g, const float *sum, float unscale, float *out);

void tik_scalar_limit_by_value(size_t n, const struct gradient_scalars *k, float *g);

#endif
