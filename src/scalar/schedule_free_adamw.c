/* Scalar twin of cl/schedule_free_adamw.cl: same names, same lines. */
#include "numeric.h"
#include "stages.h"

#include "schedule_free_adamw.h"

void tik_scalar_schedule_free_adamw(size_t n, const float *p, const float *restrict g,
                                    float *const *s, const void *scalars, float *restrict step)
{
    (void)p;
    const struct schedule_free_adamw_scalars k =
        *(const struct schedule_free_adamw_scalars *)scalars;
    float *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++) {
        s1[i] = k.beta2 * s1[i] + k.one_minus_beta2 * g[i] * g[i];
        step[i] = k.lr * divide(g[i], square_root(s1[i]) * k.inverse_root + k.eps);
    }
}

void tik_scalar_schedule_free_adamw_follow(size_t n, const float *restrict next,
                                           const float *restrict taken, float *const *s,
                                           const void *scalars, float *restrict p)
{
    const struct schedule_free_adamw_scalars k =
        *(const struct schedule_free_adamw_scalars *)scalars;
    float *restrict s0 = s[0];
    for (size_t i = 0; i < n; i++) {
        const float gap = k.c * (p[i] - s0[i]);
        s0[i] = next[i];
        p[i] = p[i] - (gap + k.pull * taken[i]);
    }
}
