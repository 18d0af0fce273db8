/*
 * LAMB (You et al., 2020, algorithm 2) as NVIDIA Apex (csrc/multi_tensor_lamb.cu, MOMENT_MODE_1) and
 * Optax (optax.lamb) write it; norms over one tensor, of the old p:
 *
 *     m     <- beta1*m + (1 - beta1)*g
 *     v     <- beta2*v + (1 - beta2)*g*g
 *     u     =  m/(1 - beta1^t) / (sqrt(v)/sqrt(1 - beta2^t) + eps) + weight_decay*p
 *     ratio =  ||p|| / ||u||                                  1 where either norm is 0
 *     p     <- p - lr*ratio*u
 *
 * States: s[0] = m, s[1] = v, written by lamb_measure; lamb then reads them. lamb_plain is the rule
 * where the ratio is 1 whatever the norms are, and asks for none. lamb and lamb_plain return what the
 * step takes from p. Scalar twin: src/scalar/lamb.c.
 */
#include "numeric.cl"
#include "lamb.h"

void lamb_moments(const float g, float *s, const struct lamb_scalars k)
{
    s[0] = k.beta1 * s[0] + k.one_minus_beta1 * g;
    s[1] = k.beta2 * s[1] + k.one_minus_beta2 * g * g;
}

float lamb_divisor(const float v, const struct lamb_scalars k)
{
    return square_root(v) * k.inverse_root + k.eps;
}

float lamb_direction(const float p, const float m, const float v, const struct lamb_scalars k)
{
    return divide(k.inverse_correction * m, lamb_divisor(v, k)) + k.weight_decay * p;
}

void lamb_measure(const float p, const float g, float *s, const struct lamb_scalars k, float *pair)
{
    lamb_moments(g, s, k);
    pair[0] = p;
    pair[1] = lamb_direction(p, s[0], s[1], k);
}

float lamb_ratio_of(const float squares_p, const float squares_u, const float count,
                    const struct lamb_scalars k)
{
    if (squares_p == 0.0f || squares_u == 0.0f)
        return 1.0f;
    return divide(square_root(squares_p), square_root(squares_u));
}

void lamb_ratio_in(struct lamb_scalars *k, const float ratio)
{
    k->ratio = ratio;
}

float lamb(const float p, const float g, float *s, const struct lamb_scalars k)
{
    return k.lr * k.ratio * lamb_direction(p, s[0], s[1], k);
}

float lamb_plain(const float p, const float g, float *s, const struct lamb_scalars k)
{
    lamb_moments(g, s, k);
    return k.lr * lamb_direction(p, s[0], s[1], k);
}

/* The element's own step, for a diagonal metric; where nothing is measured the ratio is 1. */
float lamb_rate(const float *old, const float *s, const struct lamb_scalars k)
{
    return divide(k.lr * k.ratio, lamb_divisor(s[1], k));
}
