/* Scalar twin of cl/lines.cl: same names, same sums. */
#include "lines.h"

#include <string.h>

#include "arguments.h"
#include "norm.h"
#include "numeric.h"
#include "reduce.h"

#define LEVELS 8

static const struct tik_matrices *matrices_of(const struct tik_launch *l, uint32_t span)
{
    return (const struct tik_matrices *)bytes(l->arrays.matrices) + span;
}

static struct tik_lines get_lines(const struct tik_launch *l, uint64_t b, bool tiles)
{
    return find_lines(bytes(l->spans.table), l->spans.count, (uint32_t)b, tiles);
}

/* The numbers of a tensor's rows, or of its columns, in state 1. */
static float *numbers_of(const struct tik_launch *l, uint32_t span)
{
    const struct tik_matrices *m = matrices_of(l, span);
    return floats(l->arrays.state[l->slot],
                  l->at.state[l->slot] + (l->slot == 0 ? m->row : m->column));
}

/* The gradients of n <= TIK_BLOCK elements in a row, `skip` after the first of the lines. */
static const float *gradients(const struct tik_launch *l, const struct tik_lines *lines,
                              uint64_t skip, size_t n, float *out)
{
    const struct tik_span *spans = bytes(l->spans.table), *span = &spans[lines->span];
    struct tik_block block = {.place = {.first = lines->first + skip,
                                        .stride = 1,
                                        .length = (uint32_t)n,
                                        .unit = span->unit,
                                        .inside = lines->inside + skip,
                                        .row = matrices_of(l, lines->span)->length,
                                        .columns = span->columns}};
    set_block(l, &l->arrays, &l->at, &block);
    return tik_scalar_prepare(plan_of(l), &pick_row(l)->step, &block, out);
}

static float few_sum(float *x, size_t count)
{
    size_t distance = TIK_FEW / 2;
    while (distance > 0 && distance >= count)
        distance /= 2;
    for (; distance > 0; distance /= 2)
        for (size_t k = 0; k + distance < count && k < distance; k++)
            x[k] += x[k + distance];
    return x[0];
}

/* The sum of squares of each of `count` rows of `length` elements. */
static void few_squares(const float *g, size_t count, size_t length, float *squares)
{
    float x[TIK_FEW];
    for (size_t nth = 0; nth < count && length == 1; nth++) /* as in the other loop, and faster */
        squares[nth] = g[nth] * g[nth];
    for (size_t nth = 0; nth < count && length > 1; nth++) {
        for (size_t j = 0; j < length; j++)
            x[j] = g[nth * length + j] * g[nth * length + j];
        squares[nth] = few_sum(x, length);
    }
}

/* Lines of one block end here, the sums of one block of several are left to line_ends. */
static void end_or_keep(const struct tik_launch *l, const struct tik_lines *lines,
                        const float *sums)
{
    float *numbers = numbers_of(l, lines->span) + lines->number;
    if (lines->blocks == 1)
        plan_of(l)->variant->lines->line_twin(lines->count, numbers, sums, (float)lines->length,
                                              pick_row(l)->rule);
    for (size_t nth = 0; nth < lines->count && lines->blocks > 1; nth++)
        *floats(l->work->sums, lines->slot + nth * lines->blocks) = sums[nth];
}

/* Short rows lie one after the other: at most TIK_BLOCK elements. */
void tik_scalar_row_sums(const struct tik_launch *l, uint64_t b)
{
    const struct tik_lines lines = get_lines(l, b, false);
    float prepared[TIK_BLOCK], sums[TIK_BLOCK];
    if (is_skipped(l))
        return;
    const float *g = gradients(l, &lines, 0, lines.count * (size_t)lines.length, prepared);
    if (lines.step > TIK_FEW)
        sums[0] = tik_scalar_squares(lines.length, g);
    else
        few_squares(g, lines.count, lines.length, sums);
    end_or_keep(l, &lines, sums);
}

/* Squares of one row of the tile; +0 below the last. */
static void row_squares(const struct tik_launch *l, const struct tik_lines *lines, uint32_t row,
                        float x[TIK_TILE])
{
    float prepared[TIK_TILE];
    if (row >= lines->length) {
        memset(x, 0, lines->count * sizeof *x);
        return;
    }
    const float *g = gradients(l, lines, (uint64_t)row * lines->stride, lines->count, prepared);
    for (size_t c = 0; c < lines->count; c++)
        x[c] = g[c] * g[c];
}

static void eight_sum(const struct tik_launch *l, const struct tik_lines *lines, uint32_t k,
                      uint32_t eighth, float sum[TIK_TILE])
{
    float x[8][TIK_TILE];
    for (uint32_t n = 0; n < 8; n++, k += eighth)
        row_squares(l, lines, k, x[n]);
    for (size_t c = 0; c < lines->count; c++)
        sum[c] = ((x[0][c] + x[4][c]) + (x[2][c] + x[6][c])) +
                 ((x[1][c] + x[5][c]) + (x[3][c] + x[7][c]));
}

static uint32_t reversed(uint32_t n, uint32_t bits)
{
    uint32_t result = 0;
    for (uint32_t b = 0; b < bits; b++, n >>= 1)
        result = result << 1 | (n & 1);
    return result;
}

/* The columns of matrices of one: each lies in a row, its matrix's elements after another's. */
static void lying_sums(const struct tik_launch *l, const struct tik_lines *lines,
                       float sums[TIK_TILE])
{
    float prepared[TIK_BLOCK];
    for (size_t c = 0; c < lines->count; c++) {
        const float *g = gradients(l, lines, c * lines->step, lines->length, prepared);
        if (lines->length > TIK_FEW)
            sums[c] = tik_scalar_squares(lines->length, g);
        else
            few_squares(g, 1, lines->length, &sums[c]);
    }
}

