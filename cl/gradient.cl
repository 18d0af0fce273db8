/*
 * The gradient as it comes to the rule, before penalties:
 *
 *     gather    g <- (sum + g) / n                 the mean of n gradients, while they accumulate
 *     unscale   g <- g / scale                     of the loss
 *     limit     g <- min(max(g, -limit), limit)    clip by value
 *     clip      g <- g * factor                    clip by a norm: of all, of a tensor, of a row
 *
 * The program names the stages that it uses. Scalar twin: src/scalar/gradient.c.
 */
#include "numeric.cl"
#include "layout.h"

float gather_alone(const float g, const float sum, const struct gradient_scalars k)
{
    return g;
}

float gather_mean(const float g, const float sum, const struct gradient_scalars k)
{
    return (sum + g) * k.share;
}

float unscale_none(const float g, __global const struct tik_control *control)
{
    return g;
}

float unscale_by_control(const float g, __global const struct tik_control *control)
{
    return g * control->unscale;
}

/* Before the step is decided, when that factor is still one of the things to come. */
float unscale_by_coming(const float g, __global const struct tik_control *control)
{
    return g * control->coming;
}

float limit_none(const float g, const struct gradient_scalars k)
{
    return g;
}

/* The comparisons are so that a NaN stays one. */
float limit_by_value(const float g, const struct gradient_scalars k)
{
    return g < -k.limit ? -k.limit : g > k.limit ? k.limit : g;
}
