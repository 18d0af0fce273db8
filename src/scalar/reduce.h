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
static inline float tik_rows_sum(float rows[TIK_SUM_ROWS][TIK_SUM_LANES])
{
    float lane[TIK_SUM_LANES];
    for (size_t j = 0; j < TIK_SUM_LANES; j++)
        lane[j] = ((rows[0][j] + rows[4][j]) + (rows[2][j] + rows[6][j])) +
                  ((rows[1][j] + rows[5][j]) + (rows[3][j] + rows[7][j]));
    for (size_t distance = TIK_SUM_LANES / 2; distance > 0; distance /= 2)
        for (size_t j = 0; j < distance; j++)
            lane[j] += lane[j + distance];
    return lane[0];
}

/* The sum of TIK_BLOCK values by the tree. */
float tik_block_sum(const float *x);

/* The sum of x[0] .. x[count - 1], block by block, level by level. Overwrites x; ends in x[0]. */
float tik_row_sum(float *x, size_t count);

#endif