void tik_scalar_column_sums(const struct tik_launch *l, uint64_t b)
{
    const struct tik_lines lines = get_lines(l, b, true);
    float waiting[LEVELS][TIK_TILE];
    if (is_skipped(l))
        return;
    if (lines.stride == 1) {
        lying_sums(l, &lines, waiting[0]);
        end_or_keep(l, &lines, waiting[0]);
        return;
    }
    uint32_t bits = 0;
    while ((8u << bits) < lines.length)
        bits++;
    for (uint32_t n = 0; n < 1u << bits; n++) {
        float x[TIK_TILE];
        eight_sum(l, &lines, reversed(n, bits), 1u << bits, x);
        uint32_t level = 0;
        for (; (n >> level & 1) != 0; level++)
            for (size_t c = 0; c < lines.count; c++)
                x[c] = waiting[level][c] + x[c];
        memcpy(waiting[level], x, lines.count * sizeof *x);
    }
    end_or_keep(l, &lines, waiting[bits]);
}

void tik_scalar_line_ends(const struct tik_launch *l, uint64_t u)
{
    const struct tik_span *spans = bytes(l->spans.table);
    const uint32_t n = find_unit(spans, l->spans.count, (uint32_t)u);
    const struct tik_span *span = &spans[n];
    const uint32_t blocks = unit_blocks(span), nth = (uint32_t)u - span->order;
    if (is_skipped(l))
        return;
    const float sum = tik_row_sum(floats(l->work->sums, span->slot + nth * blocks), blocks);
    float *number = numbers_of(l, n) + nth;
    plan_of(l)->variant->lines->line_twin(1, number, &sum, (float)span->length, pick_row(l)->rule);
}

/* The sum of a matrix's row numbers. */
static float numbers_sum(const struct tik_launch *l, uint32_t n, uint32_t matrix)
{
    const struct tik_span *span = (const struct tik_span *)bytes(l->spans.table) + n;
    const uint64_t length = span->length;
    const float *numbers = numbers_of(l, n) + matrix * length;
    float x[TIK_BLOCK];
    if (length <= TIK_FEW) {
        memcpy(x, numbers, length * sizeof *x);
        return few_sum(x, length);
    }
    const uint32_t blocks = unit_blocks(span);
    float *row = floats(l->work->sums, span->slot + matrix * blocks);
    for (uint32_t block = 0; block < blocks; block++) {
        const uint64_t done = (uint64_t)block * TIK_BLOCK, rest = length - done;
        const size_t count = rest < TIK_BLOCK ? (size_t)rest : TIK_BLOCK;
        memcpy(x, numbers + done, count * sizeof *x);
        memset(x + count, 0, (TIK_BLOCK - count) * sizeof *x);
        row[block] = tik_block_sum(x);
    }
    return tik_row_sum(row, blocks);
}

void tik_scalar_means(const struct tik_launch *l, uint64_t b)
{
    const struct tik_span *spans = bytes(l->spans.table);
    const uint32_t n = find_span(spans, l->spans.count, (uint32_t)b);
    const struct tik_span *span = &spans[n];
    const uint32_t bundle = bundle_of(span->length);
    const uint32_t first = ((uint32_t)b - span->block) * bundle;
    const uint32_t rest = span->units - first, count = rest < bundle ? rest : bundle;
    for (uint32_t nth = first; nth < first + count; nth++)
        *floats(l->work->means, span->unit + nth) = plan_of(l)->variant->lines->mean_twin(
            numbers_sum(l, n, nth), (float)span->length, pick_row(l)->rule);
}

static void fill(float *x, size_t n, float value)
{
    for (size_t j = 0; j < n; j++)
        x[j] = value;
}

/* Row by row, as far as the block goes. */
static void spread(const struct tik_launch *l, const struct tik_matrices *m,
                   const struct tik_place *place, float values[TIK_LINE_VALUES][TIK_BLOCK])
{
    const float *rows = floats(l->arrays.state[0], l->at.state[0] + m->row);
    const float *columns = floats(l->arrays.state[1], l->at.state[1] + m->column);
    const float *means = floats(l->work->means, m->mean);
    uint64_t row = place->inside / m->columns, column = place->inside - row * m->columns;
    for (size_t j = 0; j < place->length; row++, column = 0) {
        const uint64_t rest = m->columns - column, room = place->length - j;
        const size_t n = (size_t)(rest < room ? rest : room);
        const uint64_t matrix = row / m->rows;
        fill(values[0] + j, n, rows[row]);
        memcpy(values[1] + j, columns + matrix * m->columns + column, n * sizeof(float));
        fill(values[2] + j, n, means[matrix]);
        j += n;
    }
}

void tik_scalar_read_lines(const struct tik_launch *l, struct tik_block *block,
                           float values[TIK_LINE_VALUES][TIK_BLOCK])
{
    if (plan_of(l)->variant->lines == NULL)
        return;
    const struct tik_matrices *m = matrices_of(l, block->place.span);
    if (m->factored) {
        spread(l, m, &block->place, values);
    } else {
        memcpy(values[0], floats(l->arrays.state[0], l->at.state[0] + m->row) + block->place.inside,
               block->place.length * sizeof(float));
        fill(values[1], block->place.length, 1.0f);
        fill(values[2], block->place.length, 1.0f);
    }
    for (size_t k = 0; k < TIK_LINE_VALUES; k++)
        block->state[k] = values[k];
}
