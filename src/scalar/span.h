/* Scalar twin of cl/span.cl: same names, same lines. */
#ifndef TIK_SRC_SCALAR_SPAN_H
#define TIK_SRC_SCALAR_SPAN_H

#include "types.h"

struct tik_place {
    uint64_t first, stride;
    uint32_t length, slot, unit;
    uint64_t inside, row;
    uint32_t columns, rows;
    uint64_t matrix;
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
        place.length = (uint32_t)(rest < TIK_BLOCK ? rest : TIK_BLOCK);
        return place;
    }
    const struct tik_span *span = &spans[find_span(spans, span_count, b)];
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
    return place;
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
