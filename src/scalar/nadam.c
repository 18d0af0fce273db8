/* Scalar twin of cl/nadam.cl: same names, same lines. */
#include "fuse.h"
#include "numeric.h"
#include "stages.h"

#include "nadam.h"

TIK_INLINE void nadam(size_t n, const float *p, const float *restrict g, float *const *s,
                      const void *scalars, float *restrict step)
{
    (void)p;
    const struct nadam_scalars k = *(const struct nadam_scalars *)scalars;
    float *restrict s0 = s[0], *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++) {
        const float m = k.beta1 * s0[i] + k.one_minus_beta1 * g[i];
        const float v = k.beta2 * s1[i] + k.one_minus_beta2 * g[i] * g[i];
        s0[i] = m;
        s1[i] = v;
        step[i] = divide(k.gradient_size * g[i] + k.moment_size * m,
                         square_root(v) * k.inverse_root + k.eps);
    }
}

TIK_TWINS(nadam, 2)

/* What the means would be multiplied by, were they corrected. */
void tik_scalar_nadam_rate(size_t n, float *const *old, float *const *s, const void *scalars,
                           float *restrict rate)
{
    (void)old;
    const struct nadam_scalars k = *(const struct nadam_scalars *)scalars;
    const float *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++)
        rate[i] = divide(k.lr, square_root(s1[i]) * k.inverse_root + k.eps);
}
