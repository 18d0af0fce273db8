/*
 * l1 with a cumulative penalty (Tsuruoka, Tsujii and Ananiadou, 2009, section 3.2; scikit-learn's
 * SGD): u is what every element could have paid so far, q what one has. Some q, with its sign:
 *
 *     u <- u + lr*weight                                    by the host, in double
 *     p > 0:  p' = max(0, p - (u + q))
 *     p < 0:  p' = min(0, p + (u - q))
 *     q <- q + (p' - p)
 *
 * An element that was 0, and owes nothing for it, pays later. Scalar twin: src/scalar/cumulative.c.
 */
#include "numeric.cl"
#include "penalty.cl"

float proximal_l1_cumulative(const float p, struct own *own, const struct penalty_scalars k)
{
    const float rest = p > 0.0f ? p - (k.total + own->paid) : -p - (k.total - own->paid);
    const float left = rest <= 0.0f ? 0.0f : copysign(rest, p); /* a NaN stays one */
    const float next = p == 0.0f ? p : left;
    own->paid = own->paid + (next - p);
    return next;
}
