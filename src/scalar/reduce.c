/* Scalar twin of cl/reduce.cl: same names, same lines. */
#include "reduce.h"

#include <string.h>

TIK_WIDE float tik_block_sum(const float *x)
{
    enum { HALF = TIK_BLOCK / 2, QUARTER = TIK_BLOCK / 4 };
    float rows[TIK_SUM_ROWS][TIK_SUM_LANES];
    for (size_t q = 0; q < TIK_SUM_ROWS; q++)
        for (size_t j = 0; j < TIK_SUM_LANES; j++) {
            const float *y = x + q * TIK_SUM_LANES + j;
            rows[q][j] = (y[0] + y[HALF]) + (y[QUARTER] + y[HALF + QUARTER]);
        }
    return tik_rows_sum(rows);
}

float tik_row_sum(float *x, size_t count)
{
    float part[TIK_BLOCK];
    if (count == 0)
        return 0.0f;
    while (count > 1) {
        const size_t blocks = (count + TIK_BLOCK - 1) / TIK_BLOCK;
        for (size_t b = 0; b < blocks; b++) {
            const size_t first = b * TIK_BLOCK;
            const size_t length = count - first < TIK_BLOCK ? count - first : TIK_BLOCK;
            memcpy(part, x + first, length * sizeof *part);
            memset(part + length, 0, (TIK_BLOCK - length) * sizeof *part);
            x[b] = tik_block_sum(part);
        }
        count = blocks;
    }
    return x[0];
}
