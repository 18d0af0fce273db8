/* Scalar twin of cl/group.cl: factors of units, and projections. */
#ifndef TIK_SRC_SCALAR_GROUP_H
#define TIK_SRC_SCALAR_GROUP_H

#include "types.h"

/* The sum of squares of n <= TIK_BLOCK values at a distance, by the fixed tree. */
float tik_scalar_group_squares(size_t n, const float *p, size_t stride);

/* p <- factor*p, exactly 0 under a factor of 0. */
void tik_scalar_group_scale(size_t n, float *p, size_t stride, float factor);

/*
 * The nearest point of a simplex or an l1 ball; `sums` has room for the sums of the unit's blocks.
 */
void tik_scalar_group_project(const struct tik_shape_twin *shape, const struct penalty_scalars *k,
                              uint64_t length, float *p, size_t stride, float *sums);

#endif
