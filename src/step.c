/*
 * One step of an optimizer: everything that can fail first, then the commands, then what is
 * compared or reported. A step happens or it does not.
 */
#include "optimizer.h"

#include <stdlib.h>
#include <string.h>

#include "blas.h"
#include "error.h"
#include "program.h"
#include "shadow.h"

static void replace_program(struct tik_optimizer *optimizer, struct tik_program **program,
                            struct tik_program *made)
{
    optimizer->backend->ops->program_destroy(optimizer->backend, *program);
    *program = made;
}

/* The program of a plan; that which is there, where it was compiled from the same. */
static enum tik_status prepare(struct tik_optimizer *optimizer, const struct tik_plan *plan,
                               struct tik_program **program, struct tik_plan *compiled)
{
    if (*program != NULL && tik_plan_equal(plan, compiled))
        return TIK_OK;
    struct tik_program *made;
    const enum tik_status status =
        tik_program_prepare(optimizer->context, optimizer->backend, plan, &made, NULL);
    if (status != TIK_OK)
        return status;
    replace_program(optimizer, program, made);
    *compiled = *plan;
    return TIK_OK;
}

/* Whether several pieces of a group may share a launch, and it is known how many. */
static bool packs(const struct tik_group *group)
{
    return group->alone > 1 && tik_plan_elementwise(&group->plan);
}

static bool is_packed(const struct tik_group *group)
{
    struct tik_plan plan = group->plan;
    plan.packed = group->packed_plan.packed;
    return tik_plan_equal(&plan, &group->packed_plan);
}

/* A device that takes too few arguments steps one piece a launch. */
static enum tik_status prepare_packed(struct tik_optimizer *optimizer, struct tik_group *group)
{
    struct tik_plan plan = group->plan;
    plan.packed = optimizer->backend->ops->program_packs(optimizer->backend, &plan);
    struct tik_program *made = NULL;
    enum tik_status status = TIK_OK;
    if (plan.packed > 0)
        status = tik_program_prepare(optimizer->context, optimizer->backend, &plan, &made, NULL);
    if (status != TIK_OK)
        return status;
    replace_program(optimizer, &group->packed, made);
    group->packed_plan = plan;
    return TIK_OK;
}

static enum tik_status prepare_group(struct tik_optimizer *optimizer, struct tik_group *group)
{
    enum tik_status status = prepare(optimizer, &group->plan, &group->program, &group->compiled);
    if (status == TIK_OK && packs(group) && !is_packed(group))
        status = prepare_packed(optimizer, group);
    for (size_t i = 0; i < TIK_PENALTY_SLOTS && status == TIK_OK; i++) {
        if (group->plan.penalty[i].group == NULL)
            continue;
        struct tik_plan plan;
        tik_plan_group(&optimizer->gather, group->plan.penalty[i].group, &plan);
        status = prepare(optimizer, &plan, &group->units[i], &group->units_compiled[i]);
    }
    return status;
}

/* Chunks know blocks, not whole tensors. */
static enum tik_status check_streams(const struct tik_optimizer *optimizer)
{
    for (size_t i = 0; i < optimizer->store.piece_count; i++) {
        const struct tik_piece *piece = &optimizer->store.pieces[i];
        const struct tik_plan *plan = &optimizer->groups[piece->group].plan;
        bool whole =
            plan->variant->measure != NULL || plan->late || tik_gather_units(&plan->gather);
        for (size_t k = 0; k < plan->penalty_count; k++)
            whole |= plan->penalty[k].group != NULL;
        if (piece->stream != NULL && whole)
            return tik_error_set(TIK_ERROR_ARGUMENT,
                                 "group %zu does not fit into the device's memory or memory_limit, "
                                 "and its policy needs norms of whole tensors, rows or columns: "
                                 "it cannot be streamed",
                                 piece->group);
    }
    return TIK_OK;
}

