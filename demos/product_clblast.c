/* Products on the context's OpenCL device by CLBlast. */
#include "opencl.h"

#include <clblast_c.h>
#include <stdio.h>
#include <string.h>

#include "product.h"

const bool product_device_built = true;

void product_device(struct tik_context *context, const struct product_shape *s, struct _cl_mem *a,
                    struct _cl_mem *b, struct _cl_mem *c)
{
    cl_command_queue queue = tik_context_cl_queue(context);
    size_t a_row = s->a_transposed ? s->m : s->k;
    size_t b_row = s->b_transposed ? s->k : s->n;
    CLBlastStatusCode status = CLBlastSgemm(
        CLBlastLayoutRowMajor, s->a_transposed ? CLBlastTransposeYes : CLBlastTransposeNo,
        s->b_transposed ? CLBlastTransposeYes : CLBlastTransposeNo, s->m, s->n, s->k, 1.0f, a, 0,
        a_row, b, 0, b_row, 0.0f, c, 0, s->n, &queue, NULL);
    if (status != CLBlastSuccess)
        fail(EXIT_FAILED, "CLBlastSgemm, %zu x %zu x %zu: status %d; --blas cblas does without it",
             s->m, s->n, s->k, (int)status);
}

/*
 * CLBlast up to 1.6.2 computes wrong products on Intel's Arc GPUs (and some others). That its
 * program cache was not thread-safe before 1.6.1 does not matter here: one thread calls it.
 */
const char *product_device_warning(struct tik_context *context)
{
    static char text[256];
    const struct tik_device_info *device = tik_context_device(context);
    const int version =
        CLBLAST_VERSION_MAJOR * 10000 + CLBLAST_VERSION_MINOR * 100 + CLBLAST_VERSION_PATCH;
    bool intel = strstr(device->platform, "Intel") || strstr(device->name, "Intel");
    if (version > 10602 || device->type != TIK_DEVICE_GPU || !intel)
        return NULL;
    snprintf(text, sizeof text, "CLBlast %d.%d.%d computes wrong products on some Intel GPUs, %s",
             CLBLAST_VERSION_MAJOR, CLBLAST_VERSION_MINOR, CLBLAST_VERSION_PATCH,
             strstr(device->name, "Arc") ? "this one among them" : "perhaps on this one");
    return text;
}
