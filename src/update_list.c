/* Many tensors in buffers of their own: checked once, stepped by few launches. */
#include <stdlib.h>

#include "error.h"
#include "opencl/opencl.h"
#include "part.h"
#include "program.h"
#include "update.h"

struct tik_update_list {
    struct tik_update *update;
    size_t count; /* tensors that have elements */
    size_t packs, launches;
    struct tik_many *tensors;
    struct tik_launch *list;
    struct _cl_event **events; /* room for one a launch */
};

size_t tik_update_list_launches(const struct tik_update_list *list)
{
    return list != NULL ? list->launches : 0;
}

size_t tik_update_list_packs(const struct tik_update_list *list)
{
    return list != NULL ? list->packs : 0;
}

static void release_tensor(struct tik_backend *backend, struct tik_many *tensor)
{
    backend->ops->memory_destroy(backend, tensor->arrays.param);
    backend->ops->memory_destroy(backend, tensor->arrays.grad);
    for (size_t k = 0; k < TIK_MAX_STATES; k++)
        backend->ops->memory_destroy(backend, tensor->arrays.state[k]);
}

void tik_update_list_destroy(struct tik_update_list *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; list->tensors != NULL && i < list->count; i++)
        release_tensor(list->update->backend, &list->tensors[i]);
    free(list->tensors);
    free(list->list);
    free(list->events);
    free(list);
}

/* The parts of one tensor; returns how many. */
static size_t list_parts(const struct tik_update *update, const struct tik_update_tensor *tensor,
                         size_t number, struct tik_many *many, struct tik_part *parts)
{
    struct tik_arrays *arrays = &many->arrays;
    const size_t count = tensor->count;
    size_t n = 0;
    parts[n++] = (struct tik_part){"param", number, tensor->param, tensor->param_offset,
                                   count,   true,   &arrays->param};
    parts[n++] = (struct tik_part){"grad", number, tensor->grad, tensor->grad_offset,
                                   count,  false,  &arrays->grad};
    for (size_t k = 0; k < tik_update_states(update); k++)
        parts[n++] = (struct tik_part){tik_update_state_labels[k], number, tensor->state[k],
                                       tensor->state_offset[k],    count,  true,
                                       &arrays->state[k]};
    many->count = count;
    many->at = (struct tik_offsets){.param = tensor->param_offset, .grad = tensor->grad_offset};
    for (size_t k = 0; k < TIK_MAX_STATES; k++)
        many->at.state[k] = tensor->state_offset[k];
    return n;
}

/* Borrows the buffers of all tensors that have elements. */
static enum tik_status borrow_all(struct tik_update_list *list,
                                  const struct tik_update_tensor *tensors, size_t count)
{
    const size_t most = count * (2 + TIK_MAX_STATES) + 1;
    struct tik_part *parts = malloc(most * sizeof *parts);
    if (parts == NULL)
        return tik_error_memory("the parts of a list", most * sizeof *parts);
    enum tik_status status = TIK_OK;
    size_t n = 0;
    for (size_t i = 0; i < count && status == TIK_OK; i++) {
        if (tensors[i].count == 0)
            continue;
        const size_t first = n;
        n += list_parts(list->update, &tensors[i], i, &list->tensors[list->count++], parts + n);
        for (size_t k = first; k < n && status == TIK_OK; k++)
            status = tik_part_borrow(list->update->backend, &parts[k]);
    }
    if (status == TIK_OK)
        status = tik_parts_check(parts, n);
    free(parts);
    return status;
}

/* The program of packed launches; where a launch takes one tensor alone, that of the update. */
static enum tik_status prepare(struct tik_update *update, size_t *packs)
{
    struct tik_plan plan = update->plan;
    plan.packed = update->backend->ops->program_packs(update->backend, &plan);
    *packs = plan.packed > 0 ? plan.packed : 1;
    if (plan.packed == 0 || update->packed != NULL)
        return TIK_OK;
    return tik_program_prepare(update->context, update->backend, &plan, &update->packed, NULL);
}

