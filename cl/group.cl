/*
 * Penalties on whole units (a tensor, its rows, its columns), after the step or, coupled, before it:
 *
 *     group_blocks    sums over one block of p^2
 *     group_factors   factors[unit] <- FACTOR(||p_unit||): what multiplies the unit's elements
 *     group_scale     p <- factors[unit]*p
 *     group_project   the nearest point of an l1 ball or a simplex; one work-group a unit
 *
 *     group lasso     max(0, 1 - lr*weight/||p||)      Yuan and Lin 2006; 0 where ||p|| = 0
 *     ball            min(1, radius/||p||)             max-norm: Srebro, Rennie, Jaakkola 2005
 *     coupled lasso   weight/||p||                     subgradient; 0 where ||p|| = 0
 *
 * Scalar twin: src/scalar/group.c.
 */
#include "numeric.cl"
#include "reduce.cl"
#include "span.cl"

/*
 * Rounds of the projection. Each makes excess times slope at most a quarter of what it was: for n
 * elements it begins below n^2*radius, and below radius*2^-24 no level is left to be told apart. So
 * 44 are enough for 2^32 elements; a dozen are usual.
 */
#define PROJECT_ROUNDS 64

float factor_lasso(const float squares, const struct penalty_scalars k)
{
    const float share = k.threshold > 0.0f ? divide(k.threshold, square_root(squares)) : 0.0f;
    const float rest = 1.0f - share;
    return rest <= 0.0f ? 0.0f : rest; /* a NaN stays one */
}

/* Squares that overflow leave nothing. */
float factor_ball(const float squares, const struct penalty_scalars k)
{
    const float norm = square_root(squares);
    return norm <= k.radius ? 1.0f : divide(k.radius, norm);
}

float factor_coupled_lasso(const float squares, const struct penalty_scalars k)
{
    const float norm = square_root(squares);
    return norm == 0.0f ? 0.0f : divide(k.weight, norm);
}

/* A unit that the factor takes away is exactly 0, an infinity among it too. */
float scale(const float p, const float factor)
{
    return factor == 0.0f ? 0.0f : factor == 1.0f ? p : factor * p;
}

/* The scalars of the penalty in this slot, of the row that the device picked. */
struct penalty_scalars pick_penalty(const struct penalty_scalars given, const uint slot,
                                    __global const struct tik_row *rows,
                                    __global const struct tik_progress *progress,
                                    const uint group)
{
    return GUARD ? rows[group * TIK_ROWS + progress[group].row].step.penalty[slot] : given;
}

#if !PROJECT
__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_group_blocks(__global const struct tik_span *restrict spans,
                      const uint span_count,
                      __global const float *restrict param,
                      const ulong at,
                      __global float *restrict sums)
{
    __local float scratch[LOCAL_SIZE];
    const struct tik_place place = find_place(spans, span_count, 0, (uint)get_group_id(0));
    float squares[ITEMS];
    for (uint n = 0; n < ITEMS; n++) {
        const uint j = n * LOCAL_SIZE + get_local_id(0);
        const float p = j < place.length ? param[at + place.first + j * place.stride] : 0.0f;
        squares[n] = p * p;
    }
    const float sum = block_sum(squares, scratch);
    if (get_local_id(0) == 0)
        sums[place.slot] = sum;
}

__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_group_factors(__global const struct tik_span *restrict spans,
                       const uint span_count,
                       const uint slot,
                       const struct penalty_scalars values,
                       __global const struct tik_row *restrict rows,
                       __global const struct tik_progress *restrict progress,
                       const uint group,
                       __global float *sums,
                       __global float *restrict factors)
{
    __local float scratch[LOCAL_SIZE];
    const struct penalty_scalars k = pick_penalty(values, slot, rows, progress, group);
    const uint u = (uint)get_group_id(0);
    const struct tik_span span = spans[find_unit(spans, span_count, u)];
    const uint blocks = (uint)((span.length + TIK_BLOCK - 1) / TIK_BLOCK);
    const uint nth = u - span.order;
    __global float *row = sums + span.slot + nth * blocks;

    row_sum(row, blocks, scratch);
    if (get_local_id(0) == 0)
        factors[span.unit + nth] = FACTOR(row[0], k);
}

__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_group_scale(__global const struct tik_span *restrict spans,
                     const uint span_count,
                     __global float *restrict param,
                     const ulong at,
                     __global const struct tik_control *restrict control,
                     __global const float *restrict factors)
{
    const struct tik_place place = find_place(spans, span_count, 0, (uint)get_group_id(0));
    if (GUARD && control->skip)
        return;
    const float factor = factors[place.unit];
    for (uint j = get_local_id(0); j < place.length; j += LOCAL_SIZE) {
        const ulong i = at + place.first + j * place.stride;
        param[i] = scale(param[i], factor);
    }
}
#endif

/* How far an element stands out: |p| for the ball, p for the simplex. */
float height_l1_ball(const float p)
{
    return fabs(p);
}

float height_simplex(const float p)
{
    return p;
}

/* What is left of an element that stands out by `rest`. */
float rest_l1_ball(const float rest, const float p)
{
    return copysign(rest, p);
}

float rest_simplex(const float rest, const float p)
{
    return rest;
}

