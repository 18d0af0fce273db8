/* The bare call: a policy, compiled, on buffers that are the caller's. */
#include "update.h"

#include <stdlib.h>

#include "error.h"
#include "opencl/opencl.h"
#include "part.h"
#include "program.h"
#include "scalar/numeric.h"

bool tik_update_is_clipped(const struct tik_update *update)
{
    return update->plan.gather.clip == TIK_CLIP_ALL;
}

uint64_t tik_update_blocks(size_t count)
{
    return count / TIK_BLOCK + (count % TIK_BLOCK > 0);
}

/* One launch over elements in a row knows no tensors. */
static enum tik_status check_elementwise(const struct tik_plan *plan)
{
    const char *what = plan->variant->measure != NULL ? plan->rule->info.name : NULL;
    for (size_t i = 0; i < plan->penalty_count; i++)
        if (plan->penalty[i].group != NULL)
            what = "a penalty on rows, columns or tensors";
    if (plan->cumulative)
        what = "a penalty that keeps what each element has paid";
    if (plan->ema)
        what = "an average of the parameters";
    if (plan->copy != NULL)
        what = "a low-precision copy of the parameters";
    if (what == NULL)
        return TIK_OK;
    return tik_error_set(TIK_ERROR_ARGUMENT,
                         "the bare call is one launch over elements, and %s needs more than that: "
                         "use a tik_optimizer",
                         what);
}

static enum tik_status compile(struct tik_update *update)
{
    struct tik_context *context = update->context;
    enum tik_status status = context->scalar->ops->instance(context->scalar, &update->scalar);
    if (status == TIK_OK)
        status = update->scalar->ops->program_create(update->scalar, &update->plan, &update->twin);
    if (status == TIK_OK)
        status = context->backend->ops->instance(context->backend, &update->backend);
    if (status == TIK_OK)
        status =
            tik_program_prepare(context, update->backend, &update->plan, &update->program, NULL);
    return status;
}

enum tik_status tik_update_create(struct tik_context *context, const struct tik_policy *policy,
                                  bool clipped, struct tik_update **update)
{
    if (context == NULL || update == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL",
                             context == NULL ? "context" : "update");
    enum tik_status status = tik_policy_check(policy);
    if (status != TIK_OK)
        return status;
    struct tik_update *made = calloc(1, sizeof *made);
    if (made == NULL)
        return tik_error_memory("an update", sizeof *made);
    made->context = context;
    made->policy = *policy;
    tik_plan_make(policy, &(struct tik_gather){.clip = clipped ? TIK_CLIP_ALL : TIK_CLIP_NONE},
                  false, &made->plan);
    status = check_elementwise(&made->plan);
    if (status == TIK_OK)
        status = compile(made);
    if (status != TIK_OK) {
        tik_update_destroy(made);
        return status;
    }
    *update = made;
    return TIK_OK;
}

void tik_update_destroy(struct tik_update *update)
{
    if (update == NULL)
        return;
    if (update->backend != NULL) {
        update->backend->ops->program_destroy(update->backend, update->program);
        update->backend->ops->program_destroy(update->backend, update->packed);
        update->backend->ops->destroy(update->backend);
    }
    if (update->scalar != NULL) {
        update->scalar->ops->program_destroy(update->scalar, update->twin);
        update->scalar->ops->destroy(update->scalar);
    }
    free(update);
}

size_t tik_update_states(const struct tik_update *update)
{
    return update != NULL ? update->plan.variant->state_count : 0;
}

const char *tik_update_state_name(const struct tik_update *update, size_t slot)
{
    return slot < tik_update_states(update) ? update->plan.variant->states[slot] : NULL;
}

float tik_update_state_initial(const struct tik_update *update, size_t slot)
{
    float initial[TIK_MAX_STATES];
    if (update == NULL)
        return 0.0f;
    tik_policy_initial(&update->policy, initial);
    return slot < TIK_MAX_STATES ? initial[slot] : 0.0f;
}

bool tik_update_state_is_param(const struct tik_update *update, size_t slot)
{
    return update != NULL && slot < TIK_MAX_STATES &&
           (update->policy.rule->follows >> slot & 1) != 0;
}

size_t tik_update_carried(const struct tik_update *update)
{
    return update != NULL ? update->policy.rule->carried_count : 0;
}

double tik_update_carried_initial(const struct tik_update *update, size_t index)
{
    return index < tik_update_carried(update) ? update->policy.rule->carried_initial[index] : 0;
}

