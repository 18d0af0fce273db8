/* Compiles nn.cl and launches its kernels on the context's queue. */
#include "opencl.h"

#include <stdio.h>
#include <stdlib.h>

#include "nn.h"

/* One size for all launches: each new one costs PoCL a compile. */
#define GROUP 64

/* nn.cl as bytes, made by embed.py when the demos are built. */
extern const char nn_source[];
extern const size_t nn_source_length;

struct nn_device {
    cl_command_queue queue;
    cl_program program;
    cl_kernel kernels[NN_KERNELS];
    size_t group[NN_KERNELS];
};

static const char *const kernel_names[NN_KERNELS] = {"add_bias", "add_bias_relu", "relu_backward",
                                                     "softmax_gradient", "column_sums"};

static void require(cl_int error, const char *call, const char *what)
{
    if (error != CL_SUCCESS)
        fail(EXIT_FAILED, "nn.cl: %s, %s: OpenCL error %d", call, what, (int)error);
}

/* Division with one rounding must be asked for, and only of a device that offers it. */
static const char *build_options(cl_device_id device)
{
    cl_device_fp_config config = 0;
    clGetDeviceInfo(device, CL_DEVICE_SINGLE_FP_CONFIG, sizeof config, &config, NULL);
    return config & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT ? "-cl-std=CL1.2 "
                                                          "-cl-fp32-correctly-rounded-divide-sqrt"
                                                        : "-cl-std=CL1.2";
}

static void build(struct nn_device *nn, cl_device_id device)
{
    if (clBuildProgram(nn->program, 1, &device, build_options(device), NULL, NULL) == CL_SUCCESS)
        return;
    size_t length = 0;
    clGetProgramBuildInfo(nn->program, device, CL_PROGRAM_BUILD_LOG, 0, NULL, &length);
    char *log = allocate(length + 1, 1);
    clGetProgramBuildInfo(nn->program, device, CL_PROGRAM_BUILD_LOG, length, log, NULL);
    fail(EXIT_FAILED, "nn.cl does not compile:\n%s", log);
}

struct nn_device *nn_device_create(struct tik_context *context)
{
    struct nn_device *nn = allocate(1, sizeof *nn);
    cl_device_id device = tik_context_cl_device(context);
    const char *source = nn_source;
    cl_int error;
    nn->queue = tik_context_cl_queue(context);
    nn->program = clCreateProgramWithSource(tik_context_cl_context(context), 1, &source,
                                            &nn_source_length, &error);
    require(error, "clCreateProgramWithSource", "all of it");
    build(nn, device);
    for (size_t i = 0; i < NN_KERNELS; i++) {
        nn->kernels[i] = clCreateKernel(nn->program, kernel_names[i], &error);
        require(error, "clCreateKernel", kernel_names[i]);
        size_t most = 1;
        require(clGetKernelWorkGroupInfo(nn->kernels[i], device, CL_KERNEL_WORK_GROUP_SIZE,
                                         sizeof most, &most, NULL),
                "clGetKernelWorkGroupInfo", kernel_names[i]);
        nn->group[i] = most < GROUP ? most : GROUP;
    }
    return nn;
}

void nn_device_destroy(struct nn_device *nn)
{
    for (size_t i = 0; i < NN_KERNELS; i++)
        clReleaseKernel(nn->kernels[i]);
    clReleaseProgram(nn->program);
    free(nn);
}

/* Every kernel of nn.cl takes its arrays, rows, cols and, one of them, a scale, in this order. */
void nn_device_run(struct nn_device *nn, enum nn_kernel which, size_t items,
                   struct array *const *arrays, size_t array_count, size_t rows, size_t cols,
                   const float *scale)
{
    const char *name = kernel_names[which];
    cl_kernel kernel = nn->kernels[which];
    const cl_uint sizes[] = {(cl_uint)rows, (cl_uint)cols};
    cl_uint argument = 0;
    for (size_t i = 0; i < array_count; i++) {
        cl_mem buffer = array_device(arrays[i]);
        require(clSetKernelArg(kernel, argument++, sizeof buffer, &buffer), "array", name);
    }
    for (size_t i = 0; i < 2; i++)
        require(clSetKernelArg(kernel, argument++, sizeof sizes[i], &sizes[i]), "size", name);
    if (scale)
        require(clSetKernelArg(kernel, argument++, sizeof *scale, scale), "scale", name);

    /* OpenCL 1.2 has whole work-groups only: the last one's surplus items return at once. */
    size_t global = (items + nn->group[which] - 1) / nn->group[which] * nn->group[which];
    require(clEnqueueNDRangeKernel(nn->queue, kernel, 1, NULL, &global, &nn->group[which], 0, NULL,
                                   NULL),
            "clEnqueueNDRangeKernel", name);
}
