/* Scalar twin of cl/adadelta.cl: same names, same lines. */
#include "fuse.h"
#include "numeric.h"
#include "stages.h"

#include "adadelta.h"

TIK_INLINE void adadelta(size_t n, const float *p, const float *restrict g, float *const *s,
                         const void *scalars, float *restrict step)
{
    (void)p;
    const struct adadelta_scalars k = *(const struct adadelta_scalars *)scalars;
    float *restrict s0 = s[0], *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++) {
        const float v = k.rho * s0[i] + k.one_minus_rho * g[i] * g[i];
        const float d = divide(square_root(s1[i] + k.eps), square_root(v + k.eps)) * g[i];
        s0[i] = v;
        s1[i] = k.rho * s1[i] + k.one_minus_rho * d * d;
        step[i] = k.lr * d;
    }
}

TIK_TWINS(adadelta, 2)

/* What multiplies the gradient: the step of the element itself, by the a before this step. */
void tik_scalar_adadelta_rate(size_t n, float *const *old, float *const *s, const void *scalars,
                              float *restrict rate)
{
    const struct adadelta_scalars k = *(const struct adadelta_scalars *)scalars;
    const float *restrict s0 = s[0];
    const float *restrict a = old[1];
    for (size_t i = 0; i < n; i++)
        rate[i] = k.lr * divide(square_root(a[i] + k.eps), square_root(s0[i] + k.eps));
}
