/*
 * A layer of the OpenCL loader (CL/cl_layer.h) that lets chosen calls fail: each call that the
 * library makes is counted, fails when the test asked for it, and else goes on to the driver.
 */
#include "fault_layer.h"

#include <string.h>

const cl_icd_dispatch *fault_layer_next;
static cl_icd_dispatch layer;

/* A call that returns what it made: NULL, and the error by pointer. */
void *fault_layer_refuse(cl_int error, cl_int *where)
{
    if (where != NULL)
        *where = error;
    return NULL;
}

void *fault_layer_made(void *object, enum fault_object kind)
{
    fault_layer_count(kind, object != NULL);
    return object;
}

cl_int fault_layer_retained(cl_int error, enum fault_object kind)
{
    fault_layer_count(kind, error == CL_SUCCESS);
    return error;
}

cl_int fault_layer_released(cl_int error, enum fault_object kind)
{
    fault_layer_count(kind, -(int64_t)(error == CL_SUCCESS));
    return error;
}

/* An enqueued command whose event the caller keeps. */
cl_int fault_layer_enqueued(cl_int error, const cl_event *event)
{
    fault_layer_count(FAULT_EVENT, error == CL_SUCCESS && event != NULL);
    return error;
}

/* ---- platforms and devices ---- */

static cl_int CL_API_CALL get_platform_ids(cl_uint count, cl_platform_id *platforms, cl_uint *found)
{
    const cl_int fault = fault_layer_enter(FAULT_GET_PLATFORM_IDS, NULL);
    return fault != 0 ? fault : fault_layer_next->clGetPlatformIDs(count, platforms, found);
}

static cl_int CL_API_CALL get_platform_info(cl_platform_id platform, cl_platform_info what,
                                            size_t size, void *value, size_t *needed)
{
    const cl_int fault = fault_layer_enter(FAULT_GET_PLATFORM_INFO, NULL);
    return fault != 0 ? fault
                      : fault_layer_next->clGetPlatformInfo(platform, what, size, value, needed);
}

static cl_int CL_API_CALL get_device_ids(cl_platform_id platform, cl_device_type type,
                                         cl_uint count, cl_device_id *devices, cl_uint *found)
{
    const cl_int fault = fault_layer_enter(FAULT_GET_DEVICE_IDS, NULL);
    return fault != 0 ? fault
                      : fault_layer_next->clGetDeviceIDs(platform, type, count, devices, found);
}

static cl_int CL_API_CALL get_device_info(cl_device_id device, cl_device_info what, size_t size,
                                          void *value, size_t *needed)
{
    const cl_int fault = fault_layer_enter(FAULT_GET_DEVICE_INFO, NULL);
    if (fault != 0)
        return fault;
    const cl_int error = fault_layer_next->clGetDeviceInfo(device, what, size, value, needed);
    if (error == CL_SUCCESS && what == CL_DEVICE_HOST_UNIFIED_MEMORY && value != NULL &&
        fault_layer_hides_shared_memory())
        *(cl_bool *)value = CL_FALSE;
    if (error == CL_SUCCESS && what == CL_DEVICE_MAX_PARAMETER_SIZE && value != NULL &&
        fault_layer_parameter_size() > 0)
        *(size_t *)value = (size_t)fault_layer_parameter_size();
    return error;
}

/* ---- contexts and queues ---- */

static cl_context CL_API_CALL create_context(
    const cl_context_properties *properties, cl_uint count, const cl_device_id *devices,
    void(CL_CALLBACK *tell)(const char *, const void *, size_t, void *), void *data, cl_int *error)
{
    const cl_int fault = fault_layer_enter(FAULT_CREATE_CONTEXT, NULL);
    if (fault != 0)
        return fault_layer_refuse(fault, error);
    return fault_layer_made(
        fault_layer_next->clCreateContext(properties, count, devices, tell, data, error),
        FAULT_CONTEXT);
}

static cl_int CL_API_CALL retain_context(cl_context context)
{
    const cl_int fault = fault_layer_enter(FAULT_RETAIN_CONTEXT, NULL);
    return fault != 0
               ? fault
               : fault_layer_retained(fault_layer_next->clRetainContext(context), FAULT_CONTEXT);
}

