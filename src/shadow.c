#include "shadow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "blas.h"
#include "error.h"
#include "verify.h"

struct shadow_piece {
    void *values[TIK_MAX_PARTS];
    struct tik_arrays arrays; /* the values, as the scalar path's memory */
    struct tik_spans spans[TIK_SCOPES];
};

struct tik_shadow {
    struct tik_optimizer *optimizer;
    struct tik_backend *scalar;
    bool accumulates; /* the step does nothing else */
    size_t piece_count, group_count;
    struct shadow_piece *pieces;
    struct tik_program **programs; /* one a group */
    struct tik_program **units;    /* TIK_PENALTY_SLOTS a group */
    struct tik_program *norm_program;
    struct tik_workspace work;
    struct tik_launch *launches;
};

static size_t part_count(const struct tik_piece *piece)
{
    return 2 + piece->layout.count;
}

static struct tik_buffer **array_of(struct shadow_piece *copy, const struct tik_piece *piece,
                                    size_t part)
{
    if (part == 0)
        return &copy->arrays.param;
    return part == 1 ? &copy->arrays.grad
                     : &copy->arrays.state[piece->layout.array[part - 2].number];
}

static enum tik_status copy_spans(struct tik_shadow *shadow, size_t i)
{
    const struct tik_piece *piece = &shadow->optimizer->store.pieces[i];
    struct shadow_piece *copy = &shadow->pieces[i];
    enum tik_status status = TIK_OK;
    for (enum tik_scope scope = 0; scope < TIK_SCOPES && status == TIK_OK; scope++) {
        copy->spans[scope] = piece->spans[scope];
        copy->spans[scope].table = NULL;
        if (piece->table[scope] != NULL)
            status = shadow->scalar->ops->memory_wrap(
                shadow->scalar, piece->table[scope],
                piece->spans[scope].count * sizeof **piece->table, &copy->spans[scope].table);
    }
    if (status == TIK_OK && piece->matrices != NULL)
        status = shadow->scalar->ops->memory_wrap(
            shadow->scalar, piece->matrices,
            piece->spans[TIK_SCOPE_TENSOR].count * sizeof *piece->matrices, &copy->arrays.matrices);
    return status;
}

static enum tik_status copy_piece(struct tik_shadow *shadow, size_t i)
{
    struct tik_optimizer *optimizer = shadow->optimizer;
    const struct tik_piece *piece = &optimizer->store.pieces[i];
    struct shadow_piece *copy = &shadow->pieces[i];

    enum tik_status status = copy_spans(shadow, i);
    for (size_t k = 0; k < part_count(piece) && status == TIK_OK; k++) {
        const size_t numbers = tik_piece_numbers(piece, k);
        const size_t bytes = numbers * tik_layout_size(&piece->layout, k);
        copy->values[k] = malloc(bytes > 0 ? bytes : 1);
        if (copy->values[k] == NULL)
            return tik_error_memory("the scalar path's copy of a group", bytes);
        status = tik_piece_read(&optimizer->store, piece, k, 0, numbers, copy->values[k]);
        if (status == TIK_OK)
            status = shadow->scalar->ops->memory_wrap(shadow->scalar, copy->values[k], bytes,
                                                      array_of(copy, piece, k));
    }
    return status;
}

/* A buffer of the device's, copied to one of the scalar path's. */
static enum tik_status copy_buffer(struct tik_shadow *shadow, struct tik_buffer *from, size_t bytes,
                                   struct tik_buffer **to)
{
    void *values = malloc(bytes);
    if (values == NULL)
        return tik_error_memory("a table to copy", bytes);
    struct tik_optimizer *optimizer = shadow->optimizer;
    enum tik_status status =
        optimizer->backend->ops->memory_read(optimizer->backend, from, 0, bytes, values);
    if (status == TIK_OK)
        status = tik_upload(shadow->scalar, values, bytes, to);
    free(values);
    return status;
}

/* What the device knows of steps that were skipped, and the scalars that this one may take. */
static enum tik_status copy_guard(struct tik_shadow *shadow)
{
    struct tik_optimizer *optimizer = shadow->optimizer;
    const struct tik_guard *guard = &optimizer->guard;
    const size_t groups = guard->groups;
    enum tik_status status = TIK_OK;
    if (guard->control != NULL)
        status =
            copy_buffer(shadow, guard->control, sizeof(struct tik_control), &shadow->work.control);
    if (status == TIK_OK && guard->progress != NULL)
        status = copy_buffer(shadow, guard->progress, groups * sizeof(struct tik_progress),
                             &shadow->work.progress);
    if (status == TIK_OK && guard->rows != NULL && !shadow->accumulates)
        status = tik_upload(shadow->scalar, guard->posted[guard->unread],
                            groups * TIK_ROWS * sizeof(struct tik_row), &shadow->work.rows);
    return status;
}

