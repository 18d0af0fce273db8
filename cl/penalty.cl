/*
 * The elementwise penalties, in their applications. l1, l2 and the elastic net are weighted sums of
 * |p| and p^2/2:
 *
 *     coupled     g <- g + l1*sign(p) + l2*p
 *     decoupled   p <- p - (decay*p + step)                               see SUBTRACT in step.cl
 *     proximal    p <- sign(p)*max(|p| - lr*l1, 0) / (1 + lr*l2)          exact zeros; see shrunk
 *     value       l1*|p| + 1/2*l2*p^2                                     for the report
 *
 * lp is weight/q*|p|^q. Its proximal point x solves x + c*x^(q - 1) = |p|, c = lr*weight, which has
 * a closed form for q = 3/2 and q = 3; q = 1 and q = 2 are l1 and l2. Any other q, coupled, is in
 * power.cl. The box clamps.
 *
 * Scalar twin: src/scalar/penalty.c.
 */
#include "numeric.cl"
#include "layout.h"
#include "power.cl"

/*
 * What a proximal stage may ask of one element: its own step (diagonal.cl), and what a cumulative
 * penalty has taken from it so far (cumulative.cl).
 */
struct own {
    float rate;
    float paid;
};

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
float proximal_l1(const float p, struct own *own, const struct penalty_scalars k)
{
    const float rest = fabs(p) - k.threshold;
    return rest <= 0.0f ? 0.0f : copysign(rest, p);
}

/*
 * x/(1 + lr*l2). The divisor, rounded, would lose a small lr*l2; so would its inverse. But keep, the
 * power of two nearest to the inverse, is 1 for a small lr*l2, its product is exact, and what is
 * subtracted has its own digits, rounded once. 0, infinity and NaN stay.
 */
float shrunk(const float x, const struct penalty_scalars k)
{
    const float rest = k.keep * x - k.shrink * x;
    return fabs(x) > 0.0f && fabs(x) < INFINITY ? rest : x;
}

float proximal_l2(const float p, struct own *own, const struct penalty_scalars k)
{
    return shrunk(p, k);
}

float proximal_elastic_net(const float p, struct own *own, const struct penalty_scalars k)
{
    const float rest = fabs(p) - k.threshold;
    return rest <= 0.0f ? 0.0f : copysign(shrunk(rest, k), p);
}

float proximal_none(const float p, struct own *own, const struct penalty_scalars k)
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

float coupled_lp_three_halves(const float p, const float g, const struct penalty_scalars k)
{
    return g + k.weight * (sign_of(p) * square_root(fabs(p)));
}

float coupled_lp_cubic(const float p, const float g, const struct penalty_scalars k)
{
    return g + k.weight * (p * fabs(p));
}

/* x + c*sqrt(x) = a, h = c/2: sqrt(x) = a/(h + sqrt(h^2 + a)), the form without cancellation. */
float proximal_lp_three_halves(const float p, struct own *own, const struct penalty_scalars k)
{
    const float a = fabs(p);
    const float root = divide(a, k.pull + square_root(k.pull * k.pull + a));
    return k.pull > 0.0f ? copysign(root * root, p) : p;
}

/* x + c*x^2 = a: x = a/(1/2 + sqrt(1/4 + ca)). */
float proximal_lp_cubic(const float p, struct own *own, const struct penalty_scalars k)
{
    return divide(p, 0.5f + square_root(0.25f + k.pull * fabs(p)));
}

float proximal_box(const float p, struct own *own, const struct penalty_scalars k)
{
    return p < k.low ? k.low : p > k.high ? k.high : p;
}

float value_lp_three_halves(const float p, const float sum, const struct penalty_scalars k)
{
    const float a = fabs(p);
    return sum + k.share * (a * square_root(a));
}

float value_lp_cubic(const float p, const float sum, const struct penalty_scalars k)
{
    const float a = fabs(p);
    return sum + k.share * (a * a * a);
}
