/* Built without a BLAS: the loops of iterate.c multiply large matrices too. */
#include "blas.h"

#include <assert.h>
#include <stddef.h>

const char *tik_scalar_blas(void)
{
    return NULL;
}

void tik_scalar_blas_product(const struct tik_product *p, const float *a, const float *b,
                             const float *d, float *c)
{
    (void)p, (void)a, (void)b, (void)d, (void)c;
    assert(!"there is no BLAS");
}
