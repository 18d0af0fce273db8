/* Tables of spans: which elements take part in a step, in which units and blocks. */
#include <stdlib.h>

#include "error.h"
#include "scalar/span.h"
#include "store.h"

/* A tensor of rank 0 or 1 is one unit in every scope; else the first dimension counts the rows. */
static size_t count_rows(const struct tik_entry *entry)
{
    return entry->rank > 1 ? entry->shape[0] : 1;
}

/* Room for the factors of a tensor's rows or columns. */
static size_t count_units(const struct tik_entry *entry)
{
    const size_t rows = count_rows(entry);
    const size_t columns = entry->rank > 1 && rows > 0 ? entry->count / rows : 1;
    return rows > columns ? rows : columns;
}

/* Rows and columns of the matrices of a tensor of rank 2 or more, or of a vector's one. */
static size_t matrix_columns(const struct tik_entry *entry)
{
    return entry->rank > 1 ? entry->shape[entry->rank - 1] : 1;
}

static size_t matrix_rows(const struct tik_entry *entry)
{
    return entry->rank > 1 ? entry->shape[entry->rank - 2] : entry->count;
}

size_t tik_matrices_cut(const struct tik_entry *entry, uint64_t mean, struct tik_matrices *matrices)
{
    const size_t rows = matrix_rows(entry), columns = matrix_columns(entry);
    *matrices = (struct tik_matrices){.row = entry->row,
                                      .column = entry->column,
                                      .length = entry->count / count_rows(entry),
                                      .mean = (uint32_t)mean,
                                      .rows = (uint32_t)rows,
                                      .columns = (uint32_t)columns,
                                      .factored = entry->rank > 1};
    return entry->rank > 1 ? entry->count / rows / columns : 0;
}

/* Of a vector, whose elements are rows of one, there are neither columns nor means. */
static void cut_matrices(const struct tik_entry *entry, enum tik_scope scope, struct tik_span *span)
{
    const size_t rows = matrix_rows(entry), columns = matrix_columns(entry);
    const bool factored = entry->rank > 1;
    switch (scope) {
    case TIK_SCOPE_MATRIX_ROW:
        span->length = span->step = columns;
        span->units = (uint32_t)(entry->count / columns);
        break;
    case TIK_SCOPE_MATRIX_COLUMN:
        span->length = rows;
        span->step = columns > 1 ? 1 : rows;
        span->stride = (uint32_t)columns;
        span->units = factored ? (uint32_t)(entry->count / rows) : 0;
        break;
    default:
        span->length = span->step = rows;
        span->units = factored ? (uint32_t)(entry->count / rows / columns) : 0;
    }
}

void tik_span_cut(const struct tik_entry *entry, enum tik_scope scope, struct tik_span *span)
{
    const size_t rows = count_rows(entry), row = entry->count / rows;
    *span = (struct tik_span){.first = entry->first,
                              .length = entry->count,
                              .step = row,
                              .stride = 1,
                              .units = 1,
                              .columns = entry->rank > 1 ? (uint32_t)row : 1,
                              .rows = (uint32_t)rows};
    if (scope >= TIK_SCOPE_MATRIX_ROW)
        cut_matrices(entry, scope, span);
    if (scope == TIK_SCOPE_ROW && entry->rank > 1) {
        span->length = row;
        span->units = (uint32_t)rows;
    }
    if (scope == TIK_SCOPE_COLUMN && entry->rank > 1) {
        span->length = rows;
        span->step = 1;
        span->stride = (uint32_t)row;
        span->units = (uint32_t)row;
    }
}

/*
 * Rows and columns lie side by side in runs, and a block of the launch takes a bundle of a run: as
 * find_lines has it. Only units of several blocks leave sums behind, and are units of a launch; a
 * mean leaves them wherever a work-group adds it together.
 */
