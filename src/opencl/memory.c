/* Buffers: the library's own, the caller's, and host memory used in place. */
#include "inside.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../error.h"

static struct opencl_backend *self(struct tik_backend *backend)
{
    return (struct opencl_backend *)backend;
}

static enum tik_status make_buffer(cl_mem mem, size_t bytes, struct tik_buffer **buffer)
{
    struct tik_buffer *made = calloc(1, sizeof *made);
    if (made == NULL) {
        clReleaseMemObject(mem);
        return tik_error_memory("a buffer's handle", sizeof *made);
    }
    made->mem = mem;
    made->bytes = bytes;
    *buffer = made;
    return TIK_OK;
}

/* A buffer of no bytes is no buffer to OpenCL. */
static size_t at_least_a_word(size_t bytes)
{
    return bytes < sizeof(float) ? sizeof(float) : bytes;
}

static enum tik_status too_large(struct opencl_device *device, size_t bytes)
{
    cl_ulong most = 0;
    const cl_int error =
        clGetDeviceInfo(device->id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof most, &most, NULL);
    if (error != CL_SUCCESS || bytes <= most)
        return TIK_OK;
    return tik_error_set(TIK_ERROR_MEMORY,
                         "a buffer of %zu bytes: the device takes at most %" PRIu64
                         " (CL_DEVICE_MAX_MEM_ALLOC_SIZE)",
                         bytes, (uint64_t)most);
}

enum tik_status tik_opencl_memory_create(struct tik_backend *backend, size_t bytes,
                                         struct tik_buffer **buffer)
{
    struct opencl_device *device = self(backend)->device;
    const cl_mem_flags place = device->unified ? CL_MEM_ALLOC_HOST_PTR : 0;
    const cl_float zero = 0;
    const size_t size = (at_least_a_word(bytes) + sizeof zero - 1) / sizeof zero * sizeof zero;
    enum tik_status status = too_large(device, size);
    if (status != TIK_OK)
        return status;

    cl_int error;
    cl_mem mem = clCreateBuffer(device->context, CL_MEM_READ_WRITE | place, size, NULL, &error);
    if (error != CL_SUCCESS)
        return tik_opencl_failed("clCreateBuffer", error);
    error = clEnqueueFillBuffer(device->queue, mem, &zero, sizeof zero, 0, size, 0, NULL, NULL);
    if (error != CL_SUCCESS) {
        clReleaseMemObject(mem);
        return tik_opencl_failed("clEnqueueFillBuffer", error);
    }
    return make_buffer(mem, bytes, buffer);
}

/* ---- wrapped host memory: mapped while it is the host's, unmapped while it is the device's ----
 */

static enum tik_status map(struct opencl_backend *backend, struct tik_buffer *buffer)
{
    cl_int error;
    clEnqueueMapBuffer(backend->device->queue, buffer->mem, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0,
                       buffer->bytes, 0, NULL, NULL, &error);
    return error == CL_SUCCESS ? TIK_OK : tik_opencl_failed("clEnqueueMapBuffer", error);
}

enum tik_status tik_opencl_memory_wrap(struct tik_backend *backend, void *host, size_t bytes,
                                       struct tik_buffer **buffer)
{
    struct opencl_device *device = self(backend)->device;
    if (bytes == 0)
        return tik_opencl_memory_create(backend, 0, buffer);
    enum tik_status status = too_large(device, bytes);
    if (status != TIK_OK)
        return status;

    cl_int error;
    cl_mem mem = clCreateBuffer(device->context,
                                CL_MEM_READ_WRITE | (device->unified ? CL_MEM_USE_HOST_PTR : 0),
                                bytes, device->unified ? host : NULL, &error);
    if (error != CL_SUCCESS)
        return tik_opencl_failed("clCreateBuffer", error);
    struct tik_buffer *made = NULL;
    status = make_buffer(mem, bytes, &made);
    if (status != TIK_OK)
        return status;
    made->host = host;
    made->host_owned = true;
    if (device->unified)
        status = map(self(backend), made);
    if (status != TIK_OK) {
        clReleaseMemObject(mem);
        free(made);
        return status;
    }
    made->next = self(backend)->wrapped;
    self(backend)->wrapped = made;
    *buffer = made;
    return TIK_OK;
}

enum tik_status tik_opencl_memory_to_device(struct opencl_backend *backend,
                                            struct tik_buffer *buffer, bool written)
{
    if (buffer == NULL || buffer->host == NULL)
        return TIK_OK;
    struct opencl_device *device = backend->device;
    buffer->written |= written;
    if (!buffer->host_owned)
        return TIK_OK;
    const cl_int error =
        device->unified
            ? clEnqueueUnmapMemObject(device->queue, buffer->mem, buffer->host, 0, NULL, NULL)
            : clEnqueueWriteBuffer(device->queue, buffer->mem, CL_FALSE, 0, buffer->bytes,
                                   buffer->host, 0, NULL, NULL);
    if (error != CL_SUCCESS)
        return tik_opencl_failed("lending host memory to the device", error);
    buffer->host_owned = false;
    return TIK_OK;
}

