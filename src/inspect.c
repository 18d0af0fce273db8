/* What an optimizer has and knows, to look at and to restore. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "numeric.h"
#include "optimizer.h"
#include "scalar/numeric.h"

/* Steps are counted in double too, where bias corrections and schedules are computed. */
#define TIK_MAX_STEPS (UINT64_C(1) << 53)

size_t tik_optimizer_groups(const struct tik_optimizer *optimizer)
{
    return optimizer != NULL ? optimizer->group_count : 0;
}

size_t tik_optimizer_tensors(const struct tik_optimizer *optimizer)
{
    return optimizer != NULL ? optimizer->store.tensor_count : 0;
}

enum tik_status tik_optimizer_tensor(const struct tik_optimizer *optimizer, size_t tensor,
                                     struct tik_tensor_info *info)
{
    const enum tik_status status = tik_optimizer_check_tensor(optimizer, tensor);
    if (status != TIK_OK)
        return status;
    if (info == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "info is NULL");
    const struct tik_entry *entry = &optimizer->store.tensors[tensor];
    const struct tik_group *group = &optimizer->groups[entry->group];
    const bool matrix = entry->rank > 1;
    size_t states = 0;
    while (group->names[matrix][states] != NULL)
        states++;
    *info = (struct tik_tensor_info){
        .name = entry->name,
        .group = entry->group,
        .rank = entry->rank,
        .count = entry->count,
        .shape = entry->shape,
        .active = entry->active,
        .states = group->names[matrix],
        .state_count = states,
    };
    return TIK_OK;
}

enum tik_status tik_optimizer_group_rule(const struct tik_optimizer *optimizer, size_t group,
                                         const char **rule)
{
    const enum tik_status status = tik_optimizer_check_group(optimizer, group);
    if (status != TIK_OK)
        return status;
    if (rule == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "rule is NULL");
    *rule = optimizer->groups[group].policy.rule->info.name;
    return TIK_OK;
}

enum tik_status tik_optimizer_steps(struct tik_optimizer *optimizer, size_t group, uint64_t *steps)
{
    const enum tik_status status = tik_optimizer_check_group(optimizer, group);
    if (status != TIK_OK)
        return status;
    if (steps == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "steps is NULL");
    const enum tik_status learned = tik_optimizer_settle(optimizer, tik_guard_learn(optimizer));
    if (learned == TIK_OK)
        *steps = optimizer->groups[group].steps;
    return learned;
}

enum tik_status tik_optimizer_set_steps(struct tik_optimizer *optimizer, size_t group,
                                        uint64_t steps)
{
    const enum tik_status status = tik_optimizer_check_group(optimizer, group);
    if (status != TIK_OK)
        return status;
    if (steps >= TIK_MAX_STEPS)
        return tik_error_set(TIK_ERROR_ARGUMENT, "steps is %" PRIu64 "; allowed is below 2^53",
                             steps);
    const enum tik_status learned = tik_optimizer_settle(optimizer, tik_guard_learn(optimizer));
    if (learned != TIK_OK || optimizer->groups[group].steps == steps)
        return learned;
    optimizer->groups[group].steps = steps;
    return tik_optimizer_settle(optimizer, tik_copies_restore(optimizer, group));
}

/* The place of a carried scalar; NULL, and the error set, when there is none of that name. */
static double *find_carried(const struct tik_optimizer *optimizer, size_t group, const char *name)
{
    struct tik_group *found = &optimizer->groups[group];
    const char *carried;
    for (size_t i = 0; (carried = tik_plan_carried(&found->plan, i)) != NULL; i++)
        if (name != NULL && strcmp(carried, name) == 0)
            return &found->carried[0][i];
    tik_error_set(TIK_ERROR_ARGUMENT, "rule %s carries no scalar '%s'",
                  found->policy.rule->info.name, name != NULL ? name : "(NULL)");
    return NULL;
}

const char *tik_optimizer_carried_name(const struct tik_optimizer *optimizer, size_t group,
                                       size_t index)
{
    if (group >= tik_optimizer_groups(optimizer))
        return NULL;
    return tik_plan_carried(&optimizer->groups[group].plan, index);
}

