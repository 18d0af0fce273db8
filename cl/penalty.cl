/*
 * The elementwise penalties, in their applications. Every one is a weighted sum of |p| and p^2/2:
 *
 *     coupled     g <- g + l1*sign(p) + l2*p
 *     decoupled   p <- p - (decay*p + step)                               see SUBTRACT in step.cl
 *     proximal    p <- sign(p)*max(|p| - lr*l1, 0) / (1 + lr*l2)          exact zeros
 *     value       l1*|p| + 1/2*l2*p^2                                     for the report
 *
 * Scalar twin: src/scalar/penalty.c.
 */
#include "numeric.cl"
#include "layout.h"

float coupled_none(const float p, const float g, const struct penalty_scalars k)
{
    return g;
}

float coupled_l1(const float p, const float g, const struct penalty_scalars k)
{
    return g + k.l1 * sign_of(p);
}

float coupled_l2(const float p, const float g, const struct penalty_scalars k)
{
    return g + k.l2 * p;
}

float coupled_elastic_net(const float p, const float g, const struct penalty_scalars k)
{
    return g + k.l2 * p + k.l1 * sign_of(p);
}

/* Soft thresholding; the comparison is so that a NaN stays one. */
float proximal_l1(const float p, const struct penalty_scalars k)
{
    const float rest = fabs(p) - k.threshold;
    return rest <= 0.0f ? 0.0f : copysign(rest, p);
}

float proximal_l2(const float p, const struct penalty_scalars k)
{
    return divide(p, k.divisor);
}

float proximal_elastic_net(const float p, const struct penalty_scalars k)
{
    const float rest = fabs(p) - k.threshold;
    return rest <= 0.0f ? 0.0f : divide(copysign(rest, p), k.divisor);
}

float proximal_none(const float p, const struct penalty_scalars k)
{
    return p;
}

float value_none(const float p, const float sum, const struct penalty_scalars k)
{
    return sum;
}

float value_l1(const float p, const float sum, const struct penalty_scalars k)
{
    return sum + k.l1 * fabs(p);
}

float value_l2(const float p, const float sum, const struct penalty_scalars k)
{
    return sum + 0.5f * k.l2 * p * p;
}

float value_elastic_net(const float p, const float sum, const struct penalty_scalars k)
{
    return sum + 0.5f * k.l2 * p * p + k.l1 * fabs(p);
}
