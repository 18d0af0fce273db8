/*
 * From the number of a work-group to the elements that it takes. A launch goes over spans, one a
 * tensor, in the order of their blocks; a search by halves finds the span, so that no table grows
 * with the elements. Scalar twin: src/scalar/span.h.
 */
#include "layout.h"

struct tik_place {
    ulong first;  /* element of the arena */
    ulong stride; /* from one of its elements to the next */
    uint length;  /* 1 .. TIK_BLOCK */
    uint slot;    /* of its partial sums */
    uint unit;    /* of its factor */
    ulong inside; /* its first element within the tensor, of a tensor that is one unit */
    ulong row;    /* elements of a row of such a tensor */
    uint columns; /* where they are: a vector is one row and one column */
    uint rows;
    ulong matrix; /* where its tensor begins among the matrices that are iterated on */
};

/* The last of the spans whose first block is at most b. */
uint find_span(__global const struct tik_span *spans, const uint count, const uint b)
{
    uint low = 0, high = count;
    while (high - low > 1) {
        const uint middle = (low + high) / 2;
        if (spans[middle].block <= b)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Block b of the spans or, without spans, of `count` elements in a row. */
struct tik_place find_place(__global const struct tik_span *spans, const uint span_count,
                            const ulong count, const uint b)
{
    struct tik_place place = {.first = (ulong)b * TIK_BLOCK, .stride = 1, .slot = b};
    if (!spans) {
        place.inside = place.first;
        place.row = count;
        place.columns = 1;
        place.rows = 1;
        place.length = (uint)min((ulong)TIK_BLOCK, count - place.first);
        return place;
    }
    const struct tik_span span = spans[find_span(spans, span_count, b)];
    const uint blocks = (uint)((span.length + TIK_BLOCK - 1) / TIK_BLOCK); /* of a unit */
    const uint nth = b - span.block;
    const uint unit = nth / blocks;
    const ulong done = (ulong)(nth - unit * blocks) * TIK_BLOCK;
    place.first = span.first + unit * span.step + done * span.stride;
    place.stride = span.stride;
    place.length = (uint)min((ulong)TIK_BLOCK, span.length - done);
    place.slot = span.slot + nth;
    place.unit = span.unit + unit;
    place.inside = done;
    place.row = span.step;
    place.columns = span.columns;
    place.rows = span.rows;
    place.matrix = span.matrix;
    return place;
}

/* The last of the spans whose first unit is at most u, counted in the launch. */
uint find_unit(__global const struct tik_span *spans, const uint count, const uint u)
{
    uint low = 0, high = count;
    while (high - low > 1) {
        const uint middle = (low + high) / 2;
        if (spans[middle].order <= u)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The factor's number, at element j of a block, of the tensor, or of the row or column it is in. */
ulong unit_of_tensor(const struct tik_place place, const uint j)
{
    return place.unit;
}

ulong unit_of_row(const struct tik_place place, const uint j)
{
    return place.unit + (place.inside + j) / place.row;
}

ulong unit_of_column(const struct tik_place place, const uint j)
{
    return place.unit + (place.inside + j) % place.columns;
}

/*
 * The place of element j of a block in the tensor's matrix, which is iterated on with the shorter
 * side as its rows.
 */
ulong element_of_matrix(const struct tik_place place, const uint j)
{
    const ulong i = place.inside + j;
    if (place.rows <= place.columns)
        return place.matrix + i;
    return place.matrix + i % place.columns * place.rows + i / place.columns;
}
