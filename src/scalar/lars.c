/* Scalar twin of cl/lars.cl: same names, same lines. */
#include "fuse.h"
#include "numeric.h"
#include "stages.h"

#include "lars.h"

static inline float lars_decayed(const float p, const float g, const struct lars_scalars k)
{
    return g + k.weight_decay * p;
}

void tik_scalar_lars_measure(size_t n, const float *restrict p, const float *restrict g,
                             float *const *s, const void *scalars, float *restrict first,
                             float *restrict second)
{
    (void)s, (void)scalars;
    for (size_t i = 0; i < n; i++) {
        first[i] = p[i];
        second[i] = g[i];
    }
}

void tik_scalar_lars_measure_decayed(size_t n, const float *restrict p, const float *restrict g,
                                     float *const *s, const void *scalars, float *restrict first,
                                     float *restrict second)
{
    (void)s;
    const struct lars_scalars k = *(const struct lars_scalars *)scalars;
    for (size_t i = 0; i < n; i++) {
        first[i] = p[i];
        second[i] = lars_decayed(p[i], g[i], k);
    }
}

static float lars_ratio(const float p, const float g, const struct lars_scalars k)
{
    return divide(k.trust_coefficient * p, g + k.weight_decay * p + k.eps);
}

float tik_scalar_lars_ratio_of(float squares_p, float squares_g, float count, const void *scalars)
{
    (void)count;
    const struct lars_scalars k = *(const struct lars_scalars *)scalars;
    if (squares_p == 0.0f || squares_g == 0.0f)
        return 1.0f;
    return lars_ratio(square_root(squares_p), square_root(squares_g), k);
}

float tik_scalar_lars_ratio_of_decayed(float squares_p, float squares_g, float count,
                                       const void *scalars)
{
    (void)count;
    const struct lars_scalars k = *(const struct lars_scalars *)scalars;
    if (squares_p == 0.0f || squares_g == 0.0f)
        return 1.0f;
    return divide(k.trust_coefficient * square_root(squares_p), square_root(squares_g) + k.eps);
}

float tik_scalar_lars_ratio_of_apex(float squares_p, float squares_g, float count,
                                    const void *scalars)
{
    (void)count;
    const struct lars_scalars k = *(const struct lars_scalars *)scalars;
    if (squares_p == 0.0f || squares_g == 0.0f)
        return squares_p == 0.0f ? 1.0f : 0.0f;
    const float ratio = lars_ratio(square_root(squares_p), square_root(squares_g), k);
    return ratio >= k.lr ? 1.0f : divide(ratio, k.lr);
}

TIK_INLINE void lars(size_t n, const float *restrict p, const float *restrict g, float *const *s,
                     const void *scalars, float *restrict step)
{
    (void)s;
    const struct lars_scalars k = *(const struct lars_scalars *)scalars;
    for (size_t i = 0; i < n; i++)
        step[i] = k.lr * k.ratio * lars_decayed(p[i], g[i], k);
}

TIK_TWINS(lars, 0)

TIK_INLINE void lars_momentum(size_t n, const float *restrict p, const float *restrict g,
                              float *const *s, const void *scalars, float *restrict step)
{
    const struct lars_scalars k = *(const struct lars_scalars *)scalars;
    float *restrict s0 = s[0];
    for (size_t i = 0; i < n; i++) {
        s0[i] = k.momentum * s0[i] + k.lr * k.ratio * lars_decayed(p[i], g[i], k);
        step[i] = s0[i];
    }
}

TIK_TWINS(lars_momentum, 1)

TIK_INLINE void lars_apex(size_t n, const float *restrict p, const float *restrict g,
                          float *const *s, const void *scalars, float *restrict step)
{
    (void)s;
    const struct lars_scalars k = *(const struct lars_scalars *)scalars;
    for (size_t i = 0; i < n; i++)
        step[i] = k.lr * (k.ratio * lars_decayed(p[i], g[i], k));
}

TIK_TWINS(lars_apex, 0)

TIK_INLINE void lars_apex_momentum(size_t n, const float *restrict p, const float *restrict g,
                                   float *const *s, const void *scalars, float *restrict step)
{
    const struct lars_scalars k = *(const struct lars_scalars *)scalars;
    float *restrict s0 = s[0];
    for (size_t i = 0; i < n; i++) {
        s0[i] = k.momentum * s0[i] + k.ratio * lars_decayed(p[i], g[i], k);
        step[i] = k.lr * s0[i];
    }
}

TIK_TWINS(lars_apex_momentum, 1)
