/* Scalar twin of cl/iterate.cl. */
#include "iterate.h"

#include "numeric.h"

TIK_WIDE void tik_scalar_normalize(size_t n, float *x, float ratio)
{
    for (size_t j = 0; j < n; j++)
        x[j] = divide(x[j], ratio);
}

/* Side by side: each sum[j] still goes by k. */
TIK_WIDE static void sum_row(size_t n, size_t count, const float *restrict a,
                             const float *restrict b, float *restrict sum)
{
    for (size_t j = 0; j < n; j++)
        sum[j] = 0.0f;
    for (size_t k = 0; k < count; k++)
        for (size_t j = 0; j < n; j++)
            sum[j] += a[k] * b[k * n + j];
}

/* Several at a time, since none of them waits for another. */
TIK_WIDE static void sum_row_transposed(size_t n, size_t count, const float *restrict a,
                                        const float *restrict b, float *restrict sum)
{
    enum { SEVERAL = 8 };
    size_t j = 0;
    for (; j + SEVERAL <= n; j += SEVERAL) {
        float some[SEVERAL] = {0};
        for (size_t k = 0; k < count; k++)
            for (size_t i = 0; i < SEVERAL; i++)
                some[i] += a[k] * b[(j + i) * count + k];
        for (size_t i = 0; i < SEVERAL; i++)
            sum[j + i] = some[i];
    }
    for (; j < n; j++) {
        sum[j] = 0.0f;
        for (size_t k = 0; k < count; k++)
            sum[j] += a[k] * b[j * count + k];
    }
}

void tik_scalar_product(const struct tik_product *p, const float *a, const float *b, const float *d,
                        float *c, uint64_t row)
{
    const uint64_t number = row / p->m, size = (uint64_t)p->k * p->n;
    a += row * p->k;
    b += number * size;
    c += row * p->n;
    if (p->transposed)
        sum_row_transposed(p->n, p->k, a, b, c);
    else
        sum_row(p->n, p->k, a, b, c);
    for (size_t j = 0; j < p->n; j++)
        c[j] = p->beta == 0.0f ? p->alpha * c[j] : p->alpha * c[j] + p->beta * d[row * p->n + j];
}
