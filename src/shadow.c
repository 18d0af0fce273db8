#include "shadow.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "verify.h"

enum { ARRAYS = 2 + TIK_MAX_STATES }; /* param, grad, states */

struct shadow_piece {
    float *array[ARRAYS];
    struct tik_buffer *buffer[ARRAYS]; /* the arrays, as the scalar path's memory */
    struct tik_buffer *blocks;
};

struct tik_shadow {
    struct tik_optimizer *optimizer;
    struct tik_backend *scalar;
    size_t piece_count;
    struct shadow_piece *pieces;
    struct tik_apply *applies;
    struct tik_program **programs; /* one a group */
    struct tik_program *norm_program;
    struct tik_buffer *tensors, *sums, *totals, *factor, *partials;
};

static size_t array_count(const struct tik_piece *piece)
{
    return 2 + piece->state_count;
}

static enum tik_status copy_piece(struct tik_shadow *shadow, size_t i)
{
    struct tik_optimizer *optimizer = shadow->optimizer;
    const struct tik_piece *piece = &optimizer->store.pieces[i];
    struct shadow_piece *copy = &shadow->pieces[i];
    const struct tik_backend_ops *ops = shadow->scalar->ops;
    const size_t bytes = piece->elements * sizeof(float);

    enum tik_status status = ops->memory_wrap(
        shadow->scalar, piece->table, piece->block_count * sizeof *piece->table, &copy->blocks);
    for (size_t k = 0; k < array_count(piece) && status == TIK_OK; k++) {
        copy->array[k] = malloc(bytes > 0 ? bytes : 1);
        if (copy->array[k] == NULL)
            return tik_error_memory("the scalar path's copy of a group", bytes);
        status = tik_piece_read(&optimizer->store, piece, k, 0, piece->elements, copy->array[k]);
        if (status == TIK_OK)
            status = ops->memory_wrap(shadow->scalar, copy->array[k], bytes, &copy->buffer[k]);
    }
    return status;
}

static enum tik_status create_tables(struct tik_shadow *shadow)
{
    const struct tik_store *store = &shadow->optimizer->store;
    struct tik_backend *scalar = shadow->scalar;
    const struct tik_backend_ops *ops = scalar->ops;
    enum tik_status status = ops->memory_create(scalar, 2 * sizeof(float), &shadow->factor);
    if (store->clip) {
        if (status == TIK_OK)
            status = ops->memory_wrap(scalar, store->tensor_table,
                                      store->tensor_count * sizeof *store->tensor_table,
                                      &shadow->tensors);
        if (status == TIK_OK)
            status = ops->memory_create(scalar, store->slots * sizeof(float), &shadow->sums);
        if (status == TIK_OK)
            status =
                ops->memory_create(scalar, store->tensor_count * sizeof(float), &shadow->totals);
        if (status == TIK_OK)
            status = ops->program_create(scalar, NULL, &shadow->norm_program);
    }
    if (status == TIK_OK && store->report)
        status = ops->memory_create(scalar, store->slots * sizeof(struct tik_partial),
                                    &shadow->partials);
    for (size_t g = 0; g < shadow->optimizer->group_count && status == TIK_OK; g++)
        status =
            ops->program_create(scalar, &shadow->optimizer->groups[g].plan, &shadow->programs[g]);
    return status;
}

enum tik_status tik_shadow_create(struct tik_optimizer *optimizer, struct tik_shadow **shadow)
{
    const size_t pieces = optimizer->store.piece_count, groups = optimizer->group_count;
    struct tik_shadow *made = calloc(1, sizeof *made);
    if (made == NULL)
        return tik_error_memory("the scalar path's copy", sizeof *made);
    made->optimizer = optimizer;
    made->scalar = optimizer->scalar;
    made->piece_count = pieces;
    made->pieces = calloc(pieces + 1, sizeof *made->pieces);
    made->applies = calloc(pieces + 1, sizeof *made->applies);
    made->programs = calloc(groups + 1, sizeof(struct tik_program *));

    enum tik_status status = TIK_OK;
    if (made->pieces == NULL || made->applies == NULL || made->programs == NULL)
        status = tik_error_memory("the scalar path's copy", pieces * sizeof *made->applies);
    if (status == TIK_OK)
        status = create_tables(made);
    for (size_t i = 0; i < pieces && status == TIK_OK; i++)
        status = copy_piece(made, i);
    if (status != TIK_OK) {
        tik_shadow_destroy(made);
        return status;
    }
    *shadow = made;
    return TIK_OK;
}

void tik_shadow_destroy(struct tik_shadow *shadow)
{
    if (shadow == NULL)
        return;
    struct tik_backend *scalar = shadow->scalar;
    for (size_t i = 0; shadow->pieces != NULL && i < shadow->piece_count; i++) {
        for (size_t k = 0; k < ARRAYS; k++) {
            scalar->ops->memory_destroy(scalar, shadow->pieces[i].buffer[k]);
            free(shadow->pieces[i].array[k]);
        }
        scalar->ops->memory_destroy(scalar, shadow->pieces[i].blocks);
    }
    for (size_t g = 0; shadow->programs != NULL && g < shadow->optimizer->group_count; g++)
        scalar->ops->program_destroy(scalar, shadow->programs[g]);
    scalar->ops->program_destroy(scalar, shadow->norm_program);
    struct tik_buffer *tables[] = {shadow->tensors, shadow->sums, shadow->totals, shadow->factor,
                                   shadow->partials};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        scalar->ops->memory_destroy(scalar, tables[i]);
    free(shadow->pieces);
    free(shadow->applies);
    free(shadow->programs);
    free(shadow);
}

