/* Registration, access and options of an optimizer; step.c takes its steps. */
#include "optimizer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

void tik_optimizer_defaults(struct tik_optimizer_options *options)
{
    *options = (struct tik_optimizer_options){.verify = TIK_VERIFY_OFF, .verify_blocks = 4};
}

static enum tik_status check_options(const struct tik_optimizer_options *options)
{
    const double norm = options->max_norm;
    if (!(norm == 0 || ((float)norm > 0 && norm <= 3e38)))
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "max_norm is %g; allowed is 0 (no clipping), or 1e-45 to 3e38", norm);
    if (options->verify == TIK_VERIFY_SAMPLE && options->verify_blocks == 0)
        return tik_error_set(TIK_ERROR_ARGUMENT, "verify_blocks is 0; a sample has at least 1");
    if ((unsigned)options->verify > TIK_VERIFY_ALL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "verify is %d; allowed is TIK_VERIFY_OFF to _ALL",
                             (int)options->verify);
    return TIK_OK;
}

enum tik_status tik_optimizer_create(struct tik_context *context,
                                     const struct tik_optimizer_options *options,
                                     struct tik_optimizer **optimizer)
{
    struct tik_optimizer_options defaults;
    tik_optimizer_defaults(&defaults);
    if (context == NULL || optimizer == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL",
                             context == NULL ? "context" : "optimizer");
    options = options != NULL ? options : &defaults;
    enum tik_status status = check_options(options);
    if (status != TIK_OK)
        return status;

    struct tik_optimizer *made = calloc(1, sizeof *made);
    if (made == NULL)
        return tik_error_memory("an optimizer", sizeof *made);
    made->context = context;
    made->options = *options;
    status = context->scalar->ops->instance(context->scalar, &made->scalar);
    if (status == TIK_OK)
        status = context->backend->ops->instance(context->backend, &made->backend);
    if (status != TIK_OK) {
        if (made->scalar != NULL)
            made->scalar->ops->destroy(made->scalar);
        free(made);
        return status;
    }
    tik_store_init(&made->store, made->backend, options->max_norm > 0, options->report);
    *optimizer = made;
    return TIK_OK;
}

void tik_optimizer_destroy(struct tik_optimizer *optimizer)
{
    if (optimizer == NULL)
        return;
    const struct tik_backend_ops *ops = optimizer->backend->ops;
    /* Commands may still read what is about to go; their fate interests nobody any more. */
    enum tik_status ignored = ops->finish(optimizer->backend);
    (void)ignored;
    tik_store_finish(&optimizer->store);
    for (size_t g = 0; g < optimizer->group_count; g++)
        ops->program_destroy(optimizer->backend, optimizer->groups[g].program);
    ops->program_destroy(optimizer->backend, optimizer->norm_program);
    ops->destroy(optimizer->backend);
    optimizer->scalar->ops->destroy(optimizer->scalar);
    free(optimizer->groups);
    free(optimizer);
}

enum tik_status tik_optimizer_check(const struct tik_optimizer *optimizer)
{
    if (optimizer == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "optimizer is NULL");
    if (optimizer->torn)
        return tik_error_set(TIK_ERROR_TORN, "the device failed while it wrote an earlier step; "
                                             "make a new optimizer from a checkpoint");
    return TIK_OK;
}

enum tik_status tik_optimizer_settle(struct tik_optimizer *optimizer, enum tik_status status)
{
    optimizer->torn |= status == TIK_ERROR_TORN;
    return status;
}

/* Steps are counted in double too, where bias corrections and schedules are computed. */
#define TIK_MAX_STEPS (UINT64_C(1) << 53)

static enum tik_status check_group(const struct tik_optimizer *optimizer, size_t group)
{
    if (optimizer == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "optimizer is NULL");
    if (group >= optimizer->group_count)
        return tik_error_set(TIK_ERROR_ARGUMENT, "group %zu: the optimizer has %zu", group,
                             optimizer->group_count);
    return TIK_OK;
}

