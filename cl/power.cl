/*
 * The penalty lp with any exponent q >= 1: weight/q*|p|^q, whose gradient needs |p|^(q - 1):
 *
 *     coupled     g <- g + weight*sign(p)*|p|^(q - 1)
 *     value       weight/q*|p|^q = share*|p|^(q - 1)*|p|
 *
 * A device's own pow, log2 and exp2 differ from device to device. So x^e = 2^(e*log2(x)) is made
 * here of + - and * alone, each rounded once, and of moves of bits: the same everywhere.
 *
 * e*log2(x) may be 150, and its absolute error is the relative error of the result: it needs 33
 * bits. Numbers that need more than a float are a sum of two, the first of which has 12 bits in its
 * significand, so that the product of two such heads is exact (Dekker, "A floating-point technique
 * for extending the available precision", 1971, splits so).
 *
 * For e <= 20 the result is within 2 ulp, one ulp at least 2^-24 of it; u = 2^-25, half of that:
 *     1 + f*q is rounded                                     1 u where it is below 1, else less
 *     f*q, |f| <= 0.51, |f*q| <= 0.3 below 1                 0.5 u, and 0.7 u from q's own sums
 *     f is rounded                                           0.3 u
 *     head*low, tail*log: 3 roundings of 2^-12*150           0.3 u
 *     s*z*t of the logarithm, 2^-7.7 at most, 4 roundings    0.6 u with e = 20
 * together 3.4 u, 1.7 ulp; the polynomials' own errors are below 0.1 u. A subnormal result is
 * rounded once more, to its fewer digits.
 *
 * Other stages use the power too (ftrl.cl). Scalar twin: src/scalar/power.h, power.c.
 */
#include "numeric.cl"
#include "layout.h"

/* high + low: high has 12 bits. */
struct halves {
    float high, low;
};

/* x to the nearest number of 12 bits. */
float high_half(const float x)
{
    return as_float((as_uint(x) + 0x800u) & 0xfffff000u);
}

/* 2^k for -126 <= k <= 127 */
float power_of_two(const int k)
{
    return as_float((uint)(k + 127) << 23);
}

/*
 * log2(x) of a positive finite x = 2^k*m, m from sqrt(1/2) to sqrt(2). With s = (m - 1)/(m + 1)
 *
 *     log2(m) = 2/ln(2)*atanh(s) = 2/ln(2)*s + s^3*t(s^2)
 *
 * where t is a minimax polynomial, within 2^-29.
 */
struct halves binary_logarithm(const float x)
{
    const bool small = x < 0x1p-126f;
    const uint bits = as_uint(small ? x * 0x1p24f : x);
    const int k = (int)((bits + 0x004afb0du) >> 23) - 127; /* 1's bits less sqrt(1/2)'s */
    const float f = as_float(bits - ((uint)k << 23)) - 1.0f;
    const float exponent = (float)(small ? k - 24 : k);

    /* r = 1/(2 + f): a minimax polynomial, within 2^-13, and a step of Newton's method. */
    float r = -0x1.d40cd4p-5f;
    r = 0x1.066ac4p-3f + f * r;
    r = -0x1.00653ep-2f + f * r;
    r = 0x1.fff4b8p-2f + f * r;
    r = r * (2.0f - (2.0f + f) * r);

    /* s = f/(2 + f), and what is left of f - s*(2 + f) for its second half. */
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

    /* 2/ln(2) is 0x1.716p+1 - 0x1.7135a8p-12. */
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

/*
 * 2^(high + low) = 2^n*2^f, n whole, |f| <= 1/2: (2^f - 1)/f is a minimax polynomial, within 2^-28
 * of 2^f. Far beyond the range of float it is cut off, which leaves infinity and 0 what they are.
 * 2^n in two factors: the second one alone overflows, or rounds to a subnormal.
 */
float binary_exponential(const float high, const float low)
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
    const int first = (int)((uint)(k + 256) >> 1) - 128;
    return (1.0f + f * q) * power_of_two(first) * power_of_two(k - first);
}

/* x^(head + tail) for x >= 0, head + tail > 0, head of 12 bits; 0, infinity and NaN stay. */
float power_of(const float x, const float head, const float tail)
{
    const struct halves log = binary_logarithm(x);
    const float low = head * log.low + tail * (log.high + log.low);
    const float power = binary_exponential(head * log.high, low);
    return x > 0.0f && x < INFINITY ? power : x;
}

float coupled_lp_power(const float p, const float g, const struct penalty_scalars k)
{
    return g + k.weight * copysign(power_of(fabs(p), k.exponent, k.exponent_tail), p);
}

float value_lp_power(const float p, const float sum, const struct penalty_scalars k)
{
    const float a = fabs(p);
    return sum + k.share * power_of(a, k.exponent, k.exponent_tail) * a;
}
