/*
 * Steps that the device may skip. It alone knows, at once, how many were applied, and so t: with
 * each step go the scalars for every count that it may have reached, and the count picks the row.
 * The host looks when it needs to know, or when TIK_UNREAD steps are under way.
 */
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "optimizer.h"
#include "scalar/numeric.h"

/* The numbers after `ahead` further steps, and what the rule then carries. */
static void compute(struct tik_optimizer *optimizer, struct tik_group *group, unsigned ahead,
                    double *carried, struct tik_plan_values *values)
{
    const uint64_t step = group->steps + ahead + 1;
    memcpy(carried, group->carried[ahead], sizeof *group->carried);
    tik_plan_values(&group->plan, &group->policy, tik_schedule_at(&group->schedule, step), step,
                    carried, values);
    values->row.step.gradient = optimizer->gradient;
}

static void compute_rows(struct tik_optimizer *optimizer, struct tik_group *group,
                         struct tik_row *rows)
{
    const unsigned unread = optimizer->guard.unread;
    double next[TIK_ROWS][TIK_MAX_CARRIED];
    for (unsigned ahead = 0; ahead <= unread; ahead++) {
        compute(optimizer, group, ahead, next[ahead], &group->values);
        rows[ahead] = group->values.row;
        group->lrs[ahead] = group->values.lr;
    }
    memcpy(group->carried[1], next, (unread + 1) * sizeof *next);
    rows[0].active = group->active > 0;
}

void tik_guard_compute(struct tik_optimizer *optimizer)
{
    fenv_t saved;
    tik_numeric_enter(&saved);
    struct tik_guard *guard = &optimizer->guard;
    for (size_t g = 0; g < optimizer->group_count; g++) {
        struct tik_group *group = &optimizer->groups[g];
        if (optimizer->gather.guard)
            compute_rows(optimizer, group, guard->posted[guard->unread] + g * TIK_ROWS);
        else
            compute(optimizer, group, 0, group->coming, &group->values);
    }
    tik_numeric_leave(&saved);
}

static void free_posted(struct tik_guard *guard)
{
    for (size_t i = 0; i < TIK_UNREAD; i++) {
        free(guard->posted[i]);
        guard->posted[i] = NULL;
    }
}

static enum tik_status make_rows(struct tik_optimizer *optimizer)
{
    struct tik_guard *guard = &optimizer->guard;
    struct tik_backend *backend = optimizer->backend;
    const struct tik_backend_ops *ops = backend->ops;
    const size_t groups = optimizer->group_count;
    const size_t bytes = groups * TIK_ROWS * sizeof(struct tik_row);
    enum tik_status status = tik_guard_learn(optimizer);
    if (status != TIK_OK)
        return status;
    guard->groups = 0;
    free_posted(guard);
    ops->memory_destroy(backend, guard->progress);
    ops->memory_destroy(backend, guard->rows);
    guard->progress = guard->rows = NULL;
    for (size_t i = 0; i < TIK_UNREAD; i++) {
        guard->posted[i] = calloc(1, bytes);
        if (guard->posted[i] == NULL)
            return tik_error_memory("the scalars of steps under way", bytes);
    }
    status = ops->memory_create(backend, groups * sizeof(struct tik_progress), &guard->progress);
    if (status == TIK_OK)
        status = ops->memory_create(backend, bytes, &guard->rows);
    guard->groups = status == TIK_OK ? groups : 0;
    return status;
}

/* A buffer that could not be written is none: its scale would be 0. */
static enum tik_status make_control(struct tik_optimizer *optimizer)
{
    struct tik_guard *guard = &optimizer->guard;
    const enum tik_status status =
        tik_upload(optimizer->backend, &guard->seen, sizeof guard->seen, &guard->control);
    if (status != TIK_OK) {
        optimizer->backend->ops->memory_destroy(optimizer->backend, guard->control);
        guard->control = NULL;
    }
    return status;
}

enum tik_status tik_guard_commit(struct tik_optimizer *optimizer)
{
    struct tik_guard *guard = &optimizer->guard;
    enum tik_status status = TIK_OK;
    if (tik_gather_looks(&optimizer->gather) && guard->control == NULL)
        status = make_control(optimizer);
    if (status == TIK_OK && optimizer->gather.guard && guard->groups < optimizer->group_count)
        status = make_rows(optimizer);
    optimizer->store.work.control = guard->control;
    optimizer->store.work.progress = guard->progress;
    optimizer->store.work.rows = guard->rows;
    return status;
}

enum tik_status tik_guard_post(struct tik_optimizer *optimizer)
{
    const struct tik_guard *guard = &optimizer->guard;
    return optimizer->backend->ops->memory_post(
        optimizer->backend, guard->rows, 0,
        optimizer->group_count * TIK_ROWS * sizeof(struct tik_row), guard->posted[guard->unread]);
}

