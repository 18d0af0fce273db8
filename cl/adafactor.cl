/*
 * Adafactor (Shazeer and Stern, 2018, algorithm 4) as PyTorch writes it (torch.optim.Adafactor): means in
 * the place of sums, and eps1 as a floor of what is divided by. Of a matrix, w = t^beta2_decay:
 *
 *     R     <- R + w*(mean of g^2 over the row - R)        C likewise, over the column
 *     V     =  R*C / max(mean of R, eps1)
 *     U     =  g / max(sqrt(V), eps1)
 *     alpha =  max(eps2, RMS(p)) * min(lr, 1/sqrt(t))
 *     p     <- p - alpha / max(1, RMS(U)/d) * U
 *
 * Of a vector V <- V + w*(g^2 - V): its elements are rows of one element, C and the mean are 1. A
 * tensor of more dimensions is so many matrices of the last two; both RMS are of the whole tensor.
 *
 * States: s[0] = R, s[1] = C, s[2] = the divisor of their product, all three from lines.cl. adafactor
 * returns what the step takes from p. PyTorch's floor is eps1^2, of V: it can underflow to 0, and eps1
 * cannot. A NaN counts as less in max, as in PyTorch; in the floors it
 * stays one. Scalar twin: src/scalar/adafactor.c.
 */
#include "numeric.cl"
#include "adafactor.h"

float adafactor_line(const float old, const float squares, const float length,
                     const struct adafactor_scalars k)
{
    const float mean = divide(squares, length);
    return old + k.weight * (mean - old);
}

float adafactor_mean(const float sum, const float rows, const struct adafactor_scalars k)
{
    const float mean = divide(sum, rows);
    return mean < k.eps1 ? k.eps1 : mean;
}

float adafactor_update(const float g, const float *s, const struct adafactor_scalars k)
{
    const float root = square_root(divide(s[0] * s[1], s[2]));
    return divide(g, root < k.eps1 ? k.eps1 : root);
}

void adafactor_measure(const float p, const float g, float *s, const struct adafactor_scalars k,
                       float *pair)
{
    pair[0] = p;
    pair[1] = adafactor_update(g, s, k);
}

float adafactor_ratio_of(const float squares_p, const float squares_u, const float count,
                         const struct adafactor_scalars k)
{
    const float rms_p = square_root(divide(squares_p, count));
    const float excess = divide(square_root(divide(squares_u, count)), k.d);
    const float alpha = (rms_p > k.eps2 ? rms_p : k.eps2) * k.rho;
    return divide(alpha, excess > 1.0f ? excess : 1.0f);
}

void adafactor_ratio_in(struct adafactor_scalars *k, const float ratio)
{
    k->ratio = ratio;
}

float adafactor(const float p, const float g, float *s, const struct adafactor_scalars k)
{
    return k.ratio * adafactor_update(g, s, k);
}
