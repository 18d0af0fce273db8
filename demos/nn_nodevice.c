/* Built without OpenCL: no context has a device, and the twins do all of it. */
#include "nn.h"

struct nn_device *nn_device_create(struct tik_context *context)
{
    fail(EXIT_FAILED, "kernels for %s, and this build has no OpenCL",
         tik_context_device(context)->name);
}

void nn_device_destroy(struct nn_device *device)
{
    (void)device;
}

void nn_device_run(struct nn_device *device, enum nn_kernel kernel, size_t items,
                   struct array *const *arrays, size_t array_count, size_t rows, size_t cols,
                   const float *scale)
{
    (void)device, (void)kernel, (void)items, (void)arrays, (void)array_count, (void)rows,
        (void)cols, (void)scale;
}