static enum tik_status check_tensor(const struct tik_optimizer *optimizer, size_t tensor)
{
    if (optimizer == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "optimizer is NULL");
    if (tensor >= optimizer->store.tensor_count)
        return tik_error_set(TIK_ERROR_ARGUMENT, "tensor %zu: the optimizer has %zu", tensor,
                             optimizer->store.tensor_count);
    return TIK_OK;
}

enum tik_status tik_optimizer_add_group(struct tik_optimizer *optimizer,
                                        const struct tik_policy *policy, size_t *group)
{
    if (optimizer == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "optimizer is NULL");
    const enum tik_status status = tik_policy_check(policy);
    if (status != TIK_OK)
        return status;
    const size_t bytes = (optimizer->group_count + 1) * sizeof *optimizer->groups;
    struct tik_group *groups = realloc(optimizer->groups, bytes);
    if (groups == NULL)
        return tik_error_memory("the list of groups", bytes);
    optimizer->groups = groups;

    struct tik_group *made = &groups[optimizer->group_count];
    *made = (struct tik_group){.policy = *policy};
    tik_schedule_defaults(&made->schedule);
    tik_plan_make(policy, optimizer->store.clip, optimizer->store.report, &made->plan);
    memcpy(made->carried, policy->rule->carried_initial, sizeof made->carried);
    if (group != NULL)
        *group = optimizer->group_count;
    optimizer->group_count++;
    return TIK_OK;
}

/* ---- tensors ---- */

static enum tik_status check_shape(const struct tik_optimizer *optimizer,
                                   const struct tik_tensor *tensor, size_t *count)
{
    if (tensor->rank > TIK_MAX_RANK)
        return tik_error_set(TIK_ERROR_ARGUMENT, "tensor %s has rank %zu; allowed is at most %d",
                             tensor->name, tensor->rank, TIK_MAX_RANK);
    if (tensor->rank > 0 && tensor->shape == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "tensor %s has rank %zu, but no shape",
                             tensor->name, tensor->rank);
    bool empty = false;
    for (size_t d = 0; d < tensor->rank; d++)
        empty |= tensor->shape[d] == 0;
    *count = empty ? 0 : 1;
    const size_t most = SIZE_MAX / sizeof(float) / 4;
    for (size_t d = 0; d < tensor->rank && !empty; d++) {
        if (tensor->shape[d] > most / *count)
            return tik_error_set(TIK_ERROR_ARGUMENT, "tensor %s: its shape has too many elements",
                                 tensor->name);
        *count *= tensor->shape[d];
    }
    if (optimizer->store.slots + *count / TIK_BLOCK + 1 > UINT32_MAX)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "tensor %s: an optimizer holds at most %" PRIu32 " blocks of %d "
                             "elements",
                             tensor->name, UINT32_MAX, TIK_BLOCK);
    return TIK_OK;
}

static enum tik_status check_memory(const struct tik_optimizer *optimizer,
                                    const struct tik_tensor *tensor, size_t count)
{
    switch (tensor->memory) {
    case TIK_MEMORY_LIBRARY:
        return TIK_OK;
    case TIK_MEMORY_HOST:
        if (count > 0 && (tensor->param == NULL || tensor->grad == NULL))
            return tik_error_set(TIK_ERROR_ARGUMENT,
                                 "tensor %s: %s is NULL, and its memory is the host's",
                                 tensor->name, tensor->param == NULL ? "param" : "grad");
        return TIK_OK;
    case TIK_MEMORY_OPENCL:
        if (optimizer->backend->ops->memory_borrow == NULL)
            return tik_error_set(TIK_ERROR_ARGUMENT,
                                 "tensor %s: its memory is OpenCL's, and the context's device is "
                                 "the scalar path",
                                 tensor->name);
        if (tensor->cl_param == NULL || tensor->cl_grad == NULL)
            return tik_error_set(TIK_ERROR_ARGUMENT, "tensor %s: %s is NULL", tensor->name,
                                 tensor->cl_param == NULL ? "cl_param" : "cl_grad");
        if (tensor->param_offset > SIZE_MAX / sizeof(float) - count ||
            tensor->grad_offset > SIZE_MAX / sizeof(float) - count)
            return tik_error_set(TIK_ERROR_ARGUMENT, "tensor %s: an offset is too large",
                                 tensor->name);
        return TIK_OK;
    }
    return tik_error_set(TIK_ERROR_ARGUMENT, "tensor %s: there is no memory %d", tensor->name,
                         (int)tensor->memory);
}

