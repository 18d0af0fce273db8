/* Launches: a step's commands wait at a gate until all are enqueued. */
#include "inside.h"

#include <stdlib.h>
#include <string.h>

#include "../error.h"

static struct opencl_backend *self(struct tik_backend *backend)
{
    return (struct opencl_backend *)backend;
}

static void release_events(struct opencl_backend *b, size_t from)
{
    for (size_t i = from; i < b->event_count; i++)
        clReleaseEvent(b->events[i]);
    b->event_count = from;
}

/* A command's status: CL_COMPLETE, more while it is to come, less when it failed. */
static cl_int get_fate(cl_event event)
{
    cl_int fate = CL_COMPLETE;
    const cl_int error =
        clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof fate, &fate, NULL);
    return error != CL_SUCCESS ? error : fate;
}

/* The queue is in order: behind a launch that is to come, nothing has run either. */
enum tik_status tik_opencl_check_launches(struct opencl_backend *b)
{
    cl_int worst = CL_COMPLETE;
    size_t known = 0;
    for (; known < b->event_count; known++) {
        const cl_int fate = get_fate(b->events[known]);
        if (fate > CL_COMPLETE)
            break;
        worst = fate < worst ? fate : worst;
        clReleaseEvent(b->events[known]);
    }
    b->event_count -= known;
    if (known > 0)
        memmove(b->events, b->events + known, b->event_count * sizeof(cl_event));
    if (worst >= CL_COMPLETE)
        return TIK_OK;
    return tik_error_set(TIK_ERROR_TORN, "a command failed while it ran: %s",
                         tik_opencl_error_name(worst));
}

static enum tik_status reserve_events(struct opencl_backend *b, size_t commands)
{
    const size_t needed = b->event_count + commands;
    if (needed <= b->event_capacity)
        return TIK_OK;
    cl_event *grown = realloc(b->events, 2 * needed * sizeof(cl_event));
    if (grown == NULL)
        return tik_error_memory("the events of a step", 2 * needed * sizeof(cl_event));
    b->events = grown;
    b->event_capacity = 2 * needed;
    return TIK_OK;
}

static enum tik_status close_gate(struct opencl_backend *b)
{
    cl_int error = clEnqueueMarkerWithWaitList(b->device->queue, 0, NULL, &b->before);
    if (error != CL_SUCCESS)
        return tik_opencl_failed("clEnqueueMarkerWithWaitList", error);
    b->gate = clCreateUserEvent(b->device->context, &error);
    if (error == CL_SUCCESS)
        return TIK_OK;
    b->gate = NULL;
    clReleaseEvent(b->before);
    return tik_opencl_failed("clCreateUserEvent", error);
}

/*
 * One command needs no gate: it happens or it was not enqueued. Host memory is lent before the
 * gate, since what comes after dies with the step when the gate does not open.
 */
enum tik_status tik_opencl_step_begin(struct tik_backend *backend, size_t commands)
{
    struct opencl_backend *b = self(backend);
    b->gate = NULL;
    enum tik_status status = tik_opencl_check_launches(b);
    if (status == TIK_OK)
        status = reserve_events(b, commands);
    for (struct tik_buffer *buffer = b->wrapped; buffer != NULL && status == TIK_OK;
         buffer = buffer->next)
        status = tik_opencl_memory_to_device(b, buffer, false);
    if (status != TIK_OK)
        return status;
    b->step_events = b->event_count;
    return commands > 1 ? close_gate(b) : TIK_OK;
}

struct argument {
    size_t size;
    const void *value;
};

static enum tik_status set_arguments(cl_kernel kernel, const struct argument *arguments,
                                     cl_uint count)
{
    for (cl_uint i = 0; i < count; i++) {
        const cl_int error = clSetKernelArg(kernel, i, arguments[i].size, arguments[i].value);
        if (error != CL_SUCCESS)
            return tik_error_set(TIK_ERROR_DEVICE, "clSetKernelArg %u: %s", (unsigned)i,
                                 tik_opencl_error_name(error));
    }
    return TIK_OK;
}

