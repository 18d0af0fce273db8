/* A step: its commands wait at a gate until all are enqueued; launch.c gives them. */
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

enum tik_status tik_opencl_reserve_events(struct opencl_backend *b, size_t commands)
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
    b->chunk_count = 0;
    b->streaming = NULL;
    enum tik_status status = tik_opencl_check_launches(b);
    if (status == TIK_OK)
        status = tik_opencl_reserve_events(b, commands);
    for (struct tik_buffer *buffer = b->wrapped; buffer != NULL && status == TIK_OK;
         buffer = buffer->next)
        status = tik_opencl_memory_to_device(b, buffer, false);
    if (status != TIK_OK)
        return status;
    b->step_events = b->event_count;
    return commands > 1 ? close_gate(b) : TIK_OK;
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
    if (b->product != NULL)
        clReleaseEvent(b->product);
    b->product = NULL;
    if (status == TIK_OK) {
        clFlush(b->device->queue);
        if (b->streaming != NULL)
            tik_opencl_tell_progress(b);
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
