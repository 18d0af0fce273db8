/*
 * FTRL-Proximal (McMahan et al., 2013), as in TensorFlow and Keras. It has no step from p: the new p
 * is computed from the sums alone, with its own l1 and l2. With lr_power = -1/2
 *
 *     n' = n + g*g                                           from initial_accumulator_value
 *     z <- z + g + 2*l2_shrinkage*p - (sqrt(n') - sqrt(n))/lr * p
 *     p <- |z| > l1 ? (l1*sign(z) - z) / ((beta + sqrt(n'))/lr + 2*l2) : 0
 *
 * and with any other lr_power n^(-lr_power) in the place of sqrt(n), by the power of power.cl.
 *
 * A schedule may bring lr to 0: p and the states then stay as they are.
 * States: s[0] = n, s[1] = z. Returns the new p. Scalar twin: src/scalar/ftrl.c.
 */
#include "numeric.cl"
#include "power.cl"
#include "ftrl.h"

/* z and the new p; old and power are sqrt(n) and sqrt(n'), or what is in their place. */
float ftrl_minimum(const float p, const float g, const float old, const float power, float *linear,
                   const struct ftrl_scalars k)
{
    const float sigma = (power - old) * k.inverse_lr;
    const float z = *linear + (g + k.two_shrinkage * p - sigma * p);
    *linear = z;
    const float quotient =
        divide(k.l1 * sign_of(z) - z, k.beta_over_lr + power * k.inverse_lr + k.two_l2);
    return fabs(z) <= k.l1 ? 0.0f : quotient;
}

float ftrl(const float p, const float g, float *s, const struct ftrl_scalars k)
{
    if (k.hold > 0.0f)
        return p;
    const float old = square_root(s[0]);
    s[0] = s[0] + g * g;
    return ftrl_minimum(p, g, old, square_root(s[0]), &s[1], k);
}

/* n^exponent; n^0 = 1, whatever n is */
float ftrl_power_of(const float n, const struct ftrl_scalars k)
{
    return k.exponent > 0.0f ? power_of(n, k.exponent, k.exponent_tail) : 1.0f;
}

float ftrl_power(const float p, const float g, float *s, const struct ftrl_scalars k)
{
    if (k.hold > 0.0f)
        return p;
    const float old = ftrl_power_of(s[0], k);
    s[0] = s[0] + g * g;
    return ftrl_minimum(p, g, old, ftrl_power_of(s[0], k), &s[1], k);
}
