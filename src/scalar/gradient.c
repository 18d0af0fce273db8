/* Scalar twin of cl/gradient.cl: same names, same lines; stages that do nothing are not called. */
#include "gradient.h"

TIK_WIDE static void gather_mean(size_t n, const float *restrict g, const float *restrict sum,
                                 const struct gradient_scalars *k, float *restrict out)
{
    const float share = k->share;
    for (size_t i = 0; i < n; i++)
        out[i] = (sum[i] + g[i]) * share;
}

/* What copies the gradient unscales it too: 1, where there is no scale, changes no bit. */
TIK_WIDE static void gather_alone(size_t n, const float *restrict g, float unscale,
                                  float *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = g[i] * unscale;
}

TIK_WIDE static void unscale_by_control(size_t n, float unscale, float *g)
{
    for (size_t i = 0; i < n; i++)
        g[i] = g[i] * unscale;
}

TIK_WIDE void tik_scalar_limit_by_value(size_t n, const struct gradient_scalars *k, float *g)
{
    const float limit = k->limit;
    for (size_t i = 0; i < n; i++)
        g[i] = g[i] < -limit ? -limit : g[i] > limit ? limit : g[i];
}

bool tik_scalar_gathers(const struct tik_gather *gather)
{
    return gather->mean || gather->unscale || (gather->limit && !gather->late);
}

void tik_scalar_gather(const struct tik_gather *gather, const struct gradient_scalars *k, size_t n,
                       const float *g, const float *sum, float unscale, float *out)
{
    if (gather->mean)
        gather_mean(n, g, sum, k, out);
    else
        gather_alone(n, g, unscale, out);
    if (gather->mean && gather->unscale)
        unscale_by_control(n, unscale, out);
    if (gather->limit && !gather->late)
        tik_scalar_limit_by_value(n, k, out);
}
