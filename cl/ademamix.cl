/*
 * AdEMAMix (Pagliardini, Ablin and Grangier, 2024): Adam with a second, slow first moment.
 *
 *     m1 <- beta1*m1 + (1 - beta1)*g
 *     m2 <- beta3*m2 + (1 - beta3)*g
 *     v  <- beta2*v + (1 - beta2)*g*g
 *     p  <- p - lr*(m1/(1 - beta1^t) + alpha*m2) / (sqrt(v)/sqrt(1 - beta2^t) + eps)
 *
 * States: s[0] = m1, s[1] = v, s[2] = m2. Returns what the step takes from p. Scalar twin:
 * src/scalar/ademamix.c.
 */
#include "numeric.cl"
#include "ademamix.h"

float ademamix(const float p, const float g, float *s, const struct ademamix_scalars k)
{
    const float m1 = k.beta1 * s[0] + k.one_minus_beta1 * g;
    const float v = k.beta2 * s[1] + k.one_minus_beta2 * g * g;
    const float m2 = k.beta3 * s[2] + k.one_minus_beta3 * g;
    s[0] = m1;
    s[1] = v;
    s[2] = m2;
    return divide(k.lr * (m1 * k.inverse_bias + k.alpha * m2),
                  square_root(v) * k.inverse_root + k.eps);
}

/* What multiplies the corrected mean: the step of the element itself. */
float ademamix_rate(const float *old, const float *s, const struct ademamix_scalars k)
{
    return divide(k.lr, square_root(s[1]) * k.inverse_root + k.eps);
}
