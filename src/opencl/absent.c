/* The OpenCL backend of a library that was built without one: there are no devices. */
#include "opencl.h"

#include "../error.h"

static enum tik_status absent(void)
{
    return tik_error_set(TIK_ERROR_NO_DEVICE, "the library was built with -Dopencl=disabled");
}

enum tik_status tik_opencl_devices(struct tik_opencl_device **devices, size_t *count)
{
    *devices = NULL;
    *count = 0;
    return TIK_OK;
}

void tik_opencl_describe(struct _cl_device_id *device, struct tik_device_info *info)
{
    (void)device;
    *info = (struct tik_device_info){.type = TIK_DEVICE_OTHER};
}

enum tik_status tik_opencl_backend_create(struct _cl_device_id *device,
                                          const struct tik_opencl_options *options,
                                          struct tik_backend **backend)
{
    (void)device, (void)options, (void)backend;
    return absent();
}

const char *tik_opencl_cache_reason(const struct tik_backend *backend)
{
    (void)backend;
    return "";
}

size_t tik_opencl_most_items(const struct tik_backend *backend)
{
    (void)backend;
    return 1;
}

void tik_opencl_handles(const struct tik_backend *backend, struct _cl_context **context,
                        struct _cl_device_id **device, struct _cl_command_queue **queue)
{
    (void)backend;
    *context = NULL;
    *device = NULL;
    *queue = NULL;
}

enum tik_status tik_opencl_enqueue(struct tik_backend *backend, const struct tik_launch *launch,
                                   struct _cl_command_queue *queue, unsigned wait_count,
                                   struct _cl_event *const *waits, struct _cl_event **event)
{
    (void)backend, (void)launch, (void)queue, (void)wait_count, (void)waits, (void)event;
    return absent();
}

enum tik_status tik_opencl_enqueue_all(struct tik_backend *backend, const struct tik_launch *list,
                                       size_t count, struct _cl_command_queue *queue,
                                       unsigned wait_count, struct _cl_event *const *waits,
                                       struct _cl_event **room, struct _cl_event **event)
{
    (void)backend, (void)list, (void)count, (void)queue, (void)wait_count, (void)waits;
    (void)room, (void)event;
    return absent();
}
