/*
 * Adam (Kingma and Ba, 2015, algorithm 1) and its AMSGrad form (Reddi, Kale and Kumar, 2018), as in
 * PyTorch. AdamW is the same rule; the frame decouples its decay.
 *
 *     m <- beta1*m + (1 - beta1)*g
 *     v <- beta2*v + (1 - beta2)*g*g
 *     p <- p - lr/(1 - beta1^t) * m / (sqrt(v)/sqrt(1 - beta2^t) + eps)       amsgrad: max of all v
 *
 * That is eps after the correction. Before it, (sqrt(v) + eps)/sqrt(1 - beta2^t), the host divides
 * eps by the correction's root. Inside, sqrt(v/(1 - beta2^t) + eps), it multiplies it by the
 * correction, and it is another scalar: of eps and eps_inside one is 0.
 *
 * States: s[0] = m, s[1] = v, s[2] = max v. Each function returns what the step takes from p.
 * Scalar twin: src/scalar/adam.c.
 */
#include "numeric.cl"
#include "adam.h"

float adam(const float p, const float g, float *s, const struct adam_scalars k)
{
    const float m = k.beta1 * s[0] + k.one_minus_beta1 * g;
    const float v = k.beta2 * s[1] + k.one_minus_beta2 * g * g;
    s[0] = m;
    s[1] = v;
    return divide(k.step_size * m, square_root(v + k.eps_inside) * k.inverse_root + k.eps);
}

float adam_amsgrad(const float p, const float g, float *s, const struct adam_scalars k)
{
    const float m = k.beta1 * s[0] + k.one_minus_beta1 * g;
    const float v = k.beta2 * s[1] + k.one_minus_beta2 * g * g;
    const float v_max = v <= s[2] ? s[2] : v;
    s[0] = m;
    s[1] = v;
    s[2] = v_max;
    return divide(k.step_size * m, square_root(v_max + k.eps_inside) * k.inverse_root + k.eps);
}

/* What multiplies the corrected mean: the step of the element itself. */
float adam_rate(const float *old, const float *s, const struct adam_scalars k)
{
    return divide(k.lr, square_root(s[1] + k.eps_inside) * k.inverse_root + k.eps);
}

/* Likewise, by the largest second moment. */
float adam_amsgrad_rate(const float *old, const float *s, const struct adam_scalars k)
{
    return divide(k.lr, square_root(s[2] + k.eps_inside) * k.inverse_root + k.eps);
}
