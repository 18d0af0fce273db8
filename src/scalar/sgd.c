/* Scalar twin of cl/sgd.cl: same names, same lines. */
#include "fuse.h"
#include "numeric.h"
#include "stages.h"

#include "sgd.h"

TIK_INLINE void sgd(size_t n, const float *p, const float *restrict g, float *const *s,
                    const void *scalars, float *restrict step)
{
    (void)p, (void)s;
    const struct sgd_scalars k = *(const struct sgd_scalars *)scalars;
    for (size_t i = 0; i < n; i++)
        step[i] = k.lr * g[i];
}

TIK_TWINS(sgd, 0)

TIK_INLINE void sgd_momentum(size_t n, const float *p, const float *restrict g, float *const *s,
                             const void *scalars, float *restrict step)
{
    (void)p;
    const struct sgd_scalars k = *(const struct sgd_scalars *)scalars;
    float *restrict s0 = s[0];
    for (size_t i = 0; i < n; i++) {
        const float buf = k.carry * s0[i] + k.gain * g[i];
        s0[i] = buf;
        step[i] = k.lr * buf;
    }
}

TIK_TWINS(sgd_momentum, 1)

TIK_INLINE void sgd_nesterov(size_t n, const float *p, const float *restrict g, float *const *s,
                             const void *scalars, float *restrict step)
{
    (void)p;
    const struct sgd_scalars k = *(const struct sgd_scalars *)scalars;
    float *restrict s0 = s[0];
    for (size_t i = 0; i < n; i++) {
        const float buf = k.carry * s0[i] + k.gain * g[i];
        s0[i] = buf;
        step[i] = k.lr * (g[i] + k.momentum * buf);
    }
}

TIK_TWINS(sgd_nesterov, 1)

TIK_INLINE void sgd_paced(size_t n, const float *p, const float *restrict g, float *const *s,
                          const void *scalars, float *restrict step)
{
    (void)p;
    const struct sgd_scalars k = *(const struct sgd_scalars *)scalars;
    float *restrict s0 = s[0];
    for (size_t i = 0; i < n; i++) {
        const float buf = k.carry * s0[i] + k.pace * g[i];
        s0[i] = buf;
        step[i] = buf;
    }
}

TIK_TWINS(sgd_paced, 1)

TIK_INLINE void sgd_paced_nesterov(size_t n, const float *p, const float *restrict g,
                                   float *const *s, const void *scalars, float *restrict step)
{
    (void)p;
    const struct sgd_scalars k = *(const struct sgd_scalars *)scalars;
    float *restrict s0 = s[0];
    for (size_t i = 0; i < n; i++) {
        const float buf = k.carry * s0[i] + k.pace * g[i];
        s0[i] = buf;
        step[i] = k.lr * g[i] + k.momentum * buf;
    }
}

TIK_TWINS(sgd_paced_nesterov, 1)
