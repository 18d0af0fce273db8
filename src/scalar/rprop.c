/* Scalar twin of cl/rprop.cl: same names, same lines. */
#include "fuse.h"
#include "numeric.h"
#include "stages.h"

#include "rprop.h"

TIK_INLINE void rprop(size_t n, const float *p, const float *restrict g, float *const *s,
                      const void *scalars, float *restrict step)
{
    (void)p;
    const struct rprop_scalars k = *(const struct rprop_scalars *)scalars;
    float *restrict s0 = s[0], *restrict s1 = s[1];
    for (size_t i = 0; i < n; i++) {
        const float q = sign_of(g[i]) * sign_of(s0[i]);
        const float grown = s1[i] * (q > 0.0f ? k.eta_plus : q < 0.0f ? k.eta_minus : 1.0f);
        const float size = grown < k.step_min   ? k.step_min
                           : grown > k.step_max ? k.step_max
                                                : grown;
        const float kept = q < 0.0f ? 0.0f : g[i];
        s0[i] = kept;
        s1[i] = size;
        step[i] = sign_of(kept) * size;
    }
}

TIK_TWINS(rprop, 2)
