/* Scalar twin of cl/adabelief.cl: same names, same lines. */
#include "fuse.h"
#include "numeric.h"
#include "stages.h"

#include "adabelief.h"

TIK_INLINE void adabelief(size_t n, const float *p, const float *restrict g, float *const *s,
                          const void *scalars, float *restrict step)
{
    (void)p;
    const struct adabelief_scalars k = *(const struct adabelief_scalars *)scalars;
    float *restrict s0 = s[0], *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++) {
        const float m = k.beta1 * s0[i] + k.one_minus_beta1 * g[i];
        const float surprise = g[i] - m;
        const float v = k.beta2 * s1[i] + k.one_minus_beta2 * surprise * surprise + k.eps_root;
        s0[i] = m;
        s1[i] = v;
        step[i] = divide(k.step_size * m, square_root(v) * k.inverse_root + k.eps);
    }
}

TIK_TWINS(adabelief, 2)

/* What multiplies the corrected mean: the step of the element itself. */
void tik_scalar_adabelief_rate(size_t n, float *const *old, float *const *s, const void *scalars,
                               float *restrict rate)
{
    (void)old;
    const struct adabelief_scalars k = *(const struct adabelief_scalars *)scalars;
    const float *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++)
        rate[i] = divide(k.lr, square_root(s1[i]) * k.inverse_root + k.eps);
}
