/*
 * Rules that keep one number for each row and one for each column of a matrix in the place of one an
 * element, in up to five launches before those of measure.cl:
 *
 *     row_sums      sums of g^2 over one block of a row, or over several short rows
 *     column_sums   the same over one block of each of TIK_TILE columns side by side
 *     line_ends     number[line] <- LINE(number, sum of g^2 over the line, its length)
 *     means         means[matrix] <- MEAN(sum of its rows' numbers, rows)
 *
 * The first two end lines of one block themselves; line_ends has those of several. A line is a row or
 * a column, and all lines are summed by the tree of reduce.cl, whose distances at which all partners
 * are missing are left out where that is shorter: they add +0. Scalar twin: src/scalar/lines.c.
 */
#include "measure.cl"

/* What the gradients are prepared from, as in tik_step, and whose they are. */
struct source {
    __global const float *param;
    __global const float *grad;
    __global const float *sum; /* NULL: gradients do not accumulate */
    struct surroundings around;
    struct tik_place place; /* unit, row and columns: of the tensor */
};

struct source find_source(const struct tik_span span, const struct tik_matrices shape,
                          __global const float *param, __global const float *grad,
                          __global const float *sum, const struct surroundings around)
{
    struct source from = {param, grad, sum, around, {0}};
    from.place.unit = span.unit;
    from.place.row = shape.length;
    from.place.columns = span.columns;
    return from;
}

/* g^2 of element i of the arena, the inside-th of its tensor. */
float square_at(struct source from, const ulong i, const ulong inside,
                const struct step_scalars step)
{
    from.place.inside = inside;
    const float before = from.sum ? from.sum[i] : 0.0f;
    const float g = prepare(from.param[i], from.grad[i], before, from.around, from.place, 0, step);
    return g * g;
}

/* The tree's sum of count <= TIK_FEW values by one work-item; overwrites x. */
float few_sum(float *x, const uint count)
{
    uint distance = TIK_FEW / 2;
    while (distance > 0 && distance >= count)
        distance /= 2;
    for (; distance > 0; distance /= 2)
        for (uint k = 0; k + distance < count && k < distance; k++)
            x[k] += x[k + distance];
    return x[0];
}

/* A line of one block ends here, the sum of one block of several is left to line_ends. */
void end_or_keep(const struct tik_lines lines, const uint nth, const float sum,
                 __global float *numbers, __global float *sums, const struct SCALARS rule)
{
    __global float *number = numbers + lines.number + nth;
    if (lines.blocks == 1)
        *number = LINE(*number, sum, (float)lines.length, rule);
    else
        sums[lines.slot + nth * lines.blocks] = sum;
}

__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_row_sums(__global const struct tik_span *restrict spans,
                  const uint span_count,
                  __global const float *restrict param,
                  __global const float *restrict grad,
                  __global float *restrict numbers,
                  __global const float *restrict sum,
                  const struct tik_offsets offsets,
                  __global const struct tik_control *restrict control,
                  __global const float *restrict clips,
                  __global const float *restrict factors,
                  __global const struct tik_matrices *restrict matrices,
                  __global const struct tik_row *restrict rows,
                  __global const struct tik_progress *restrict progress,
                  const uint group,
                  const struct step_scalars step_values,
                  const struct SCALARS rule_values,
                  __global float *restrict sums)
{
    __local float scratch[LOCAL_SIZE];
    const struct tik_offsets at = offsets;
    const struct step_scalars step = pick_step(step_values, rows, progress, group);
    const struct SCALARS rule = pick_rule(rule_values, rows, progress, group);
    const struct surroundings around = {control, clips, factors};
    const struct tik_lines lines = find_lines(spans, span_count, (uint)get_group_id(0), false);
    const struct tik_matrices shape = matrices[lines.span];
    const struct source from = find_source(spans[lines.span], shape, param + at.param,
                                           grad + at.grad, SUM ? sum + at.state[TIK_SUM] : 0, around);
    __global float *of_tensor = numbers + shape.row;
    if (GUARD && control->skip)
        return;

    /* One row by the whole group, or several by an item each. No barrier is in a branch: sync_local. */
    const bool few = lines.step <= TIK_FEW;
    float squares[ITEMS];
    for (uint n = 0; n < ITEMS; n++) {
        const uint j = n * LOCAL_SIZE + get_local_id(0);
        squares[n] = !few && j < lines.length
                         ? square_at(from, lines.first + j, lines.inside + j, step)
                         : 0.0f;
    }
    const float row_sum = block_sum(squares, scratch);
    if (!few && get_local_id(0) == 0)
        end_or_keep(lines, 0, row_sum, of_tensor, sums, rule);
    for (uint nth = get_local_id(0); few && nth < lines.count; nth += LOCAL_SIZE) {
        float x[TIK_FEW];
        for (uint j = 0; j < lines.length; j++) {
            const ulong done = nth * lines.step + j;
            x[j] = square_at(from, lines.first + done, lines.inside + done, step);
        }
        end_or_keep(lines, nth, few_sum(x, lines.length), of_tensor, sums, rule);
    }
}

