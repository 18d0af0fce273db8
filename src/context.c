#include "context.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tikhonov/tikhonov.h>

#include "choice.h"
#include "error.h"
#include "opencl/opencl.h"

const char *tik_version(void)
{
    return TIK_VERSION;
}

void tik_context_defaults(struct tik_context_options *options)
{
    if (options == NULL)
        return;
    *options = (struct tik_context_options){0};
}

void tik_context_log(const struct tik_context *context, enum tik_log_level level,
                     const char *format, ...)
{
    if (context->log == NULL)
        return;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    context->log(level, text, context->log_data);
}

void tik_context_fell_back(struct tik_context *context, const char *why, bool first)
{
    atomic_fetch_add(&context->fallbacks, 1);
    if (first)
        tik_context_log(context, TIK_LOG_WARNING, "the scalar path takes over from %s: %s",
                        context->device.name, why);
}

static enum tik_status check_borrowed(const struct tik_context_options *options)
{
    const bool any =
        options->cl_context != NULL || options->cl_device != NULL || options->cl_queue != NULL;
    const bool all =
        options->cl_context != NULL && options->cl_device != NULL && options->cl_queue != NULL;
    if (any && !all)
        return tik_error_set(TIK_ERROR_ARGUMENT, "cl_context, cl_device and cl_queue are given "
                                                 "all three or not at all");
    return TIK_OK;
}

/* The caller's own OpenCL objects: no choice to make, but the device is probed all the same. */
static enum tik_status open_borrowed(struct tik_context *context,
                                     const struct tik_context_options *options)
{
    struct tik_opencl_device device = {.id = options->cl_device};
    tik_opencl_describe(options->cl_device, &device.info);
    snprintf(device.info.index, sizeof device.info.index, "caller");
    const enum tik_status status = tik_choice_probe(context, options, &device, &context->backend);
    if (status != TIK_OK)
        return status;
    device.info.chosen = true;
    context->device = device.info;
    snprintf(context->choice, sizeof context->choice, "%.128s: the caller's own", device.info.name);
    return TIK_OK;
}

enum tik_status tik_context_create(const struct tik_context_options *options,
                                   struct tik_context **context)
{
    struct tik_context_options defaults;
    tik_context_defaults(&defaults);
    options = options != NULL ? options : &defaults;
    if (context == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "context is NULL");
    if (options->threads < 0)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "threads is %d; allowed is 0 (as many as OpenMP "
                             "takes) or more",
                             options->threads);
    if (options->local_size & (options->local_size - 1))
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "local_size is %zu; allowed is 0 (as the device likes it best) or a "
                             "power of two",
                             options->local_size);
    enum tik_status status = check_borrowed(options);
    if (status != TIK_OK)
        return status;

    struct tik_context *made = calloc(1, sizeof *made);
    if (made == NULL)
        return tik_error_memory("a context", sizeof *made);
    atomic_init(&made->fallbacks, 0);
    made->threads = options->threads;
    made->log = options->log;
    made->log_data = options->log_data;
    const char *strict = getenv("TIKHONOV_STRICT");
    made->strict = options->strict || (strict != NULL && strcmp(strict, "1") == 0);

    status = tik_scalar_backend_create(options->threads, &made->scalar);
    if (status == TIK_OK)
        status = options->cl_context != NULL ? open_borrowed(made, options)
                                             : tik_choice_make(made, options, NULL);
    if (status != TIK_OK) {
        tik_context_destroy(made);
        return status;
    }
    *context = made;
    return TIK_OK;
}

void tik_context_destroy(struct tik_context *context)
{
    if (context == NULL)
        return;
    if (context->backend != NULL && context->backend != context->scalar)
        context->backend->ops->destroy(context->backend);
    if (context->scalar != NULL)
        context->scalar->ops->destroy(context->scalar);
    free(context);
}

const struct tik_device_info *tik_context_device(const struct tik_context *context)
{
    return context != NULL ? &context->device : NULL;
}

const char *tik_context_choice(const struct tik_context *context)
{
    return context != NULL ? context->choice : NULL;
}

const char *tik_context_backend(const struct tik_context *context)
{
    return context != NULL ? context->backend->ops->name : NULL;
}

uint64_t tik_context_fallbacks(const struct tik_context *context)
{
    return context != NULL ? atomic_load(&context->fallbacks) : 0;
}

struct _cl_context *tik_context_cl_context(const struct tik_context *context)
{
    struct _cl_context *handle;
    struct _cl_device_id *device;
    struct _cl_command_queue *queue;
    if (context == NULL)
        return NULL;
    tik_opencl_handles(context->backend, &handle, &device, &queue);
    return handle;
}

struct _cl_device_id *tik_context_cl_device(const struct tik_context *context)
{
    struct _cl_context *handle;
    struct _cl_device_id *device;
    struct _cl_command_queue *queue;
    if (context == NULL)
        return NULL;
    tik_opencl_handles(context->backend, &handle, &device, &queue);
    return device;
}

struct _cl_command_queue *tik_context_cl_queue(const struct tik_context *context)
{
    struct _cl_context *handle;
    struct _cl_device_id *device;
    struct _cl_command_queue *queue;
    if (context == NULL)
        return NULL;
    tik_opencl_handles(context->backend, &handle, &device, &queue);
    return queue;
}
