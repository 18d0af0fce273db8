/*
 * Launches over memory that stays on the host: chunk by chunk through windows, copies on a queue of
 * their own beside the kernels'. All of it is enqueued behind the step's gate.
 */
#include "../stream.h"

#include <stdlib.h>

#include "../error.h"
#include "inside.h"

void tik_opencl_memory_limits(struct tik_backend *backend, uint64_t *total, uint64_t *largest)
{
    const struct opencl_device *device = ((struct opencl_backend *)backend)->device;
    cl_ulong all = 0, one = 0;
    clGetDeviceInfo(device->id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof all, &all, NULL);
    clGetDeviceInfo(device->id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof one, &one, NULL);
    *total = all > 0 ? all : UINT64_MAX;
    *largest = one > 0 ? one : UINT64_MAX;
}

/* clCreateCommandQueue is deprecated since 2.0, and the only way in 1.2. */
static enum tik_status make_transfer(struct opencl_device *device)
{
    cl_int error = CL_SUCCESS;
    pthread_mutex_lock(&device->lock);
    if (device->transfer == NULL)
        device->transfer = clCreateCommandQueue(device->context, device->id, 0, &error);
    pthread_mutex_unlock(&device->lock);
    return error == CL_SUCCESS ? TIK_OK : tik_opencl_failed("clCreateCommandQueue", error);
}

/* A chunk under way. */
struct passage {
    struct opencl_backend *b;
    const struct tik_launch *launch;
    const struct tik_chunk *chunk;
    const struct tik_arrays *window;
    cl_event *used; /* the last command that used the window; NULL inside: none yet */
};

/* Which arrays a kernel reads and writes. */
static bool reads(const struct tik_launch *l, size_t array)
{
    if (array == 0)
        return l->kernel == TIK_STEP;
    if (array == 1 || array == 2 + TIK_SUM)
        return true;
    return l->kernel == TIK_STEP;
}

static bool writes(const struct tik_launch *l, size_t array)
{
    if (l->kernel == TIK_NORM_BLOCKS)
        return false;
    if (array == 1)
        return l->program->zero_grad;
    return l->kernel == TIK_STEP || array == 2 + TIK_SUM;
}

static struct tik_buffer *window_of(const struct tik_arrays *window, size_t array)
{
    if (array == 0)
        return window->param;
    return array == 1 ? window->grad : window->state[array - 2];
}

/* Notes a command: its event is among the step's, and the last to use the window. */
static void note(struct passage *p, cl_event event)
{
    p->b->events[p->b->event_count++] = event;
    *p->used = event;
}

static cl_uint list_waits(const struct passage *p, cl_event waits[2])
{
    cl_uint count = 0;
    if (p->b->gate != NULL)
        waits[count++] = p->b->gate;
    if (*p->used != NULL)
        waits[count++] = *p->used;
    return count;
}

static enum tik_status copy(struct passage *p, size_t array, bool up)
{
    const struct tik_buffer *buffer = window_of(p->window, array);
    unsigned char *host = p->launch->stream->host[array];
    if (buffer == NULL || host == NULL)
        return TIK_OK;
    cl_event waits[2], event;
    const cl_uint count = list_waits(p, waits);
    const size_t size = p->launch->stream->size[array], bytes = (size_t)p->chunk->count * size;
    const cl_command_queue queue = p->b->device->transfer;
    host += p->chunk->first * size;
    const cl_int error = up ? clEnqueueWriteBuffer(queue, buffer->mem, CL_FALSE, 0, bytes, host,
                                                   count, count > 0 ? waits : NULL, &event)
                            : clEnqueueReadBuffer(queue, buffer->mem, CL_FALSE, 0, bytes, host,
                                                  count, count > 0 ? waits : NULL, &event);
    if (error != CL_SUCCESS)
        return tik_opencl_failed(up ? "clEnqueueWriteBuffer" : "clEnqueueReadBuffer", error);
    note(p, event);
    return TIK_OK;
}

