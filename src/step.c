/*
 * One step of an optimizer: everything that can fail first, then the commands, then what is
 * compared or reported. A step happens or it does not.
 */
#include "optimizer.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "program.h"
#include "scalar/numeric.h"
#include "scalar/reduce.h"
#include "shadow.h"

/* The program of the group's present plan. */
static enum tik_status prepare_group(struct tik_optimizer *optimizer, struct tik_group *group)
{
    if (group->program != NULL && tik_plan_equal(&group->plan, &group->compiled))
        return TIK_OK;
    struct tik_program *program;
    const enum tik_status status =
        tik_program_prepare(optimizer->context, optimizer->backend, &group->plan, &program, NULL);
    if (status != TIK_OK)
        return status;
    optimizer->backend->ops->program_destroy(optimizer->backend, group->program);
    group->program = program;
    group->compiled = group->plan;
    return TIK_OK;
}

static bool is_prepared(const struct tik_optimizer *optimizer)
{
    bool prepared = !optimizer->store.clip || optimizer->norm_program != NULL;
    for (size_t g = 0; g < optimizer->group_count; g++)
        prepared &= optimizer->groups[g].program != NULL &&
                    tik_plan_equal(&optimizer->groups[g].plan, &optimizer->groups[g].compiled);
    return prepared;
}

/*
 * Steps under way are waited for first, so that what fails afterwards is a known-answer run, on
 * memory of its own, and tears nothing.
 */
static enum tik_status prepare_programs(struct tik_optimizer *optimizer)
{
    if (is_prepared(optimizer))
        return TIK_OK;
    enum tik_status status = TIK_OK;
    if (optimizer->stats.steps > 0)
        status = optimizer->backend->ops->finish(optimizer->backend);
    if (status != TIK_OK)
        return status;
    for (size_t g = 0; g < optimizer->group_count && status == TIK_OK; g++)
        status = prepare_group(optimizer, &optimizer->groups[g]);
    if (status == TIK_OK && optimizer->store.clip && optimizer->norm_program == NULL)
        status = tik_program_prepare(optimizer->context, optimizer->backend, NULL,
                                     &optimizer->norm_program, NULL);
    return status;
}

enum tik_status tik_optimizer_prepare(struct tik_optimizer *optimizer)
{
    enum tik_status status = tik_optimizer_check(optimizer);
    if (status != TIK_OK)
        return status;
    status = tik_store_commit(&optimizer->store);
    if (status == TIK_OK)
        status = prepare_programs(optimizer);
    return tik_optimizer_settle(optimizer, status);
}

/* 1 - decay rounds to 1 below this: nothing is left of the decay but what the step adds to it. */
static void warn_of_small_decay(const struct tik_optimizer *optimizer, struct tik_group *group)
{
    const float decay = group->values.step.decay;
    if (decay > 0 && decay < 0x1p-25f && !group->warned) {
        tik_context_log(optimizer->context, TIK_LOG_WARNING,
                        "the decay of a step is %g of the parameter, below 2^-25: too small to "
                        "act by itself in float32",
                        (double)decay);
        group->warned = true;
    }
}

/* The numbers of the coming step, whatever rounding mode the caller has set. */
static void compute_values(struct tik_optimizer *optimizer)
{
    fenv_t saved;
    tik_numeric_enter(&saved);
    optimizer->max_norm = (float)optimizer->options.max_norm;
    for (size_t g = 0; g < optimizer->group_count; g++) {
        struct tik_group *group = &optimizer->groups[g];
        const uint64_t step = group->steps + 1;
        memcpy(group->coming, group->carried, sizeof group->coming);
        tik_plan_values(&group->plan, &group->policy, tik_schedule_at(&group->schedule, step), step,
                        group->coming, &group->values);
    }
    tik_numeric_leave(&saved);
    for (size_t g = 0; g < optimizer->group_count; g++)
        warn_of_small_decay(optimizer, &optimizer->groups[g]);
}