/*
 * A level in two floats, since it may be far above what stands out of it, and far below the top
 * that it is found from: high + low, without a rounding of high.
 */
struct level {
    float high;
    float low;
};

/* x + y, and what its rounding lost (Knuth, The Art of Computer Programming, 4.2.2, theorem B). */
struct level exact_sum(const float x, const float y)
{
    const float sum = x + y;
    const float part = sum - x;
    const struct level exact = {sum, (x - (sum - part)) + (y - part)};
    return exact;
}

struct level raised(const struct level level, const float rise)
{
    const struct level sum = exact_sum(level.high, rise);
    return exact_sum(sum.high, level.low + sum.low);
}

/* How far it stands out above a level. */
float above(const float p, const struct level level)
{
    return (HEIGHT(p) - level.high) - level.low;
}

/* The largest height of a unit, for all items of the group. */
float unit_top(const struct tik_span span, __global const float *param, __local float *scratch)
{
    const uint l = get_local_id(0);
    float top = -INFINITY;
    for (ulong j = l; j < span.length; j += LOCAL_SIZE) {
        const float x = HEIGHT(param[j * span.stride]);
        top = x > top ? x : top;
    }
    scratch[l] = top;
    for (uint distance = LOCAL_SIZE / 2; distance > 0; distance /= 2) {
        sync_local();
        if (l < distance && scratch[l + distance] > scratch[l])
            scratch[l] = scratch[l + distance];
    }
    sync_local();
    const float most = scratch[0];
    sync_local();
    return most;
}

/* The sum of what stands out above a level, and how many elements do. */
float unit_excess(const struct tik_span span, __global const float *param,
                  const struct level level, __global float *sums, uint *count,
                  __local float *scratch)
{
    const uint blocks = (uint)((span.length + TIK_BLOCK - 1) / TIK_BLOCK);
    float excess[ITEMS], counted[ITEMS];
    *count = 0;
    for (uint b = 0; b < blocks; b++) {
        for (uint n = 0; n < ITEMS; n++) {
            const ulong j = (ulong)b * TIK_BLOCK + n * LOCAL_SIZE + get_local_id(0);
            const float rest =
                j < span.length ? above(param[j * span.stride], level) : 0.0f;
            excess[n] = rest <= 0.0f ? 0.0f : rest; /* a NaN stays one */
            counted[n] = rest > 0.0f ? 1.0f : 0.0f;
        }
        const float sum = block_sum(excess, scratch);
        *count += (uint)block_sum(counted, scratch); /* exact: at most TIK_BLOCK */
        if (get_local_id(0) == 0)
            sums[b] = sum;
    }
    sync_global();
    row_sum(sums, blocks, scratch);
    sync_global();
    const float total = sums[0];
    sync_global(); /* sums is used again */
    return total;
}

#if PROJECT
/*
 * The level above which the heights sum to the radius, by Newton's iteration from below on a convex
 * function, which ends where it does not rise any more (Condat 2016, section 2): p is what stands
 * out above it. It begins at the top minus the radius, above which is all of the radius, and is
 * never above the top minus the mean of the radius; in the ball it is never below 0, so that what
 * is inside already stays as it is. A fall is what rounding has overshot. A NaN makes the level
 * one, and with it the unit.
 */
__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_group_project(__global const struct tik_span *restrict spans,
                       const uint span_count,
                       __global float *restrict params,
                       const ulong at,
                       const uint slot,
                       const struct penalty_scalars values,
                       __global const struct tik_control *restrict control,
                       __global const struct tik_row *restrict rows,
                       __global const struct tik_progress *restrict progress,
                       const uint group,
                       __global float *sums)
{
    __local float scratch[LOCAL_SIZE];
    const struct penalty_scalars k = pick_penalty(values, slot, rows, progress, group);
    const uint u = (uint)get_group_id(0);
    const struct tik_span span = spans[find_unit(spans, span_count, u)];
    const uint blocks = (uint)((span.length + TIK_BLOCK - 1) / TIK_BLOCK);
    const uint nth = u - span.order;
    __global float *row = sums + span.slot + nth * blocks;
    __global float *param = params + at + span.first + nth * span.step;
    if (GUARD && control->skip)
        return;

    const struct level zero = {0.0f, 0.0f};
    const float top = unit_top(span, param, scratch);
    const float share = divide(k.radius, (float)span.length);
    struct level level = BALL && top < k.radius ? zero : exact_sum(top, -k.radius);
    float before = INFINITY;
    for (uint round = 0; round < PROJECT_ROUNDS; round++) {
        uint count;
        const float excess = unit_excess(span, param, level, row, &count, scratch);
        if (excess >= before || (count == 0 && excess == 0.0f))
            break; /* the rest is rounding, or all of the unit is 0 */
        before = excess;
        const float rise = divide(excess - k.radius, (float)count);
        level = raised(level, rise);
        if (above(top, level) < share)
            level = exact_sum(top, -share);
        if (BALL && level.high < 0.0f)
            level = zero;
        if (rise <= 0.0f)
            break;
    }
    for (ulong j = get_local_id(0); j < span.length; j += LOCAL_SIZE) {
        const float p = param[j * span.stride];
        const float rest = above(p, level);
        param[j * span.stride] = rest <= 0.0f ? 0.0f : REST(rest, p);
    }
}
#endif