enum tik_conformance tik_update_conformance(const struct tik_update *update)
{
    if (update == NULL)
        return TIK_UNTESTED;
    const struct tik_backend_ops *ops = update->backend->ops;
    const enum tik_conformance alone = ops->program_conformance(update->program);
    if (update->packed == NULL)
        return alone;
    const enum tik_conformance packed = ops->program_conformance(update->packed);
    return packed > alone ? packed : alone;
}

enum tik_status tik_update_set(struct tik_update *update, const char *option, double value)
{
    if (update == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "update is NULL");
    struct tik_policy changed = update->policy;
    enum tik_status status = tik_policy_set(&changed, option, value);
    if (status == TIK_OK)
        status = tik_policy_check(&changed);
    if (status != TIK_OK)
        return status;
    struct tik_plan plan;
    tik_plan_make(&changed, &update->plan.gather, false, &plan);
    if (!tik_plan_equal(&plan, &update->plan))
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "rule %s: this value of %s needs another program; make a new update",
                             update->policy.rule->info.name, option);
    update->policy = changed;
    return TIK_OK;
}

enum tik_status tik_update_compute(const struct tik_update *update, uint64_t step,
                                   const struct tik_schedule *schedule, const double *carried,
                                   double *coming, struct tik_plan_values *values)
{
    const size_t count = tik_update_carried(update);
    if (step == 0)
        return tik_error_set(TIK_ERROR_ARGUMENT, "step is 0; steps count from 1");
    const enum tik_status status = schedule != NULL ? tik_schedule_check(schedule) : TIK_OK;
    if (status != TIK_OK)
        return status;
    if (count > 0 && carried == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "carried is NULL, and rule %s carries %zu scalars from step to step",
                             update->policy.rule->info.name, count);
    for (size_t i = 0; i < count; i++)
        coming[i] = carried[i];
    fenv_t saved;
    tik_numeric_enter(&saved);
    const double multiplier = schedule != NULL ? tik_schedule_at(schedule, step) : 1;
    tik_plan_values(&update->plan, &update->policy, multiplier, step, coming, values);
    tik_numeric_leave(&saved);
    return TIK_OK;
}

void tik_update_advance(const struct tik_update *update, double *carried, const double *coming)
{
    for (size_t i = 0; i < tik_update_carried(update); i++)
        carried[i] = coming[i];
}

const char *const tik_update_state_labels[TIK_MAX_STATES] = {"state[0]", "state[1]", "state[2]",
                                                             "state[3]"};

enum { MOST_PARTS = 3 + TIK_MAX_STATES };

static size_t list_parts(const struct tik_update *update, const struct tik_update_args *args,
                         struct tik_launch *launch, struct tik_workspace *work,
                         struct tik_part *parts)
{
    const size_t count = args->count, alone = SIZE_MAX;
    struct tik_arrays *arrays = &launch->arrays;
    size_t n = 0;
    parts[n++] = (struct tik_part){"param", alone, args->param,   args->param_offset,
                                   count,   true,  &arrays->param};
    parts[n++] = (struct tik_part){"grad", alone, args->grad,   args->grad_offset,
                                   count,  false, &arrays->grad};
    for (size_t k = 0; k < tik_update_states(update); k++)
        parts[n++] = (struct tik_part){tik_update_state_labels[k], alone, args->state[k],
                                       args->state_offset[k],      count, true,
                                       &arrays->state[k]};
    if (tik_update_is_clipped(update))
        parts[n++] = (struct tik_part){"factor", alone, args->factor, 0, 1, false, &work->control};
    return n;
}

static enum tik_status borrow_all(struct tik_update *update, const struct tik_update_args *args,
                                  struct tik_launch *launch, struct tik_workspace *work)
{
    struct tik_part parts[MOST_PARTS];
    const size_t count = list_parts(update, args, launch, work, parts);
    enum tik_status status = TIK_OK;
    if (!tik_update_is_clipped(update) && args->factor != NULL)
        status = tik_error_set(TIK_ERROR_ARGUMENT,
                               "factor is given, and the update was made without clipping");
    for (size_t i = 0; i < count && status == TIK_OK; i++)
        status = tik_part_borrow(update->backend, &parts[i]);
    return status == TIK_OK ? tik_parts_check(parts, count) : status;
}

static void release_all(struct tik_backend *backend, struct tik_launch *launch)
{
    backend->ops->memory_destroy(backend, launch->arrays.param);
    backend->ops->memory_destroy(backend, launch->arrays.grad);
    for (size_t k = 0; k < TIK_MAX_STATES; k++)
        backend->ops->memory_destroy(backend, launch->arrays.state[k]);
    backend->ops->memory_destroy(backend, launch->work->control);
}