static enum tik_status launch(struct opencl_backend *b, struct tik_program *program, size_t slot,
                              uint64_t groups)
{
    const size_t local = program->entry->local_size;
    if (groups > SIZE_MAX / local)
        return tik_error_set(TIK_ERROR_DEVICE, "%llu blocks are too many for one launch",
                             (unsigned long long)groups);
    const size_t global = (size_t)groups * local;
    cl_event event;
    const cl_int error =
        clEnqueueNDRangeKernel(b->device->queue, program->kernels[slot], 1, NULL, &global, &local,
                               b->gate != NULL, b->gate != NULL ? &b->gate : NULL, &event);
    if (error != CL_SUCCESS)
        return tik_opencl_failed("clEnqueueNDRangeKernel", error);
    b->events[b->event_count++] = event;
    return TIK_OK;
}

/* A buffer as an argument; one that is not used is NULL in the kernel. */
static struct argument buffer_argument(const struct tik_buffer *buffer)
{
    return (struct argument){sizeof(cl_mem), buffer != NULL ? &buffer->mem : NULL};
}

#define VALUE(lvalue)                                                                              \
    (struct argument)                                                                              \
    {                                                                                              \
        sizeof(lvalue), &(lvalue)                                                                  \
    }

static enum tik_status set_step_arguments(const struct tik_apply *a)
{
    const cl_ulong count = a->count;
    const struct argument arguments[] = {
        VALUE(count),
        buffer_argument(a->blocks),
        buffer_argument(a->param),
        buffer_argument(a->grad),
        buffer_argument(a->state[0]),
        buffer_argument(a->state[1]),
        buffer_argument(a->state[2]),
        buffer_argument(a->state[3]),
        VALUE(a->at),
        buffer_argument(a->factor),
        VALUE(a->values->step),
        {a->program->rule_size, a->values->rule},
        buffer_argument(a->partials),
    };
    return set_arguments(a->program->kernels[0], arguments, sizeof arguments / sizeof *arguments);
}

enum tik_status tik_opencl_apply(struct tik_backend *backend, const struct tik_apply *a)
{
    struct opencl_backend *b = self(backend);
    enum tik_status status = tik_opencl_memory_to_device(b, a->param, true);
    if (status == TIK_OK)
        status = tik_opencl_memory_to_device(b, a->grad, false);
    if (status == TIK_OK)
        status = set_step_arguments(a);
    return status == TIK_OK ? launch(b, a->program, 0, a->block_count) : status;
}

enum tik_status tik_opencl_norm_blocks(struct tik_backend *backend, const struct tik_norm_blocks *a)
{
    struct opencl_backend *b = self(backend);
    const cl_ulong at = a->at;
    const struct argument arguments[] = {
        buffer_argument(a->blocks),
        buffer_argument(a->grad),
        VALUE(at),
        buffer_argument(a->sums),
    };
    enum tik_status status = tik_opencl_memory_to_device(b, a->grad, false);
    if (status == TIK_OK)
        status =
            set_arguments(a->program->kernels[0], arguments, sizeof arguments / sizeof *arguments);
    return status == TIK_OK ? launch(b, a->program, 0, a->block_count) : status;
}

enum tik_status tik_opencl_norm_finish(struct tik_backend *backend, const struct tik_norm_finish *a)
{
    const cl_uint count = a->tensor_count;
    const struct argument arguments[] = {
        buffer_argument(a->tensors), VALUE(count),       buffer_argument(a->sums),
        buffer_argument(a->totals),  VALUE(a->max_norm), buffer_argument(a->factor),
    };
    const enum tik_status status =
        set_arguments(a->program->kernels[1], arguments, sizeof arguments / sizeof *arguments);
    return status == TIK_OK ? launch(self(backend), a->program, 1, 1) : status;
}

/*
 * Lets the commands behind the gate die with a negative status. What is before it has to be done:
 * PoCL 3.1 was seen to run a command that had died and was freed, when another that it waited for
 * completed at the same moment (pocl pull request 2216 tells of such a race).
 */
static void give_up(struct opencl_backend *b)
{
    clWaitForEvents(1, &b->before);
    clSetUserEventStatus(b->gate, -1);
}

/* Opens the gate. One whose call failed may still be closed, and all would wait for ever. */
static enum tik_status settle_gate(struct opencl_backend *b, enum tik_status status)
{
    if (status == TIK_OK) {
        const cl_int error = clSetUserEventStatus(b->gate, CL_COMPLETE);
        if (error != CL_SUCCESS)
            status = tik_opencl_failed("clSetUserEventStatus", error);
    }
    if (status != TIK_OK)
        give_up(b);
    clReleaseEvent(b->before);
    clReleaseEvent(b->gate);
    b->gate = NULL;
    return status;
}

