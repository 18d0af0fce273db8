/*
 * RAdam (Liu et al., 2020), as in PyTorch: Adam whose step is rectified by the variance of its
 * denominator, and momentum alone while that variance is intractable.
 *
 *     m <- beta1*m + (1 - beta1)*g
 *     v <- beta2*v + (1 - beta2)*g*g
 *     p <- p - step_size * m / (sqrt(v) + eps)        rho_t > 5
 *     p <- p - step_size * m                          before that
 *
 * That is eps before the correction. After it, the host multiplies eps by the correction's root;
 * inside, sqrt(v + eps*(1 - beta2^t)), it is another scalar: of eps and eps_inside one is 0.
 *
 * States: s[0] = m, s[1] = v. Returns what the step takes from p. Scalar twin: src/scalar/radam.c.
 */
#include "numeric.cl"
#include "radam.h"

float radam(const float p, const float g, float *s, const struct radam_scalars k)
{
    const float m = k.beta1 * s[0] + k.one_minus_beta1 * g;
    const float v = k.beta2 * s[1] + k.one_minus_beta2 * g * g;
    s[0] = m;
    s[1] = v;
    const float plain = k.step_size * m;
    return k.rectified > 0.0f ? divide(plain, square_root(v + k.eps_inside) + k.eps) : plain;
}

/* What multiplies the corrected mean: the step of the element itself. */
float radam_rate(const float *old, const float *s, const struct radam_scalars k)
{
    return k.rectified > 0.0f ? divide(k.rate, square_root(s[1] + k.eps_inside) + k.eps) : k.rate;
}
