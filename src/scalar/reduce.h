/* Scalar twin of cl/reduce.cl: the fixed tree. */
#ifndef TIK_SRC_SCALAR_REDUCE_H
#define TIK_SRC_SCALAR_REDUCE_H

#include "types.h"

/* The sum of TIK_BLOCK values in pairs at distance TIK_BLOCK/2 .. 1. Overwrites x. */
float tik_block_sum(float *x);

/* The sum of x[0] .. x[count - 1], block by block, level by level. Overwrites x; ends in x[0]. */
float tik_row_sum(float *x, size_t count);

#endif