/* A BLAS, where matrices are large; on memory of its own, behind the steps under way. */
static enum tik_status prepare_blas(struct tik_optimizer *optimizer)
{
    if (optimizer->blas_prepared || !tik_matrices_large(&optimizer->store))
        return TIK_OK;
    enum tik_status status = TIK_OK;
    if (optimizer->stats.steps > 0 || optimizer->gathered > 0)
        status = optimizer->backend->ops->finish(optimizer->backend);
    if (status != TIK_OK)
        return status;
    tik_blas_prepare(optimizer->context, optimizer->backend);
    optimizer->blas_prepared = true;
    return TIK_OK;
}

static bool needs_norm(const struct tik_optimizer *optimizer)
{
    return tik_gather_looks(&optimizer->gather) || optimizer->gather.mean;
}

/* Whether several pieces may share a launch of the norm. */
static bool packs_norm(const struct tik_optimizer *optimizer)
{
    bool some = false;
    for (size_t g = 0; g < optimizer->group_count; g++)
        some |= optimizer->groups[g].alone > 1;
    return some && tik_gather_packs(&optimizer->gather);
}

static bool is_prepared(const struct tik_optimizer *optimizer)
{
    bool prepared = !needs_norm(optimizer) || optimizer->norm_program != NULL;
    prepared &= !packs_norm(optimizer) || optimizer->norm_asked;
    for (size_t g = 0; g < optimizer->group_count; g++) {
        const struct tik_group *group = &optimizer->groups[g];
        prepared &= group->program != NULL && tik_plan_equal(&group->plan, &group->compiled);
        prepared &= !packs(group) || is_packed(group);
        for (size_t i = 0; i < TIK_PENALTY_SLOTS; i++)
            prepared &= group->plan.penalty[i].group == NULL ||
                        (group->units[i] != NULL &&
                         group->units_compiled[i].group == group->plan.penalty[i].group);
    }
    return prepared;
}

/* A device that takes too few arguments sums one piece a launch. */
static enum tik_status prepare_norm(struct tik_optimizer *optimizer)
{
    struct tik_plan plan;
    enum tik_status status = TIK_OK;
    tik_plan_norm(&optimizer->gather, &plan);
    if (optimizer->norm_program == NULL)
        status = tik_program_prepare(optimizer->context, optimizer->backend, &plan,
                                     &optimizer->norm_program, NULL);
    if (status != TIK_OK || optimizer->norm_asked || !packs_norm(optimizer))
        return status;
    plan.packed = optimizer->backend->ops->program_packs(optimizer->backend, &plan);
    if (plan.packed > 0)
        status = tik_program_prepare(optimizer->context, optimizer->backend, &plan,
                                     &optimizer->norm_packed, NULL);
    if (status == TIK_OK) {
        optimizer->norm_packs = plan.packed;
        optimizer->norm_asked = true;
    }
    return status;
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
    if (optimizer->stats.steps > 0 || optimizer->gathered > 0)
        status = optimizer->backend->ops->finish(optimizer->backend);
    if (status != TIK_OK)
        return status;
    for (size_t g = 0; g < optimizer->group_count && status == TIK_OK; g++)
        status = prepare_group(optimizer, &optimizer->groups[g]);
    if (status == TIK_OK && needs_norm(optimizer))
        status = prepare_norm(optimizer);
    return status;
}