enum tik_status tik_shadow_step(struct tik_shadow *shadow)
{
    const struct tik_optimizer *optimizer = shadow->optimizer;
    struct tik_run run;
    tik_optimizer_run(optimizer, shadow->applies, &run);

    run.norm_program = shadow->norm_program;
    run.norm.program = shadow->norm_program;
    run.norm.tensors = shadow->tensors;
    run.norm.sums = shadow->sums;
    run.norm.totals = shadow->totals;
    run.norm.factor = shadow->factor;
    for (size_t i = 0; i < shadow->piece_count; i++) {
        const struct tik_piece *piece = &optimizer->store.pieces[i];
        const struct shadow_piece *copy = &shadow->pieces[i];
        struct tik_apply *apply = &shadow->applies[i];
        apply->program = shadow->programs[piece->group];
        apply->blocks = copy->blocks;
        apply->param = copy->buffer[0];
        apply->grad = copy->buffer[1];
        for (size_t k = 0; k < piece->state_count; k++)
            apply->state[k] = copy->buffer[2 + k];
        apply->at = (struct tik_offsets){0};
        apply->factor = run.clip ? shadow->factor : NULL;
        apply->partials = shadow->partials;
    }
    return tik_run_enqueue(shadow->scalar, &run);
}

static bool bounded(const struct tik_optimizer *optimizer)
{
    return tik_optimizer_conformance(optimizer) != TIK_EXACT;
}

enum tik_status tik_shadow_compare(struct tik_shadow *shadow, uint64_t *words, uint64_t *mismatches)
{
    struct tik_optimizer *optimizer = shadow->optimizer;
    const struct tik_store *store = &optimizer->store;
    const bool loose = bounded(optimizer);
    enum tik_status status = TIK_OK;
    for (size_t t = 0; t < store->tensor_count && status == TIK_OK; t++) {
        const struct tik_entry *entry = &store->tensors[t];
        const struct tik_piece *piece = &store->pieces[entry->piece];
        if (!entry->active || entry->count == 0)
            continue;
        float *there = malloc(entry->count * sizeof *there);
        if (there == NULL)
            return tik_error_memory("a tensor to compare", entry->count * sizeof *there);
        for (size_t k = 0; k < array_count(piece) && status == TIK_OK; k++) {
            if (k == 1) /* the gradient is only read */
                continue;
            status = tik_piece_read(store, piece, k, entry->first, entry->count, there);
            if (status != TIK_OK)
                break;
            const float *here = shadow->pieces[entry->piece].array[k] + entry->first;
            *mismatches += tik_verify_compare(there, here, NULL, entry->count, loose);
            *words += entry->count;
        }
        free(there);
    }
    return status;
}

/* A buffer of the scalar path's, copied to the device's. */
static enum tik_status store_table(struct tik_shadow *shadow, struct tik_buffer *from,
                                   struct tik_buffer *to, size_t bytes)
{
    struct tik_optimizer *optimizer = shadow->optimizer;
    void *values = malloc(bytes);
    if (values == NULL)
        return tik_error_memory("a table to copy", bytes);
    enum tik_status status =
        shadow->scalar->ops->memory_read(shadow->scalar, from, 0, bytes, values);
    if (status == TIK_OK)
        status = optimizer->backend->ops->memory_write(optimizer->backend, to, 0, bytes, values);
    free(values);
    return status;
}

enum tik_status tik_shadow_store(struct tik_shadow *shadow)
{
    const struct tik_store *store = &shadow->optimizer->store;
    for (size_t i = 0; i < shadow->piece_count; i++) {
        const struct tik_piece *piece = &store->pieces[i];
        for (size_t k = 0; k < array_count(piece); k++) {
            if (k == 1 || piece->elements == 0)
                continue;
            const enum tik_status status =
                tik_piece_write(store, piece, k, 0, piece->elements, shadow->pieces[i].array[k]);
            if (status != TIK_OK)
                return tik_error_prefix(TIK_ERROR_TORN, "the scalar path's result could not be "
                                                        "stored: ");
        }
    }
    return TIK_OK;
}

enum tik_status tik_shadow_store_report(struct tik_shadow *shadow)
{
    const struct tik_store *store = &shadow->optimizer->store;
    enum tik_status status = TIK_OK;
    if (store->clip)
        status = store_table(shadow, shadow->factor, store->factor, 2 * sizeof(float));
    if (status == TIK_OK && store->report && store->slots > 0)
        status = store_table(shadow, shadow->partials, store->partials,
                             store->slots * sizeof(struct tik_partial));
    return status;
}
