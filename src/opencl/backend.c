/* The OpenCL backend: a device opened, and its table of functions. */
#include "inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../error.h"
#include "cache.h"

/*
 * Work-items of a group: GPUs read side by side; a CPU's work-item goes through a whole block by
 * itself, in a loop that its compiler vectorises. tik_tune measures which size is best; and
 * TIKHONOV_LOCAL_SIZE sets another, to see that the bits do not depend on it.
 */
#define GPU_LOCAL_SIZE 256
#define CPU_LOCAL_SIZE 1

static size_t most_items(cl_device_id device)
{
    size_t limit = 1;
    clGetDeviceInfo(device, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof limit, &limit, NULL);
    return limit < TIK_BLOCK ? limit : TIK_BLOCK;
}

static size_t choose_local_size(cl_device_id device, enum tik_device_type type,
                                const struct tik_opencl_options *options)
{
    size_t wanted = type == TIK_DEVICE_CPU ? CPU_LOCAL_SIZE : GPU_LOCAL_SIZE;
    const char *variable = getenv("TIKHONOV_LOCAL_SIZE");
    const bool forced = options->local_size > 0 && !options->local_size_tuned;
    if (options->local_size > 0)
        wanted = options->local_size;
    if (!forced && variable != NULL && atoi(variable) > 0)
        wanted = (size_t)atoi(variable);
    const size_t limit = most_items(device);
    wanted = wanted < limit ? wanted : limit;
    size_t size = 1;
    while (2 * size <= wanted)
        size *= 2;
    return size;
}

/* TIKHONOV_CORRECT=1 corrects every program, 0 none; else the known-answer run decides. */
static enum opencl_correction choose_correction(void)
{
    const char *variable = getenv("TIKHONOV_CORRECT");
    if (variable == NULL || variable[0] == '\0')
        return CORRECT_WHERE_NEEDED;
    return atoi(variable) != 0 ? CORRECT_ALWAYS : CORRECT_NEVER;
}

/* TIKHONOV_DISPLACE=-3 to 3: for the tests, a device whose / and sqrt are so many ulp off. */
static int choose_displacement(void)
{
    const char *variable = getenv("TIKHONOV_DISPLACE");
    const int ulps = variable != NULL ? atoi(variable) : 0;
    return ulps < -3 ? -3 : ulps > 3 ? 3 : ulps;
}

static void close_device(struct opencl_device *device)
{
    if (atomic_fetch_sub(&device->users, 1) > 1)
        return;
    if (device->transfer != NULL) {
        clFinish(device->transfer);
        clReleaseCommandQueue(device->transfer);
    }
    if (device->queue != NULL) {
        clFinish(device->queue);
        clReleaseCommandQueue(device->queue);
    }
    tik_opencl_entries_free(device);
    if (device->context != NULL)
        clReleaseContext(device->context);
    tik_cache_close(device->cache);
    pthread_mutex_destroy(&device->lock);
    free(device->identity);
    free(device->kernel_path);
    free(device);
}

static enum tik_status check_in_order(cl_command_queue queue)
{
    cl_command_queue_properties properties = 0;
    const cl_int error =
        clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof properties, &properties, NULL);
    if (error == CL_INVALID_COMMAND_QUEUE)
        return tik_error_set(TIK_ERROR_ARGUMENT, "cl_queue: %s", tik_opencl_error_name(error));
    if (error != CL_SUCCESS)
        return tik_opencl_failed("clGetCommandQueueInfo", error);
    if (properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE)
        return tik_error_set(TIK_ERROR_ARGUMENT, "cl_queue is out of order; the library needs one "
                                                 "in order");
    return TIK_OK;
}

static enum tik_status borrow_queue(struct opencl_device *device,
                                    const struct tik_opencl_options *options)
{
    const enum tik_status status = check_in_order(options->queue);
    if (status != TIK_OK)
        return status;
    cl_int error = clRetainContext(options->context);
    if (error != CL_SUCCESS)
        return tik_opencl_failed("clRetainContext", error);
    device->context = options->context;
    error = clRetainCommandQueue(options->queue);
    if (error != CL_SUCCESS)
        return tik_opencl_failed("clRetainCommandQueue", error);
    device->queue = options->queue;
    return TIK_OK;
}

/* clCreateCommandQueue is deprecated since 2.0, and the only way in 1.2. */
static enum tik_status make_queue(struct opencl_device *device)
{
    cl_int error;
    device->context = clCreateContext(NULL, 1, &device->id, NULL, NULL, &error);
    if (error != CL_SUCCESS) {
        device->context = NULL;
        return tik_opencl_failed("clCreateContext", error);
    }
    device->queue = clCreateCommandQueue(device->context, device->id, 0, &error);
    if (error == CL_SUCCESS)
        return TIK_OK;
    device->queue = NULL;
    return tik_opencl_failed("clCreateCommandQueue", error);
}

