/* Scalar twin of cl/rmsprop.cl: same names, same lines. */
#include "fuse.h"
#include "numeric.h"
#include "stages.h"

#include "rmsprop.h"

static inline float rmsprop_mean_square(const float g, float *s0, const struct rmsprop_scalars k)
{
    *s0 = k.alpha * *s0 + k.one_minus_alpha * g * g;
    return *s0;
}

static inline float rmsprop_clamp(const float variance)
{
    return variance < 0.0f ? 0.0f : variance;
}

static inline float rmsprop_variance(const float g, float *s0, float *s1,
                                     const struct rmsprop_scalars k)
{
    const float v = rmsprop_mean_square(g, s0, k);
    *s1 = k.alpha * *s1 + k.one_minus_alpha * g;
    return rmsprop_clamp(v - *s1 * *s1);
}

static inline float rmsprop_root(const float x, const struct rmsprop_scalars k)
{
    return square_root(x + k.eps_inside) + k.eps;
}

TIK_INLINE void rmsprop(size_t n, const float *p, const float *restrict g, float *const *s,
                        const void *scalars, float *restrict step)
{
    (void)p;
    const struct rmsprop_scalars k = *(const struct rmsprop_scalars *)scalars;
    float *restrict s0 = s[0];
    for (size_t i = 0; i < n; i++)
        step[i] = divide(k.lr * g[i], rmsprop_root(rmsprop_mean_square(g[i], &s0[i], k), k));
}

TIK_TWINS(rmsprop, 1)

TIK_INLINE void rmsprop_momentum(size_t n, const float *p, const float *restrict g, float *const *s,
                                 const void *scalars, float *restrict step)
{
    (void)p;
    const struct rmsprop_scalars k = *(const struct rmsprop_scalars *)scalars;
    float *restrict s0 = s[0], *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++) {
        const float d = rmsprop_root(rmsprop_mean_square(g[i], &s0[i], k), k);
        s1[i] = k.momentum * s1[i] + divide(g[i], d);
        step[i] = k.lr * s1[i];
    }
}

TIK_TWINS(rmsprop_momentum, 2)

TIK_INLINE void rmsprop_centered(size_t n, const float *p, const float *restrict g, float *const *s,
                                 const void *scalars, float *restrict step)
{
    (void)p;
    const struct rmsprop_scalars k = *(const struct rmsprop_scalars *)scalars;
    float *restrict s0 = s[0], *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++)
        step[i] = divide(k.lr * g[i], rmsprop_root(rmsprop_variance(g[i], &s0[i], &s1[i], k), k));
}

TIK_TWINS(rmsprop_centered, 2)

TIK_INLINE void rmsprop_centered_momentum(size_t n, const float *p, const float *restrict g,
                                          float *const *s, const void *scalars,
                                          float *restrict step)
{
    (void)p;
    const struct rmsprop_scalars k = *(const struct rmsprop_scalars *)scalars;
    float *restrict s0 = s[0], *restrict s1 = s[1], *restrict s2 = s[2];
    for (size_t i = 0; i < n; i++) {
        const float d = rmsprop_root(rmsprop_variance(g[i], &s0[i], &s1[i], k), k);
        s2[i] = k.momentum * s2[i] + divide(g[i], d);
        step[i] = k.lr * s2[i];
    }
}

TIK_TWINS(rmsprop_centered_momentum, 3)

/* What multiplies the gradient: the step of the element itself. */
void tik_scalar_rmsprop_rate(size_t n, float *const *old, float *const *s, const void *scalars,
                             float *restrict rate)
{
    (void)old;
    const struct rmsprop_scalars k = *(const struct rmsprop_scalars *)scalars;
    const float *restrict s0 = s[0];
    for (size_t i = 0; i < n; i++)
        rate[i] = divide(k.lr, rmsprop_root(s0[i], k));
}

/* Likewise, by the variance. */
void tik_scalar_rmsprop_centered_rate(size_t n, float *const *old, float *const *s,
                                      const void *scalars, float *restrict rate)
{
    (void)old;
    const struct rmsprop_scalars k = *(const struct rmsprop_scalars *)scalars;
    const float *restrict s0 = s[0], *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++)
        rate[i] = divide(k.lr, rmsprop_root(rmsprop_clamp(s0[i] - s1[i] * s1[i]), k));
}