void tik_optimizer_needs(const struct tik_optimizer *optimizer, struct tik_needs *needs)
{
    const struct tik_gather *gather = &optimizer->gather;
    *needs = (struct tik_needs){
        .scopes[TIK_SCOPE_TENSOR] = true,
        .norms = tik_gather_looks(gather),
        .clips = tik_gather_units(gather),
        .report = optimizer->options.report,
        .norm_scope = tik_gather_scope(gather),
        .planes = gather->guard                       ? 3
                  : gather->clip == TIK_CLIP_ADAPTIVE ? 2
                                                      : gather->clip != TIK_CLIP_NONE,
    };
    needs->scopes[needs->norm_scope] = true;
    for (size_t g = 0; g < optimizer->group_count; g++) {
        const struct tik_plan *plan = &optimizer->groups[g].plan;
        size_t planes = 0;
        for (size_t i = 0; i < plan->penalty_count; i++) {
            if (plan->penalty[i].group == NULL)
                continue;
            needs->scopes[plan->penalty[i].scope] = true;
            needs->factors = true;
            planes = 1;
        }
        needs->stepped |= plan->late && plan->variant->follow != NULL;
        if (plan->variant->measure != NULL) {
            needs->ratios = true;
            planes = 2;
        }
        needs->iterates |= plan->variant->iteration != NULL;
        for (enum tik_scope scope = TIK_SCOPE_MATRIX_ROW; scope < TIK_SCOPES; scope++)
            needs->scopes[scope] |= plan->variant->lines != NULL;
        needs->means |= plan->variant->lines != NULL;
        needs->planes = needs->planes > planes ? needs->planes : planes;
    }
}

enum tik_status tik_optimizer_commit(struct tik_optimizer *optimizer)
{
    struct tik_needs needs;
    tik_optimizer_needs(optimizer, &needs);
    const enum tik_status status = tik_store_commit(&optimizer->store, &needs);
    return status == TIK_OK ? tik_guard_commit(optimizer) : status;
}

enum tik_status tik_optimizer_prepare(struct tik_optimizer *optimizer)
{
    enum tik_status status = tik_optimizer_check(optimizer);
    if (status != TIK_OK)
        return status;
    status = tik_optimizer_commit(optimizer);
    if (status == TIK_OK)
        status = check_streams(optimizer);
    if (status == TIK_OK)
        status = prepare_programs(optimizer);
    if (status == TIK_OK)
        status = prepare_blas(optimizer);
    return tik_optimizer_settle(optimizer, status);
}

/* 1 - decay rounds to 1 below this: nothing is left of the decay but what the step adds to it. */
static void warn_of_small_decay(const struct tik_optimizer *optimizer, struct tik_group *group)
{
    const float decay = group->values.row.step.decay;
    if (decay > 0 && decay < 0x1p-25f && !group->warned) {
        tik_context_log(optimizer->context, TIK_LOG_WARNING,
                        "the decay of a step is %g of the parameter, below 2^-25: too small to "
                        "act by itself in float32",
                        (double)decay);
        group->warned = true;
    }
}

/* Room for the pieces that share launches. */
static enum tik_status reserve_many(struct tik_optimizer *optimizer)
{
    size_t most = 0;
    for (size_t g = 0; g < optimizer->group_count; g++) {
        const struct tik_group *group = &optimizer->groups[g];
        const size_t kinds = (size_t)(group->packed != NULL) + (optimizer->norm_packed != NULL);
        most += kinds * group->alone;
    }
    if (most <= optimizer->many_capacity)
        return TIK_OK;
    struct tik_many *grown = realloc(optimizer->many, most * sizeof *grown);
    if (grown == NULL)
        return tik_error_memory("the pieces of a step", most * sizeof *grown);
    optimizer->many = grown;
    optimizer->many_capacity = most;
    return TIK_OK;
}

enum tik_status tik_optimizer_reserve(struct tik_optimizer *optimizer, bool accumulates)
{
    const enum tik_status status = reserve_many(optimizer);
    if (status != TIK_OK)
        return status;
    struct tik_view view;
    tik_view_own(optimizer, &view);
    const size_t count = tik_run_list(optimizer, &view, accumulates, NULL);
    if (count <= optimizer->launch_capacity)
        return TIK_OK;
    struct tik_launch *grown = realloc(optimizer->launches, count * sizeof *grown);
    if (grown == NULL)
        return tik_error_memory("the launches of a step", count * sizeof *grown);
    optimizer->launches = grown;
    optimizer->launch_capacity = count;
    return TIK_OK;
}