enum tik_status tik_optimizer_carried(struct tik_optimizer *optimizer, size_t group,
                                      const char *name, double *value)
{
    const enum tik_status status = tik_optimizer_check_group(optimizer, group);
    if (status != TIK_OK)
        return status;
    const double *carried = find_carried(optimizer, group, name);
    if (carried == NULL)
        return TIK_ERROR_ARGUMENT;
    if (value == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "value is NULL");
    const enum tik_status learned = tik_optimizer_settle(optimizer, tik_guard_learn(optimizer));
    if (learned == TIK_OK)
        *value = *carried;
    return learned;
}

enum tik_status tik_optimizer_set_carried(struct tik_optimizer *optimizer, size_t group,
                                          const char *name, double value)
{
    const enum tik_status status = tik_optimizer_check_group(optimizer, group);
    if (status != TIK_OK)
        return status;
    double *carried = find_carried(optimizer, group, name);
    if (carried == NULL)
        return TIK_ERROR_ARGUMENT;
    if (!(value >= 0 && isfinite(value)))
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is %g; allowed is 0 or any number above", name,
                             value);
    const enum tik_status learned = tik_optimizer_settle(optimizer, tik_guard_learn(optimizer));
    if (learned == TIK_OK)
        *carried = value;
    return learned;
}

void tik_optimizer_stats(const struct tik_optimizer *optimizer, struct tik_optimizer_stats *stats)
{
    if (stats != NULL)
        *stats = optimizer != NULL ? optimizer->stats : (struct tik_optimizer_stats){0};
}

/* A program that could not be had says nothing: the scalar path took its steps. */
static void weaken(const struct tik_optimizer *optimizer, const struct tik_program *program,
                   enum tik_conformance *weakest)
{
    const struct tik_backend_ops *ops = optimizer->backend->ops;
    if (program != NULL && ops->program_conformance(program) > *weakest)
        *weakest = ops->program_conformance(program);
}

/* Products of a BLAS, on the device or on the scalar path beside it, are nobody's bits. */
static bool uses_blas(const struct tik_optimizer *optimizer)
{
    const struct tik_backend *device = optimizer->backend, *scalar = optimizer->scalar;
    return tik_matrices_large(&optimizer->store) &&
           (device->ops->blas(device) != NULL || scalar->ops->blas(scalar) != NULL);
}

enum tik_conformance tik_optimizer_conformance(const struct tik_optimizer *optimizer)
{
    if (optimizer == NULL)
        return TIK_UNTESTED;
    enum tik_conformance weakest = TIK_EXACT;
    if (optimizer->stats.steps > 0 && optimizer->stats.fallbacks == optimizer->stats.steps)
        return TIK_UNTESTED;
    if (uses_blas(optimizer))
        weakest = TIK_BOUNDED;
    weaken(optimizer, optimizer->norm_program, &weakest);
    weaken(optimizer, optimizer->norm_packed, &weakest);
    for (size_t g = 0; g < optimizer->group_count; g++) {
        weaken(optimizer, optimizer->groups[g].program, &weakest);
        weaken(optimizer, optimizer->groups[g].packed, &weakest);
        for (size_t i = 0; i < TIK_PENALTY_SLOTS; i++)
            weaken(optimizer, optimizer->groups[g].units[i], &weakest);
    }
    return weakest;
}

/* ---- loss scale and skipped steps ---- */

enum tik_status tik_optimizer_scaling(struct tik_optimizer *optimizer, struct tik_scaling *scaling)
{
    enum tik_status status = tik_optimizer_check(optimizer);
    if (status != TIK_OK)
        return status;
    if (scaling == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "scaling is NULL");
    status = tik_optimizer_settle(optimizer, tik_guard_learn(optimizer));
    const struct tik_control *seen = &optimizer->guard.seen;
    if (status == TIK_OK)
        *scaling = (struct tik_scaling){.scale = (double)seen->scale,
                                        .clean = seen->clean,
                                        .skipped = seen->skipped,
                                        .in_row = seen->in_row};
    return status;
}

enum tik_status tik_optimizer_set_scaling(struct tik_optimizer *optimizer,
                                          const struct tik_scaling *scaling)
{
    enum tik_status status = tik_optimizer_check(optimizer);
    if (status != TIK_OK)
        return status;
    if (scaling == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "scaling is NULL");
    if (!(scaling->scale >= 0x1p-126 && scaling->scale <= 0x1p127))
        return tik_error_set(TIK_ERROR_ARGUMENT, "scale is %g; allowed is 2^-126 to 2^127",
                             scaling->scale);
    if (!optimizer->gather.unscale && scaling->scale != 1)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "scale is %g, and the optimizer was made without loss_scale; allowed "
                             "is 1",
                             scaling->scale);
    if (scaling->clean > UINT32_MAX || scaling->skipped > UINT32_MAX ||
        scaling->in_row > UINT32_MAX)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "clean, skipped and in_row are %" PRIu64 ", %" PRIu64 " and %" PRIu64
                             "; allowed is below 2^32",
                             scaling->clean, scaling->skipped, scaling->in_row);
    status = tik_guard_learn(optimizer);
    if (status == TIK_OK)
        status = tik_guard_restore(optimizer, scaling);
    return tik_optimizer_settle(optimizer, status);
}

