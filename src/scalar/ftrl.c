/* Scalar twin of cl/ftrl.cl: same names, same lines. */
#include <string.h>

#include "numeric.h"
#include "stages.h"

#include "ftrl.h"

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
        const float n = s0[i] + g[i] * g[i];
        const float root = square_root(n);
        const float sigma = (root - square_root(s0[i])) * k.inverse_lr;
        const float z = s1[i] + (g[i] + k.two_shrinkage * p[i] - sigma * p[i]);
        s0[i] = n;
        s1[i] = z;
        const float quotient =
            divide(k.l1 * sign_of(z) - z, k.beta_over_lr + root * k.inverse_lr + k.two_l2);
        step[i] = fabsf(z) <= k.l1 ? 0.0f : quotient;
    }
}
