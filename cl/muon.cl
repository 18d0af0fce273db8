/*
 * Muon (Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024) as PyTorch
 * writes it (torch/optim/_muon.py), but in float32 where PyTorch iterates in bfloat16; for each
 * matrix p of rows x cols:
 *
 *     buf <- buf + (1 - momentum)*(g - buf)
 *     u    = buf, or with nesterov g + momentum*(buf - g)
 *     x    = u / max(||u||, eps)
 *     x   <- a*x + (b*(x x^T) + c*(x x^T)^2) x                 ns_steps times, iterate.cl
 *     p   <- p - lr*adjust*x          adjust = sqrt(max(1, rows/cols))           original
 *                                     adjust = 0.2*sqrt(max(rows, cols))         match_rms_adamw
 *
 * State: s[0] = buf, which muon alone writes: what comes before it leaves p and state as they are.
 * s[1] is x as iterate.cl has made it of u, which the measuring functions name. muon returns what
 * the step takes from p. Scalar twin: src/scalar/muon.c.
 */
#include "numeric.cl"
#include "muon.h"

float muon_momentum(const float g, const float buf, const struct muon_scalars k)
{
    return buf + k.one_minus_momentum * (g - buf);
}

void muon_measure(const float p, const float g, float *s, const struct muon_scalars k, float *pair)
{
    pair[0] = 0.0f;
    pair[1] = muon_momentum(g, s[0], k);
}

void muon_measure_nesterov(const float p, const float g, float *s, const struct muon_scalars k,
                           float *pair)
{
    const float buf = muon_momentum(g, s[0], k);
    pair[0] = 0.0f;
    pair[1] = g + k.momentum * (buf - g);
}

/* What u is divided by; a NaN stays one. */
float muon_norm(const float nothing, const float squares_u, const float count,
                const struct muon_scalars k)
{
    const float norm = square_root(squares_u);
    return norm < k.eps ? k.eps : norm;
}

void muon_original(struct muon_scalars *k, const uint rows, const uint cols)
{
    k->adjust = rows > cols ? square_root(divide((float)rows, (float)cols)) : 1.0f;
}

void muon_match_rms_adamw(struct muon_scalars *k, const uint rows, const uint cols)
{
    k->adjust = 0.2f * square_root((float)(rows > cols ? rows : cols));
}

float muon(const float p, const float g, float *s, const struct muon_scalars k)
{
    s[0] = muon_momentum(g, s[0], k);
    return k.lr * k.adjust * s[1];
}
