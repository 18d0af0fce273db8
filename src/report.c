/* What a step's partial sums say of the new parameters. */
#include <stdlib.h>

#include "error.h"
#include "optimizer.h"
#include "scalar/numeric.h"
#include "scalar/reduce.h"

/* Sums one field of the group's partial sums by the fixed tree: blocks first, then tensors. */
static float sum_blocks(const struct tik_store *store, size_t group,
                        const struct tik_partial *partials, bool penalty, float *blocks,
                        float *totals)
{
    size_t count = 0;
    for (size_t t = 0; t < store->tensor_count; t++) {
        const struct tik_entry *entry = &store->tensors[t];
        if (entry->group != group || !entry->active)
            continue;
        for (uint32_t b = 0; b < entry->slots.count; b++) {
            const struct tik_partial *partial = &partials[entry->slots.first + b];
            blocks[b] = penalty ? partial->penalty : partial->squares;
        }
        totals[count++] = tik_row_sum(blocks, entry->slots.count);
    }
    return tik_row_sum(totals, count);
}

static void count_elements(const struct tik_store *store, size_t group,
                           const struct tik_partial *partials, struct tik_report *report)
{
    for (size_t t = 0; t < store->tensor_count; t++) {
        const struct tik_entry *entry = &store->tensors[t];
        if (entry->group != group || !entry->active)
            continue;
        report->count += entry->count;
        for (uint32_t b = 0; b < entry->slots.count; b++)
            report->zeros += partials[entry->slots.first + b].zeros;
    }
}

static enum tik_status read_partials(struct tik_optimizer *optimizer, size_t group,
                                     struct tik_report *report)
{
    const struct tik_store *store = &optimizer->store;
    const struct tik_backend_ops *ops = optimizer->backend->ops;
    const size_t slots = (size_t)store->slots + 1;
    struct tik_partial *partials = malloc(slots * sizeof *partials);
    float *sums = malloc((slots + store->tensor_count) * sizeof *sums);
    enum tik_status status = TIK_OK;
    if (partials == NULL || sums == NULL)
        status = tik_error_memory("the report", slots * sizeof *partials);
    if (status == TIK_OK && store->slots > 0)
        status = ops->memory_read(optimizer->backend, store->work.partials, 0,
                                  (size_t)store->slots * sizeof *partials, partials);
    if (status == TIK_OK) {
        fenv_t saved;
        tik_numeric_enter(&saved);
        report->penalty = sum_blocks(store, group, partials, true, sums, sums + slots);
        report->half_squared_norm =
            0.5f * sum_blocks(store, group, partials, false, sums, sums + slots);
        count_elements(store, group, partials, report);
        tik_numeric_leave(&saved);
    }
    free(partials);
    free(sums);
    return status;
}

/* A caller who flushes subnormals gets his clip whole. */
static enum tik_status read_control(struct tik_optimizer *optimizer, struct tik_report *report)
{
    struct tik_control control;
    const enum tik_status status = optimizer->backend->ops->memory_read(
        optimizer->backend, optimizer->guard.control, 0, sizeof control, &control);
    fenv_t saved;
    tik_numeric_enter(&saved);
    if (status == TIK_OK && optimizer->gather.clip == TIK_CLIP_ALL) {
        report->clip = control.clip;
        report->norm = control.norm;
    }
    if (status == TIK_OK)
        report->skipped = control.skip != 0;
    tik_numeric_leave(&saved);
    return status;
}

enum tik_status tik_optimizer_report(struct tik_optimizer *optimizer, size_t group,
                                     struct tik_report *report)
{
    enum tik_status status = tik_optimizer_check(optimizer);
    if (status != TIK_OK)
        return status;
    if (group >= optimizer->group_count || report == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "group is %zu of %zu, report is %s", group,
                             optimizer->group_count, report == NULL ? "NULL" : "there");
    if (!optimizer->options.report)
        return tik_error_set(TIK_ERROR_ARGUMENT, "the optimizer was made without the option "
                                                 "report");
    const struct tik_store *store = &optimizer->store;
    if (!optimizer->groups[group].stepped || !store->fresh || !store->reported)
        return tik_error_set(TIK_ERROR_ARGUMENT, "there is no report yet: take a step first, with "
                                                 "the tensors as they "
                                                 "are now");

    status = tik_guard_learn(optimizer);
    if (status != TIK_OK)
        return tik_optimizer_settle(optimizer, status);
    *report = (struct tik_report){.clip = 1, .lr = optimizer->groups[group].lr};
    if (optimizer->guard.control != NULL)
        status = read_control(optimizer, report);
    if (status == TIK_OK && !report->skipped)
        status = read_partials(optimizer, group, report);
    return tik_optimizer_settle(optimizer, status);
}
