/* Scalar twin of cl/adam.cl: same names, same lines. */
#include "fuse.h"
#include "numeric.h"
#include "stages.h"

#include "adam.h"

TIK_INLINE void adam(size_t n, const float *p, const float *restrict g, float *const *s,
                     const void *scalars, float *restrict step)
{
    (void)p;
    const struct adam_scalars k = *(const struct adam_scalars *)scalars;
    float *restrict s0 = s[0], *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++) {
        const float m = k.beta1 * s0[i] + k.one_minus_beta1 * g[i];
        const float v = k.beta2 * s1[i] + k.one_minus_beta2 * g[i] * g[i];
        s0[i] = m;
        s1[i] = v;
        step[i] = divide(k.step_size * m, square_root(v + k.eps_inside) * k.inverse_root + k.eps);
    }
}

TIK_TWINS(adam, 2)

TIK_INLINE void adam_amsgrad(size_t n, const float *p, const float *restrict g, float *const *s,
                             const void *scalars, float *restrict step)
{
    (void)p;
    const struct adam_scalars k = *(const struct adam_scalars *)scalars;
    float *restrict s0 = s[0], *restrict s1 = s[1], *restrict s2 = s[2];
    for (size_t i = 0; i < n; i++) {
        const float m = k.beta1 * s0[i] + k.one_minus_beta1 * g[i];
        const float v = k.beta2 * s1[i] + k.one_minus_beta2 * g[i] * g[i];
        const float v_max = v <= s2[i] ? s2[i] : v;
        s0[i] = m;
        s1[i] = v;
        s2[i] = v_max;
        step[i] =
            divide(k.step_size * m, square_root(v_max + k.eps_inside) * k.inverse_root + k.eps);
    }
}

TIK_TWINS(adam_amsgrad, 3)

/* What multiplies the corrected mean: the step of the element itself. */
void tik_scalar_adam_rate(size_t n, float *const *old, float *const *s, const void *scalars,
                          float *restrict rate)
{
    (void)old;
    const struct adam_scalars k = *(const struct adam_scalars *)scalars;
    const float *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++)
        rate[i] = divide(k.lr, square_root(s1[i] + k.eps_inside) * k.inverse_root + k.eps);
}

/* Likewise, by the largest second moment. */
void tik_scalar_adam_amsgrad_rate(size_t n, float *const *old, float *const *s, const void *scalars,
                                  float *restrict rate)
{
    (void)old;
    const struct adam_scalars k = *(const struct adam_scalars *)scalars;
    const float *restrict s2 = s[2];
    for (size_t i = 0; i < n; i++)
        rate[i] = divide(k.lr, square_root(s2[i] + k.eps_inside) * k.inverse_root + k.eps);
}
