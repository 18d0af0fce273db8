/*
 * Rprop (Riedmiller and Braun, 1993), as in PyTorch: only the signs of the gradient count.
 *
 *     q    =  sign(g * prev)
 *     size <- clamp(size * (q > 0: eta_plus, q < 0: eta_minus, else 1), step_min, step_max)
 *     g    <- 0 when q < 0
 *     p    <- p - sign(g)*size
 *     prev <- g
 *
 * The signs are multiplied, not the values: a product of small gradients would round to 0.
 * States: s[0] = prev, s[1] = size, from lr. Returns what the step takes from p. Scalar twin:
 * src/scalar/rprop.c.
 */
#include "numeric.cl"
#include "rprop.h"

float rprop(const float p, const float g, float *s, const struct rprop_scalars k)
{
    const float q = sign_of(g) * sign_of(s[0]);
    const float grown = s[1] * (q > 0.0f ? k.eta_plus : q < 0.0f ? k.eta_minus : 1.0f);
    const float size = grown < k.step_min ? k.step_min : grown > k.step_max ? k.step_max : grown;
    const float kept = q < 0.0f ? 0.0f : g;
    s[0] = kept;
    s[1] = size;
    return sign_of(kept) * size;
}