enum tik_status tik_optimizer_add_tensor(struct tik_optimizer *optimizer, size_t group,
                                         const struct tik_tensor *tensor, size_t *index)
{
    enum tik_status status = check_group(optimizer, group);
    if (status != TIK_OK)
        return status;
    if (tensor == NULL || tensor->name == NULL || tensor->name[0] == '\0')
        return tik_error_set(TIK_ERROR_ARGUMENT, "a tensor needs a name");
    if (tik_store_find(&optimizer->store, tensor->name) < optimizer->store.tensor_count)
        return tik_error_set(TIK_ERROR_ARGUMENT, "there is a tensor %s already", tensor->name);
    size_t count = 0, number = 0;
    status = check_shape(optimizer, tensor, &count);
    if (status == TIK_OK)
        status = check_memory(optimizer, tensor, count);
    float initial[TIK_MAX_STATES];
    tik_policy_initial(&optimizer->groups[group].policy, initial);
    if (status == TIK_OK)
        status = tik_optimizer_check(optimizer);
    if (status == TIK_OK)
        status = tik_store_add(&optimizer->store, group,
                               optimizer->groups[group].plan.variant->state_count, initial, tensor,
                               &number);
    if (status != TIK_OK)
        return tik_optimizer_settle(optimizer, status);
    optimizer->groups[group].active++;
    if (index != NULL)
        *index = number;
    return TIK_OK;
}

enum tik_status tik_optimizer_set_active(struct tik_optimizer *optimizer, size_t tensor,
                                         bool active)
{
    const enum tik_status status = check_tensor(optimizer, tensor);
    if (status != TIK_OK)
        return status;
    struct tik_entry *entry = &optimizer->store.tensors[tensor];
    if (entry->active != active) {
        entry->active = active;
        optimizer->store.fresh = false;
        struct tik_group *group = &optimizer->groups[entry->group];
        group->active = active ? group->active + 1 : group->active - 1;
    }
    return TIK_OK;
}

/* The array of a part, as tik_piece_read counts them. */
static enum tik_status find_part(struct tik_optimizer *optimizer, size_t tensor, int part,
                                 size_t *array)
{
    const enum tik_status status = check_tensor(optimizer, tensor);
    if (status != TIK_OK)
        return status;
    const struct tik_entry *entry = &optimizer->store.tensors[tensor];
    const size_t states = optimizer->store.pieces[entry->piece].state_count;
    if (part < TIK_PARAM || part >= (int)states)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "part %d of tensor %s: allowed is TIK_PARAM, TIK_GRAD, and TIK_STATE "
                             "+ slot for its %zu states",
                             part, entry->name, states);
    *array = (size_t)(part - TIK_PARAM);
    const enum tik_status whole = tik_optimizer_check(optimizer);
    return whole == TIK_OK ? tik_optimizer_settle(optimizer, tik_store_commit(&optimizer->store))
                           : whole;
}

enum tik_status tik_optimizer_write(struct tik_optimizer *optimizer, size_t tensor, int part,
                                    const float *values)
{
    size_t array = 0;
    const enum tik_status status = find_part(optimizer, tensor, part, &array);
    if (status != TIK_OK)
        return status;
    const struct tik_entry *entry = &optimizer->store.tensors[tensor];
    if (entry->count == 0)
        return TIK_OK;
    if (values == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "values for tensor %s is NULL", entry->name);
    return tik_optimizer_settle(
        optimizer, tik_piece_write(&optimizer->store, &optimizer->store.pieces[entry->piece], array,
                                   entry->first, entry->count, values));
}