static enum tik_status name_device(struct opencl_device *device,
                                   const struct tik_opencl_options *options)
{
    struct tik_device_info info;
    tik_opencl_describe(device->id, &info);
    cl_platform_id platform;
    char version[256] = "", text[1024];
    if (clGetDeviceInfo(device->id, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL) ==
        CL_SUCCESS)
        clGetPlatformInfo(platform, CL_PLATFORM_VERSION, sizeof version - 1, version, NULL);
    snprintf(text, sizeof text, "platform %s, %s\ndevice %s, %s\ndriver %s", info.platform, version,
             info.name, info.version, info.driver);

    device->unified = info.host_unified_memory;
    device->local_size = choose_local_size(device->id, info.type, options);
    device->correction = choose_correction();
    device->displacement = choose_displacement();
    device->identity = malloc(strlen(text) + 1);
    if (device->identity == NULL)
        return tik_error_memory("a device's name", strlen(text) + 1);
    strcpy(device->identity, text);
    const char *path =
        options->kernel_path != NULL ? options->kernel_path : getenv("TIKHONOV_CL_PATH");
    if (path == NULL || path[0] == '\0')
        return TIK_OK;
    device->kernel_path = malloc(strlen(path) + 1);
    if (device->kernel_path == NULL)
        return tik_error_memory("the kernels' folder", strlen(path) + 1);
    strcpy(device->kernel_path, path);
    return TIK_OK;
}

static enum tik_status open_device(cl_device_id id, const struct tik_opencl_options *options,
                                   struct opencl_device **device)
{
    struct opencl_device *made = calloc(1, sizeof *made);
    if (made == NULL)
        return tik_error_memory("a device", sizeof *made);
    atomic_init(&made->users, 1);
    atomic_init(&made->blas, BLAS_UNTRIED);
    pthread_mutex_init(&made->lock, NULL);
    made->id = id;
    cl_device_fp_config single = 0;
    clGetDeviceInfo(id, CL_DEVICE_SINGLE_FP_CONFIG, sizeof single, &single, NULL);
    made->correctly_rounded = (single & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0;

    enum tik_status status = name_device(made, options);
    if (status == TIK_OK)
        status = tik_cache_open(options->cache_path, &made->cache);
    if (status == TIK_OK)
        status = options->queue != NULL ? borrow_queue(made, options) : make_queue(made);
    if (status != TIK_OK) {
        close_device(made);
        return status;
    }
    *device = made;
    return TIK_OK;
}

/* ---- instances ---- */

static const struct tik_backend_ops ops;

static enum tik_status make_instance(struct opencl_device *device, struct tik_backend **backend)
{
    struct opencl_backend *made = calloc(1, sizeof *made);
    if (made == NULL)
        return tik_error_memory("a backend", sizeof *made);
    made->head.ops = &ops;
    made->device = device;
    *backend = &made->head;
    return TIK_OK;
}

static enum tik_status instance(struct tik_backend *backend, struct tik_backend **made)
{
    struct opencl_device *device = ((struct opencl_backend *)backend)->device;
    const enum tik_status status = make_instance(device, made);
    if (status == TIK_OK)
        atomic_fetch_add(&device->users, 1);
    return status;
}

static void destroy(struct tik_backend *backend)
{
    struct opencl_backend *b = (struct opencl_backend *)backend;
    for (size_t i = 0; i < b->event_count; i++)
        clReleaseEvent(b->events[i]);
    free(b->events);
    free(b->chunks);
    close_device(b->device);
    free(b);
}

enum tik_status tik_opencl_backend_create(cl_device_id device,
                                          const struct tik_opencl_options *options,
                                          struct tik_backend **backend)
{
    struct opencl_device *opened = NULL;
    enum tik_status status = open_device(device, options, &opened);
    if (status != TIK_OK)
        return status;
    status = make_instance(opened, backend);
    if (status != TIK_OK)
        close_device(opened);
    return status;
}

static struct opencl_device *device_of(const struct tik_backend *backend)
{
    return backend != NULL && backend->ops == &ops
               ? ((const struct opencl_backend *)backend)->device
               : NULL;
}

const char *tik_opencl_cache_reason(const struct tik_backend *backend)
{
    const struct opencl_device *device = device_of(backend);
    const char *reason = device != NULL ? tik_cache_reason(device->cache) : NULL;
    return reason != NULL ? reason : "";
}

size_t tik_opencl_most_items(const struct tik_backend *backend)
{
    const struct opencl_device *device = device_of(backend);
    return device != NULL ? most_items(device->id) : 1;
}

void tik_opencl_handles(const struct tik_backend *backend, cl_context *context,
                        cl_device_id *device, cl_command_queue *queue)
{
    const struct opencl_device *d = device_of(backend);
    *context = d != NULL ? d->context : NULL;
    *device = d != NULL ? d->id : NULL;
    *queue = d != NULL ? d->queue : NULL;
}

static const struct tik_backend_ops ops = {
    .name = "opencl",
    .instance = instance,
    .destroy = destroy,
    .memory_create = tik_opencl_memory_create,
    .memory_limits = tik_opencl_memory_limits,
    .memory_wrap = tik_opencl_memory_wrap,
    .memory_borrow = tik_opencl_memory_borrow,
    .memory_destroy = tik_opencl_memory_destroy,
    .memory_write = tik_opencl_memory_write,
    .memory_read = tik_opencl_memory_read,
    .memory_post = tik_opencl_memory_post,
    .memory_handle = tik_opencl_memory_handle,
    .memory_host = tik_opencl_memory_host,
    .program_create = tik_opencl_program_create,
    .program_correct = tik_opencl_program_correct,
    .program_destroy = tik_opencl_program_destroy,
    .program_conformance = tik_opencl_program_conformance,
    .program_judge = tik_opencl_program_judge,
    .program_packs = tik_opencl_program_packs,
    .blas = tik_opencl_blas,
    .blas_prepare = tik_opencl_blas_prepare,
    .blas_is_ready = tik_opencl_blas_is_ready,
    .step_begin = tik_opencl_step_begin,
    .launch = tik_opencl_launch,
    .step_end = tik_opencl_step_end,
    .finish = tik_opencl_finish,
};
