/* Scalar twin of cl/span.cl: same names, same lines. */
#ifndef TIK_SRC_SCALAR_SPAN_H
#define TIK_SRC_SCALAR_SPAN_H

#include "types.h"

/* Blocks that are taken at once at most: their elements can be counted by 32 bits. */
#define TIK_STRETCH 4096

struct tik_place {
    uint64_t first, stride;
    uint32_t length, slot, unit, span;
    uint64_t inside, row;
    uint32_t columns, rows;
    uint64_t matrix;
    uint64_t rest; /* elements of the unit from this one on */
};

static inline uint32_t find_span(const struct tik_span *spans, uint32_t count, uint32_t b)
{
    uint32_t low = 0, high = count;
    while (high - low > 1) {
        const uint32_t middle = (low + high) / 2;
        if (spans[middle].block <= b)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Block b of the spans or, without spans, of `count` elements in a row. */
static inline struct tik_place find_place(const struct tik_span *spans, uint32_t span_count,
                                          uint64_t count, uint32_t b)
{
    struct tik_place place = {.first = (uint64_t)b * TIK_BLOCK, .stride = 1, .slot = b};
    if (spans == NULL) {
        const uint64_t rest = count - place.first;
        place.inside = place.first;
        place.row = count;
        place.columns = 1;
        place.rows = 1;
        place.rest = rest;
        place.length = (uint32_t)(rest < TIK_BLOCK ? rest : TIK_BLOCK);
        return place;
    }
    place.span = find_span(spans, span_count, b);
    const struct tik_span *span = &spans[place.span];
    const uint32_t blocks = (uint32_t)((span->length + TIK_BLOCK - 1) / TIK_BLOCK);
    const uint32_t nth = b - span->block;
    const uint32_t unit = nth / blocks;
    const uint64_t done = (uint64_t)(nth - unit * blocks) * TIK_BLOCK;
    const uint64_t rest = span->length - done;
    place.first = span->first + unit * span->step + done * span->stride;
    place.stride = span->stride;
    place.length = (uint32_t)(rest < TIK_BLOCK ? rest : TIK_BLOCK);
    place.slot = span->slot + nth;
    place.unit = span->unit + unit;
    place.inside = done;
    place.row = span->step;
    place.columns = span->columns;
    place.rows = span->rows;
    place.matrix = span->matrix;
    place.rest = rest;
    return place;
}

/*
 * Blocks from, from + 1, ... that lie one after the other in one unit, at most until `to`; returns
 * how many there are. Their slots are one after the other, too.
 */
static inline uint32_t find_stretch(const struct tik_span *spans, uint32_t span_count,
                                    uint64_t count, uint64_t from, uint64_t to,
                                    struct tik_place *place)
{
    *place = find_place(spans, span_count, count, (uint32_t)from);
    const uint64_t blocks = (place->rest + TIK_BLOCK - 1) / TIK_BLOCK;
    uint64_t taken = blocks < to - from ? blocks : to - from;
    taken = taken < TIK_STRETCH ? taken : TIK_STRETCH;
    const uint64_t most = taken * TIK_BLOCK;
    place->length = (uint32_t)(place->rest < most ? place->rest : most);
    return (uint32_t)taken;
}

static inline uint32_t find_unit(const struct tik_span *spans, uint32_t count, uint32_t u)
{
    uint32_t low = 0, high = count;
    while (high - low > 1) {
        const uint32_t middle = (low + high) / 2;
        if (spans[middle].order <= u)
            low = middle;
        else
            high = middle;
    }
    return low;
}

struct tik_lines {
    uint64_t first, inside, step;
    uint32_t stride, length, count, blocks, slot, span, number;
};

static inline uint32_t bundle_of(uint64_t length)
{
    return length <= TIK_FEW ? TIK_BLOCK / (uint32_t)length : 1;
}

/* Block b of spans that are cut into rows or, in tiles, into columns of matrices. */
static inline struct tik_lines find_lines(const struct tik_span *spans, uint32_t span_count,
                                          uint32_t b, bool tiles)
{
    struct tik_lines lines = {.span = find_span(spans, span_count, b)};
    const struct tik_span *span = &spans[lines.span];
    lines.blocks = (uint32_t)((span->length + TIK_BLOCK - 1) / TIK_BLOCK);
    const uint32_t side = tiles ? TIK_TILE : bundle_of(span->length);
    const uint32_t bundle = (b - span->block) / lines.blocks;
    const uint64_t done = (uint64_t)(b - span->block - bundle * lines.blocks) * TIK_BLOCK;
    const uint32_t run = span->stride > 1 ? span->stride : span->units;
    const uint32_t bundles = (run + side - 1) / side;
    const uint32_t matrix = bundle / bundles;
    const uint32_t line = (bundle - matrix * bundles) * side;
    const uint64_t rest = span->length - done;
    lines.inside = matrix * (span->length * span->stride) + line * span->step + done * span->stride;
    lines.first = span->first + lines.inside;
    lines.step = span->step;
    lines.stride = span->stride;
    lines.length = (uint32_t)(rest < TIK_BLOCK ? rest : TIK_BLOCK);
    lines.count = side < run - line ? side : run - line;
    lines.slot = span->slot + (matrix * run + line) * lines.blocks + (uint32_t)(done / TIK_BLOCK);
    lines.number = matrix * run + line;
    return lines;
}

static inline uint64_t unit_of_tensor(const struct tik_place *place, uint32_t j)
{
    (void)j;
    return place->unit;
}

static inline uint64_t unit_of_row(const struct tik_place *place, uint32_t j)
{
    return place->unit + (place->inside + j) / place->row;
}

static inline uint64_t unit_of_column(const struct tik_place *place, uint32_t j)
{
    return place->unit + (place->inside + j) % place->columns;
}

static inline uint64_t element_of_matrix(const struct tik_place *place, uint32_t j)
{
    const uint64_t i = place->inside + j;
    if (place->rows <= place->columns)
        return place->matrix + i;
    return place->matrix + i % place->columns * place->rows + i / place->columns;
}

/* Blocks of one unit. */
static inline uint32_t unit_blocks(const struct tik_span *span)
{
    return (uint32_t)((span->length + TIK_BLOCK - 1) / TIK_BLOCK);
}

#endif
