/* Scalar twin of cl/ademamix.cl: same names, same lines. */
#include "fuse.h"
#include "numeric.h"
#include "stages.h"

#include "ademamix.h"

TIK_INLINE void ademamix(size_t n, const float *p, const float *restrict g, float *const *s,
                         const void *scalars, float *restrict step)
{
    (void)p;
    const struct ademamix_scalars k = *(const struct ademamix_scalars *)scalars;
    float *restrict s0 = s[0], *restrict s1 = s[1], *restrict s2 = s[2];
    for (size_t i = 0; i < n; i++) {
        const float m1 = k.beta1 * s0[i] + k.one_minus_beta1 * g[i];
        const float v = k.beta2 * s1[i] + k.one_minus_beta2 * g[i] * g[i];
        const float m2 = k.beta3 * s2[i] + k.one_minus_beta3 * g[i];
        s0[i] = m1;
        s1[i] = v;
        s2[i] = m2;
        step[i] = divide(k.lr * (m1 * k.inverse_bias + k.alpha * m2),
                         square_root(v) * k.inverse_root + k.eps);
    }
}

TIK_TWINS(ademamix, 3)

/* What multiplies the corrected mean: the step of the element itself. */
void tik_scalar_ademamix_rate(size_t n, float *const *old, float *const *s, const void *scalars,
                              float *restrict rate)
{
    (void)old;
    const struct ademamix_scalars k = *(const struct ademamix_scalars *)scalars;
    const float *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++)
        rate[i] = divide(k.lr, square_root(s1[i]) * k.inverse_root + k.eps);
}
