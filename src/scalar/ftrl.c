/* Scalar twin of cl/ftrl.cl: same names, same lines. */
#include <string.h>

#include "numeric.h"
#include "power.h"
#include "stages.h"

#include "ftrl.h"

static inline float ftrl_next(const float p, const float g, const float before, const float root,
                              float *s1, const struct ftrl_scalars k)
{
    const float sigma = (root - before) * k.inverse_lr;
    const float z = *s1 + (g + k.two_shrinkage * p - sigma * p);
    *s1 = z;
    const float quotient =
        divide(k.l1 * sign_of(z) - z, k.beta_over_lr + root * k.inverse_lr + k.two_l2);
    return fabsf(z) <= k.l1 ? 0.0f : quotient;
}

void tik_scalar_ftrl(size_t count, const float *restrict p, const float *restrict g,
                     float *const *s, const void *scalars, float *restrict step)
{
    const struct ftrl_scalars k = *(const struct ftrl_scalars *)scalars;
    float *restrict s0 = s[0], *restrict s1 = s[1];
    if (k.hold > 0.0f) {
        memcpy(step, p, count * sizeof *step);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const float before = square_root(s0[i]);
        s0[i] = s0[i] + g[i] * g[i];
        step[i] = ftrl_next(p[i], g[i], before, square_root(s0[i]), &s1[i], k);
    }
}

static void ftrl_root(size_t count, const float *restrict n, const struct ftrl_scalars k,
                      float *restrict root)
{
    if (k.power > 0.0f)
        tik_scalar_power(count, n, k.power, k.power_tail, root);
    for (size_t i = 0; i < count && !(k.power > 0.0f); i++)
        root[i] = 1.0f;
}

void tik_scalar_ftrl_power(size_t count, const float *restrict p, const float *restrict g,
                           float *const *s, const void *scalars, float *restrict step)
{
    const struct ftrl_scalars k = *(const struct ftrl_scalars *)scalars;
    float *restrict s0 = s[0], *restrict s1 = s[1];
    float before[TIK_BLOCK], root[TIK_BLOCK];
    if (k.hold > 0.0f) {
        memcpy(step, p, count * sizeof *step);
        return;
    }
    ftrl_root(count, s0, k, before);
    for (size_t i = 0; i < count; i++)
        s0[i] = s0[i] + g[i] * g[i];
    ftrl_root(count, s0, k, root);
    for (size_t i = 0; i < count; i++)
        step[i] = ftrl_next(p[i], g[i], before[i], root[i], &s1[i], k);
}
