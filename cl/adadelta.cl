/*
 * Adadelta (Zeiler, 2012), as in PyTorch; eps inside both roots.
 *
 *     v <- rho*v + (1 - rho)*g*g
 *     d <- sqrt(a + eps)/sqrt(v + eps) * g
 *     a <- rho*a + (1 - rho)*d*d
 *     p <- p - lr*d
 *
 * States: s[0] = v, s[1] = a. Returns what the step takes from p. Scalar twin: src/scalar/adadelta.c.
 */
#include "numeric.cl"
#include "adadelta.h"

float adadelta(const float p, const float g, float *s, const struct adadelta_scalars k)
{
    const float v = k.rho * s[0] + k.one_minus_rho * g * g;
    const float d = divide(square_root(s[1] + k.eps), square_root(v + k.eps)) * g;
    s[0] = v;
    s[1] = k.rho * s[1] + k.one_minus_rho * d * d;
    return k.lr * d;
}

/* What multiplies the gradient: the step of the element itself, by the a before this step. */
float adadelta_rate(const float *old, const float *s, const struct adadelta_scalars k)
{
    return k.lr * divide(square_root(old[1] + k.eps), square_root(s[0] + k.eps));
}
