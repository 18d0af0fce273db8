/*
 * Loaded beside Oclgrind, so that its check for uninitialised values can be believed.
 *
 * Oclgrind (up to 21.10 at least) takes every write of the host for a write of the whole buffer:
 * its record of what is initialised is made anew, as long as that write
 * (Uninitialized::hostMemoryStore, which calls ShadowMemory::allocate). A fill with a pattern is
 * many writes of one pattern each. What lies behind that length then counts as uninitialised, and
 * stays so whatever kernels store there. Mapping the whole buffer for writing makes the record
 * whole again; nothing is copied.
 */
#define _GNU_SOURCE
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

/* POSIX's own way to a function's address; a cast from void * is not ISO C. */
static void find_next(const char *name, void *function)
{
    *(void **)function = dlsym(RTLD_NEXT, name);
    if (*(void **)function != NULL)
        return;
    fprintf(stderr, "whole_writes: nothing behind it defines %s\n", name);
    abort();
}

/* In the queue behind the write, and before any kernel that reads it. */
static cl_int mark_initialised(cl_command_queue queue, cl_mem mem)
{
    size_t size = 0;
    cl_int error = clGetMemObjectInfo(mem, CL_MEM_SIZE, sizeof size, &size, NULL);
    if (error != CL_SUCCESS)
        return error;
    void *const mapped =
        clEnqueueMapBuffer(queue, mem, CL_FALSE, CL_MAP_WRITE, 0, size, 0, NULL, NULL, &error);
    if (error != CL_SUCCESS)
        return error;
    return clEnqueueUnmapMemObject(queue, mem, mapped, 0, NULL, NULL);
}

cl_int clEnqueueWriteBuffer(cl_command_queue queue, cl_mem mem, cl_bool blocking, size_t offset,
                            size_t size, const void *values, cl_uint wait_count,
                            const cl_event *waits, cl_event *event)
{
    cl_int (*next)(cl_command_queue, cl_mem, cl_bool, size_t, size_t, const void *, cl_uint,
                   const cl_event *, cl_event *);
    find_next("clEnqueueWriteBuffer", &next);
    const cl_int error = next(queue, mem, blocking, offset, size, values, wait_count, waits, event);
    return error == CL_SUCCESS ? mark_initialised(queue, mem) : error;
}

cl_int clEnqueueFillBuffer(cl_command_queue queue, cl_mem mem, const void *pattern,
                           size_t pattern_size, size_t offset, size_t size, cl_uint wait_count,
                           const cl_event *waits, cl_event *event)
{
    cl_int (*next)(cl_command_queue, cl_mem, const void *, size_t, size_t, size_t, cl_uint,
                   const cl_event *, cl_event *);
    find_next("clEnqueueFillBuffer", &next);
    const cl_int error =
        next(queue, mem, pattern, pattern_size, offset, size, wait_count, waits, event);
    return error == CL_SUCCESS ? mark_initialised(queue, mem) : error;
}