static enum tik_status compute(struct passage *p)
{
    struct tik_launch one = *p->launch;
    one.stream = NULL;
    one.spans = p->chunk->spans;
    one.arrays = *p->window;
    one.at = (struct tik_offsets){0};
    const enum tik_status status = tik_opencl_set_arguments(&one);
    if (status != TIK_OK)
        return status;
    cl_event waits[2], event;
    const cl_uint count = list_waits(p, waits);
    const size_t local = one.program->entry->local_size;
    const size_t global = (size_t)one.spans.blocks * local;
    const cl_int error =
        clEnqueueNDRangeKernel(p->b->device->queue, one.program->kernels[one.kernel], 1, NULL,
                               &global, &local, count, count > 0 ? waits : NULL, &event);
    if (error != CL_SUCCESS)
        return tik_opencl_failed("clEnqueueNDRangeKernel", error);
    note(p, event);
    return TIK_OK;
}

static enum tik_status pass(struct passage *p)
{
    enum tik_status status = TIK_OK;
    for (size_t k = 0; k < 2 + TIK_ARRAYS && status == TIK_OK; k++)
        if (reads(p->launch, k))
            status = copy(p, k, true);
    if (status == TIK_OK)
        status = compute(p);
    for (size_t k = 0; k < 2 + TIK_ARRAYS && status == TIK_OK; k++)
        if (writes(p->launch, k))
            status = copy(p, k, false);
    return status;
}

/* Windows may still be read by kernels of the launch before: copies come after all of them. */
static enum tik_status follow_kernels(struct opencl_device *device)
{
    cl_event done;
    cl_int error = clEnqueueMarkerWithWaitList(device->queue, 0, NULL, &done);
    if (error != CL_SUCCESS)
        return tik_opencl_failed("clEnqueueMarkerWithWaitList", error);
    error = clEnqueueBarrierWithWaitList(device->transfer, 1, &done, NULL);
    clReleaseEvent(done);
    return error == CL_SUCCESS ? TIK_OK : tik_opencl_failed("clEnqueueBarrierWithWaitList", error);
}

static enum tik_status note_chunk(struct opencl_backend *b)
{
    if (b->chunk_count == b->chunk_capacity) {
        const size_t more = 2 * b->chunk_capacity + 16;
        size_t *grown = realloc(b->chunks, more * sizeof *grown);
        if (grown == NULL)
            return tik_error_memory("the chunks of a step", more * sizeof *grown);
        b->chunks = grown;
        b->chunk_capacity = more;
    }
    b->chunks[b->chunk_count++] = b->event_count - 1;
    return TIK_OK;
}

enum tik_status tik_opencl_launch_stream(struct opencl_backend *b, const struct tik_launch *l)
{
    const struct tik_stream *stream = l->stream;
    cl_event used[TIK_WINDOWS] = {NULL};
    enum tik_status status = make_transfer(b->device);
    if (status == TIK_OK)
        status = follow_kernels(b->device);
    if (status == TIK_OK)
        status = tik_opencl_reserve_events(b, stream->chunk_count * (5 + 2 * TIK_ARRAYS));
    b->streaming = stream;
    for (size_t i = 0; i < stream->chunk_count && status == TIK_OK; i++) {
        struct passage p = {b, l, &stream->chunks[i], &stream->windows[i % TIK_WINDOWS],
                            &used[i % TIK_WINDOWS]};
        status = pass(&p);
        if (status == TIK_OK)
            status = note_chunk(b);
    }
    /* What comes next on the kernels' queue may read what the last chunks bring home. */
    return status;
}

void tik_opencl_tell_progress(struct opencl_backend *b)
{
    clFlush(b->device->transfer);
    const struct tik_stream *stream = b->streaming;
    for (size_t i = 0; i < b->chunk_count && stream->progress != NULL; i++) {
        clWaitForEvents(1, &b->events[b->chunks[i]]);
        stream->progress(i + 1, b->chunk_count, stream->data);
    }
}
