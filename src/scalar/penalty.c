/* Scalar twin of cl/penalty.cl: same names, same lines; stages that do nothing are not called. */
#include "numeric.h"
#include "stages.h"

void tik_scalar_coupled_l1(size_t n, const float *restrict p, const struct penalty_scalars *k,
                           float *restrict g)
{
    const float l1 = k->l1;
    for (size_t i = 0; i < n; i++)
        g[i] = g[i] + l1 * sign_of(p[i]);
}

void tik_scalar_coupled_l2(size_t n, const float *restrict p, const struct penalty_scalars *k,
                           float *restrict g)
{
    const float l2 = k->l2;
    for (size_t i = 0; i < n; i++)
        g[i] = g[i] + l2 * p[i];
}

void tik_scalar_coupled_elastic_net(size_t n, const float *restrict p,
                                    const struct penalty_scalars *k, float *restrict g)
{
    const float l1 = k->l1, l2 = k->l2;
    for (size_t i = 0; i < n; i++)
        g[i] = g[i] + l2 * p[i] + l1 * sign_of(p[i]);
}

/* The proximal stages work in place: `result` is p. */
void tik_scalar_proximal_l1(size_t n, const float *unused, const struct penalty_scalars *k,
                            float *restrict p)
{
    (void)unused;
    const float threshold = k->threshold;
    for (size_t i = 0; i < n; i++) {
        const float rest = fabsf(p[i]) - threshold;
        p[i] = rest <= 0.0f ? 0.0f : copysignf(rest, p[i]);
    }
}

static inline float shrunk(const float x, const float keep, const float shrink)
{
    const float rest = keep * x - shrink * x;
    return fabsf(x) > 0.0f && fabsf(x) < INFINITY ? rest : x;
}

void tik_scalar_proximal_l2(size_t n, const float *unused, const struct penalty_scalars *k,
                            float *restrict p)
{
    (void)unused;
    const float keep = k->keep, shrink = k->shrink;
    for (size_t i = 0; i < n; i++)
        p[i] = shrunk(p[i], keep, shrink);
}

void tik_scalar_proximal_elastic_net(size_t n, const float *unused, const struct penalty_scalars *k,
                                     float *restrict p)
{
    (void)unused;
    const float threshold = k->threshold, keep = k->keep, shrink = k->shrink;
    for (size_t i = 0; i < n; i++) {
        const float rest = fabsf(p[i]) - threshold;
        p[i] = rest <= 0.0f ? 0.0f : copysignf(shrunk(rest, keep, shrink), p[i]);
    }
}

void tik_scalar_value_l1(size_t n, const float *restrict p, const struct penalty_scalars *k,
                         float *restrict sum)
{
    const float l1 = k->l1;
    for (size_t i = 0; i < n; i++)
        sum[i] = sum[i] + l1 * fabsf(p[i]);
}

void tik_scalar_value_l2(size_t n, const float *restrict p, const struct penalty_scalars *k,
                         float *restrict sum)
{
    const float l2 = k->l2;
    for (size_t i = 0; i < n; i++)
        sum[i] = sum[i] + 0.5f * l2 * p[i] * p[i];
}

void tik_scalar_value_elastic_net(size_t n, const float *restrict p,
                                  const struct penalty_scalars *k, float *restrict sum)
{
    const float l1 = k->l1, l2 = k->l2;
    for (size_t i = 0; i < n; i++)
        sum[i] = sum[i] + 0.5f * l2 * p[i] * p[i] + l1 * fabsf(p[i]);
}

void tik_scalar_coupled_lp_three_halves(size_t n, const float *restrict p,
                                        const struct penalty_scalars *k, float *restrict g)
{
    const float weight = k->weight;
    for (size_t i = 0; i < n; i++)
        g[i] = g[i] + weight * (sign_of(p[i]) * square_root(fabsf(p[i])));
}

void tik_scalar_coupled_lp_cubic(size_t n, const float *restrict p, const struct penalty_scalars *k,
                                 float *restrict g)
{
    const float weight = k->weight;
    for (size_t i = 0; i < n; i++)
        g[i] = g[i] + weight * (p[i] * fabsf(p[i]));
}

void tik_scalar_proximal_lp_three_halves(size_t n, const float *unused,
                                         const struct penalty_scalars *k, float *restrict p)
{
    (void)unused;
    const float pull = k->pull;
    for (size_t i = 0; i < n; i++) {
        const float a = fabsf(p[i]);
        const float root = divide(a, pull + square_root(pull * pull + a));
        p[i] = pull > 0.0f ? copysignf(root * root, p[i]) : p[i];
    }
}

void tik_scalar_proximal_lp_cubic(size_t n, const float *unused, const struct penalty_scalars *k,
                                  float *restrict p)
{
    (void)unused;
    const float pull = k->pull;
    for (size_t i = 0; i < n; i++)
        p[i] = divide(p[i], 0.5f + square_root(0.25f + pull * fabsf(p[i])));
}

void tik_scalar_proximal_box(size_t n, const float *unused, const struct penalty_scalars *k,
                             float *restrict p)
{
    (void)unused;
    const float low = k->low, high = k->high;
    for (size_t i = 0; i < n; i++)
        p[i] = p[i] < low ? low : p[i] > high ? high : p[i];
}

void tik_scalar_value_lp_three_halves(size_t n, const float *restrict p,
                                      const struct penalty_scalars *k, float *restrict sum)
{
    const float share = k->share;
    for (size_t i = 0; i < n; i++) {
        const float a = fabsf(p[i]);
        sum[i] = sum[i] + share * (a * square_root(a));
    }
}

void tik_scalar_value_lp_cubic(size_t n, const float *restrict p, const struct penalty_scalars *k,
                               float *restrict sum)
{
    const float share = k->share;
    for (size_t i = 0; i < n; i++) {
        const float a = fabsf(p[i]);
        sum[i] = sum[i] + share * (a * a * a);
    }
}
