/* Built without CLBlast: every product is the host's. */
#include "product.h"

const bool product_device_built = false;

void product_device(struct tik_context *context, const struct product_shape *shape,
                    struct _cl_mem *a, struct _cl_mem *b, struct _cl_mem *c)
{
    (void)context, (void)a, (void)b, (void)c;
    fail(EXIT_FAILED, "a product of %zu x %zu x %zu for CLBlast, which this build has not",
         shape->m, shape->n, shape->k);
}

const char *product_device_warning(struct tik_context *context)
{
    (void)context;
    return NULL;
}
