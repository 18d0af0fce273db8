/*
 * FTRL-Proximal (McMahan et al., 2013), as in TensorFlow and Keras with lr_power = -1/2. It has no
 * step from p: the new p is computed from the sums alone, with its own l1 and l2.
 *
 *     n' = n + g*g                                           from initial_accumulator_value
 *     z <- z + g + 2*l2_shrinkage*p - (sqrt(n') - sqrt(n))/lr * p
 *     p <- |z| > l1 ? (l1*sign(z) - z) / ((beta + sqrt(n'))/lr + 2*l2) : 0
 *
 * A schedule may bring lr to 0: p and the states then stay as they are.
 * States: s[0] = n, s[1] = z. Returns the new p. Scalar twin: src/scalar/ftrl.c.
 */
#include "numeric.cl"
#include "ftrl.h"

float ftrl(const float p, const float g, float *s, const struct ftrl_scalars k)
{
    if (k.hold > 0.0f)
        return p;
    const float n = s[0] + g * g;
    const float root = square_root(n);
    const float sigma = (root - square_root(s[0])) * k.inverse_lr;
    const float z = s[1] + (g + k.two_shrinkage * p - sigma * p);
    s[0] = n;
    s[1] = z;
    const float quotient =
        divide(k.l1 * sign_of(z) - z, k.beta_over_lr + root * k.inverse_lr + k.two_l2);
    return fabs(z) <= k.l1 ? 0.0f : quotient;
}