void tik_guard_count(struct tik_optimizer *optimizer)
{
    for (size_t g = 0; g < optimizer->group_count; g++) {
        struct tik_group *group = &optimizer->groups[g];
        group->lr = group->values.lr;
        group->stepped = true;
        memcpy(group->last_lrs, group->lrs, sizeof group->lrs);
        if (optimizer->gather.guard || group->active == 0)
            continue;
        group->steps++;
        memcpy(group->carried[0], group->coming, sizeof group->coming);
    }
    optimizer->guard.unread += optimizer->gather.guard;
}

/*
 * What the device has counted becomes the host's, and it counts from 0 again: it first, so that a
 * copy that fails leaves both as they were.
 */
static enum tik_status take_counts(struct tik_optimizer *optimizer, struct tik_progress *progress,
                                   const struct tik_progress *none)
{
    const struct tik_backend_ops *ops = optimizer->backend->ops;
    const size_t bytes = optimizer->guard.groups * sizeof *progress;
    enum tik_status status =
        ops->memory_read(optimizer->backend, optimizer->guard.progress, 0, bytes, progress);
    if (status == TIK_OK)
        status = ops->memory_write(optimizer->backend, optimizer->guard.progress, 0, bytes, none);
    if (status != TIK_OK)
        return status;
    for (size_t g = 0; g < optimizer->guard.groups; g++) {
        struct tik_group *group = &optimizer->groups[g];
        const uint32_t count = progress[g].count;
        group->steps += count;
        group->lr = group->last_lrs[progress[g].row];
        memcpy(group->carried[0], group->carried[count], sizeof *group->carried);
    }
    optimizer->guard.unread = 0;
    return TIK_OK;
}

enum tik_status tik_guard_learn(struct tik_optimizer *optimizer)
{
    struct tik_guard *guard = &optimizer->guard;
    if (guard->unread == 0)
        return TIK_OK;
    struct tik_progress *progress = calloc(2 * guard->groups + 1, sizeof *progress);
    if (progress == NULL)
        return tik_error_memory("the counts of steps", 2 * guard->groups * sizeof *progress);
    struct tik_control seen;
    enum tik_status status = optimizer->backend->ops->memory_read(
        optimizer->backend, guard->control, 0, sizeof seen, &seen);
    if (status == TIK_OK)
        status = take_counts(optimizer, progress, progress + guard->groups);
    free(progress);
    if (status != TIK_OK)
        return status;
    guard->seen = seen;
    guard->pending |= seen.halted != 0;
    return TIK_OK;
}

enum tik_status tik_guard_tell(struct tik_optimizer *optimizer)
{
    struct tik_guard *guard = &optimizer->guard;
    if (!guard->pending)
        return TIK_OK;
    const uint32_t in_row = guard->seen.in_row;
    struct tik_control freed = guard->seen;
    freed.halted = freed.in_row = 0;
    const enum tik_status status = optimizer->backend->ops->memory_write(
        optimizer->backend, guard->control, 0, sizeof freed, &freed);
    if (status != TIK_OK)
        return status;
    guard->seen = freed;
    guard->pending = false;
    return tik_error_set(TIK_ERROR_NONFINITE,
                         "a gradient was not finite (NaN or infinite) in %u step%s in a row; "
                         "parameters and states are as before, and no later step was applied",
                         in_row, in_row == 1 ? "" : "s");
}

enum tik_status tik_guard_restore(struct tik_optimizer *optimizer,
                                  const struct tik_scaling *scaling)
{
    struct tik_guard *guard = &optimizer->guard;
    struct tik_control control = guard->seen;
    fenv_t saved;
    tik_numeric_enter(&saved);
    control.scale = (float)scaling->scale;
    control.coming = control.unscale = 1.0f / control.scale;
    control.clean = (uint32_t)scaling->clean;
    control.skipped = (uint32_t)scaling->skipped;
    control.in_row = (uint32_t)scaling->in_row;
    tik_numeric_leave(&saved);
    enum tik_status status = TIK_OK;
    if (guard->control != NULL)
        status = optimizer->backend->ops->memory_write(optimizer->backend, guard->control, 0,
                                                       sizeof control, &control);
    if (status == TIK_OK)
        guard->seen = control;
    return status;
}

void tik_guard_destroy(struct tik_optimizer *optimizer)
{
    struct tik_guard *guard = &optimizer->guard;
    struct tik_backend *backend = optimizer->backend;
    backend->ops->memory_destroy(backend, guard->control);
    backend->ops->memory_destroy(backend, guard->progress);
    backend->ops->memory_destroy(backend, guard->rows);
    free_posted(guard);
}
