/* Scalar twin of cl/power.cl: same names, same lines. */
#include <stdbool.h>
#include <string.h>

#include "numeric.h"
#include "power.h"
#include "stages.h"

struct halves {
    float high, low;
};

/* OpenCL's names for the bits of a float. */
static inline uint32_t as_uint(const float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float as_float(const uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline float high_half(const float x)
{
    return as_float((as_uint(x) + 0x800u) & 0xfffff000u);
}

static inline float power_of_two(const int k)
{
    return as_float((uint32_t)(k + 127) << 23);
}

static inline struct halves binary_logarithm(const float x)
{
    const bool small = x < 0x1p-126f;
    const uint32_t bits = as_uint(small ? x * 0x1p24f : x);
    const int k = (int)((bits + 0x004afb0du) >> 23) - 127;
    const float f = as_float(bits - ((uint32_t)k << 23)) - 1.0f;
    const float exponent = (float)(small ? k - 24 : k);

    float r = -0x1.d40cd4p-5f;
    r = 0x1.066ac4p-3f + f * r;
    r = -0x1.00653ep-2f + f * r;
    r = 0x1.fff4b8p-2f + f * r;
    r = r * (2.0f - (2.0f + f) * r);

    const float s = f * r;
    const float s_high = high_half(s);
    const float f_high = high_half(f);
    const float left = (f - 2.0f * s_high - s_high * f_high) - s_high * (f - f_high);
    const float s_low = left * r;

    const float z = s * s;
    float t = 0x1.58b1a2p-2f;
    t = 0x1.a5c922p-2f + z * t;
    t = 0x1.277700p-1f + z * t;
    t = 0x1.ec709ep-1f + z * t;

    const float main = 0x1.716p+1f * s_high;
    const float rest = 0x1.716p+1f * s_low + (s * z * t - 0x1.7135a8p-12f * s);
    const float sum = exponent + main;
    const float lost = main - (sum - exponent);
    const float low = lost + rest;
    struct halves log;
    log.high = high_half(sum + low);
    log.low = (sum - log.high) + low;
    return log;
}

static inline float binary_exponential(const float high, const float low)
{
    const float y = high < -200.0f ? -200.0f : high > 200.0f ? 200.0f : high;
    const float n = (y + low + 0x1.8p23f) - 0x1.8p23f;
    const float f = (y - n) + low;
    float q = 0x1.4492a6p-13f;
    q = 0x1.5f4b0cp-10f + f * q;
    q = 0x1.3b29a6p-7f + f * q;
    q = 0x1.c6aec8p-5f + f * q;
    q = 0x1.ebfbe0p-3f + f * q;
    q = 0x1.62e430p-1f + f * q;
    const int k = (int)n;
    const int first = (int)((uint32_t)(k + 256) >> 1) - 128;
    return (1.0f + f * q) * power_of_two(first) * power_of_two(k - first);
}

static inline float power_of(const float x, const float head, const float tail)
{
    const struct halves log = binary_logarithm(x);
    const float low = head * log.low + tail * (log.high + log.low);
    const float power = binary_exponential(head * log.high, low);
    return x > 0.0f && x < INFINITY ? power : x;
}

void tik_scalar_power(size_t n, const float *restrict x, float head, float tail,
                      float *restrict power)
{
    for (size_t i = 0; i < n; i++)
        power[i] = power_of(x[i], head, tail);
}

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
