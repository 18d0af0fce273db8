/*
 * Adagrad (Duchi, Hazan and Singer, 2011), as in PyTorch.
 *
 *     s <- s + g*g                                from initial_accumulator_value
 *     p <- p - lr/(1 + (t - 1) lr_decay) * g / (sqrt(s) + eps)         or, inside, sqrt(s + eps)
 *
 * Of eps and eps_inside one is 0.
 * State: s[0] = s. Returns what the step takes from p. Scalar twin: src/scalar/adagrad.c.
 */
#include "numeric.cl"
#include "adagrad.h"

float adagrad(const float p, const float g, float *s, const struct adagrad_scalars k)
{
    const float sum = s[0] + g * g;
    s[0] = sum;
    return divide(k.step_size * g, square_root(sum + k.eps_inside) + k.eps);
}

/* What multiplies the gradient: the step of the element itself. */
float adagrad_rate(const float *old, const float *s, const struct adagrad_scalars k)
{
    return divide(k.step_size, square_root(s[0] + k.eps_inside) + k.eps);
}