void tik_optimizer_run(const struct tik_optimizer *optimizer, struct tik_apply *pieces,
                       struct tik_run *run)
{
    const struct tik_store *store = &optimizer->store;
    *run = (struct tik_run){.clip = store->clip,
                            .norm_program = optimizer->norm_program,
                            .piece_count = store->piece_count,
                            .pieces = pieces};
    run->norm = (struct tik_norm_finish){.program = optimizer->norm_program,
                                         .tensors = store->tensor_blocks,
                                         .tensor_count = (uint32_t)store->tensor_count,
                                         .max_norm = optimizer->max_norm,
                                         .sums = store->sums,
                                         .totals = store->totals,
                                         .factor = store->factor};
    for (size_t i = 0; i < store->piece_count; i++) {
        const struct tik_piece *piece = &store->pieces[i];
        const struct tik_group *group = &optimizer->groups[piece->group];
        pieces[i] = (struct tik_apply){.program = group->program,
                                       .block_count = piece->block_count,
                                       .blocks = piece->blocks,
                                       .count = piece->elements,
                                       .param = piece->memory.param,
                                       .grad = piece->memory.grad,
                                       .at = piece->at,
                                       .factor = store->clip ? store->factor : NULL,
                                       .values = &group->values,
                                       .partials = store->partials};
        for (size_t k = 0; k < piece->state_count; k++)
            pieces[i].state[k] = piece->memory.state[k];
    }
}

static enum tik_status enqueue(struct tik_optimizer *optimizer)
{
    const size_t bytes = (optimizer->store.piece_count + 1) * sizeof(struct tik_apply);
    struct tik_apply *pieces = malloc(bytes);
    if (pieces == NULL)
        return tik_error_memory("the commands of a step", bytes);
    struct tik_run run;
    tik_optimizer_run(optimizer, pieces, &run);
    const enum tik_status status = tik_run_enqueue(optimizer->backend, &run);
    free(pieces);
    return status;
}

static void count_step(struct tik_optimizer *optimizer)
{
    for (size_t g = 0; g < optimizer->group_count; g++) {
        struct tik_group *group = &optimizer->groups[g];
        if (group->active > 0) {
            group->steps++;
            memcpy(group->carried, group->coming, sizeof group->carried);
        }
        group->lr = group->values.lr;
        group->stepped = true;
    }
    optimizer->store.reported = true;
    optimizer->stats.steps++;
}

/* The scalar path takes the step that the device could not; the device's error is in the message.
 */
static enum tik_status fall_back(struct tik_optimizer *optimizer, enum tik_status cause)
{
    struct tik_context *context = optimizer->context;
    if (cause != TIK_ERROR_DEVICE && cause != TIK_ERROR_MEMORY)
        return cause;
    if (optimizer->backend->ops == optimizer->scalar->ops)
        return cause;
    if (context->strict)
        return tik_error_prefix(TIK_ERROR_FALLBACK, "strict, so the scalar path does not take "
                                                    "over: ");
    struct tik_shadow *shadow;
    enum tik_status status = tik_shadow_create(optimizer, &shadow);
    if (status != TIK_OK)
        return status;
    status = tik_shadow_step(shadow);
    if (status == TIK_OK)
        status = tik_shadow_store(shadow);
    if (status == TIK_OK) {
        /* Nothing failed since: the last error is still the device's. */
        tik_context_fell_back(context, tik_last_error(), optimizer->stats.fallbacks == 0);
        optimizer->stats.fallbacks++;
        count_step(optimizer);
        optimizer->store.reported = tik_shadow_store_report(shadow) == TIK_OK;
    }
    tik_shadow_destroy(shadow);
    return status;
}

static enum tik_status judge(struct tik_optimizer *optimizer, uint64_t words, uint64_t mismatches)
{
    optimizer->stats.verified_steps++;
    optimizer->stats.verified_words += words;
    optimizer->stats.mismatches += mismatches;
    if (mismatches == 0)
        return TIK_OK;
    tik_context_log(
        optimizer->context, TIK_LOG_WARNING, "%s: %llu of %llu words differ from the scalar path",
        optimizer->context->device.name, (unsigned long long)mismatches, (unsigned long long)words);
    if (!optimizer->context->strict)
        return TIK_OK;
    return tik_error_set(TIK_ERROR_MISMATCH, "%s: %llu of %llu words differ from the scalar path",
                         optimizer->context->device.name, (unsigned long long)mismatches,
                         (unsigned long long)words);
}

