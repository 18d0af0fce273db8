/*
 * LARS (You, Gitman and Ginsburg, 2017), norms over one tensor, c the trust_coefficient:
 *
 *     mxnet  ratio = c*||p|| / (||g|| + weight_decay*||p|| + eps)        MXNet, optimizer/lars.py
 *     optax  ratio = c*||p|| / (||g + weight_decay*p|| + eps)            Optax, optax.lars
 *     both   buf <- momentum*buf + lr*ratio*(g + weight_decay*p),  p <- p - buf
 *     apex   ratio = min(mxnet's / lr, 1)                                NVIDIA Apex, parallel/LARC.py
 *            buf <- momentum*buf + ratio*(g + weight_decay*p),  p <- p - lr*buf
 *
 * The ratio is 1 where a norm is 0. There apex leaves g as it is, without weight_decay: with ||p|| = 0
 * that is ratio 1; with ||g|| = 0, where g is 0 itself, it is ratio 0.
 * State: s[0] = buf, with momentum. The rules return what the step takes from p. Scalar twin:
 * src/scalar/lars.c.
 */
#include "numeric.cl"
#include "lars.h"

float lars_decayed(const float p, const float g, const struct lars_scalars k)
{
    return g + k.weight_decay * p;
}

void lars_measure(const float p, const float g, float *s, const struct lars_scalars k, float *pair)
{
    pair[0] = p;
    pair[1] = g;
}

void lars_measure_decayed(const float p, const float g, float *s, const struct lars_scalars k,
                          float *pair)
{
    pair[0] = p;
    pair[1] = lars_decayed(p, g, k);
}

float lars_ratio(const float p, const float g, const struct lars_scalars k)
{
    return divide(k.trust_coefficient * p, g + k.weight_decay * p + k.eps);
}

float lars_ratio_of(const float squares_p, const float squares_g, const float count,
                    const struct lars_scalars k)
{
    if (squares_p == 0.0f || squares_g == 0.0f)
        return 1.0f;
    return lars_ratio(square_root(squares_p), square_root(squares_g), k);
}

float lars_ratio_of_decayed(const float squares_p, const float squares_g, const float count,
                            const struct lars_scalars k)
{
    if (squares_p == 0.0f || squares_g == 0.0f)
        return 1.0f;
    return divide(k.trust_coefficient * square_root(squares_p), square_root(squares_g) + k.eps);
}

float lars_ratio_of_apex(const float squares_p, const float squares_g, const float count,
                         const struct lars_scalars k)
{
    if (squares_p == 0.0f || squares_g == 0.0f)
        return squares_p == 0.0f ? 1.0f : 0.0f;
    const float ratio = lars_ratio(square_root(squares_p), square_root(squares_g), k);
    return ratio >= k.lr ? 1.0f : divide(ratio, k.lr);
}

void lars_ratio_in(struct lars_scalars *k, const float ratio)
{
    k->ratio = ratio;
}

float lars(const float p, const float g, float *s, const struct lars_scalars k)
{
    return k.lr * k.ratio * lars_decayed(p, g, k);
}

float lars_momentum(const float p, const float g, float *s, const struct lars_scalars k)
{
    s[0] = k.momentum * s[0] + k.lr * k.ratio * lars_decayed(p, g, k);
    return s[0];
}

float lars_apex(const float p, const float g, float *s, const struct lars_scalars k)
{
    return k.lr * (k.ratio * lars_decayed(p, g, k));
}

float lars_apex_momentum(const float p, const float g, float *s, const struct lars_scalars k)
{
    s[0] = k.momentum * s[0] + k.ratio * lars_decayed(p, g, k);
    return k.lr * s[0];
}
