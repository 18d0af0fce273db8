/* Scalar twin of cl/ftrl.cl: same names, same lines. */
#include <string.h>

#include "fuse.h"
#include "numeric.h"
#include "power.h"
#include "stages.h"

#include "ftrl.h"

static inline float ftrl_minimum(const float p, const float g, const float old, const float power,
                                 float *linear, const struct ftrl_scalars k)
{
    const float sigma = (power - old) * k.inverse_lr;
    const float z = *linear + (g + k.two_shrinkage * p - sigma * p);
    *linear = z;
    const float quotient =
        divide(k.l1 * sign_of(z) - z, k.beta_over_lr + power * k.inverse_lr + k.two_l2);
    return fabsf(z) <= k.l1 ? 0.0f : quotient;
}

TIK_INLINE void ftrl(size_t count, const float *restrict p, const float *restrict g,
                     float *const *s, const void *scalars, float *restrict step)
{
    const struct ftrl_scalars k = *(const struct ftrl_scalars *)scalars;
    float *restrict s0 = s[0], *restrict s1 = s[1];
    if (k.hold > 0.0f) {
        memcpy(step, p, count * sizeof *step);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const float old = square_root(s0[i]);
        s0[i] = s0[i] + g[i] * g[i];
        step[i] = ftrl_minimum(p[i], g[i], old, square_root(s0[i]), &s1[i], k);
    }
}

TIK_TWINS(ftrl, 2)

static inline float ftrl_power_of(const float n, const struct ftrl_scalars k)
{
    return k.exponent > 0.0f ? power_of(n, k.exponent, k.exponent_tail) : 1.0f;
}

void tik_scalar_ftrl_power(size_t count, const float *restrict p, const float *restrict g,
                           float *const *s, const void *scalars, float *restrict step)
{
    const struct ftrl_scalars k = *(const struct ftrl_scalars *)scalars;
    float *restrict s0 = s[0], *restrict s1 = s[1];
    if (k.hold > 0.0f) {
        memcpy(step, p, count * sizeof *step);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const float old = ftrl_power_of(s0[i], k);
        s0[i] = s0[i] + g[i] * g[i];
        step[i] = ftrl_minimum(p[i], g[i], old, ftrl_power_of(s0[i], k), &s1[i], k);
    }
}
