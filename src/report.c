/* What a step's partial sums say of the new parameters. */
#include <stdlib.h>

#include "error.h"
#include "optimizer.h"
#include "scalar/group.h"
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
        for (uint32_t b = 0; b < tik_entry_blocks(entry); b++) {
            const struct tik_partial *partial = &partials[entry->slot + b];
            blocks[b] = penalty ? partial->penalty : partial->squares;
        }
        totals[count++] = tik_row_sum(blocks, tik_entry_blocks(entry));
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
        for (uint32_t b = 0; b < tik_entry_blocks(entry); b++)
            report->zeros += partials[entry->slot + b].zeros;
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

/* ---- penalties that are a sum of norms ---- */

/* A tensor's parameters, the sums of the blocks of a unit, and the norms of its units. */
struct norms {
    float *values, *blocks, *units, *totals;
};

static enum tik_status make_norms(const struct tik_store *store, size_t group, struct norms *norms)
{
    size_t most = 1;
    for (size_t t = 0; t < store->tensor_count; t++)
        if (store->tensors[t].group == group && store->tensors[t].count > most)
            most = store->tensors[t].count;
    const size_t blocks = most / TIK_BLOCK + 1, tensors = store->tensor_count;
    float *made = malloc((2 * most + blocks + tensors) * sizeof *made);
    if (made == NULL)
        return tik_error_memory("the norms of the report", 2 * most * sizeof *made);
    *norms = (struct norms){made, made + most, made + most + blocks, made + 2 * most + blocks};
    return TIK_OK;
}

static float norm_of_unit(const struct tik_span *span, uint32_t unit, const struct norms *norms)
{
    const float *first = norms->values + unit * span->step;
    size_t count = 0;
    for (uint64_t done = 0; done < span->length; done += TIK_BLOCK) {
        const uint64_t rest = span->length - done;
        norms->blocks[count++] =
            tik_scalar_group_squares((size_t)(rest < TIK_BLOCK ? rest : TIK_BLOCK),
                                     first + done * span->stride, span->stride);
    }
    return square_root(tik_row_sum(norms->blocks, count));
}

/*
 * The sum of the norms of the group's units, by the trees of cl/group.cl: units first, then
 * tensors. The parameters are read: a step that was skipped left no sums of them.
 */
static enum tik_status sum_norms(const struct tik_store *store, size_t group, enum tik_scope scope,
                                 const struct norms *norms, float *sum)
{
    size_t count = 0;
    for (size_t t = 0; t < store->tensor_count; t++) {
        const struct tik_entry *entry = &store->tensors[t];
        if (entry->group != group || !entry->active || entry->count == 0)
            continue;
        const enum tik_status status = tik_piece_read(store, &store->pieces[entry->piece], 0,
                                                      entry->first, entry->count, norms->values);
        if (status != TIK_OK)
            return status;
        struct tik_span span;
        tik_span_cut(entry, scope, &span);
        for (uint32_t u = 0; u < span.units; u++)
            norms->units[u] = norm_of_unit(&span, u, norms);
        norms->totals[count++] = tik_row_sum(norms->units, span.units);
    }
    *sum = tik_row_sum(norms->totals, count);
    return TIK_OK;
}

/* Adds what is not a sum over elements. */
static enum tik_status add_norms(const struct tik_optimizer *optimizer, size_t number,
                                 struct tik_report *report)
{
    const struct tik_group *group = &optimizer->groups[number];
    enum tik_status status = TIK_OK;
    for (size_t i = 0; i < group->plan.penalty_count && status == TIK_OK; i++) {
        const struct tik_plan_penalty *penalty = &group->plan.penalty[i];
        struct norms norms = {0};
        float sum = 0.0f;
        if (!penalty->sums_norms)
            continue;
        status = make_norms(&optimizer->store, number, &norms);
        if (status != TIK_OK)
            break;
        fenv_t saved;
        tik_numeric_enter(&saved);
        status = sum_norms(&optimizer->store, number, penalty->scope, &norms, &sum);
        report->penalty = (float)report->penalty + group->values.row.step.penalty[i].weight * sum;
        tik_numeric_leave(&saved);
        free(norms.values);
    }
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
    if (status == TIK_OK && !report->skipped)
        status = add_norms(optimizer, group, report);
    return tik_optimizer_settle(optimizer, status);
}
