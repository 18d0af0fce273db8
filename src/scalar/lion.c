/* Scalar twin of cl/lion.cl: same names, same lines. */
#include "fuse.h"
#include "numeric.h"
#include "stages.h"

#include "lion.h"

TIK_INLINE void lion(size_t n, const float *p, const float *restrict g, float *const *s,
                     const void *scalars, float *restrict step)
{
    (void)p;
    const struct lion_scalars k = *(const struct lion_scalars *)scalars;
    float *restrict s0 = s[0];
    for (size_t i = 0; i < n; i++) {
        const float c = k.beta1 * s0[i] + k.one_minus_beta1 * g[i];
        s0[i] = k.beta2 * s0[i] + k.one_minus_beta2 * g[i];
        step[i] = k.lr * sign_of(c);
    }
}

TIK_TWINS(lion, 1)
