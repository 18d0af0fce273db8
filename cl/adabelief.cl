/*
 * AdaBelief (Zhuang et al., 2020), as in Optax: Adam with the variance of the gradient about its own
 * mean in place of the second moment.
 *
 *     m <- beta1*m + (1 - beta1)*g
 *     v <- beta2*v + (1 - beta2)*(g - m)*(g - m) + eps_root
 *     p <- p - lr/(1 - beta1^t) * m / (sqrt(v)/sqrt(1 - beta2^t) + eps)
 *
 * States: s[0] = m, s[1] = v. Returns what the step takes from p. Scalar twin: src/scalar/adabelief.c.
 */
#include "numeric.cl"
#include "adabelief.h"

float adabelief(const float p, const float g, float *s, const struct adabelief_scalars k)
{
    const float m = k.beta1 * s[0] + k.one_minus_beta1 * g;
    const float surprise = g - m;
    const float v = k.beta2 * s[1] + k.one_minus_beta2 * surprise * surprise + k.eps_root;
    s[0] = m;
    s[1] = v;
    return divide(k.step_size * m, square_root(v) * k.inverse_root + k.eps);
}

/* What multiplies the corrected mean: the step of the element itself. */
float adabelief_rate(const float *old, const float *s, const struct adabelief_scalars k)
{
    return divide(k.lr, square_root(s[1]) * k.inverse_root + k.eps);
}
