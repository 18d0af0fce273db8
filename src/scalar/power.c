/* Scalar twin of the stages of cl/power.cl: same names, same lines. */
#include "power.h"
#include "stages.h"

void tik_scalar_coupled_lp_power(size_t n, const float *restrict p, const struct penalty_scalars *k,
                                 float *restrict g)
{
    const float weight = k->weight, head = k->exponent, tail = k->exponent_tail;
    for (size_t i = 0; i < n; i++)
        g[i] = g[i] + weight * copysignf(power_of(fabsf(p[i]), head, tail), p[i]);
}

void tik_scalar_value_lp_power(size_t n, const float *restrict p, const struct penalty_scalars *k,
                               float *restrict sum)
{
    const float share = k->share, head = k->exponent, tail = k->exponent_tail;
    for (size_t i = 0; i < n; i++) {
        const float a = fabsf(p[i]);
        sum[i] = sum[i] + share * power_of(a, head, tail) * a;
    }
}