enum tik_status tik_optimizer_read(struct tik_optimizer *optimizer, size_t tensor, int part,
                                   float *values)
{
    size_t array = 0;
    const enum tik_status status = find_part(optimizer, tensor, part, &array);
    if (status != TIK_OK)
        return status;
    const struct tik_entry *entry = &optimizer->store.tensors[tensor];
    if (entry->count == 0)
        return TIK_OK;
    if (values == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "values for tensor %s is NULL", entry->name);
    return tik_optimizer_settle(
        optimizer, tik_piece_read(&optimizer->store, &optimizer->store.pieces[entry->piece], array,
                                  entry->first, entry->count, values));
}

enum tik_status tik_optimizer_buffer(struct tik_optimizer *optimizer, size_t tensor, int part,
                                     struct _cl_mem **buffer, size_t *offset)
{
    size_t array = 0;
    const enum tik_status status = find_part(optimizer, tensor, part, &array);
    if (status != TIK_OK)
        return status;
    if (buffer == NULL || offset == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL",
                             buffer == NULL ? "buffer" : "offset");
    const struct tik_entry *entry = &optimizer->store.tensors[tensor];
    const struct tik_piece *piece = &optimizer->store.pieces[entry->piece];
    uint64_t begin;
    struct tik_buffer *memory = tik_piece_array(piece, array, &begin);
    const bool host = piece->kind == TIK_MEMORY_HOST && part < TIK_STATE;
    *buffer = host ? NULL : optimizer->backend->ops->memory_handle(memory);
    *offset = (size_t)(begin + entry->first);
    return TIK_OK;
}

/* ---- options ---- */

/* Takes the changed policy, unless it asks for other states than the group's tensors have. */
static enum tik_status change_policy(struct tik_optimizer *optimizer, struct tik_group *group,
                                     const struct tik_policy *policy, const char *option)
{
    enum tik_status status = tik_policy_check(policy);
    if (status != TIK_OK)
        return status;
    struct tik_plan plan;
    tik_plan_make(policy, optimizer->store.clip, optimizer->store.report, &plan);
    if (plan.variant->state_count != group->plan.variant->state_count)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "rule %s: this value of %s needs other states than the group's "
                             "tensors have; make a new optimizer",
                             policy->rule->info.name, option);
    group->policy = *policy;
    group->plan = plan;
    return TIK_OK;
}

enum tik_status tik_optimizer_set(struct tik_optimizer *optimizer, size_t group, const char *option,
                                  double value)
{
    enum tik_status status = check_group(optimizer, group);
    if (status != TIK_OK)
        return status;
    struct tik_policy changed = optimizer->groups[group].policy;
    status = tik_policy_set(&changed, option, value);
    return status != TIK_OK ? status
                            : change_policy(optimizer, &optimizer->groups[group], &changed, option);
}

enum tik_status tik_optimizer_set_penalty(struct tik_optimizer *optimizer, size_t group,
                                          size_t penalty, const char *option, double value)
{
    enum tik_status status = check_group(optimizer, group);
    if (status != TIK_OK)
        return status;
    struct tik_policy changed = optimizer->groups[group].policy;
    status = tik_policy_set_penalty(&changed, penalty, option, value);
    return status != TIK_OK ? status
                            : change_policy(optimizer, &optimizer->groups[group], &changed, option);
}

enum tik_status tik_optimizer_set_schedule(struct tik_optimizer *optimizer, size_t group,
                                           const struct tik_schedule *schedule)
{
    enum tik_status status = check_group(optimizer, group);
    if (status == TIK_OK)
        status = tik_schedule_check(schedule);
    if (status == TIK_OK)
        optimizer->groups[group].schedule = *schedule;
    return status;
}

/* ---- what there is ---- */

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
    const enum tik_status status = check_tensor(optimizer, tensor);
    if (status != TIK_OK)
        return status;
    if (info == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "info is NULL");
    const struct tik_entry *entry = &optimizer->store.tensors[tensor];
    const struct tik_variant *variant = optimizer->groups[entry->group].plan.variant;
    *info = (struct tik_tensor_info){
        .name = entry->name,
        .group = entry->group,
        .rank = entry->rank,
        .count = entry->count,
        .shape = entry->shape,
        .active = entry->active,
        .states = variant->states,
        .state_count = variant->state_count,
    };
    return TIK_OK;
}