bool tik_optimizer_accumulates(const struct tik_optimizer *optimizer)
{
    return optimizer->gather.mean && optimizer->gathered + 1 < optimizer->options.accumulate;
}

static enum tik_status enqueue(struct tik_optimizer *optimizer)
{
    struct tik_backend *backend = optimizer->backend;
    const bool adds = tik_optimizer_accumulates(optimizer),
               posts = optimizer->gather.guard && !adds && optimizer->group_count > 0;
    enum tik_status status = tik_optimizer_reserve(optimizer, adds);
    if (status != TIK_OK)
        return status;
    struct tik_view view;
    tik_view_own(optimizer, &view);
    const size_t count =
        optimizer->launches != NULL ? tik_run_list(optimizer, &view, adds, optimizer->launches) : 0;
    size_t streams = 0;
    for (size_t i = 0; i < count; i++)
        streams += optimizer->launches[i].stream != NULL;
    status = backend->ops->step_begin(backend, count + posts + streams);
    if (status != TIK_OK)
        return status;
    if (posts)
        status = tik_guard_post(optimizer);
    for (size_t i = 0; i < count && status == TIK_OK; i++)
        status = backend->ops->launch(backend, &optimizer->launches[i]);
    return backend->ops->step_end(backend, status);
}

static void count_step(struct tik_optimizer *optimizer)
{
    if (tik_optimizer_accumulates(optimizer)) {
        optimizer->gathered++;
        return;
    }
    optimizer->gathered = 0;
    tik_guard_count(optimizer);
    optimizer->store.reported = true;
    optimizer->stats.steps++;
}

/* Where looking costs nothing, or can be put off no more; what another call has seen is told. */
static enum tik_status look(struct tik_optimizer *optimizer)
{
    const bool free_of_cost = optimizer->backend->ops == optimizer->scalar->ops;
    if (!free_of_cost && optimizer->guard.unread < TIK_UNREAD)
        return tik_guard_tell(optimizer);
    const enum tik_status status = tik_guard_learn(optimizer);
    return status == TIK_OK ? tik_guard_tell(optimizer) : status;
}

/*
 * What a step is computed from: what had to be learned of earlier ones, and the numbers. Gradients
 * that are only added up need none, and may come while there is no room for one more unread step.
 */
static enum tik_status make_ready(struct tik_optimizer *optimizer)
{
    if (tik_optimizer_accumulates(optimizer))
        return TIK_OK;
    const enum tik_status status = look(optimizer);
    if (status == TIK_OK)
        tik_guard_compute(optimizer);
    return status;
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
    const bool accumulates = tik_optimizer_accumulates(optimizer);
    struct tik_shadow *shadow;
    enum tik_status status = make_ready(optimizer);
    if (status == TIK_OK)
        status = tik_shadow_create(optimizer, &shadow);
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
        if (!accumulates) /* else the report is still that of the step before */
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
    enum tik_status status = tik_optimizer_commit(optimizer);
    if (status == TIK_OK)
        status = check_streams(optimizer);
    if (status != TIK_OK)
        return status;
    status = make_ready(optimizer);
    if (status != TIK_OK)
        return fall_back(optimizer, status);
    for (size_t g = 0; g < optimizer->group_count; g++)
        warn_of_small_decay(optimizer, &optimizer->groups[g]);
    status = prepare_programs(optimizer);
    if (status == TIK_OK)
        status = prepare_blas(optimizer);
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
    enum tik_status status = tik_optimizer_check(optimizer);
    if (status != TIK_OK)
        return status;
    status = optimizer->backend->ops->finish(optimizer->backend);
    if (status == TIK_OK)
        status = tik_guard_learn(optimizer);
    if (status == TIK_OK)
        status = tik_guard_tell(optimizer);
    return tik_optimizer_settle(optimizer, status);
}
