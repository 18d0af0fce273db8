/*
 * NAdam (Dozat, 2016), as in PyTorch: Adam with Nesterov's momentum and a momentum that warms up.
 *
 *     m <- beta1*m + (1 - beta1)*g
 *     v <- beta2*v + (1 - beta2)*g*g
 *     p <- p - (lr (1 - mu_t)/(1 - P_t) * g + lr mu_(t+1)/(1 - P_(t+1)) * m) / (sqrt(v/(1 - beta2^t)) + eps)
 *
 * with mu_t = beta1 (1 - 0.96^(t momentum_decay)/2) and P_t = mu_1 ... mu_t, both of the host.
 * States: s[0] = m, s[1] = v. Returns what the step takes from p. Scalar twin: src/scalar/nadam.c.
 */
#include "numeric.cl"
#include "nadam.h"

float nadam(const float p, const float g, float *s, const struct nadam_scalars k)
{
    const float m = k.beta1 * s[0] + k.one_minus_beta1 * g;
    const float v = k.beta2 * s[1] + k.one_minus_beta2 * g * g;
    s[0] = m;
    s[1] = v;
    return divide(k.gradient_size * g + k.moment_size * m, square_root(v) * k.inverse_root + k.eps);
}

/* What the means would be multiplied by, were they corrected. */
float nadam_rate(const float *old, const float *s, const struct nadam_scalars k)
{
    return divide(k.lr, square_root(s[1]) * k.inverse_root + k.eps);
}
