/*
 * An array of floats that host and device take turns with.
 *
 * Without an OpenCL device it is plain memory. With one it is an OpenCL buffer over the same
 * memory (CL_MEM_USE_HOST_PTR): array_host() maps it, array_device() unmaps it. Where both share
 * memory (PoCL, an integrated GPU) this costs no copy; elsewhere the driver copies, and the program
 * reads the same. Turns are taken on the context's own queue, which is in order: whoever has an
 * array next sees all that was done to it before.
 */
#ifndef DEMOS_ARRAY_H
#define DEMOS_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

#include "common.h"

struct array {
    size_t count;
    float *memory;
    struct _cl_mem *buffer; /* NULL without an OpenCL device */
    struct tik_context *context;
    bool on_device; /* unmapped: the host must leave `memory` alone */
};

/* `count` zeros. Ends the program when there is no memory for them. */
void array_create(struct array *array, struct tik_context *context, size_t count);
/* After the optimizer that used it, before its context. */
void array_destroy(struct array *array);

/* The host's turn: waits for what the device does with it. Valid until the next array_device(). */
float *array_host(struct array *array);
/* The device's turn: the buffer, for commands on the context's queue. NULL without a device. */
struct _cl_mem *array_device(struct array *array);

/*
 * Registers a parameter and its gradient. With an OpenCL device the library gets the two buffers
 * themselves and copies nothing; before each step it must be the device's turn.
 */
void array_register(struct tik_optimizer *optimizer, size_t group, const char *name, size_t rank,
                    const size_t *shape, struct array *param, struct array *grad);

/* What differs with and without OpenCL: array_opencl.c or array_plain.c; meson.build chooses. */
void array_attach(struct array *array, size_t bytes);
void array_detach(struct array *array);
void array_map(struct array *array);
void array_unmap(struct array *array);

#endif
