/* The limit as an OpenCL kernel of this command's own, and an empty kernel. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CL_TARGET_OPENCL_VERSION 120
#ifdef __APPLE__
#include <OpenCL/opencl.h>
#else
#include <CL/cl.h>
#endif

#include "bench.h"

/* Vectors of four floats side by side on a GPU; a CPU's work-item goes through a chunk alone. */
#define GPU_VALUE      4
#define GPU_LOCAL_SIZE (BENCH_CHUNK / GPU_VALUE)

struct bench_kernel {
    cl_command_queue queue;
    cl_program program;
    cl_kernel limit, norm, empty;
    cl_mem updated[BENCH_MAX_STREAMS], grad, copy, total;
    struct bench_streams streams;
    const struct bench_host *host; /* whose streams are copied, with a window */
    size_t global, local;
};

static enum tik_status fail(char why[256], const char *call, cl_int error)
{
    snprintf(why, 256, "%s: error %d", call, (int)error);
    return error == CL_MEM_OBJECT_ALLOCATION_FAILURE || error == CL_OUT_OF_HOST_MEMORY ||
                   error == CL_OUT_OF_RESOURCES || error == CL_INVALID_BUFFER_SIZE
               ? TIK_ERROR_MEMORY
               : TIK_ERROR_DEVICE;
}

static void append(char *text, size_t room, const char *format, ...) TIK_PRINTF(3, 4);
static void append(char *text, size_t room, const char *format, ...)
{
    const size_t length = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + length, room - length, format, arguments);
    va_end(arguments);
}

/* As many parameters as there are streams. The test in `norm` is never true, but who knows that? */
static void write_source(char *text, size_t room, const struct bench_streams *streams, bool cpu)
{
    snprintf(text, room,
             "#define VALUE %s\n#define SIZE %d\n#define VALUES %d\n"
             "#define HALF %s\n#define HALVE(x) %s\n",
             cpu ? "float" : "float4", cpu ? 1 : GPU_VALUE, cpu ? BENCH_CHUNK : 1,
             cpu ? "ushort" : "ushort4",
             cpu ? "(ushort)(as_uint(x) >> 16)" : "convert_ushort4(as_uint4(x) >> 16)");
    append(text, room,
           "__kernel void empty(void) {}\n"
           "__kernel void norm(__global const uint4 *g, __global uint4 *total)\n"
           "{\n"
           "    const size_t first = get_global_id(0) * (VALUES * SIZE / 4);\n"
           "    uint4 sum = 0;\n"
           "    for (size_t i = first; i < first + VALUES * SIZE / 4; i++)\n"
           "        sum += g[i];\n"
           "    if (sum.x == 0xffffffffu)\n"
           "        *total = sum;\n"
           "}\n"
           "__kernel void limit(__global %sVALUE *restrict g",
           streams->clears ? "" : "const ");
    for (size_t k = 0; k < streams->updated; k++)
        append(text, room, ", __global VALUE *restrict x%zu", k);
    if (streams->copies)
        append(text, room, ", __global HALF *restrict copy");
    append(text, room,
           ")\n{\n"
           "    const size_t first = get_global_id(0) * VALUES;\n"
           "    for (size_t i = first; i < first + VALUES; i++) {\n"
           "        const VALUE a = g[i];\n");
    for (size_t k = 0; k < streams->updated; k++)
        append(text, room, "        x%zu[i] = x%zu[i] + a;\n", k, k);
    append(text, room, "%s", streams->copies ? "        copy[i] = HALVE(x0[i]);\n" : "");
    append(text, room, "%s    }\n}\n", streams->clears ? "        g[i] = (VALUE)0;\n" : "");
}