enum tik_status tik_update_enqueue(struct tik_update *update, struct _cl_command_queue *queue,
                                   const struct tik_update_args *args, unsigned wait_count,
                                   struct _cl_event *const *waits, struct _cl_event **event)
{
    if (update == NULL || queue == NULL || args == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL",
                             update == NULL  ? "update"
                             : queue == NULL ? "queue"
                                             : "args");
    if (update->backend->ops->memory_borrow == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "the context's device is the scalar path: it has "
                                                 "no queue; see tik_update_host");
    if ((wait_count > 0) != (waits != NULL))
        return tik_error_set(TIK_ERROR_ARGUMENT, "wait_count is %u, and waits is %s", wait_count,
                             waits == NULL ? "NULL" : "not NULL");
    struct tik_plan_values values;
    double coming[TIK_MAX_CARRIED];
    enum tik_status status =
        tik_update_compute(update, args->step, args->schedule, args->carried, coming, &values);
    if (status != TIK_OK)
        return status;

    struct tik_workspace work = {0};
    struct tik_launch launch = {
        .kernel = TIK_STEP,
        .program = update->program,
        .count = args->count,
        .spans.blocks = tik_update_blocks(args->count),
        .work = &work,
        .at = {.param = args->param_offset, .grad = args->grad_offset},
        .values = &values,
    };
    for (size_t k = 0; k < TIK_MAX_STATES; k++)
        launch.at.state[k] = args->state_offset[k];
    status = borrow_all(update, args, &launch, &work);
    if (status == TIK_OK)
        status = tik_opencl_enqueue(update->backend, &launch, queue, wait_count, waits, event);
    release_all(update->backend, &launch);
    if (status == TIK_OK)
        tik_update_advance(update, args->carried, coming);
    return status;
}

/* Host memory as the scalar path's; what is only read is not written by it either. */
static enum tik_status wrap(struct tik_backend *scalar, const float *values, size_t count,
                            struct tik_buffer **buffer)
{
    return scalar->ops->memory_wrap(scalar, (void *)(uintptr_t)values, count * sizeof *values,
                                    buffer);
}

static enum tik_status apply_host(struct tik_update *update, const struct tik_plan_values *values,
                                  const struct tik_update_host_args *args)
{
    struct tik_backend *scalar = update->scalar;
    struct tik_workspace work = {0};
    struct tik_launch launch = {
        .kernel = TIK_STEP,
        .program = update->twin,
        .count = args->count,
        .spans.blocks = tik_update_blocks(args->count),
        .work = &work,
        .values = values,
    };
    enum tik_status status = wrap(scalar, args->param, args->count, &launch.arrays.param);
    if (status == TIK_OK)
        status = wrap(scalar, args->grad, args->count, &launch.arrays.grad);
    for (size_t k = 0; k < tik_update_states(update) && status == TIK_OK; k++)
        status = wrap(scalar, args->state[k], args->count, &launch.arrays.state[k]);
    if (status == TIK_OK && tik_update_is_clipped(update))
        status = wrap(scalar, args->factor, 1, &work.control);
    if (status == TIK_OK)
        status = scalar->ops->launch(scalar, &launch);
    release_all(scalar, &launch);
    return status;
}

enum tik_status tik_update_host(struct tik_update *update, const struct tik_update_host_args *args)
{
    if (update == NULL || args == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL", update == NULL ? "update" : "args");
    if (!tik_update_is_clipped(update) && args->factor != NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "factor is given, and the update was made without clipping");
    bool missing = args->param == NULL || args->grad == NULL ||
                   (tik_update_is_clipped(update) && args->factor == NULL);
    for (size_t k = 0; k < tik_update_states(update); k++)
        missing |= args->state[k] == NULL;
    if (args->count > 0 && missing)
        return tik_error_set(TIK_ERROR_ARGUMENT, "param, grad, a state that the rule has, or the "
                                                 "factor of a clipped "
                                                 "update is NULL");
    struct tik_plan_values values;
    double coming[TIK_MAX_CARRIED];
    enum tik_status status =
        tik_update_compute(update, args->step, args->schedule, args->carried, coming, &values);
    if (status == TIK_OK && args->count > 0)
        status = apply_host(update, &values, args);
    if (status == TIK_OK)
        tik_update_advance(update, args->carried, coming);
    return status;
}
