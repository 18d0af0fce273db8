/* Scalar twin of cl/radam.cl: same names, same lines. */
#include "fuse.h"
#include "numeric.h"
#include "stages.h"

#include "radam.h"

TIK_INLINE void radam(size_t n, const float *p, const float *restrict g, float *const *s,
                      const void *scalars, float *restrict step)
{
    (void)p;
    const struct radam_scalars k = *(const struct radam_scalars *)scalars;
    float *restrict s0 = s[0], *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++) {
        const float m = k.beta1 * s0[i] + k.one_minus_beta1 * g[i];
        const float v = k.beta2 * s1[i] + k.one_minus_beta2 * g[i] * g[i];
        s0[i] = m;
        s1[i] = v;
        const float plain = k.step_size * m;
        step[i] = k.rectified > 0.0f ? divide(plain, square_root(v + k.eps_inside) + k.eps) : plain;
    }
}

TIK_TWINS(radam, 2)

/* What multiplies the corrected mean: the step of the element itself. */
void tik_scalar_radam_rate(size_t n, float *const *old, float *const *s, const void *scalars,
                           float *restrict rate)
{
    (void)old;
    const struct radam_scalars k = *(const struct radam_scalars *)scalars;
    const float *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++)
        rate[i] =
            k.rectified > 0.0f ? divide(k.rate, square_root(s1[i] + k.eps_inside) + k.eps) : k.rate;
}
