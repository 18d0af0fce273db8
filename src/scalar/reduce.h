/* Scalar twin of cl/reduce.cl: the fixed tree. */
#ifndef TIK_SRC_SCALAR_REDUCE_H
#define TIK_SRC_SCALAR_REDUCE_H

#include "types.h"

/*
 * The fixed tree adds values at distance TIK_BLOCK/2, TIK_BLOCK/4, ..., 1. After the first two
 * distances these rows of lanes are left, which a compiler can keep in its vectors.
 */
#define TIK_SUM_LANES 32
#define TIK_SUM_ROWS  (TIK_BLOCK / 4 / TIK_SUM_LANES)
_Static_assert(TIK_SUM_ROWS == 8, "tik_rows_sum adds eight rows");

/* The rest of the tree: distances TIK_BLOCK/8 .. 1. */
float tik_rows_sum(float rows[TIK_SUM_ROWS][TIK_SUM_LANES]);

/* The sum of TIK_BLOCK values by the tree. */
float tik_block_sum(const float *x);

/* The sum of x[0] .. x[count - 1], block by block, level by level. Overwrites x; ends in x[0]. */
float tik_row_sum(float *x, size_t count);

#endif
