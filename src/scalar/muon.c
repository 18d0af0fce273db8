/* Scalar twin of cl/muon.cl: same names, same lines. */
#include "numeric.h"
#include "stages.h"

#include "muon.h"

static inline float muon_momentum(const float g, const float buf, const struct muon_scalars k)
{
    return buf + k.one_minus_momentum * (g - buf);
}

void tik_scalar_muon_measure(size_t n, const float *restrict p, const float *restrict g,
                             float *const *s, const void *scalars, float *restrict first,
                             float *restrict second)
{
    (void)p;
    const struct muon_scalars k = *(const struct muon_scalars *)scalars;
    const float *restrict s0 = s[0];
    for (size_t i = 0; i < n; i++) {
        first[i] = 0.0f;
        second[i] = muon_momentum(g[i], s0[i], k);
    }
}

void tik_scalar_muon_measure_nesterov(size_t n, const float *restrict p, const float *restrict g,
                                      float *const *s, const void *scalars, float *restrict first,
                                      float *restrict second)
{
    (void)p;
    const struct muon_scalars k = *(const struct muon_scalars *)scalars;
    const float *restrict s0 = s[0];
    for (size_t i = 0; i < n; i++) {
        const float buf = muon_momentum(g[i], s0[i], k);
        first[i] = 0.0f;
        second[i] = g[i] + k.momentum * (buf - g[i]);
    }
}

float tik_scalar_muon_norm(float nothing, float squares_u, float count, const void *scalars)
{
    (void)nothing, (void)count;
    const struct muon_scalars *k = scalars;
    const float norm = square_root(squares_u);
    return norm < k->eps ? k->eps : norm;
}

void tik_scalar_muon_original(void *scalars, uint32_t rows, uint32_t cols)
{
    struct muon_scalars *k = scalars;
    k->adjust = rows > cols ? square_root(divide((float)rows, (float)cols)) : 1.0f;
}

void tik_scalar_muon_match_rms_adamw(void *scalars, uint32_t rows, uint32_t cols)
{
    struct muon_scalars *k = scalars;
    k->adjust = 0.2f * square_root((float)(rows > cols ? rows : cols));
}

void tik_scalar_muon(size_t n, const float *restrict p, const float *restrict g, float *const *s,
                     const void *scalars, float *restrict step)
{
    (void)p;
    const struct muon_scalars k = *(const struct muon_scalars *)scalars;
    float *restrict s0 = s[0];
    const float *restrict x = s[1];
    for (size_t i = 0; i < n; i++) {
        s0[i] = muon_momentum(g[i], s0[i], k);
        step[i] = k.lr * k.adjust * x[i];
    }
}
