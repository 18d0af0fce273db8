/* Scalar twin of cl/diagonal.cl: same names, same lines. */
#include "numeric.h"
#include "stages.h"

static inline float shrunk_by(const float x, const float c)
{
    const float rest = c <= 0.5f ? x - divide(c * x, 1.0f + c) : divide(x, 1.0f + c);
    return fabsf(x) > 0.0f && fabsf(x) < INFINITY ? rest : x;
}

void tik_scalar_proximal_l1_diagonal(size_t n, const float *restrict rate, float *paid,
                                     const struct penalty_scalars *k, float *restrict p)
{
    (void)paid;
    const float l1 = k->l1;
    for (size_t i = 0; i < n; i++) {
        const float rest = fabsf(p[i]) - rate[i] * l1;
        p[i] = rest <= 0.0f ? 0.0f : copysignf(rest, p[i]);
    }
}

void tik_scalar_proximal_l2_diagonal(size_t n, const float *restrict rate, float *paid,
                                     const struct penalty_scalars *k, float *restrict p)
{
    (void)paid;
    const float l2 = k->l2;
    for (size_t i = 0; i < n; i++)
        p[i] = shrunk_by(p[i], rate[i] * l2);
}

void tik_scalar_proximal_elastic_net_diagonal(size_t n, const float *restrict rate, float *paid,
                                              const struct penalty_scalars *k, float *restrict p)
{
    (void)paid;
    const float l1 = k->l1, l2 = k->l2;
    for (size_t i = 0; i < n; i++) {
        const float rest = fabsf(p[i]) - rate[i] * l1;
        p[i] = rest <= 0.0f ? 0.0f : copysignf(shrunk_by(rest, rate[i] * l2), p[i]);
    }
}

void tik_scalar_proximal_lp_three_halves_diagonal(size_t n, const float *restrict rate, float *paid,
                                                  const struct penalty_scalars *k,
                                                  float *restrict p)
{
    (void)paid;
    const float weight = k->weight;
    for (size_t i = 0; i < n; i++) {
        const float a = fabsf(p[i]);
        const float pull = 0.5f * (rate[i] * weight);
        const float root = divide(a, pull + square_root(pull * pull + a));
        p[i] = pull > 0.0f ? copysignf(root * root, p[i]) : p[i];
    }
}

void tik_scalar_proximal_lp_cubic_diagonal(size_t n, const float *restrict rate, float *paid,
                                           const struct penalty_scalars *k, float *restrict p)
{
    (void)paid;
    const float weight = k->weight;
    for (size_t i = 0; i < n; i++) {
        const float pull = rate[i] * weight;
        p[i] = divide(p[i], 0.5f + square_root(0.25f + pull * fabsf(p[i])));
    }
}
