/* Tables of spans: which elements take part in a step, in which units and blocks. */
#include <stdlib.h>

#include "error.h"
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

static uint64_t count_blocks(const struct tik_span *span)
{
    return span->units * ((span->length + TIK_BLOCK - 1) / TIK_BLOCK);
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

static enum tik_status make_room(struct tik_store *store, enum tik_scope scope)
{
    for (size_t i = 0; i < store->piece_count; i++)
        store->pieces[i].spans[scope] =
            (struct tik_spans){.table = store->pieces[i].spans[scope].table};
    for (size_t t = 0; t < store->tensor_count; t++)
        if (store->tensors[t].active && store->tensors[t].count > 0)
            store->pieces[store->tensors[t].piece].spans[scope].count++;
    for (size_t i = 0; i < store->piece_count; i++) {
        struct tik_piece *piece = &store->pieces[i];
        const size_t bytes = (piece->spans[scope].count + 1) * sizeof **piece->table;
        struct tik_span *table = realloc(piece->table[scope], bytes);
        if (table == NULL)
            return tik_error_memory("a table of spans", bytes);
        piece->table[scope] = table;
        piece->spans[scope].count = 0;
    }
    return TIK_OK;
}

/* Fills the tables of a scope in the order of registration; returns its number of slots. */
static uint64_t fill(struct tik_store *store, enum tik_scope scope)
{
    uint64_t slots = 0, units = 0;
    for (size_t t = 0; t < store->tensor_count; t++) {
        const struct tik_entry *entry = &store->tensors[t];
        struct tik_spans *spans = &store->pieces[entry->piece].spans[scope];
        struct tik_tensor_blocks *row =
            scope == store->needs.norm_scope ? &store->tensor_table[t] : NULL;
        if (row != NULL)
            *row = (struct tik_tensor_blocks){.first = (uint32_t)slots};
        if (entry->count > 0) {
            struct tik_span span;
            tik_span_cut(entry, scope, &span);
            const uint64_t blocks = count_blocks(&span);
            span.block = (uint32_t)spans->blocks;
            span.order = (uint32_t)spans->units;
            span.slot = (uint32_t)slots;
            span.unit = (uint32_t)units;
            slots += blocks;
            if (entry->active) {
                store->pieces[entry->piece].table[scope][spans->count++] = span;
                spans->blocks += blocks;
                spans->units += span.units;
                if (row != NULL)
                    row->count = (uint32_t)blocks;
            }
        }
        units += count_units(entry);
    }
    store->units = units;
    return slots;
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
    if (store->plane > UINT32_MAX || store->units > UINT32_MAX)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "the rows or columns of the tensors make %llu blocks; an optimizer "
                             "holds at most 2^32",
                             (unsigned long long)store->plane);
    return TIK_OK;
}
