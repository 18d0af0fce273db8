/* Without OpenCL there are no devices to measure, and no kernel to hold a step against. */
#include <stdio.h>

#include "bench.h"

enum tik_status bench_kernel_create(const struct tik_context *context,
                                    const struct bench_streams *streams, size_t count,
                                    const struct bench_host *host, char why[256],
                                    struct bench_kernel **kernel)
{
    (void)context, (void)streams, (void)count, (void)host, (void)kernel;
    snprintf(why, 256, "this build has no OpenCL");
    return TIK_ERROR_NO_DEVICE;
}

void bench_kernel_destroy(struct bench_kernel *kernel)
{
    (void)kernel;
}

bool bench_kernel_limit(struct bench_kernel *kernel)
{
    (void)kernel;
    return false;
}

bool bench_kernel_empty(struct bench_kernel *kernel)
{
    (void)kernel;
    return false;
}

int bench_kernel_threads(const struct tik_context *context)
{
    (void)context;
    return 0;
}

size_t bench_kernel_memory(const struct tik_context *context)
{
    (void)context;
    return 0;
}
