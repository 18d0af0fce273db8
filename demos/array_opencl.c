/* Arrays over OpenCL buffers. */
#include "array.h"

#include <assert.h>

#include "opencl.h"

static void require(cl_int error, const char *call, const struct array *array)
{
    if (error != CL_SUCCESS)
        fail(EXIT_FAILED, "%s on an array of %zu floats: OpenCL error %d", call, array->count,
             (int)error);
}

void array_attach(struct array *array, size_t bytes)
{
    cl_int error;
    array->buffer =
        clCreateBuffer(tik_context_cl_context(array->context),
                       CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, bytes, array->memory, &error);
    require(error, "clCreateBuffer", array);
    array->on_device = true; /* a new buffer is the device's until it is mapped */
}

void array_detach(struct array *array)
{
    /* The driver may write into `memory` until the buffer is gone. */
    array_device(array);
    clFinish(tik_context_cl_queue(array->context));
    clReleaseMemObject(array->buffer);
}

/*
 * With CL_MEM_USE_HOST_PTR the mapped address is the one given at creation (OpenCL 1.2, 5.4.3).
 * Always the whole array, to read and to write: simple, at the price of a copy back on devices
 * with memory of their own.
 */
void array_map(struct array *array)
{
    cl_int error;
    void *memory = clEnqueueMapBuffer(tik_context_cl_queue(array->context), array->buffer, CL_TRUE,
                                      CL_MAP_READ | CL_MAP_WRITE, 0, array->count * sizeof(float),
                                      0, NULL, NULL, &error);
    require(error, "clEnqueueMapBuffer", array);
    assert(memory == array->memory);
    (void)memory;
}

void array_unmap(struct array *array)
{
    require(clEnqueueUnmapMemObject(tik_context_cl_queue(array->context), array->buffer,
                                    array->memory, 0, NULL, NULL),
            "clEnqueueUnmapMemObject", array);
}