static void fill_launch(const struct tik_update_list *list, size_t first, struct tik_launch *launch)
{
    const struct tik_update *update = list->update;
    const size_t rest = list->count - first;
    const struct tik_many *many = &list->tensors[first];
    *launch = (struct tik_launch){.kernel = TIK_STEP, .program = update->program};
    if (update->packed != NULL) {
        launch->kernel = TIK_STEP_MANY;
        launch->program = update->packed;
        launch->many = many;
        launch->many_count = (uint32_t)(rest < list->packs ? rest : list->packs);
        for (size_t i = 0; i < launch->many_count; i++)
            launch->spans.blocks += tik_update_blocks((size_t)many[i].count);
        return;
    }
    launch->count = many->count;
    launch->arrays = many->arrays;
    launch->at = many->at;
    launch->spans.blocks = tik_update_blocks((size_t)many->count);
}

static enum tik_status make_launches(struct tik_update_list *list)
{
    list->launches = (list->count + list->packs - 1) / list->packs;
    list->list = malloc((list->launches + 1) * sizeof *list->list);
    list->events = calloc(list->launches + 1, sizeof(struct _cl_event *));
    if (list->list == NULL || list->events == NULL)
        return tik_error_memory("the launches of a list", list->launches * sizeof *list->list);
    for (size_t i = 0; i < list->launches; i++)
        fill_launch(list, i * list->packs, &list->list[i]);
    return TIK_OK;
}

enum tik_status tik_update_list_create(struct tik_update *update,
                                       const struct tik_update_tensor *tensors, size_t count,
                                       struct tik_update_list **list)
{
    if (update == NULL || list == NULL || (count > 0 && tensors == NULL))
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL",
                             update == NULL ? "update"
                             : list == NULL ? "list"
                                            : "tensors");
    if (update->backend->ops->memory_borrow == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "the context's device is the scalar path: it has "
                                                 "no buffers; see tik_update_host");
    struct tik_update_list *made = calloc(1, sizeof *made);
    if (made == NULL)
        return tik_error_memory("a list of tensors", sizeof *made);
    made->update = update;
    made->tensors = calloc(count + 1, sizeof *made->tensors);
    enum tik_status status = TIK_OK;
    if (made->tensors == NULL)
        status = tik_error_memory("a list of tensors", count * sizeof *made->tensors);
    if (status == TIK_OK)
        status = borrow_all(made, tensors, count);
    if (status == TIK_OK)
        status = prepare(update, &made->packs);
    if (status == TIK_OK)
        status = make_launches(made);
    if (status != TIK_OK) {
        tik_update_list_destroy(made);
        return status;
    }
    *list = made;
    return TIK_OK;
}

/* The clip factor of the step, where the update was made with one. */
static enum tik_status borrow_factor(const struct tik_update *update, struct _cl_mem *factor,
                                     struct tik_workspace *work)
{
    const bool clipped = tik_update_is_clipped(update);
    if (!clipped && factor != NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "factor is given, and the update was made without clipping");
    if (!clipped)
        return TIK_OK;
    const struct tik_part part = {"factor", SIZE_MAX, factor, 0, 1, false, &work->control};
    return tik_part_borrow(update->backend, &part);
}

enum tik_status tik_update_list_enqueue(struct tik_update_list *list,
                                        struct _cl_command_queue *queue,
                                        const struct tik_update_step *step, unsigned wait_count,
                                        struct _cl_event *const *waits, struct _cl_event **event)
{
    if (list == NULL || queue == NULL || step == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL",
                             list == NULL    ? "list"
                             : queue == NULL ? "queue"
                                             : "step");
    if ((wait_count > 0) != (waits != NULL))
        return tik_error_set(TIK_ERROR_ARGUMENT, "wait_count is %u, and waits is %s", wait_count,
                             waits == NULL ? "NULL" : "not NULL");
    struct tik_update *update = list->update;
    struct tik_plan_values values;
    double coming[TIK_MAX_CARRIED];
    struct tik_workspace work = {0};
    enum tik_status status =
        tik_update_compute(update, step->step, step->schedule, step->carried, coming, &values);
    if (status == TIK_OK)
        status = borrow_factor(update, step->factor, &work);
    if (status != TIK_OK)
        return status;
    for (size_t i = 0; i < list->launches; i++) {
        list->list[i].work = &work;
        list->list[i].values = &values;
    }
    static const struct tik_launch nothing = {.kernel = TIK_STEP};
    status = list->launches == 0
                 ? tik_opencl_enqueue(update->backend, &nothing, queue, wait_count, waits, event)
                 : tik_opencl_enqueue_all(update->backend, list->list, list->launches, queue,
                                          wait_count, waits, list->events, event);
    update->backend->ops->memory_destroy(update->backend, work.control);
    if (status == TIK_OK)
        tik_update_advance(update, step->carried, coming);
    return status;
}
