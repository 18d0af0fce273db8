/* Where matrices lie while a rule iterates on them: those of one shape side by side. */
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "store.h"

/*
 * Multiply-adds of x x^T from which on a BLAS multiplies: below it, the library's own kernel has done
 * so before a BLAS has found its own, and its bits are the same everywhere.
 */
#define LARGE_PRODUCT (UINT64_C(1) << 21)

/* TIKHONOV_BLAS: "always" and "never" instead of by size. */
static bool is_large(uint64_t rows, uint64_t cols)
{
    const char *variable = getenv("TIKHONOV_BLAS");
    if (variable != NULL && strcmp(variable, "always") == 0)
        return true;
    if (variable != NULL && strcmp(variable, "never") == 0)
        return false;
    return rows * rows >= (LARGE_PRODUCT + cols - 1) / cols;
}

static uint32_t short_side(const struct tik_span *span)
{
    return span->rows < span->columns ? span->rows : span->columns;
}

static uint32_t long_side(const struct tik_span *span)
{
    return span->rows < span->columns ? span->columns : span->rows;
}

/* By shape; those of one shape in the order of their registration. */
static int compare(const void *a, const void *b)
{
    const struct tik_span *one = *(struct tik_span *const *)a,
                          *other = *(struct tik_span *const *)b;
    if (short_side(one) != short_side(other))
        return short_side(one) < short_side(other) ? -1 : 1;
    if (long_side(one) != long_side(other))
        return long_side(one) < long_side(other) ? -1 : 1;
    return one->first < other->first ? -1 : 1;
}

/* The batch that the span joins: the last one, or a new one. */
static struct tik_batch *find_batch(struct tik_piece *piece, const struct tik_span *span,
                                    uint64_t end)
{
    const uint32_t rows = short_side(span), cols = long_side(span);
    struct tik_batch *last =
        piece->batch_count > 0 ? &piece->batches[piece->batch_count - 1] : NULL;
    if (last != NULL && last->rows == rows && last->cols == cols)
        return last;
    last = &piece->batches[piece->batch_count++];
    *last =
        (struct tik_batch){.rows = rows, .cols = cols, .first = end, .large = is_large(rows, cols)};
    return last;
}

static void place_matrices(struct tik_store *store, struct tik_piece *piece,
                           struct tik_span *const *order, size_t count)
{
    uint64_t end = 0;
    piece->batch_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct tik_batch *batch = find_batch(piece, order[i], end);
        batch->count++;
        order[i]->matrix = end;
        end += order[i]->length;
        const uint64_t grams = (uint64_t)batch->rows * batch->rows * batch->count;
        store->grams = grams > store->grams ? grams : store->grams;
    }
    store->iterates = end > store->iterates ? end : store->iterates;
}

static enum tik_status sort_matrices(struct tik_store *store, struct tik_piece *piece)
{
    const size_t count = piece->spans[TIK_SCOPE_TENSOR].count;
    struct tik_batch *batches = realloc(piece->batches, (count + 1) * sizeof *batches);
    if (batches != NULL)
        piece->batches = batches;
    struct tik_span **order = malloc((count + 1) * sizeof *order);
    if (batches == NULL || order == NULL) {
        free(order);
        return tik_error_memory("the order of matrices", (count + 1) * sizeof *batches);
    }
    for (size_t i = 0; i < count; i++)
        order[i] = &piece->table[TIK_SCOPE_TENSOR][i];
    qsort(order, count, sizeof *order, compare);
    place_matrices(store, piece, order, count);
    free(order);
    return TIK_OK;
}

enum tik_status tik_matrices_make(struct tik_store *store)
{
    enum tik_status status = TIK_OK;
    store->iterates = store->grams = 0;
    for (size_t i = 0; i < store->piece_count && status == TIK_OK; i++)
        if (store->pieces[i].layout.iterated)
            status = sort_matrices(store, &store->pieces[i]);
    return status;
}

bool tik_matrices_large(const struct tik_store *store)
{
    bool large = false;
    for (size_t i = 0; i < store->piece_count; i++)
        for (size_t b = 0; b < store->pieces[i].batch_count; b++)
            large |= store->pieces[i].batches[b].large;
    return large;
}
