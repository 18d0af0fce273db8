/* Built without CLBlast: tik_product of cl/iterate.cl multiplies large matrices too. */
#include "inside.h"

#include "../error.h"

const char *tik_opencl_blas_name(void)
{
    return NULL;
}

const char *tik_opencl_blas(const struct tik_backend *backend)
{
    (void)backend;
    return NULL;
}

enum tik_status tik_opencl_blas_prepare(struct tik_backend *backend, const char **caution)
{
    (void)backend;
    *caution = NULL;
    return TIK_OK;
}

bool tik_opencl_blas_is_ready(const struct tik_backend *backend)
{
    (void)backend;
    return false;
}

enum tik_status tik_opencl_blas_product(struct opencl_backend *backend,
                                        const struct tik_operands *operands)
{
    (void)backend, (void)operands;
    return tik_error_set(TIK_ERROR_DEVICE, "the library was built without CLBlast");
}
