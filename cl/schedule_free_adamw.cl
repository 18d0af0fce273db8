/*
 * Schedule-free AdamW (Defazio et al., 2024, algorithm 1), as the authors' AdamWScheduleFree, eps
 * after the correction. The steps are taken from z; the model is trained at y, which p holds, and
 * evaluated at x, the mean of all z, which nothing has to keep: y = (1 - beta1)*z + beta1*x.
 *
 *     v <- beta2*v + (1 - beta2)*g*g
 *     d  = g / (sqrt(v)/sqrt(1 - beta2^t) + eps)
 *     z' = z - lr_t*d                                    and decoupled decay, and proximal stages
 *     y <- y - (c*(y - z) + (1 - beta1*(1 - c))*(z - z'))
 *     z <- z'
 *
 * so that x <- (1 - c)*x + c*z': docs/design.md, "A rule with an iterate". States: s[0] = z, s[1] =
 * v. schedule_free_adamw returns what the step takes from z; schedule_free_adamw_follow, which is
 * given z' and z - z', returns the new y. Scalar twin: src/scalar/schedule_free_adamw.c.
 */
#include "numeric.cl"
#include "schedule_free_adamw.h"

float schedule_free_adamw(const float p, const float g, float *s,
                          const struct schedule_free_adamw_scalars k)
{
    s[1] = k.beta2 * s[1] + k.one_minus_beta2 * g * g;
    return k.lr * divide(g, square_root(s[1]) * k.inverse_root + k.eps);
}

float schedule_free_adamw_follow(const float p, const float next, const float taken, float *s,
                                 const struct schedule_free_adamw_scalars k)
{
    const float gap = k.c * (p - s[0]);
    s[0] = next;
    return p - (gap + k.pull * taken);
}
