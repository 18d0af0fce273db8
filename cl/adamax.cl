/*
 * Adamax (Kingma and Ba, 2015, algorithm 2), as in PyTorch: Adam with the largest recent gradient in
 * place of the second moment.
 *
 *     m <- beta1*m + (1 - beta1)*g
 *     u <- max(beta2*u, |g| + eps)
 *     p <- p - lr/(1 - beta1^t) * m / u
 *
 * States: s[0] = m, s[1] = u. Returns what the step takes from p. Scalar twin: src/scalar/adamax.c.
 */
#include "numeric.cl"
#include "adamax.h"

float adamax(const float p, const float g, float *s, const struct adamax_scalars k)
{
    const float m = k.beta1 * s[0] + k.one_minus_beta1 * g;
    const float faded = k.beta2 * s[1];
    const float now = fabs(g) + k.eps;
    const float u = now <= faded ? faded : now; /* a NaN stays one */
    s[0] = m;
    s[1] = u;
    return divide(k.step_size * m, u);
}

/* What multiplies the corrected mean: the step of the element itself. */
float adamax_rate(const float *old, const float *s, const struct adamax_scalars k)
{
    return divide(k.lr, s[1]);
}
