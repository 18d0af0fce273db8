/* Scalar twin of cl/asgd.cl: same names, same lines. */
#include "numeric.h"
#include "stages.h"

#include "asgd.h"

void tik_scalar_asgd(size_t n, const float *restrict p, const float *restrict g, float *const *s,
                     const void *scalars, float *restrict step)
{
    (void)s;
    const struct asgd_scalars k = *(const struct asgd_scalars *)scalars;
    for (size_t i = 0; i < n; i++)
        step[i] = k.pull * p[i] + k.eta * g[i];
}

/* After the proximal stages: the average takes in the new p. */
void tik_scalar_asgd_average(size_t n, const float *restrict p, float *const *s,
                             const void *scalars)
{
    const struct asgd_scalars k = *(const struct asgd_scalars *)scalars;
    float *restrict s0 = s[0];
    for (size_t i = 0; i < n; i++)
        s0[i] = k.mu == 1.0f ? p[i] : s0[i] + k.mu * (p[i] - s0[i]);
}
