/*
 * Lion (Chen et al., 2023, algorithm 2): the sign of an interpolation is the step.
 *
 *     p <- p - lr*sign(beta1*m + (1 - beta1)*g)
 *     m <- beta2*m + (1 - beta2)*g
 *
 * State: s[0] = m. Returns what the step takes from p. Scalar twin: src/scalar/lion.c.
 */
#include "numeric.cl"
#include "lion.h"

float lion(const float p, const float g, float *s, const struct lion_scalars k)
{
    const float c = k.beta1 * s[0] + k.one_minus_beta1 * g;
    s[0] = k.beta2 * s[0] + k.one_minus_beta2 * g;
    return k.lr * sign_of(c);
}
