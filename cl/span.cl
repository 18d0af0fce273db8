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
    uint span;    /* that it is of */
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
    place.span = find_span(spans, span_count, b);
    const struct tik_span span = spans[place.span];
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

/* Rows or columns side by side that a work-group takes, a block of each. */
struct tik_lines {
    ulong first;  /* element of the arena where that of the first line begins */
    ulong inside; /* the same, within the tensor */
    ulong step;   /* from one line to the next */
    uint stride;  /* from one element of a line to the next */
    uint length;  /* 1 .. TIK_BLOCK */
    uint count;   /* of the lines */
    uint blocks;  /* of each; the sums of the next line's go so many slots further */
    uint slot;
    uint span;
    uint number; /* of the first line, in its tensor */
};

/* Lines of that length that a work-group takes where an item sums each: about a block of elements. */
uint bundle_of(const ulong length)
{
    return length <= TIK_FEW ? TIK_BLOCK / (uint)length : 1;
}

/*
 * Block b of spans that are cut into rows or, in tiles, into columns of matrices. Those that lie side by side are a
 * run: all rows of a tensor, but the columns of one matrix alone.
 */
struct tik_lines find_lines(__global const struct tik_span *spans, const uint span_count,
                            const uint b, const bool tiles)
{
    struct tik_lines lines = {.span = find_span(spans, span_count, b)};
    const struct tik_span span = spans[lines.span];
    lines.blocks = (uint)((span.length + TIK_BLOCK - 1) / TIK_BLOCK);
    const uint side = tiles ? TIK_TILE : bundle_of(span.length);
    const uint bundle = (b - span.block) / lines.blocks;
    const ulong done = (ulong)(b - span.block - bundle * lines.blocks) * TIK_BLOCK;
    const uint run = span.stride > 1 ? span.stride : span.units;
    const uint bundles = (run + side - 1) / side;
    const uint matrix = bundle / bundles;
    const uint line = (bundle - matrix * bundles) * side;
    lines.inside =
        matrix * (span.length * span.stride) + line * span.step + done * span.stride;
    lines.first = span.first + lines.inside;
    lines.step = span.step;
    lines.stride = span.stride;
    lines.length = (uint)min((ulong)TIK_BLOCK, span.length - done);
    lines.count = min(side, run - line);
    lines.slot = span.slot + (matrix * run + line) * lines.blocks + (uint)(done / TIK_BLOCK);
    lines.number = matrix * run + line;
    return lines;
}

/* The row and the column of a block's first element; the column is counted in its matrix. */
struct tik_cross {
    uint row;
    uint column;
};

struct tik_cross find_cross(const struct tik_matrices m, const struct tik_place place)
{
    const uint row = (uint)(place.inside / m.columns);
    const struct tik_cross cross = {row, (uint)(place.inside - (ulong)row * m.columns)};
    return cross;
}

/* The numbers of the row and of the column that element j is in, and of its matrix: 1 in a vector. */
void read_lines(const struct tik_matrices m, const struct tik_cross first, const uint j,
                __global const float *rows, __global const float *columns,
                __global const float *means, float *s)
{
    const uint over = (first.column + j) / m.columns;
    const uint row = first.row + over;
    const uint matrix = row / m.rows;
    const uint column = first.column + j - over * m.columns;
    s[0] = rows[m.row + row];
    s[1] = m.factored ? columns[m.column + (ulong)matrix * m.columns + column] : 1.0f;
    s[2] = m.factored ? means[m.mean + matrix] : 1.0f;
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
    const ulong row = i / place.columns, column = i - row * place.columns;
    return place.matrix + column * place.rows + row;
}