static void place_lines(enum tik_scope scope, const struct tik_span *span, struct tik_tally *tally)
{
    if (span->units == 0)
        return;
    const uint64_t blocks = (span->length + TIK_BLOCK - 1) / TIK_BLOCK;
    const bool means = scope == TIK_SCOPE_MATRIX;
    const uint64_t run = span->stride > 1 && !means ? span->stride : span->units;
    const uint64_t side = scope == TIK_SCOPE_MATRIX_COLUMN ? TIK_TILE : bundle_of(span->length);
    const uint64_t bundles = (run + side - 1) / side;
    tally->blocks += span->units / run * bundles * (means ? 1 : blocks);
    if (means ? span->length <= TIK_FEW : blocks == 1)
        return;
    tally->units += span->units;
    tally->slots += span->units * blocks;
}

void tik_span_place(enum tik_scope scope, struct tik_span *span, struct tik_tally *tally)
{
    span->block = (uint32_t)tally->blocks;
    span->order = (uint32_t)tally->units;
    span->slot = (uint32_t)tally->slots;
    if (scope >= TIK_SCOPE_MATRIX_ROW) {
        place_lines(scope, span, tally);
        return;
    }
    const uint64_t blocks = span->units * ((span->length + TIK_BLOCK - 1) / TIK_BLOCK);
    tally->blocks += blocks;
    tally->units += span->units;
    tally->slots += blocks;
}

/* Whether a tensor with elements has a span in the tables of its piece. */
static bool has_span(const struct tik_store *store, const struct tik_entry *entry,
                     enum tik_scope scope)
{
    return entry->count > 0 &&
           (scope < TIK_SCOPE_MATRIX_ROW || store->pieces[entry->piece].layout.lines);
}

static enum tik_status make_room(struct tik_store *store, enum tik_scope scope)
{
    for (size_t i = 0; i < store->piece_count; i++)
        store->pieces[i].spans[scope] =
            (struct tik_spans){.table = store->pieces[i].spans[scope].table};
    for (size_t t = 0; t < store->tensor_count; t++)
        if (store->tensors[t].active && has_span(store, &store->tensors[t], scope))
            store->pieces[store->tensors[t].piece].spans[scope].count++;
    for (size_t i = 0; i < store->piece_count; i++) {
        struct tik_piece *piece = &store->pieces[i];
        const size_t bytes = (piece->spans[scope].count + 1) * sizeof **piece->table;
        struct tik_span *table = realloc(piece->table[scope], bytes);
        if (table == NULL)
            return tik_error_memory("a table of spans", bytes);
        piece->table[scope] = table;
        if (scope == TIK_SCOPE_TENSOR && piece->layout.lines) {
            const size_t room = (piece->spans[scope].count + 1) * sizeof *piece->matrices;
            struct tik_matrices *matrices = realloc(piece->matrices, room);
            if (matrices == NULL)
                return tik_error_memory("a table of matrices", room);
            piece->matrices = matrices;
        }
        piece->spans[scope].count = 0;
    }
    return TIK_OK;
}

/* Fills the tables of a scope in the order of registration; returns its number of slots. */
static uint64_t fill(struct tik_store *store, enum tik_scope scope)
{
    uint64_t slots = 0, units = 0, means = 0;
    for (size_t t = 0; t < store->tensor_count; t++) {
        const struct tik_entry *entry = &store->tensors[t];
        struct tik_piece *piece = &store->pieces[entry->piece];
        struct tik_spans *spans = &piece->spans[scope];
        struct tik_tensor_blocks *row =
            scope == store->needs.norm_scope ? &store->tensor_table[t] : NULL;
        if (row != NULL)
            *row = (struct tik_tensor_blocks){.first = (uint32_t)slots};
        if (has_span(store, entry, scope)) {
            struct tik_span span;
            struct tik_matrices matrices;
            struct tik_tally tally = {
                .slots = slots, .units = spans->units, .blocks = spans->blocks};
            tik_span_cut(entry, scope, &span);
            span.unit = (uint32_t)(scope == TIK_SCOPE_MATRIX ? means : units);
            tik_span_place(scope, &span, &tally);
            if (row != NULL && entry->active)
                row->count = (uint32_t)(tally.slots - slots);
            slots = tally.slots;
            const size_t of_tensor =
                piece->layout.lines ? tik_matrices_cut(entry, means, &matrices) : 0;
            means += of_tensor;
            if (entry->active) {
                if (scope == TIK_SCOPE_TENSOR && piece->layout.lines)
                    piece->matrices[spans->count] = matrices;
                piece->table[scope][spans->count++] = span;
                spans->blocks = tally.blocks;
                spans->units = tally.units;
            }
        }
        units += count_units(entry);
    }
    store->units = units;
    store->means = means;
    return slots;
}

