/*
 * FTRL-Proximal (McMahan et al., 2013), as in TensorFlow and Keras. It has no step from p: the new p
 * is computed from the sums alone, with its own l1 and l2.
 *
 *     n' = n + g*g                                           from initial_accumulator_value
 *     z <- z + g + 2*l2_shrinkage*p - (sqrt(n') - sqrt(n))/lr * p
 *     p <- |z| > l1 ? (l1*sign(z) - z) / ((beta + sqrt(n'))/lr + 2*l2) : 0
 *
 * The root is n^(-lr_power), and 1 where lr_power is 0: ftrl_power, for any but -1/2.
 * A schedule may bring lr to 0: p and the states then stay as they are.
 * States: s[0] = n, s[1] = z. Returns the new p. Scalar twin: src/scalar/ftrl.c.
 */
#include "numeric.cl"
#include "power.cl"
#include "ftrl.h"

/* From the roots of n and of n', which is stored. */
float ftrl_next(const float p, const float g, const float before, const float root, float *s,
                const struct ftrl_scalars k)
{
    const float sigma = (root - before) * k.inverse_lr;
    const float z = s[1] + (g + k.two_shrinkage * p - sigma * p);
    s[1] = z;
    const float quotient =
        divide(k.l1 * sign_of(z) - z, k.beta_over_lr + root * k.inverse_lr + k.two_l2);
    return fabs(z) <= k.l1 ? 0.0f : quotient;
}

float ftrl(const float p, const float g, float *s, const struct ftrl_scalars k)
{
    if (k.hold > 0.0f)
        return p;
    const float before = square_root(s[0]);
    s[0] = s[0] + g * g;
    return ftrl_next(p, g, before, square_root(s[0]), s, k);
}

float ftrl_root(const float n, const struct ftrl_scalars k)
{
    return k.power > 0.0f ? power_of(n, k.power, k.power_tail) : 1.0f;
}

float ftrl_power(const float p, const float g, float *s, const struct ftrl_scalars k)
{
    if (k.hold > 0.0f)
        return p;
    const float before = ftrl_root(s[0], k);
    s[0] = s[0] + g * g;
    return ftrl_next(p, g, before, ftrl_root(s[0], k), s, k);
}
