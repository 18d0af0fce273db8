/* Scalar twin of cl/group.cl: same names, same lines. */
#include "group.h"

#include <string.h>

#include "numeric.h"
#include "reduce.h"
#include "stages.h"

#define PROJECT_ROUNDS 64

float tik_scalar_factor_lasso(float squares, const struct penalty_scalars *k)
{
    const float share = k->threshold > 0.0f ? divide(k->threshold, square_root(squares)) : 0.0f;
    const float rest = 1.0f - share;
    return rest <= 0.0f ? 0.0f : rest; /* a NaN stays one */
}

float tik_scalar_factor_ball(float squares, const struct penalty_scalars *k)
{
    const float norm = square_root(squares);
    return norm <= k->radius ? 1.0f : divide(k->radius, norm);
}

float tik_scalar_factor_coupled_lasso(float squares, const struct penalty_scalars *k)
{
    const float norm = square_root(squares);
    return norm == 0.0f ? 0.0f : divide(k->weight, norm);
}

TIK_WIDE float tik_scalar_group_squares(size_t n, const float *p, size_t stride)
{
    float squares[TIK_BLOCK];
    for (size_t j = 0; j < n; j++)
        squares[j] = p[j * stride] * p[j * stride];
    memset(squares + n, 0, (TIK_BLOCK - n) * sizeof *squares);
    return tik_block_sum(squares);
}

TIK_WIDE void tik_scalar_group_scale(size_t n, float *p, size_t stride, float factor)
{
    for (size_t j = 0; j < n; j++) {
        float *x = &p[j * stride];
        *x = factor == 0.0f ? 0.0f : factor == 1.0f ? *x : factor * *x;
    }
}

static float height_l1_ball(float p)
{
    return fabsf(p);
}

static float height_simplex(float p)
{
    return p;
}

static float rest_l1_ball(float rest, float p)
{
    return copysignf(rest, p);
}

static float rest_simplex(float rest, float p)
{
    (void)p;
    return rest;
}

const struct tik_shape_twin tik_scalar_l1_ball = {height_l1_ball, rest_l1_ball, true};
const struct tik_shape_twin tik_scalar_simplex = {height_simplex, rest_simplex, false};

struct level {
    float high, low;
};

static struct level exact_sum(float x, float y)
{
    const float sum = x + y;
    const float part = sum - x;
    const struct level exact = {sum, (x - (sum - part)) + (y - part)};
    return exact;
}

static struct level raised(struct level level, float rise)
{
    const struct level sum = exact_sum(level.high, rise);
    return exact_sum(sum.high, level.low + sum.low);
}

static float above(const struct tik_shape_twin *shape, float p, struct level level)
{
    return (shape->height(p) - level.high) - level.low;
}

static float unit_top(const struct tik_shape_twin *shape, uint64_t length, const float *p,
                      size_t stride)
{
    float top = -INFINITY;
    for (uint64_t j = 0; j < length; j++) {
        const float x = shape->height(p[j * stride]);
        top = x > top ? x : top;
    }
    return top;
}

static float unit_excess(const struct tik_shape_twin *shape, uint64_t length, const float *p,
                         size_t stride, struct level level, float *sums, uint32_t *count)
{
    const size_t blocks = (size_t)((length + TIK_BLOCK - 1) / TIK_BLOCK);
    float excess[TIK_BLOCK];
    *count = 0;
    for (size_t b = 0; b < blocks; b++) {
        for (size_t n = 0; n < TIK_BLOCK; n++) {
            const uint64_t j = (uint64_t)b * TIK_BLOCK + n;
            const float rest = j < length ? above(shape, p[j * stride], level) : 0.0f;
            excess[n] = rest <= 0.0f ? 0.0f : rest; /* a NaN stays one */
            *count += rest > 0.0f;
        }
        sums[b] = tik_block_sum(excess);
    }
    return tik_row_sum(sums, blocks);
}

void tik_scalar_group_project(const struct tik_shape_twin *shape, const struct penalty_scalars *k,
                              uint64_t length, float *p, size_t stride, float *sums)
{
    const struct level zero = {0.0f, 0.0f};
    const float top = unit_top(shape, length, p, stride);
    const float share = divide(k->radius, (float)length);
    struct level level = shape->ball && top < k->radius ? zero : exact_sum(top, -k->radius);
    float before = INFINITY;
    for (size_t round = 0; round < PROJECT_ROUNDS; round++) {
        uint32_t count;
        const float excess = unit_excess(shape, length, p, stride, level, sums, &count);
        if (excess >= before || (count == 0 && excess == 0.0f))
            break; /* the rest is rounding, or all of the unit is 0 */
        before = excess;
        const float rise = divide(excess - k->radius, (float)count);
        level = raised(level, rise);
        if (above(shape, top, level) < share)
            level = exact_sum(top, -share);
        if (shape->ball && level.high < 0.0f)
            level = zero;
        if (rise <= 0.0f)
            break;
    }
    for (uint64_t j = 0; j < length; j++) {
        float *x = &p[j * stride];
        const float rest = above(shape, *x, level);
        *x = rest <= 0.0f ? 0.0f : shape->rest(rest, *x);
    }
}
