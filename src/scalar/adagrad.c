/* Scalar twin of cl/adagrad.cl: same names, same lines. */
#include "fuse.h"
#include "numeric.h"
#include "stages.h"

#include "adagrad.h"

TIK_INLINE void adagrad(size_t n, const float *p, const float *restrict g, float *const *s,
                        const void *scalars, float *restrict step)
{
    (void)p;
    const struct adagrad_scalars k = *(const struct adagrad_scalars *)scalars;
    float *restrict s0 = s[0];
    for (size_t i = 0; i < n; i++) {
        const float sum = s0[i] + g[i] * g[i];
        s0[i] = sum;
        step[i] = divide(k.step_size * g[i], square_root(sum + k.eps_inside) + k.eps);
    }
}

TIK_TWINS(adagrad, 1)

/* What multiplies the gradient: the step of the element itself. */
void tik_scalar_adagrad_rate(size_t n, float *const *old, float *const *s, const void *scalars,
                             float *restrict rate)
{
    (void)old;
    const struct adagrad_scalars k = *(const struct adagrad_scalars *)scalars;
    const float *restrict s0 = s[0];
    for (size_t i = 0; i < n; i++)
        rate[i] = divide(k.step_size, square_root(s0[i] + k.eps_inside) + k.eps);
}
