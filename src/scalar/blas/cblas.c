/* OpenBLAS, or any other BLAS with the C interface. */
#include "blas.h"

#include <cblas.h>
#include <string.h>

const char *tik_scalar_blas(void)
{
    return "CBLAS";
}

/* A BLAS adds to what is in c: d comes there first. */
void tik_scalar_blas_product(const struct tik_product *p, const float *a, const float *b,
                             const float *d, float *c)
{
    const size_t m = p->m, n = p->n, k = p->k;
    if (p->beta != 0.0f)
        memcpy(c, d, p->count * m * n * sizeof *c);
    for (size_t i = 0; i < p->count; i++)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, p->transposed ? CblasTrans : CblasNoTrans, (int)m,
                    (int)n, (int)k, p->alpha, a + i * m * k, (int)k, b + i * k * n,
                    (int)(p->transposed ? k : n), p->beta, c + i * m * n, (int)n);
}
