/* Products on the host where the demos were built without CBLAS: the definition, as it is. */
#include "product.h"

const char *const product_host_name = "loop";

void product_host(const struct product_shape *s, const float *a, const float *b, float *c)
{
    for (size_t i = 0; i < s->m; i++) {
        for (size_t j = 0; j < s->n; j++) {
            float sum = 0;
            for (size_t l = 0; l < s->k; l++) {
                float left = s->a_transposed ? a[l * s->m + i] : a[i * s->k + l];
                float right = s->b_transposed ? b[j * s->k + l] : b[l * s->n + j];
                sum += left * right;
            }
            c[i * s->n + j] = sum;
        }
    }
}