static enum tik_status make_program(struct tik_shadow *shadow, const struct tik_plan *plan,
                                    struct tik_program **program)
{
    return shadow->scalar->ops->program_create(shadow->scalar, plan, program);
}

static enum tik_status create_programs(struct tik_shadow *shadow)
{
    const struct tik_optimizer *optimizer = shadow->optimizer;
    struct tik_plan plan;
    tik_plan_norm(&optimizer->gather, &plan);
    enum tik_status status = make_program(shadow, &plan, &shadow->norm_program);
    for (size_t g = 0; g < optimizer->group_count && status == TIK_OK; g++) {
        const struct tik_group *group = &optimizer->groups[g];
        status = make_program(shadow, &group->plan, &shadow->programs[g]);
        for (size_t i = 0; i < TIK_PENALTY_SLOTS && status == TIK_OK; i++) {
            if (group->plan.penalty[i].group == NULL)
                continue;
            tik_plan_group(&optimizer->gather, group->plan.penalty[i].group, &plan);
            status = make_program(shadow, &plan, &shadow->units[g * TIK_PENALTY_SLOTS + i]);
        }
    }
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
    made->accumulates = tik_optimizer_accumulates(optimizer);
    made->piece_count = pieces;
    made->group_count = groups;
    made->pieces = calloc(pieces + 1, sizeof *made->pieces);
    made->programs = calloc(groups + 1, sizeof(struct tik_program *));
    made->units = calloc(groups * TIK_PENALTY_SLOTS + 1, sizeof(struct tik_program *));

    enum tik_status status = TIK_OK;
    if (made->pieces == NULL || made->programs == NULL || made->units == NULL)
        status = tik_error_memory("the scalar path's copy", pieces * sizeof *made->pieces);
    if (status == TIK_OK)
        status = create_programs(made);
    if (status == TIK_OK)
        status = tik_workspace_create(&optimizer->store, made->scalar, &made->work);
    if (status == TIK_OK)
        status = copy_guard(made);
    for (size_t i = 0; i < pieces && status == TIK_OK; i++)
        status = copy_piece(made, i);
    if (status != TIK_OK) {
        tik_shadow_destroy(made);
        return status;
    }
    *shadow = made;
    return TIK_OK;
}

static void destroy_piece(struct tik_backend *scalar, struct shadow_piece *piece)
{
    const struct tik_backend_ops *ops = scalar->ops;
    ops->memory_destroy(scalar, piece->arrays.param);
    ops->memory_destroy(scalar, piece->arrays.grad);
    for (size_t k = 0; k < TIK_ARRAYS; k++)
        ops->memory_destroy(scalar, piece->arrays.state[k]);
    ops->memory_destroy(scalar, piece->arrays.matrices);
    for (size_t scope = 0; scope < TIK_SCOPES; scope++)
        ops->memory_destroy(scalar, piece->spans[scope].table);
    for (size_t k = 0; k < TIK_MAX_PARTS; k++)
        free(piece->values[k]);
}

void tik_shadow_destroy(struct tik_shadow *shadow)
{
    if (shadow == NULL)
        return;
    struct tik_backend *scalar = shadow->scalar;
    const struct tik_backend_ops *ops = scalar->ops;
    for (size_t i = 0; shadow->pieces != NULL && i < shadow->piece_count; i++)
        destroy_piece(scalar, &shadow->pieces[i]);
    for (size_t g = 0; shadow->programs != NULL && g < shadow->group_count; g++)
        ops->program_destroy(scalar, shadow->programs[g]);
    for (size_t i = 0; shadow->units != NULL && i < shadow->group_count * TIK_PENALTY_SLOTS; i++)
        ops->program_destroy(scalar, shadow->units[i]);
    ops->program_destroy(scalar, shadow->norm_program);
    tik_workspace_destroy(scalar, &shadow->work);
    ops->memory_destroy(scalar, shadow->work.control);
    ops->memory_destroy(scalar, shadow->work.progress);
    ops->memory_destroy(scalar, shadow->work.rows);
    free(shadow->pieces);
    free(shadow->launches);
    free(shadow->programs);
    free(shadow->units);
    free(shadow);
}

/* ---- the step, on the copy ---- */

static const struct tik_arrays *arrays(const void *self, size_t piece)
{
    return &((const struct tik_shadow *)self)->pieces[piece].arrays;
}

static const struct tik_spans *spans(const void *self, size_t piece, enum tik_scope scope)
{
    return &((const struct tik_shadow *)self)->pieces[piece].spans[scope];
}

static struct tik_program *program(const void *self, size_t group)
{
    return ((const struct tik_shadow *)self)->programs[group];
}

static struct tik_program *units(const void *self, size_t group, size_t slot)
{
    return ((const struct tik_shadow *)self)->units[group * TIK_PENALTY_SLOTS + slot];
}