static cl_device_type device_type(cl_device_id device)
{
    cl_device_type type = 0;
    clGetDeviceInfo(device, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    return type;
}

static enum tik_status build(struct bench_kernel *made, cl_context context, cl_device_id device,
                             char why[256])
{
    char source[2048];
    const char *text = source;
    const bool cpu = (device_type(device) & CL_DEVICE_TYPE_CPU) != 0;
    write_source(source, sizeof source, &made->streams, cpu);
    cl_int error;
    made->program = clCreateProgramWithSource(context, 1, &text, NULL, &error);
    if (error == CL_SUCCESS)
        error = clBuildProgram(made->program, 1, &device, "-cl-std=CL1.2", NULL, NULL);
    if (error != CL_SUCCESS)
        return fail(why, "clBuildProgram", error);
    made->limit = clCreateKernel(made->program, "limit", &error);
    if (error == CL_SUCCESS)
        made->norm = clCreateKernel(made->program, "norm", &error);
    if (error == CL_SUCCESS)
        made->empty = clCreateKernel(made->program, "empty", &error);
    return error == CL_SUCCESS ? TIK_OK : fail(why, "clCreateKernel", error);
}

/*
 * A CPU device works on the host's own pages; the values do not matter, so nobody maps them. Other
 * devices have pages of their own, filled so that they are there.
 */
static cl_int make_buffer(const struct bench_kernel *made, cl_context context, size_t bytes,
                          void *host, cl_mem *buffer)
{
    const cl_float value = 0.001f;
    cl_int error;
    *buffer = clCreateBuffer(context, CL_MEM_READ_WRITE | (host != NULL ? CL_MEM_USE_HOST_PTR : 0),
                             bytes, host, &error);
    if (error == CL_SUCCESS && host == NULL)
        error = clEnqueueFillBuffer(made->queue, *buffer, &value, sizeof value, 0, bytes, 0, NULL,
                                    NULL);
    return error;
}

static enum tik_status make_buffers(struct bench_kernel *made, cl_context context, size_t bytes,
                                    const struct bench_host *host, char why[256])
{
    if (made->streams.window > 0) {
        made->host = host;
        host = NULL;
        bytes = made->streams.window * sizeof(float);
    }
    cl_int error = make_buffer(made, context, bytes, host != NULL ? host->grad : NULL, &made->grad);
    if (error == CL_SUCCESS)
        error = make_buffer(made, context, sizeof(cl_uint4), NULL, &made->total);
    for (size_t k = 0; error == CL_SUCCESS && k < made->streams.updated; k++)
        error = make_buffer(made, context, bytes, host != NULL ? host->updated[k] : NULL,
                            &made->updated[k]);
    if (error == CL_SUCCESS && made->streams.copies)
        error =
            make_buffer(made, context, bytes / 2, host != NULL ? host->copy : NULL, &made->copy);
    if (error != CL_SUCCESS)
        return fail(why, "clCreateBuffer", error);
    error = clSetKernelArg(made->limit, 0, sizeof made->grad, &made->grad);
    for (cl_uint k = 0; error == CL_SUCCESS && k < made->streams.updated; k++)
        error = clSetKernelArg(made->limit, k + 1, sizeof(cl_mem), &made->updated[k]);
    if (error == CL_SUCCESS && made->streams.copies)
        error = clSetKernelArg(made->limit, (cl_uint)made->streams.updated + 1, sizeof made->copy,
                               &made->copy);
    if (error == CL_SUCCESS)
        error = clSetKernelArg(made->norm, 1, sizeof made->total, &made->total);
    return error == CL_SUCCESS ? TIK_OK : fail(why, "clSetKernelArg", error);
}

enum tik_status bench_kernel_create(const struct tik_context *context,
                                    const struct bench_streams *streams, size_t count,
                                    const struct bench_host *host, char why[256],
                                    struct bench_kernel **kernel)
{
    struct bench_kernel *made = calloc(1, sizeof *made);
    snprintf(why, 256, "no memory");
    if (made == NULL)
        return TIK_ERROR_MEMORY;
    const size_t chunks = (count + BENCH_CHUNK - 1) / BENCH_CHUNK;
    cl_device_id device = tik_context_cl_device(context);
    const bool cpu = (device_type(device) & CL_DEVICE_TYPE_CPU) != 0;
    made->streams = *streams;
    made->queue = tik_context_cl_queue(context);
    made->local = cpu ? 1 : GPU_LOCAL_SIZE;
    made->global = chunks * made->local;
    size_t most = 1;
    clGetDeviceInfo(device, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof most, &most, NULL);
    while (made->local > most)
        made->local /= 2;
    enum tik_status status = build(made, tik_context_cl_context(context), device, why);
    if (status == TIK_OK)
        status = make_buffers(made, tik_context_cl_context(context),
                              chunks * BENCH_CHUNK * sizeof(float), host, why);
    if (status != TIK_OK) {
        bench_kernel_destroy(made);
        return status;
    }
    *kernel = made;
    return TIK_OK;
}

void bench_kernel_destroy(struct bench_kernel *kernel)
{
    if (kernel == NULL)
        return;
    clFinish(kernel->queue);
    for (size_t k = 0; k < kernel->streams.updated; k++)
        if (kernel->updated[k] != NULL)
            clReleaseMemObject(kernel->updated[k]);
    if (kernel->grad != NULL)
        clReleaseMemObject(kernel->grad);
    if (kernel->copy != NULL)
        clReleaseMemObject(kernel->copy);
    if (kernel->total != NULL)
        clReleaseMemObject(kernel->total);
    if (kernel->limit != NULL)
        clReleaseKernel(kernel->limit);
    if (kernel->norm != NULL)
        clReleaseKernel(kernel->norm);
    if (kernel->empty != NULL)
        clReleaseKernel(kernel->empty);
    if (kernel->program != NULL)
        clReleaseProgram(kernel->program);
    free(kernel);
}

static bool launch(const struct bench_kernel *kernel, cl_kernel what, size_t global, size_t local)
{
    return clEnqueueNDRangeKernel(kernel->queue, what, 1, NULL, &global, &local, 0, NULL, NULL) ==
           CL_SUCCESS;
}

/* Goes over one stream, as norms and the finite check do. */
static bool read_before(struct bench_kernel *kernel, const cl_mem *stream)
{
    return clSetKernelArg(kernel->norm, 0, sizeof *stream, stream) == CL_SUCCESS &&
           launch(kernel, kernel->norm, kernel->global, kernel->local);
}

/* A chunk of a stream's elements, of so many bytes each, to the device or back. */
static bool copy(const struct bench_kernel *kernel, cl_mem window, void *stream, size_t element,
                 size_t at, bool up)
{
    const size_t rest = kernel->host->count - at;
    const size_t bytes = (rest < kernel->streams.window ? rest : kernel->streams.window) * element;
    unsigned char *host = (unsigned char *)stream + at * element;
    return (up ? clEnqueueWriteBuffer(kernel->queue, window, CL_FALSE, 0, bytes, host, 0, NULL,
                                      NULL)
               : clEnqueueReadBuffer(kernel->queue, window, CL_FALSE, 0, bytes, host, 0, NULL,
                                     NULL)) == CL_SUCCESS;
}

/* What a step moves for the chunk at `at`: up what it reads, down what it writes. */
static bool copy_chunk(const struct bench_kernel *kernel, size_t at)
{
    const struct bench_host *host = kernel->host;
    const struct bench_streams *streams = &kernel->streams;
    bool done = copy(kernel, kernel->grad, host->grad, sizeof(float), at, true);
    for (size_t k = 0; done && k < streams->updated; k++)
        done = copy(kernel, kernel->updated[k], host->updated[k], sizeof(float), at, true);
    for (size_t k = 0; done && k < streams->updated; k++)
        done = copy(kernel, kernel->updated[k], host->updated[k], sizeof(float), at, false);
    if (done && streams->clears)
        done = copy(kernel, kernel->grad, host->grad, sizeof(float), at, false);
    if (done && streams->copies)
        done = copy(kernel, kernel->copy, host->copy, sizeof(uint16_t), at, false);
    return done;
}

static bool copy_all(const struct bench_kernel *kernel)
{
    const struct bench_host *host = kernel->host;
    bool done = true;
    for (size_t pass = 0; pass < kernel->streams.before; pass++)
        for (size_t at = 0; done && at < host->count; at += kernel->streams.window)
            done = copy(kernel, kernel->grad, pass == 0 ? host->grad : host->updated[0],
                        sizeof(float), at, true);
    for (size_t at = 0; done && at < host->count; at += kernel->streams.window)
        done = copy_chunk(kernel, at);
    return done && clFinish(kernel->queue) == CL_SUCCESS;
}

bool bench_kernel_limit(struct bench_kernel *kernel)
{
    if (kernel->streams.window > 0)
        return copy_all(kernel);
    const size_t before = kernel->streams.before;
    return (before < 1 || read_before(kernel, &kernel->grad)) &&
           (before < 2 || read_before(kernel, &kernel->updated[0])) &&
           launch(kernel, kernel->limit, kernel->global, kernel->local) &&
           clFinish(kernel->queue) == CL_SUCCESS;
}

bool bench_kernel_empty(struct bench_kernel *kernel)
{
    return launch(kernel, kernel->empty, 1, 1) && clFinish(kernel->queue) == CL_SUCCESS;
}

int bench_kernel_threads(const struct tik_context *context)
{
    cl_uint units = 0;
    clGetDeviceInfo(tik_context_cl_device(context), CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units,
                    &units, NULL);
    return (int)units;
}

size_t bench_kernel_memory(const struct tik_context *context)
{
    cl_ulong bytes = 0;
    clGetDeviceInfo(tik_context_cl_device(context), CL_DEVICE_GLOBAL_MEM_SIZE, sizeof bytes, &bytes,
                    NULL);
    return (size_t)bytes;
}
