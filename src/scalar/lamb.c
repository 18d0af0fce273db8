/* Scalar twin of cl/lamb.cl: same names, same lines. */
#include "fuse.h"
#include "numeric.h"
#include "stages.h"

#include "lamb.h"

static inline void lamb_moments(const float g, float *s0, float *s1, const struct lamb_scalars k)
{
    *s0 = k.beta1 * *s0 + k.one_minus_beta1 * g;
    *s1 = k.beta2 * *s1 + k.one_minus_beta2 * g * g;
}

static inline float lamb_divisor(const float v, const struct lamb_scalars k)
{
    return square_root(v) * k.inverse_root + k.eps;
}

static inline float lamb_direction(const float p, const float m, const float v,
                                   const struct lamb_scalars k)
{
    return divide(k.inverse_correction * m, lamb_divisor(v, k)) + k.weight_decay * p;
}

void tik_scalar_lamb_measure(size_t n, const float *restrict p, const float *restrict g,
                             float *const *s, const void *scalars, float *restrict first,
                             float *restrict second)
{
    const struct lamb_scalars k = *(const struct lamb_scalars *)scalars;
    float *restrict s0 = s[0], *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++) {
        lamb_moments(g[i], &s0[i], &s1[i], k);
        first[i] = p[i];
        second[i] = lamb_direction(p[i], s0[i], s1[i], k);
    }
}

float tik_scalar_lamb_ratio_of(float squares_p, float squares_u, float count, const void *scalars)
{
    (void)count, (void)scalars;
    if (squares_p == 0.0f || squares_u == 0.0f)
        return 1.0f;
    return divide(square_root(squares_p), square_root(squares_u));
}

TIK_INLINE void lamb(size_t n, const float *restrict p, const float *g, float *const *s,
                     const void *scalars, float *restrict step)
{
    (void)g;
    const struct lamb_scalars k = *(const struct lamb_scalars *)scalars;
    const float *restrict s0 = s[0], *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++)
        step[i] = k.lr * k.ratio * lamb_direction(p[i], s0[i], s1[i], k);
}

TIK_TWINS(lamb, 2)

TIK_INLINE void lamb_plain(size_t n, const float *restrict p, const float *restrict g,
                           float *const *s, const void *scalars, float *restrict step)
{
    const struct lamb_scalars k = *(const struct lamb_scalars *)scalars;
    float *restrict s0 = s[0], *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++) {
        lamb_moments(g[i], &s0[i], &s1[i], k);
        step[i] = k.lr * lamb_direction(p[i], s0[i], s1[i], k);
    }
}

TIK_TWINS(lamb_plain, 2)

void tik_scalar_lamb_rate(size_t n, float *const *old, float *const *s, const void *scalars,
                          float *restrict rate)
{
    (void)old;
    const struct lamb_scalars k = *(const struct lamb_scalars *)scalars;
    const float *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++)
        rate[i] = divide(k.lr * k.ratio, lamb_divisor(s1[i], k));
}