/* The launches of the step on the copy; counted alone where there is no room for them yet. */
static size_t list_launches(const struct tik_shadow *shadow)
{
    const struct tik_view view = {.work = &shadow->work,
                                  .arrays = arrays,
                                  .spans = spans,
                                  .program = program,
                                  .units = units,
                                  .norm = shadow->norm_program,
                                  .copied = true,
                                  .self = shadow};
    return tik_run_list(shadow->optimizer, &view, shadow->accumulates, shadow->launches);
}

enum tik_status tik_shadow_step(struct tik_shadow *shadow)
{
    const size_t count = list_launches(shadow);
    shadow->launches = malloc((count + 1) * sizeof *shadow->launches);
    if (shadow->launches == NULL)
        return tik_error_memory("the scalar path's launches", count * sizeof *shadow->launches);
    list_launches(shadow);
    return tik_run_enqueue(shadow->scalar, shadow->launches, count);
}

static bool bounded(const struct tik_optimizer *optimizer)
{
    return tik_optimizer_conformance(optimizer) != TIK_EXACT;
}

/* What an iteration on matrices adds to the distance of parameters, and of their average. */
static double find_slack(const struct tik_optimizer *optimizer, const struct tik_entry *entry)
{
    const struct tik_group *group = &optimizer->groups[entry->group];
    const struct tik_iteration *iteration = group->plan.variant->iteration;
    if (iteration == NULL)
        return 0;
    struct tik_polynomial polynomial;
    const double rows = (double)entry->shape[0], cols = (double)entry->shape[1];
    double lr = group->values.lr;
    for (size_t i = 0; i < TIK_ROWS && optimizer->gather.guard; i++)
        lr = fmax(lr, group->lrs[i]);
    iteration->polynomial(group->policy.option, &polynomial);
    return iteration->share(group->policy.option, lr, rows, cols) *
           tik_iteration_bound(&polynomial, rows, cols);
}

/* The parameters, their average and their copy. */
static bool follows_param(const struct tik_layout *layout, size_t array)
{
    return array == 0 || (array > 1 && (layout->array[array - 2].number == TIK_EMA ||
                                        layout->start[array - 2].copy != NULL));
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
        const double slack = loose ? find_slack(optimizer, entry) : 0;
        void *there = malloc(entry->count * sizeof(float));
        if (there == NULL)
            return tik_error_memory("a tensor to compare", entry->count * sizeof(float));
        for (size_t k = 0; k < part_count(piece) && status == TIK_OK; k++) {
            if ((k == 1 && !store->writes_grad) || !tik_entry_has(entry, piece, k))
                continue;
            const uint64_t first = tik_entry_first(entry, piece, k);
            const size_t count = tik_entry_numbers(entry, piece, k);
            status = tik_piece_read(store, piece, k, first, count, there);
            if (status != TIK_OK)
                break;
            const char *here = shadow->pieces[entry->piece].values[k];
            here += first * tik_layout_size(&piece->layout, k);
            *mismatches += tik_verify_array(&piece->layout, k, there, here, count, loose,
                                            follows_param(&piece->layout, k) ? slack : 0);
            *words += count;
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

static enum tik_status store_pieces(struct tik_shadow *shadow)
{
    const struct tik_store *store = &shadow->optimizer->store;
    enum tik_status status = TIK_OK;
    for (size_t i = 0; i < shadow->piece_count; i++) {
        const struct tik_piece *piece = &store->pieces[i];
        for (size_t k = 0; k < part_count(piece) && status == TIK_OK; k++)
            if ((k != 1 || store->writes_grad) && tik_piece_numbers(piece, k) > 0)
                status = tik_piece_write(store, piece, k, 0, tik_piece_numbers(piece, k),
                                         shadow->pieces[i].values[k]);
    }
    return status;
}

enum tik_status tik_shadow_store(struct tik_shadow *shadow)
{
    const struct tik_guard *guard = &shadow->optimizer->guard;
    enum tik_status status = store_pieces(shadow);
    if (status == TIK_OK && guard->control != NULL)
        status =
            store_table(shadow, shadow->work.control, guard->control, sizeof(struct tik_control));
    if (status == TIK_OK && guard->progress != NULL)
        status = store_table(shadow, shadow->work.progress, guard->progress,
                             guard->groups * sizeof(struct tik_progress));
    if (status == TIK_OK)
        return TIK_OK;
    return tik_error_prefix(TIK_ERROR_TORN, "the scalar path's result could not be stored: ");
}

enum tik_status tik_shadow_store_report(struct tik_shadow *shadow)
{
    const struct tik_store *store = &shadow->optimizer->store;
    if (!store->needs.report || store->slots == 0)
        return TIK_OK;
    return store_table(shadow, shadow->work.partials, store->work.partials,
                       store->slots * sizeof(struct tik_partial));
}