static cl_int CL_API_CALL release_context(cl_context context)
{
    return fault_layer_released(fault_layer_next->clReleaseContext(context), FAULT_CONTEXT);
}

static cl_command_queue CL_API_CALL create_command_queue(cl_context context, cl_device_id device,
                                                         cl_command_queue_properties properties,
                                                         cl_int *error)
{
    const cl_int fault = fault_layer_enter(FAULT_CREATE_COMMAND_QUEUE, NULL);
    if (fault != 0)
        return fault_layer_refuse(fault, error);
    return fault_layer_made(
        fault_layer_next->clCreateCommandQueue(context, device, properties, error), FAULT_QUEUE);
}

static cl_int CL_API_CALL retain_command_queue(cl_command_queue queue)
{
    const cl_int fault = fault_layer_enter(FAULT_RETAIN_COMMAND_QUEUE, NULL);
    return fault != 0
               ? fault
               : fault_layer_retained(fault_layer_next->clRetainCommandQueue(queue), FAULT_QUEUE);
}

static cl_int CL_API_CALL release_command_queue(cl_command_queue queue)
{
    return fault_layer_released(fault_layer_next->clReleaseCommandQueue(queue), FAULT_QUEUE);
}

static cl_int CL_API_CALL get_command_queue_info(cl_command_queue queue, cl_command_queue_info what,
                                                 size_t size, void *value, size_t *needed)
{
    const cl_int fault = fault_layer_enter(FAULT_GET_COMMAND_QUEUE_INFO, NULL);
    return fault != 0 ? fault
                      : fault_layer_next->clGetCommandQueueInfo(queue, what, size, value, needed);
}

static cl_int CL_API_CALL flush(cl_command_queue queue)
{
    const cl_int fault = fault_layer_enter(FAULT_FLUSH, NULL);
    return fault != 0 ? fault : fault_layer_next->clFlush(queue);
}

static cl_int CL_API_CALL finish(cl_command_queue queue)
{
    fault_layer_waits(true);
    const cl_int fault = fault_layer_enter(FAULT_FINISH, NULL);
    return fault != 0 ? fault : fault_layer_next->clFinish(queue);
}

/* ---- programs and kernels ---- */

static cl_program CL_API_CALL create_program_with_source(cl_context context, cl_uint count,
                                                         const char **texts, const size_t *lengths,
                                                         cl_int *error)
{
    const cl_int fault = fault_layer_enter(FAULT_CREATE_PROGRAM_WITH_SOURCE, NULL);
    if (fault != 0)
        return fault_layer_refuse(fault, error);
    return fault_layer_made(
        fault_layer_next->clCreateProgramWithSource(context, count, texts, lengths, error),
        FAULT_PROGRAM);
}

static cl_program CL_API_CALL create_program_with_binary(cl_context context, cl_uint count,
                                                         const cl_device_id *devices,
                                                         const size_t *lengths,
                                                         const unsigned char **binaries,
                                                         cl_int *fates, cl_int *error)
{
    const cl_int fault = fault_layer_enter(FAULT_CREATE_PROGRAM_WITH_BINARY, NULL);
    if (fault != 0)
        return fault_layer_refuse(fault, error);
    return fault_layer_made(fault_layer_next->clCreateProgramWithBinary(
                                context, count, devices, lengths, binaries, fates, error),
                            FAULT_PROGRAM);
}

static cl_int CL_API_CALL release_program(cl_program program)
{
    return fault_layer_released(fault_layer_next->clReleaseProgram(program), FAULT_PROGRAM);
}

static cl_int CL_API_CALL build_program(cl_program program, cl_uint count,
                                        const cl_device_id *devices, const char *options,
                                        void(CL_CALLBACK *tell)(cl_program, void *), void *data)
{
    const cl_int fault = fault_layer_enter(FAULT_BUILD_PROGRAM, NULL);
    return fault != 0
               ? fault
               : fault_layer_next->clBuildProgram(program, count, devices, options, tell, data);
}

static cl_int CL_API_CALL get_program_info(cl_program program, cl_program_info what, size_t size,
                                           void *value, size_t *needed)
{
    const cl_int fault = fault_layer_enter(FAULT_GET_PROGRAM_INFO, NULL);
    return fault != 0 ? fault
                      : fault_layer_next->clGetProgramInfo(program, what, size, value, needed);
}

