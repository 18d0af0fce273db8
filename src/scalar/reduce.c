/* Scalar twin of cl/reduce.cl: same names, same lines. */
#include "reduce.h"

#include <string.h>

float tik_block_sum(float *x)
{
    for (size_t distance = TIK_BLOCK / 2; distance > 0; distance /= 2) {
        const float *restrict upper = x + distance;
        float *restrict lower = x;
        for (size_t i = 0; i < distance; i++)
            lower[i] += upper[i];
    }
    return x[0];
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
