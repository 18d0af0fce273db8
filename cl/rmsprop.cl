/*
 * RMSprop (Tieleman and Hinton, 2012; centered: Graves, 2013), as in PyTorch.
 *
 *     v   <- alpha*v + (1 - alpha)*g*g
 *     a   <- alpha*a + (1 - alpha)*g                      centered
 *     d   =  sqrt(v) + eps, or sqrt(max(v - a*a, 0)) + eps; eps inside: sqrt(... + eps)
 *     buf <- momentum*buf + g/d                           with momentum
 *     p   <- p - lr*buf, or p - lr*g/d
 *
 * The clamp at 0 is ours: v - a*a may round below it, and its root would be a NaN. Of eps and
 * eps_inside one is 0.
 * States: s[0] = v; then a, when centered; then buf, with momentum. Each function returns what the
 * step takes from p. Scalar twin: src/scalar/rmsprop.c.
 */
#include "numeric.cl"
#include "rmsprop.h"

float rmsprop_mean_square(const float g, float *s, const struct rmsprop_scalars k)
{
    s[0] = k.alpha * s[0] + k.one_minus_alpha * g * g;
    return s[0];
}

float rmsprop_clamp(const float variance)
{
    return variance < 0.0f ? 0.0f : variance;
}

float rmsprop_variance(const float g, float *s, const struct rmsprop_scalars k)
{
    const float v = rmsprop_mean_square(g, s, k);
    s[1] = k.alpha * s[1] + k.one_minus_alpha * g;
    return rmsprop_clamp(v - s[1] * s[1]);
}

float rmsprop_root(const float x, const struct rmsprop_scalars k)
{
    return square_root(x + k.eps_inside) + k.eps;
}

float rmsprop(const float p, const float g, float *s, const struct rmsprop_scalars k)
{
    return divide(k.lr * g, rmsprop_root(rmsprop_mean_square(g, s, k), k));
}

float rmsprop_momentum(const float p, const float g, float *s, const struct rmsprop_scalars k)
{
    const float d = rmsprop_root(rmsprop_mean_square(g, s, k), k);
    s[1] = k.momentum * s[1] + divide(g, d);
    return k.lr * s[1];
}

float rmsprop_centered(const float p, const float g, float *s, const struct rmsprop_scalars k)
{
    return divide(k.lr * g, rmsprop_root(rmsprop_variance(g, s, k), k));
}

float rmsprop_centered_momentum(const float p, const float g, float *s,
                                const struct rmsprop_scalars k)
{
    const float d = rmsprop_root(rmsprop_variance(g, s, k), k);
    s[2] = k.momentum * s[2] + divide(g, d);
    return k.lr * s[2];
}

/* What multiplies the gradient: the step of the element itself. */
float rmsprop_rate(const float *old, const float *s, const struct rmsprop_scalars k)
{
    return divide(k.lr, rmsprop_root(s[0], k));
}

/* Likewise, by the variance. */
float rmsprop_centered_rate(const float *old, const float *s, const struct rmsprop_scalars k)
{
    return divide(k.lr, rmsprop_root(rmsprop_clamp(s[0] - s[1] * s[1]), k));
}
