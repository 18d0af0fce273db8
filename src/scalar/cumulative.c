/* Scalar twin of cl/cumulative.cl: same names, same lines. */
#include "numeric.h"
#include "stages.h"

void tik_scalar_proximal_l1_cumulative(size_t n, const float *rate, float *restrict paid,
                                       const struct penalty_scalars *k, float *restrict p)
{
    (void)rate;
    const float total = k->total;
    for (size_t i = 0; i < n; i++) {
        const float rest = p[i] > 0.0f ? p[i] - (total + paid[i]) : -p[i] - (total - paid[i]);
        const float left = rest <= 0.0f ? 0.0f : copysignf(rest, p[i]); /* a NaN stays one */
        const float next = p[i] == 0.0f ? p[i] : left;
        paid[i] = paid[i] + (next - p[i]);
        p[i] = next;
    }
}
