/* The bare call: launches on the caller's own queue. */
#include "inside.h"

#include "../error.h"

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

enum tik_status tik_opencl_enqueue(struct tik_backend *backend, const struct tik_launch *l,
                                   cl_command_queue queue, unsigned wait_count,
                                   struct _cl_event *const *waits, struct _cl_event **event)
{
    enum tik_status status = check_queue((struct opencl_backend *)backend, queue);
    if (status != TIK_OK)
        return status;
    cl_int error;
    if (l->spans.blocks == 0) {
        error = event == NULL ? CL_SUCCESS
                              : clEnqueueMarkerWithWaitList(queue, wait_count, waits, event);
        return error == CL_SUCCESS ? TIK_OK
                                   : tik_opencl_failed("clEnqueueMarkerWithWaitList", error);
    }
    status = tik_opencl_set_arguments(l);
    if (status != TIK_OK)
        return status;
    const size_t local = l->program->entry->local_size;
    const size_t global = (size_t)l->spans.blocks * local;
    error = clEnqueueNDRangeKernel(queue, l->program->kernels[l->kernel], 1, NULL, &global, &local,
                                   wait_count, waits, event);
    return error == CL_SUCCESS ? TIK_OK : tik_opencl_failed("clEnqueueNDRangeKernel", error);
}

/* ---- several launches: all of them happen or none ---- */

struct batch {
    cl_command_queue queue;
    cl_event before; /* the caller's waits, and what is on the queue */
    cl_event gate;   /* opened when all are enqueued */
    bool in_order;   /* the queue keeps launches behind `before` by itself */
    cl_event *events;
    cl_uint count;
    cl_event done; /* of all of them, when the caller asks for it */
};

static enum tik_status open_batch(struct opencl_backend *b, struct batch *batch, cl_uint wait_count,
                                  struct _cl_event *const *waits)
{
    cl_command_queue_properties kind = 0;
    cl_int error =
        clGetCommandQueueInfo(batch->queue, CL_QUEUE_PROPERTIES, sizeof kind, &kind, NULL);
    if (error != CL_SUCCESS)
        return tik_opencl_failed("clGetCommandQueueInfo", error);
    batch->in_order = (kind & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) == 0;
    error = clEnqueueMarkerWithWaitList(batch->queue, wait_count, waits, &batch->before);
    if (error != CL_SUCCESS)
        return tik_opencl_failed("clEnqueueMarkerWithWaitList", error);
    batch->gate = clCreateUserEvent(b->device->context, &error);
    if (error == CL_SUCCESS)
        return TIK_OK;
    clReleaseEvent(batch->before);
    return tik_opencl_failed("clCreateUserEvent", error);
}

static enum tik_status add_launch(struct batch *batch, const struct tik_launch *l)
{
    const enum tik_status status = tik_opencl_set_arguments(l);
    if (status != TIK_OK)
        return status;
    /* The gate alone where that is enough, as in step.c. */
    const cl_event waits[] = {batch->gate, batch->before};
    const cl_uint wait_count = batch->in_order ? 1 : 2;
    const size_t local = l->program->entry->local_size;
    const size_t global = (size_t)l->spans.blocks * local;
    const cl_int error =
        clEnqueueNDRangeKernel(batch->queue, l->program->kernels[l->kernel], 1, NULL, &global,
                               &local, wait_count, waits, &batch->events[batch->count]);
    if (error != CL_SUCCESS)
        return tik_opencl_failed("clEnqueueNDRangeKernel", error);
    batch->count++;
    return TIK_OK;
}

/* As in step.c: what is before the gate has to be done before commands die behind it. */
static enum tik_status give_up(const struct batch *batch, enum tik_status status)
{
    clWaitForEvents(1, &batch->before);
    clSetUserEventStatus(batch->gate, -1);
    bool died = true;
    for (cl_uint i = 0; i < batch->count; i++) {
        clWaitForEvents(1, &batch->events[i]);
        cl_int fate = CL_COMPLETE;
        const cl_int error = clGetEventInfo(batch->events[i], CL_EVENT_COMMAND_EXECUTION_STATUS,
                                            sizeof fate, &fate, NULL);
        died &= error == CL_SUCCESS && fate < CL_COMPLETE;
    }
    return died ? status
                : tik_error_prefix(TIK_ERROR_TORN, "launches ran that were to be taken back: ");
}

static enum tik_status close_batch(struct batch *batch, bool asked)
{
    cl_int error = CL_SUCCESS;
    if (asked)
        error =
            clEnqueueMarkerWithWaitList(batch->queue, batch->count, batch->events, &batch->done);
    if (error != CL_SUCCESS)
        return tik_opencl_failed("clEnqueueMarkerWithWaitList", error);
    error = clSetUserEventStatus(batch->gate, CL_COMPLETE);
    return error == CL_SUCCESS ? TIK_OK : tik_opencl_failed("clSetUserEventStatus", error);
}

enum tik_status tik_opencl_enqueue_all(struct tik_backend *backend, const struct tik_launch *list,
                                       size_t count, cl_command_queue queue, unsigned wait_count,
                                       struct _cl_event *const *waits, struct _cl_event **room,
                                       struct _cl_event **event)
{
    if (count == 1)
        return tik_opencl_enqueue(backend, list, queue, wait_count, waits, event);
    struct opencl_backend *b = (struct opencl_backend *)backend;
    struct batch batch = {.queue = queue, .events = room};
    enum tik_status status = check_queue(b, queue);
    if (status == TIK_OK)
        status = open_batch(b, &batch, wait_count, waits);
    if (status != TIK_OK)
        return status;
    for (size_t i = 0; i < count && status == TIK_OK; i++)
        status = add_launch(&batch, &list[i]);
    if (status == TIK_OK)
        status = close_batch(&batch, event != NULL);
    if (status != TIK_OK)
        status = give_up(&batch, status);
    for (cl_uint i = 0; i < batch.count; i++)
        clReleaseEvent(batch.events[i]);
    clReleaseEvent(batch.before);
    clReleaseEvent(batch.gate);
    if (status == TIK_OK)
        clFlush(queue);
    if (status == TIK_OK && event != NULL)
        *event = batch.done;
    else if (batch.done != NULL)
        clReleaseEvent(batch.done);
    return status;
}
