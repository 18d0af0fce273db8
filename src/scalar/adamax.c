/* Scalar twin of cl/adamax.cl: same names, same lines. */
#include "fuse.h"
#include "numeric.h"
#include "stages.h"

#include "adamax.h"

TIK_INLINE void adamax(size_t n, const float *p, const float *restrict g, float *const *s,
                       const void *scalars, float *restrict step)
{
    (void)p;
    const struct adamax_scalars k = *(const struct adamax_scalars *)scalars;
    float *restrict s0 = s[0], *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++) {
        const float m = k.beta1 * s0[i] + k.one_minus_beta1 * g[i];
        const float faded = k.beta2 * s1[i];
        const float now = fabsf(g[i]) + k.eps;
        const float u = now <= faded ? faded : now; /* a NaN stays one */
        s0[i] = m;
        s1[i] = u;
        step[i] = divide(k.step_size * m, u);
    }
}

TIK_TWINS(adamax, 2)

/* What multiplies the corrected mean: the step of the element itself. */
void tik_scalar_adamax_rate(size_t n, float *const *old, float *const *s, const void *scalars,
                            float *restrict rate)
{
    (void)old;
    const struct adamax_scalars k = *(const struct adamax_scalars *)scalars;
    const float *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++)
        rate[i] = divide(k.lr, s1[i]);
}