/* The step was taken, but what it was to be compared with could not be read. */
static enum tik_status not_compared(struct tik_optimizer *optimizer, enum tik_status status)
{
    if (status == TIK_ERROR_TORN)
        return status;
    tik_context_log(optimizer->context, TIK_LOG_WARNING, "a step was not compared: %s",
                    tik_last_error());
    if (!optimizer->context->strict)
        return TIK_OK;
    return tik_error_prefix(TIK_ERROR_MISMATCH, "the step was taken, but not compared: ");
}

static enum tik_status step_and_compare_all(struct tik_optimizer *optimizer)
{
    uint64_t words = 0, mismatches = 0;
    struct tik_shadow *shadow;
    enum tik_status status = tik_shadow_create(optimizer, &shadow);
    if (status != TIK_OK)
        return fall_back(optimizer, status);
    status = enqueue(optimizer);
    if (status == TIK_OK) {
        count_step(optimizer);
        status = tik_shadow_step(shadow);
        if (status == TIK_OK)
            status = tik_shadow_compare(shadow, &words, &mismatches);
        tik_shadow_destroy(shadow);
        return status == TIK_OK ? judge(optimizer, words, mismatches)
                                : not_compared(optimizer, status);
    }
    tik_shadow_destroy(shadow);
    return fall_back(optimizer, status);
}

static enum tik_status step_and_compare_sample(struct tik_optimizer *optimizer)
{
    uint64_t words = 0, mismatches = 0;
    struct tik_sample *sample;
    enum tik_status status = tik_sample_create(optimizer, &sample);
    if (status != TIK_OK)
        return fall_back(optimizer, status);
    status = enqueue(optimizer);
    if (status == TIK_OK) {
        count_step(optimizer);
        status = tik_sample_compare(sample, &words, &mismatches);
        tik_sample_destroy(sample);
        return status == TIK_OK ? judge(optimizer, words, mismatches)
                                : not_compared(optimizer, status);
    }
    tik_sample_destroy(sample);
    return fall_back(optimizer, status);
}

static enum tik_status step_unwatched(struct tik_optimizer *optimizer)
{
    const enum tik_status status = enqueue(optimizer);
    if (status != TIK_OK)
        return fall_back(optimizer, status);
    count_step(optimizer);
    return TIK_OK;
}

static enum tik_status step(struct tik_optimizer *optimizer)
{
    enum tik_status status = tik_store_commit(&optimizer->store);
    if (status != TIK_OK)
        return status;
    compute_values(optimizer);
    status = prepare_programs(optimizer);
    if (status != TIK_OK)
        return fall_back(optimizer, status);

    /* There is nothing to compare the scalar path with. */
    if (optimizer->backend->ops == optimizer->scalar->ops)
        return step_unwatched(optimizer);
    switch (optimizer->options.verify) {
    case TIK_VERIFY_ALL:
        return step_and_compare_all(optimizer);
    case TIK_VERIFY_SAMPLE:
        return step_and_compare_sample(optimizer);
    case TIK_VERIFY_OFF:
        break;
    }
    return step_unwatched(optimizer);
}

enum tik_status tik_optimizer_step(struct tik_optimizer *optimizer)
{
    const enum tik_status status = tik_optimizer_check(optimizer);
    return status == TIK_OK ? tik_optimizer_settle(optimizer, step(optimizer)) : status;
}

enum tik_status tik_optimizer_sync(struct tik_optimizer *optimizer)
{
    const enum tik_status status = tik_optimizer_check(optimizer);
    if (status != TIK_OK)
        return status;
    return tik_optimizer_settle(optimizer, optimizer->backend->ops->finish(optimizer->backend));
}

/* ---- report ---- */

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
        status = ops->memory_read(optimizer->backend, store->partials, 0,
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

    *report = (struct tik_report){.clip = 1, .lr = optimizer->groups[group].lr};
    status = read_partials(optimizer, group, report);
    if (status == TIK_OK && optimizer->store.clip) {
        float factor[2];
        status = optimizer->backend->ops->memory_read(optimizer->backend, optimizer->store.factor,
                                                      0, sizeof factor, factor);
        fenv_t saved;
        tik_numeric_enter(&saved); /* a caller who flushes subnormals gets his clip whole */
        report->clip = factor[0];
        report->norm = factor[1];
        tik_numeric_leave(&saved);
    }
    return tik_optimizer_settle(optimizer, status);
}
