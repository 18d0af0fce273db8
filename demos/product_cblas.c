/* Products on the host by CBLAS (OpenBLAS, or any other with the C interface). */
#include <cblas.h>

#include "product.h"

const char *const product_host_name = "CBLAS";

void product_host(const struct product_shape *s, const float *a, const float *b, float *c)
{
    /* The leading dimension is the length of a row as it lies in memory, transposed or not. */
    int a_row = (int)(s->a_transposed ? s->m : s->k);
    int b_row = (int)(s->b_transposed ? s->k : s->n);
    cblas_sgemm(CblasRowMajor, s->a_transposed ? CblasTrans : CblasNoTrans,
                s->b_transposed ? CblasTrans : CblasNoTrans, (int)s->m, (int)s->n, (int)s->k, 1.0f,
                a, a_row, b, b_row, 0.0f, c, (int)s->n);
}
