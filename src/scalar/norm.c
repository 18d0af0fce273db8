/* Scalar twin of cl/norm.cl: same names, same lines. */
#include "norm.h"

#include <string.h>

#include "numeric.h"
#include "reduce.h"

/* Elements of a line of the cache. */
#define LINE 16

/*
 * The first two distances of the tree are gone while squaring. The four streams that this reads
 * are too short for a prefetcher to notice, so that the next block, mostly the next in memory, is
 * asked for in its order.
 */
TIK_WIDE static float full_squares(const float *g)
{
    enum { HALF = TIK_BLOCK / 2, QUARTER = TIK_BLOCK / 4 };
    float rows[TIK_SUM_ROWS][TIK_SUM_LANES];
    for (size_t i = 0; i < TIK_BLOCK; i += LINE)
        __builtin_prefetch(g + TIK_BLOCK + i);
    for (size_t q = 0; q < TIK_SUM_ROWS; q++)
        for (size_t j = 0; j < TIK_SUM_LANES; j++) {
            const float *y = g + q * TIK_SUM_LANES + j;
            rows[q][j] = (y[0] * y[0] + y[HALF] * y[HALF]) +
                         (y[QUARTER] * y[QUARTER] + y[HALF + QUARTER] * y[HALF + QUARTER]);
        }
    return tik_rows_sum(rows);
}

float tik_scalar_squares(size_t n, const float *g)
{
    if (n == TIK_BLOCK)
        return full_squares(g);
    float padded[TIK_BLOCK];
    memcpy(padded, g, n * sizeof *padded);
    memset(padded + n, 0, (TIK_BLOCK - n) * sizeof *padded);
    return full_squares(padded);
}

TIK_WIDE float tik_scalar_bad(size_t n, const float *g)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++)
        bad += isfinite(g[i]) ? 0u : 1u;
    return (float)bad;
}

float tik_scalar_clip_norm(float squares, float second, const struct gradient_scalars *k)
{
    (void)second;
    const float clip = divide(k->max_norm, square_root(squares) + k->eps);
    return clip >= 1.0f ? 1.0f : clip; /* a NaN stays one */
}

float tik_scalar_clip_adaptive(float squares, float second, const struct gradient_scalars *k)
{
    const float most = k->max_norm * fmaxf(square_root(second), k->eps);
    const float norm = square_root(squares);
    const float clip = divide(most, norm < 1e-6f ? 1e-6f : norm);
    return clip >= 1.0f ? 1.0f : clip;
}

float tik_scalar_sum_tensors(const struct tik_tensor_blocks *tensors, uint32_t tensor_count,
                             float *sums, float *totals)
{
    for (size_t t = 0; t < tensor_count; t++)
        totals[t] = tik_row_sum(sums + tensors[t].first, tensors[t].count);
    return tik_row_sum(totals, tensor_count);
}

static float next_scale(float scale, bool skip, uint32_t *clean, const struct guard_scalars *k)
{
    if (skip) {
        *clean = 0;
        const float smaller = scale * k->backoff;
        return smaller < FLT_MIN ? scale : smaller;
    }
    if (k->interval == 0 || ++*clean < k->interval)
        return scale;
    *clean = 0;
    const float larger = scale * k->growth;
    return isfinite(larger) ? larger : scale;
}

void tik_scalar_decide(bool bad, struct tik_control *control, const struct tik_row *rows,
                       struct tik_progress *progress, uint32_t group_count,
                       const struct guard_scalars *k)
{
    const bool skip = bad || control->halted;
    control->unscale = control->coming;
    control->skip = skip;
    if (!control->halted) {
        control->scale = next_scale(control->scale, skip, &control->clean, k);
        control->coming = divide(1.0f, control->scale);
        control->in_row = skip ? control->in_row + 1 : 0;
        control->skipped += skip;
        control->halted = k->patience > 0 && control->in_row >= k->patience;
    }
    for (size_t n = 0; n < group_count; n++) {
        progress[n].row = progress[n].count;
        progress[n].count += !skip && rows[n * TIK_ROWS].active;
    }
}
