/* Scalar twin of cl/norm.cl: one block, one unit, the decision. */
#ifndef TIK_SRC_SCALAR_NORM_H
#define TIK_SRC_SCALAR_NORM_H

#include "../plan.h"

/* The sum of squares of n <= TIK_BLOCK values, by the fixed tree. */
float tik_scalar_squares(size_t n, const float *g);

/* How many of n values are not finite. */
float tik_scalar_bad(size_t n, const float *g);

/* Factors that clip: by a norm, and by that of the parameters. */
float tik_scalar_clip_norm(float squares, float second, const struct gradient_scalars *k);
float tik_scalar_clip_adaptive(float squares, float second, const struct gradient_scalars *k);

/* The sum over all tensors of the sums of their blocks; overwrites both. */
float tik_scalar_sum_tensors(const struct tik_tensor_blocks *tensors, uint32_t tensor_count,
                             float *sums, float *totals);

/* Whether the step is applied, and with which rows of scalars. */
void tik_scalar_decide(bool bad, struct tik_control *control, const struct tik_row *rows,
                       struct tik_progress *progress, uint32_t group_count,
                       const struct guard_scalars *k);

#endif