enum tik_status tik_opencl_memory_to_host(struct opencl_backend *backend, struct tik_buffer *buffer)
{
    if (buffer->host == NULL || buffer->host_owned)
        return TIK_OK;
    struct opencl_device *device = backend->device;
    enum tik_status status = TIK_OK;
    if (device->unified) {
        status = map(backend, buffer);
    } else if (buffer->written) {
        const cl_int error = clEnqueueReadBuffer(device->queue, buffer->mem, CL_TRUE, 0,
                                                 buffer->bytes, buffer->host, 0, NULL, NULL);
        if (error != CL_SUCCESS)
            status = tik_opencl_failed("clEnqueueReadBuffer", error);
    }
    if (status == TIK_OK) {
        buffer->host_owned = true;
        buffer->written = false;
    }
    return status;
}

/* ---- the caller's buffers ---- */

enum tik_status tik_opencl_memory_borrow(struct tik_backend *backend, cl_mem mem, size_t bytes,
                                         bool written, struct tik_buffer **buffer)
{
    size_t size = 0;
    cl_context context = NULL;
    cl_mem_flags flags = 0;
    cl_int error = clGetMemObjectInfo(mem, CL_MEM_SIZE, sizeof size, &size, NULL);
    if (error == CL_SUCCESS)
        error = clGetMemObjectInfo(mem, CL_MEM_CONTEXT, sizeof(cl_context), &context, NULL);
    if (error == CL_SUCCESS)
        error = clGetMemObjectInfo(mem, CL_MEM_FLAGS, sizeof flags, &flags, NULL);
    if (error == CL_INVALID_MEM_OBJECT)
        return tik_error_set(TIK_ERROR_ARGUMENT, "the caller's buffer: %s",
                             tik_opencl_error_name(error));
    if (error != CL_SUCCESS)
        return tik_opencl_failed("clGetMemObjectInfo", error);
    if (context != self(backend)->device->context)
        return tik_error_set(TIK_ERROR_ARGUMENT, "the caller's buffer is of another cl_context");
    if (flags & (cl_mem_flags)(written ? CL_MEM_READ_ONLY : CL_MEM_WRITE_ONLY))
        return tik_error_set(TIK_ERROR_ARGUMENT, "the caller's buffer is %s; it is to be %s",
                             written ? "CL_MEM_READ_ONLY" : "CL_MEM_WRITE_ONLY",
                             written ? "written" : "read");
    if (size < bytes)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "the caller's buffer has %zu bytes; offset and count need %zu", size,
                             bytes);
    error = clRetainMemObject(mem);
    if (error != CL_SUCCESS)
        return tik_opencl_failed("clRetainMemObject", error);
    return make_buffer(mem, bytes, buffer);
}

cl_mem tik_opencl_memory_handle(struct tik_buffer *buffer)
{
    return buffer->mem;
}

void *tik_opencl_memory_host(struct tik_buffer *buffer)
{
    (void)buffer;
    return NULL;
}

static void forget_wrapped(struct opencl_backend *backend, struct tik_buffer *buffer)
{
    struct tik_buffer **link = &backend->wrapped;
    while (*link != NULL && *link != buffer)
        link = &(*link)->next;
    if (*link == buffer)
        *link = buffer->next;
}

void tik_opencl_memory_destroy(struct tik_backend *backend, struct tik_buffer *buffer)
{
    if (buffer == NULL)
        return;
    if (buffer->host != NULL) {
        forget_wrapped(self(backend), buffer);
        if (self(backend)->device->unified && buffer->host_owned) {
            clEnqueueUnmapMemObject(self(backend)->device->queue, buffer->mem, buffer->host, 0,
                                    NULL, NULL);
            clFinish(self(backend)->device->queue);
        }
    }
    clReleaseMemObject(buffer->mem);
    free(buffer);
}

/* ---- copies ---- */

/* A copy comes after the launches under way: one that failed is known by then. */
static enum tik_status settle(struct opencl_backend *backend, const char *call, cl_int error)
{
    const enum tik_status status = tik_opencl_check_launches(backend);
    return status == TIK_OK && error != CL_SUCCESS ? tik_opencl_failed(call, error) : status;
}

/* Wrapped memory, back with the host. */
static enum tik_status take_back(struct opencl_backend *backend, struct tik_buffer *buffer)
{
    const enum tik_status status = tik_opencl_memory_to_host(backend, buffer);
    const enum tik_status fate = tik_opencl_check_launches(backend);
    return fate == TIK_OK ? status : fate;
}

enum tik_status tik_opencl_memory_write(struct tik_backend *backend, struct tik_buffer *buffer,
                                        size_t at, size_t bytes, const void *values)
{
    if (bytes == 0)
        return TIK_OK;
    if (buffer->host != NULL) {
        const enum tik_status status = take_back(self(backend), buffer);
        if (status == TIK_OK)
            memmove((char *)buffer->host + at, values, bytes);
        return status;
    }
    const cl_int error = clEnqueueWriteBuffer(self(backend)->device->queue, buffer->mem, CL_TRUE,
                                              at, bytes, values, 0, NULL, NULL);
    return settle(self(backend), "clEnqueueWriteBuffer", error);
}

enum tik_status tik_opencl_memory_read(struct tik_backend *backend, struct tik_buffer *buffer,
                                       size_t at, size_t bytes, void *values)
{
    if (bytes == 0)
        return TIK_OK;
    if (buffer->host != NULL) {
        const enum tik_status status = take_back(self(backend), buffer);
        if (status == TIK_OK)
            memmove(values, (const char *)buffer->host + at, bytes);
        return status;
    }
    const cl_int error = clEnqueueReadBuffer(self(backend)->device->queue, buffer->mem, CL_TRUE, at,
                                             bytes, values, 0, NULL, NULL);
    return settle(self(backend), "clEnqueueReadBuffer", error);
}
