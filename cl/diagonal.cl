/*
 * Proximal points in the metric of an adaptive rule, metric = diagonal: an element whose gradient,
 * or mean of gradients, the rule multiplies by s has s for its step in the place of lr (Duchi,
 * Hazan and Singer, 2011, section 5):
 *
 *     l1           p <- sign(p)*max(|p| - s*l1, 0)
 *     l2           p <- p/(1 + s*l2)
 *     elastic net  p <- sign(p)*max(|p| - s*l1, 0)/(1 + s*l2)
 *     lp           as in penalty.cl, with c = s*weight
 *
 * The box has the same point in every metric. Scalar twin: src/scalar/diagonal.c.
 */
#include "numeric.cl"
#include "penalty.cl"

/*
 * x/(1 + c). A divisor that is rounded would lose a small c; what it takes from x has its own
 * digits. 0, infinity and NaN stay, as in shrunk of penalty.cl.
 */
float shrunk_by(const float x, const float c)
{
    const float rest = c <= 0.5f ? x - divide(c * x, 1.0f + c) : divide(x, 1.0f + c);
    return fabs(x) > 0.0f && fabs(x) < INFINITY ? rest : x;
}

float proximal_l1_diagonal(const float p, struct own *own, const struct penalty_scalars k)
{
    const float rest = fabs(p) - own->rate * k.l1;
    return rest <= 0.0f ? 0.0f : copysign(rest, p);
}

float proximal_l2_diagonal(const float p, struct own *own, const struct penalty_scalars k)
{
    return shrunk_by(p, own->rate * k.l2);
}

float proximal_elastic_net_diagonal(const float p, struct own *own, const struct penalty_scalars k)
{
    const float rest = fabs(p) - own->rate * k.l1;
    return rest <= 0.0f ? 0.0f : copysign(shrunk_by(rest, own->rate * k.l2), p);
}

float proximal_lp_three_halves_diagonal(const float p, struct own *own,
                                        const struct penalty_scalars k)
{
    const float a = fabs(p);
    const float pull = 0.5f * (own->rate * k.weight);
    const float root = divide(a, pull + square_root(pull * pull + a));
    return pull > 0.0f ? copysign(root * root, p) : p;
}

float proximal_lp_cubic_diagonal(const float p, struct own *own, const struct penalty_scalars k)
{
    const float pull = own->rate * k.weight;
    return divide(p, 0.5f + square_root(0.25f + pull * fabs(p)));
}