enum tik_status tik_optimizer_scale_buffer(struct tik_optimizer *optimizer, struct _cl_mem **buffer,
                                           size_t *offset)
{
    enum tik_status status = tik_optimizer_check(optimizer);
    if (status != TIK_OK)
        return status;
    if (buffer == NULL || offset == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL",
                             buffer == NULL ? "buffer" : "offset");
    if (!optimizer->gather.unscale)
        return tik_error_set(TIK_ERROR_ARGUMENT, "the optimizer was made without loss_scale");
    status = tik_optimizer_settle(optimizer, tik_optimizer_commit(optimizer));
    if (status != TIK_OK)
        return status;
    *buffer = optimizer->backend->ops->memory_handle(optimizer->guard.control);
    *offset = offsetof(struct tik_control, scale) / sizeof(float);
    return TIK_OK;
}

/* ---- the average of the parameters ---- */

/* Its bias corrected, in double: one rounding. */
static void debias(const struct tik_group *group, size_t count, float *values)
{
    fenv_t saved;
    tik_numeric_enter(&saved);
    const double weight = 1 - tik_power(group->policy.ema_decay, group->steps);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((double)values[i] / weight);
    tik_numeric_leave(&saved);
}

enum tik_status tik_optimizer_read_ema(struct tik_optimizer *optimizer, size_t tensor,
                                       float *values)
{
    enum tik_status status = tik_optimizer_check_tensor(optimizer, tensor);
    if (status != TIK_OK)
        return status;
    const struct tik_entry *entry = &optimizer->store.tensors[tensor];
    const struct tik_group *group = &optimizer->groups[entry->group];
    if (!group->plan.ema)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "tensor %s: its policy has no average; see tik_policy_set_ema",
                             entry->name);
    uint64_t steps = 0;
    status = tik_optimizer_steps(optimizer, entry->group, &steps);
    if (status != TIK_OK)
        return status;
    if (steps == 0)
        return tik_optimizer_read(optimizer, tensor, TIK_PARAM, values);
    const struct tik_piece *piece = &optimizer->store.pieces[entry->piece];
    size_t slot = 0;
    while (piece->layout.array[tik_entry_array(entry, piece, slot) - 2].number != TIK_EMA)
        slot++;
    status = tik_optimizer_read(optimizer, tensor, TIK_STATE + (int)slot, values);
    if (status == TIK_OK && group->policy.ema_debias)
        debias(group, entry->count, values);
    return status;
}

/* ---- where the model is evaluated ---- */

/* In float, one rounding an operation: the same bits wherever the step was taken. */
static void interpolate(double weight, size_t count, const float *iterate, float *values)
{
    fenv_t saved;
    tik_numeric_enter(&saved);
    const float share = (float)weight;
    for (size_t i = 0; i < count; i++)
        values[i] = values[i] + share * (iterate[i] - values[i]);
    tik_numeric_leave(&saved);
}

enum tik_status tik_optimizer_read_eval(struct tik_optimizer *optimizer, size_t tensor,
                                        float *values)
{
    double weight = 0;
    enum tik_status status = tik_optimizer_check_tensor(optimizer, tensor);
    if (status != TIK_OK)
        return status;
    const struct tik_entry *entry = &optimizer->store.tensors[tensor];
    const size_t count = entry->count;
    status = tik_policy_eval_weight(&optimizer->groups[entry->group].policy, &weight);
    if (status != TIK_OK)
        return status;
    float *iterate = malloc(count * sizeof *iterate + 1);
    if (iterate == NULL)
        return tik_error_memory("an iterate", count * sizeof *iterate);
    status = tik_optimizer_read(optimizer, tensor, TIK_PARAM, values);
    if (status == TIK_OK)
        status = tik_optimizer_read(optimizer, tensor, TIK_STATE, iterate);
    if (status == TIK_OK)
        interpolate(weight, count, iterate, values);
    free(iterate);
    return status;
}