enum tik_status tik_optimizer_group_rule(const struct tik_optimizer *optimizer, size_t group,
                                         const char **rule)
{
    const enum tik_status status = check_group(optimizer, group);
    if (status != TIK_OK)
        return status;
    if (rule == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "rule is NULL");
    *rule = optimizer->groups[group].policy.rule->info.name;
    return TIK_OK;
}

enum tik_status tik_optimizer_steps(const struct tik_optimizer *optimizer, size_t group,
                                    uint64_t *steps)
{
    const enum tik_status status = check_group(optimizer, group);
    if (status != TIK_OK)
        return status;
    if (steps == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "steps is NULL");
    *steps = optimizer->groups[group].steps;
    return TIK_OK;
}

enum tik_status tik_optimizer_set_steps(struct tik_optimizer *optimizer, size_t group,
                                        uint64_t steps)
{
    const enum tik_status status = check_group(optimizer, group);
    if (status != TIK_OK)
        return status;
    if (steps >= TIK_MAX_STEPS)
        return tik_error_set(TIK_ERROR_ARGUMENT, "steps is %" PRIu64 "; allowed is below 2^53",
                             steps);
    optimizer->groups[group].steps = steps;
    return TIK_OK;
}

/* The place of a carried scalar; NULL, and the error set, when there is none of that name. */
static double *find_carried(const struct tik_optimizer *optimizer, size_t group, const char *name)
{
    struct tik_group *found = &optimizer->groups[group];
    const struct tik_rule_row *rule = found->policy.rule;
    for (size_t i = 0; i < rule->carried_count; i++)
        if (name != NULL && strcmp(rule->carried[i], name) == 0)
            return &found->carried[i];
    tik_error_set(TIK_ERROR_ARGUMENT, "rule %s carries no scalar '%s'", rule->info.name,
                  name != NULL ? name : "(NULL)");
    return NULL;
}

const char *tik_optimizer_carried_name(const struct tik_optimizer *optimizer, size_t group,
                                       size_t index)
{
    if (group >= optimizer->group_count)
        return NULL;
    const struct tik_rule_row *rule = optimizer->groups[group].policy.rule;
    return index < rule->carried_count ? rule->carried[index] : NULL;
}

enum tik_status tik_optimizer_carried(const struct tik_optimizer *optimizer, size_t group,
                                      const char *name, double *value)
{
    const enum tik_status status = check_group(optimizer, group);
    if (status != TIK_OK)
        return status;
    const double *carried = find_carried(optimizer, group, name);
    if (carried == NULL)
        return TIK_ERROR_ARGUMENT;
    *value = *carried;
    return TIK_OK;
}

enum tik_status tik_optimizer_set_carried(struct tik_optimizer *optimizer, size_t group,
                                          const char *name, double value)
{
    const enum tik_status status = check_group(optimizer, group);
    if (status != TIK_OK)
        return status;
    double *carried = find_carried(optimizer, group, name);
    if (carried == NULL)
        return TIK_ERROR_ARGUMENT;
    if (!isfinite(value))
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is %g; allowed is any finite number", name,
                             value);
    *carried = value;
    return TIK_OK;
}

void tik_optimizer_stats(const struct tik_optimizer *optimizer, struct tik_optimizer_stats *stats)
{
    *stats = optimizer->stats;
}

/* A program that could not be had says nothing: the scalar path took its steps. */
enum tik_conformance tik_optimizer_conformance(const struct tik_optimizer *optimizer)
{
    const struct tik_backend_ops *ops = optimizer->backend->ops;
    enum tik_conformance weakest = TIK_EXACT;
    if (optimizer->stats.steps > 0 && optimizer->stats.fallbacks == optimizer->stats.steps)
        return TIK_UNTESTED;
    for (size_t g = 0; g <= optimizer->group_count; g++) {
        const struct tik_program *program =
            g < optimizer->group_count ? optimizer->groups[g].program : optimizer->norm_program;
        if (program != NULL && ops->program_conformance(program) > weakest)
            weakest = ops->program_conformance(program);
    }
    return weakest;
}