/* Columns of a tile that one work-item takes. */
#define TILE_ITEMS ((TIK_TILE + LOCAL_SIZE - 1) / LOCAL_SIZE)

/* Sums that wait for their partners: of TIK_BLOCK/8 values at distances 64, 32, ... 1. */
#define LEVELS 8

/*
 * The sum of rows k, k + eighth, ... k + 7*eighth of a column: the first three distances of a tree
 * over 8*eighth rows.
 */
float eight_sum(const struct source from, const struct tik_lines lines, const uint nth, uint k,
                const uint eighth, const struct step_scalars step)
{
    float x[8];
    for (uint n = 0; n < 8; n++, k += eighth) {
        const ulong done = nth * lines.step + (ulong)k * lines.stride;
        x[n] = k < lines.length ? square_at(from, lines.first + done, lines.inside + done, step)
                                : 0.0f;
    }
    return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}

/* The lowest bits of n, last first: the order in which the tree wants the values from one side. */
uint reversed(uint n, const uint bits)
{
    uint result = 0;
    for (uint b = 0; b < bits; b++, n >>= 1)
        result = result << 1 | (n & 1);
    return result;
}

/*
 * Neighbours read neighbours, row by row: down one column at a time, every element would cost a
 * line of the cache. A sum that is ready waits at its level for its partner.
 */
__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_column_sums(__global const struct tik_span *restrict spans,
                     const uint span_count,
                     __global const float *restrict param,
                     __global const float *restrict grad,
                     __global float *restrict numbers,
                     __global const float *restrict sum,
                     const struct tik_offsets offsets,
                     __global const struct tik_control *restrict control,
                     __global const float *restrict clips,
                     __global const float *restrict factors,
                     __global const struct tik_matrices *restrict matrices,
                     __global const struct tik_row *restrict rows,
                     __global const struct tik_progress *restrict progress,
                     const uint group,
                     const struct step_scalars step_values,
                     const struct SCALARS rule_values,
                     __global float *restrict sums)
{
    const struct tik_offsets at = offsets;
    const struct step_scalars step = pick_step(step_values, rows, progress, group);
    const struct SCALARS rule = pick_rule(rule_values, rows, progress, group);
    const struct surroundings around = {control, clips, factors};
    const struct tik_lines lines = find_lines(spans, span_count, (uint)get_group_id(0), true);
    const struct tik_matrices shape = matrices[lines.span];
    const struct source from = find_source(spans[lines.span], shape, param + at.param,
                                           grad + at.grad, SUM ? sum + at.state[TIK_SUM] : 0, around);
    __global float *of_tensor = numbers + shape.column;
    if (GUARD && control->skip)
        return;

    float waiting[LEVELS][TILE_ITEMS];
    uint bits = 0; /* of the number of eights: the tree is over the next power of two */
    while ((8u << bits) < lines.length)
        bits++;
    for (uint n = 0; n < 1u << bits; n++) {
        const uint k = reversed(n, bits);
        for (uint c = 0; c < TILE_ITEMS; c++) {
            const uint nth = c * LOCAL_SIZE + get_local_id(0);
            if (nth >= lines.count)
                continue;
            float x = eight_sum(from, lines, nth, k, 1u << bits, step);
            uint level = 0;
            for (; (n >> level & 1) != 0; level++)
                x = waiting[level][c] + x;
            waiting[level][c] = x;
        }
    }
    for (uint c = 0; c < TILE_ITEMS; c++) {
        const uint nth = c * LOCAL_SIZE + get_local_id(0);
        if (nth < lines.count)
            end_or_keep(lines, nth, waiting[bits][c], of_tensor, sums, rule);
    }
}