/* Not clFinish: Mesa 22.3's rusticl lets it return before commands that were flushed are done. */
static cl_int wait_for_launches(const struct opencl_backend *b, size_t from)
{
    return b->event_count == from
               ? CL_SUCCESS
               : clWaitForEvents((cl_uint)(b->event_count - from), b->events + from);
}

/* Whether no command of the step that was to die has run nevertheless. */
static bool all_died(const struct opencl_backend *b)
{
    bool died = true;
    for (size_t i = b->step_events; i < b->event_count; i++) {
        cl_int fate = CL_COMPLETE;
        const cl_int error = clGetEventInfo(b->events[i], CL_EVENT_COMMAND_EXECUTION_STATUS,
                                            sizeof fate, &fate, NULL);
        died &= error == CL_SUCCESS && fate < CL_COMPLETE;
    }
    return died;
}

enum tik_status tik_opencl_step_end(struct tik_backend *backend, enum tik_status status)
{
    struct opencl_backend *b = self(backend);
    if (b->gate != NULL)
        status = settle_gate(b, status);
    if (status == TIK_OK) {
        clFlush(b->device->queue);
        return TIK_OK;
    }
    wait_for_launches(b, b->step_events);
    if (!all_died(b))
        status = tik_error_prefix(TIK_ERROR_TORN, "commands ran that were to be taken back: ");
    release_events(b, b->step_events);
    return status;
}

enum tik_status tik_opencl_finish(struct tik_backend *backend)
{
    struct opencl_backend *b = self(backend);
    const cl_int waited = wait_for_launches(b, 0);
    const cl_int error = clFinish(b->device->queue);
    enum tik_status status = tik_opencl_check_launches(b);
    if (waited != CL_SUCCESS && status == TIK_OK)
        status =
            tik_error_set(TIK_ERROR_TORN, "clWaitForEvents: %s", tik_opencl_error_name(waited));
    if (error != CL_SUCCESS && status == TIK_OK)
        status = tik_error_set(TIK_ERROR_TORN, "clFinish: %s", tik_opencl_error_name(error));
    for (struct tik_buffer *buffer = b->wrapped; buffer != NULL && status == TIK_OK;
         buffer = buffer->next)
        status = tik_opencl_memory_to_host(b, buffer);
    return status;
}

/* ---- the bare call ---- */

static enum tik_status check_queue(const struct opencl_backend *b, cl_command_queue queue)
{
    cl_context context = NULL;
    const cl_int error =
        clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof(cl_context), &context, NULL);
    if (error == CL_INVALID_COMMAND_QUEUE)
        return tik_error_set(TIK_ERROR_ARGUMENT, "queue: %s", tik_opencl_error_name(error));
    if (error != CL_SUCCESS)
        return tik_opencl_failed("clGetCommandQueueInfo", error);
    if (context != b->device->context)
        return tik_error_set(TIK_ERROR_ARGUMENT, "queue is of another cl_context than the "
                                                 "tik_context");
    return TIK_OK;
}

enum tik_status tik_opencl_enqueue(struct tik_backend *backend, const struct tik_apply *a,
                                   cl_command_queue queue, unsigned wait_count,
                                   struct _cl_event *const *waits, struct _cl_event **event)
{
    enum tik_status status = check_queue(self(backend), queue);
    if (status != TIK_OK)
        return status;
    cl_int error;
    if (a->block_count == 0) {
        error = event == NULL ? CL_SUCCESS
                              : clEnqueueMarkerWithWaitList(queue, wait_count, waits, event);
        return error == CL_SUCCESS ? TIK_OK
                                   : tik_opencl_failed("clEnqueueMarkerWithWaitList", error);
    }
    status = set_step_arguments(a);
    if (status != TIK_OK)
        return status;
    const size_t local = a->program->entry->local_size;
    const size_t global = (size_t)a->block_count * local;
    error = clEnqueueNDRangeKernel(queue, a->program->kernels[0], 1, NULL, &global, &local,
                                   wait_count, waits, event);
    return error == CL_SUCCESS ? TIK_OK : tik_opencl_failed("clEnqueueNDRangeKernel", error);
}