/* Whether the tensor of `next` begins where that of `span` ends, but for what aligns it. */
static bool follows(const struct tik_span *span, const struct tik_span *next)
{
    return next->first - (span->first + span->length) < TIK_ARENA_ALIGN;
}

/* The runs of active tensors, in `runs` unless it is NULL; returns how many. */
static uint32_t find_runs(const struct tik_piece *piece, struct tik_span *runs, uint64_t *blocks)
{
    const struct tik_span *spans = piece->table[TIK_SCOPE_TENSOR];
    const uint32_t count = piece->spans[TIK_SCOPE_TENSOR].count;
    uint32_t found = 0;
    *blocks = 0;
    for (uint32_t i = 0, last; i < count; i = last + 1) {
        for (last = i; last + 1 < count && follows(&spans[last], &spans[last + 1]);)
            last++;
        const uint64_t length = spans[last].first + spans[last].length - spans[i].first;
        if (runs != NULL)
            runs[found] = (struct tik_span){.first = spans[i].first,
                                            .length = length,
                                            .step = length,
                                            .stride = 1,
                                            .units = 1,
                                            .columns = 1,
                                            .block = (uint32_t)*blocks,
                                            .order = found};
        *blocks += (length + TIK_BLOCK - 1) / TIK_BLOCK;
        found++;
    }
    return found;
}

/* What lies between tensors takes part in such a step: zeros at first, that belong to nobody. */
static enum tik_status make_runs(struct tik_piece *piece)
{
    uint64_t blocks;
    const uint32_t count = find_runs(piece, NULL, &blocks);
    piece->runs = (struct tik_spans){.table = piece->runs.table};
    if (count == piece->spans[TIK_SCOPE_TENSOR].count || piece->stream != NULL)
        return TIK_OK;
    struct tik_span *table = realloc(piece->run_table, count * sizeof *table);
    if (table == NULL)
        return tik_error_memory("a table of runs", count * sizeof *table);
    piece->run_table = table;
    find_runs(piece, table, &blocks);
    piece->runs.count = count;
    piece->runs.blocks = blocks;
    piece->runs.units = count;
    return TIK_OK;
}

enum tik_status tik_spans_make(struct tik_store *store)
{
    const size_t bytes = (store->tensor_count + 1) * sizeof *store->tensor_table;
    struct tik_tensor_blocks *table = realloc(store->tensor_table, bytes);
    if (table == NULL)
        return tik_error_memory("the table of tensors", bytes);
    store->tensor_table = table;
    store->plane = store->slots;
    for (enum tik_scope scope = 0; scope < TIK_SCOPES; scope++) {
        if (!store->needs.scopes[scope])
            continue;
        const enum tik_status status = make_room(store, scope);
        if (status != TIK_OK)
            return status;
        const uint64_t slots = fill(store, scope);
        store->plane = slots > store->plane ? slots : store->plane;
    }
    for (size_t i = 0; i < store->piece_count; i++) {
        const enum tik_status status = make_runs(&store->pieces[i]);
        if (status != TIK_OK)
            return status;
    }
    const bool units = store->needs.clips || store->needs.factors || store->needs.ratios;
    if (store->plane > UINT32_MAX)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "the rows or columns of the tensors make %llu blocks; an optimizer "
                             "holds at most 2^32 - 1",
                             (unsigned long long)store->plane);
    if ((units && store->units > UINT32_MAX) || store->means > UINT32_MAX)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "the tensors have %llu rows or columns, and %llu matrices; where they "
                             "are looked at one by one, an optimizer holds at most 2^32 - 1",
                             (unsigned long long)store->units, (unsigned long long)store->means);
    return TIK_OK;
}
