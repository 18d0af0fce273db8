/* What the OpenCL backend offers to the rest of the library; absent.c stands in where it is not
 * built. */
#ifndef TIK_SRC_OPENCL_H
#define TIK_SRC_OPENCL_H

#include "../backend.h"

struct tik_opencl_device {
    struct tik_device_info info; /* usable or not; conformance untested */
    struct _cl_device_id *id;    /* NULL for a platform without a device */
};

struct tik_opencl_options {
    const char *kernel_path; /* NULL: the embedded sources */
    const char *cache_path;  /* NULL: the user's folder */
    size_t local_size;       /* work-items of a group, a power of two */
    bool local_size_tuned;   /* the variable TIKHONOV_LOCAL_SIZE stays above it; 0 is so too */
    /* The caller's own, or NULL for both. */
    struct _cl_context *context;
    struct _cl_command_queue *queue;
};

/* All devices of all platforms; no platform at all is a count of 0. Freed with free(). */
enum tik_status tik_opencl_devices(struct tik_opencl_device **devices, size_t *count);

/* What is known of one device without opening it. */
void tik_opencl_describe(struct _cl_device_id *device, struct tik_device_info *info);

enum tik_status tik_opencl_backend_create(struct _cl_device_id *device,
                                          const struct tik_opencl_options *options,
                                          struct tik_backend **backend);

/* Why the binary cache is off, or "" when it is in use. Owned by the backend. */
const char *tik_opencl_cache_reason(const struct tik_backend *backend);

/* Work-items that a group of the device may have, at most; 1 for another backend. */
size_t tik_opencl_most_items(const struct tik_backend *backend);

/* The handles in use; NULL for another backend. */
void tik_opencl_handles(const struct tik_backend *backend, struct _cl_context **context,
                        struct _cl_device_id **device, struct _cl_command_queue **queue);

/* One launch on the caller's queue. */
enum tik_status tik_opencl_enqueue(struct tik_backend *backend, const struct tik_launch *launch,
                                   struct _cl_command_queue *queue, unsigned wait_count,
                                   struct _cl_event *const *waits, struct _cl_event **event);

/*
 * Several launches on the caller's queue, all or none. `room`: for one event a launch; none of them
 * is left there on return.
 */
enum tik_status tik_opencl_enqueue_all(struct tik_backend *backend, const struct tik_launch *list,
                                       size_t count, struct _cl_command_queue *queue,
                                       unsigned wait_count, struct _cl_event *const *waits,
                                       struct _cl_event **room, struct _cl_event **event);

#endif