static cl_int CL_API_CALL get_program_build_info(cl_program program, cl_device_id device,
                                                 cl_program_build_info what, size_t size,
                                                 void *value, size_t *needed)
{
    const cl_int fault = fault_layer_enter(FAULT_GET_PROGRAM_BUILD_INFO, NULL);
    return fault != 0 ? fault
                      : fault_layer_next->clGetProgramBuildInfo(program, device, what, size, value,
                                                                needed);
}

static cl_kernel CL_API_CALL create_kernel(cl_program program, const char *name, cl_int *error)
{
    const cl_int fault = fault_layer_enter(FAULT_CREATE_KERNEL, NULL);
    if (fault != 0)
        return fault_layer_refuse(fault, error);
    return fault_layer_made(fault_layer_next->clCreateKernel(program, name, error), FAULT_KERNEL);
}

static cl_int CL_API_CALL release_kernel(cl_kernel kernel)
{
    return fault_layer_released(fault_layer_next->clReleaseKernel(kernel), FAULT_KERNEL);
}

static cl_int CL_API_CALL set_kernel_arg(cl_kernel kernel, cl_uint index, size_t size,
                                         const void *value)
{
    const cl_int fault = fault_layer_enter(FAULT_SET_KERNEL_ARG, NULL);
    return fault != 0 ? fault : fault_layer_next->clSetKernelArg(kernel, index, size, value);
}

static cl_int CL_API_CALL get_kernel_work_group_info(cl_kernel kernel, cl_device_id device,
                                                     cl_kernel_work_group_info what, size_t size,
                                                     void *value, size_t *needed)
{
    const cl_int fault = fault_layer_enter(FAULT_GET_KERNEL_WORK_GROUP_INFO, NULL);
    return fault != 0 ? fault
                      : fault_layer_next->clGetKernelWorkGroupInfo(kernel, device, what, size,
                                                                   value, needed);
}

/* ---- what the loader asks for ---- */

CL_API_ENTRY cl_int CL_API_CALL clGetLayerInfo(cl_layer_info what, size_t size, void *value,
                                               size_t *needed)
{
    const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    if (what != CL_LAYER_API_VERSION || (value != NULL && size < sizeof version))
        return CL_INVALID_VALUE;
    if (value != NULL)
        memcpy(value, &version, sizeof version);
    if (needed != NULL)
        *needed = sizeof version;
    return CL_SUCCESS;
}

static void replace_setup(void)
{
    layer.clGetPlatformIDs = get_platform_ids;
    layer.clGetPlatformInfo = get_platform_info;
    layer.clGetDeviceIDs = get_device_ids;
    layer.clGetDeviceInfo = get_device_info;
    layer.clCreateContext = create_context;
    layer.clRetainContext = retain_context;
    layer.clReleaseContext = release_context;
    layer.clCreateCommandQueue = create_command_queue;
    layer.clRetainCommandQueue = retain_command_queue;
    layer.clReleaseCommandQueue = release_command_queue;
    layer.clGetCommandQueueInfo = get_command_queue_info;
    layer.clFlush = flush;
    layer.clFinish = finish;
    layer.clCreateProgramWithSource = create_program_with_source;
    layer.clCreateProgramWithBinary = create_program_with_binary;
    layer.clReleaseProgram = release_program;
    layer.clBuildProgram = build_program;
    layer.clGetProgramInfo = get_program_info;
    layer.clGetProgramBuildInfo = get_program_build_info;
    layer.clCreateKernel = create_kernel;
    layer.clReleaseKernel = release_kernel;
    layer.clSetKernelArg = set_kernel_arg;
    layer.clGetKernelWorkGroupInfo = get_kernel_work_group_info;
}

CL_API_ENTRY cl_int CL_API_CALL clInitLayer(cl_uint count, const cl_icd_dispatch *target,
                                            cl_uint *count_back, const cl_icd_dispatch **back)
{
    const size_t there = count * sizeof(void *);
    memcpy(&layer, target, there < sizeof layer ? there : sizeof layer);
    fault_layer_next = target;
    replace_setup();
    fault_layer_replace_commands(&layer);
    *count_back = sizeof layer / sizeof(void *);
    *back = &layer;
    return CL_SUCCESS;
}
