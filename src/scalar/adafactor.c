/* Scalar twin of cl/adafactor.cl: same names, same lines. */
#include "numeric.h"
#include "stages.h"

#include "adafactor.h"

static inline float adafactor_line(const float old, const float squares, const float length,
                                   const struct adafactor_scalars k)
{
    const float mean = divide(squares, length);
    return old + k.weight * (mean - old);
}

void tik_scalar_adafactor_line(size_t n, float *restrict numbers, const float *restrict squares,
                               float length, const void *scalars)
{
    const struct adafactor_scalars k = *(const struct adafactor_scalars *)scalars;
    for (size_t i = 0; i < n; i++)
        numbers[i] = adafactor_line(numbers[i], squares[i], length, k);
}

float tik_scalar_adafactor_mean(float sum, float rows, const void *scalars)
{
    const struct adafactor_scalars k = *(const struct adafactor_scalars *)scalars;
    const float mean = divide(sum, rows);
    return mean < k.eps1 ? k.eps1 : mean;
}

static inline float adafactor_update(const float g, const float s0, const float s1, const float s2,
                                     const struct adafactor_scalars k)
{
    const float root = square_root(divide(s0 * s1, s2));
    return divide(g, root < k.eps1 ? k.eps1 : root);
}

void tik_scalar_adafactor_measure(size_t n, const float *restrict p, const float *restrict g,
                                  float *const *s, const void *scalars, float *restrict first,
                                  float *restrict second)
{
    const struct adafactor_scalars k = *(const struct adafactor_scalars *)scalars;
    const float *restrict s0 = s[0], *restrict s1 = s[1], *restrict s2 = s[2];
    for (size_t i = 0; i < n; i++) {
        first[i] = p[i];
        second[i] = adafactor_update(g[i], s0[i], s1[i], s2[i], k);
    }
}

float tik_scalar_adafactor_ratio_of(float squares_p, float squares_u, float count,
                                    const void *scalars)
{
    const struct adafactor_scalars k = *(const struct adafactor_scalars *)scalars;
    const float rms_p = square_root(divide(squares_p, count));
    const float excess = divide(square_root(divide(squares_u, count)), k.d);
    const float alpha = (rms_p > k.eps2 ? rms_p : k.eps2) * k.rho;
    return divide(alpha, excess > 1.0f ? excess : 1.0f);
}

void tik_scalar_adafactor(size_t n, const float *restrict p, const float *restrict g,
                          float *const *s, const void *scalars, float *restrict step)
{
    (void)p;
    const struct adafactor_scalars k = *(const struct adafactor_scalars *)scalars;
    const float *restrict s0 = s[0], *restrict s1 = s[1], *restrict s2 = s[2];
    for (size_t i = 0; i < n; i++)
        step[i] = k.ratio * adafactor_update(g[i], s0[i], s1[i], s2[i], k);
}