/* Lines of several blocks, a work-group each: rows, or columns, whose numbers are in state 1. */
__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_line_ends(__global const struct tik_span *restrict spans,
                   const uint span_count,
                   const uint state,
                   __global float *restrict numbers,
                   __global const struct tik_control *restrict control,
                   __global const struct tik_matrices *restrict matrices,
                   __global const struct tik_row *restrict rows,
                   __global const struct tik_progress *restrict progress,
                   const uint group,
                   const struct SCALARS rule_values,
                   __global float *restrict sums)
{
    __local float scratch[LOCAL_SIZE];
    const struct SCALARS rule = pick_rule(rule_values, rows, progress, group);
    const uint u = (uint)get_group_id(0);
    const uint n = find_unit(spans, span_count, u);
    const struct tik_span span = spans[n];
    const uint blocks = (uint)((span.length + TIK_BLOCK - 1) / TIK_BLOCK);
    const uint nth = u - span.order;
    const ulong first = state == 0 ? matrices[n].row : matrices[n].column;
    __global float *row = sums + span.slot + nth * blocks;
    if (GUARD && control->skip)
        return;

    row_sum(row, blocks, scratch);
    if (get_local_id(0) == 0) {
        __global float *number = numbers + first + nth;
        *number = LINE(*number, row[0], (float)span.length, rule);
    }
}

/* Matrices of few rows by a work-item each, others by the whole group, block by block. */
__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_means(__global const struct tik_span *restrict spans,
               const uint span_count,
               __global const float *restrict numbers,
               __global const struct tik_matrices *restrict matrices,
               __global const struct tik_row *restrict rows,
               __global const struct tik_progress *restrict progress,
               const uint group,
               const struct SCALARS rule_values,
               __global float *restrict sums,
               __global float *restrict means)
{
    __local float scratch[LOCAL_SIZE];
    const struct SCALARS rule = pick_rule(rule_values, rows, progress, group);
    const uint b = (uint)get_group_id(0);
    const uint n = find_span(spans, span_count, b);
    const struct tik_span span = spans[n];
    const uint bundle = bundle_of(span.length);
    const uint first = (b - span.block) * bundle;
    const uint count = min(bundle, span.units - first);
    numbers += matrices[n].row + first * span.length;
    means += span.unit + first;

    const bool few = span.length <= TIK_FEW;
    for (uint nth = get_local_id(0); few && nth < count; nth += LOCAL_SIZE) {
        float x[TIK_FEW];
        for (uint j = 0; j < span.length; j++)
            x[j] = numbers[nth * span.length + j];
        means[nth] = MEAN(few_sum(x, (uint)span.length), (float)span.length, rule);
    }
    const uint blocks = few ? 0 : (uint)((span.length + TIK_BLOCK - 1) / TIK_BLOCK);
    __global float *row = sums + span.slot + first * blocks;
    for (uint block = 0; block < blocks; block++) {
        float x[ITEMS];
        for (uint n = 0; n < ITEMS; n++) {
            const ulong j = (ulong)block * TIK_BLOCK + n * LOCAL_SIZE + get_local_id(0);
            x[n] = j < span.length ? numbers[j] : 0.0f;
        }
        const float sum = block_sum(x, scratch);
        if (get_local_id(0) == 0)
            row[block] = sum;
    }
    sync_global();
    row_sum(row, blocks, scratch);
    sync_global();
    if (!few && get_local_id(0) == 0)
        means[0] = MEAN(row[0], (float)span.length, rule);
}
