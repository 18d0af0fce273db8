/*
 * x / y and sqrt(x) rounded to nearest even, on devices that only promise 2.5 and 3 ulp: the
 * device's own result is moved by single ulps until the residual, which fma gives exactly, is
 * smaller than half an ulp (Markstein, IBM J. Res. Dev. 34, 1990; docs/numerics.md has the proof).
 *
 * Operands are brought to exponent 0 by their bits, so that no subnormal and no overflow enters the
 * arithmetic; the result is put together as bits again. Devices that flush subnormals, or whose
 * fma is wrong on them, get the same bits. Needs: FP_CONTRACT OFF; + * exact where the result is
 * representable, fma correctly rounded, device results within 3 ulp for operands in [1, 4).
 */

/* Ulps by which the device's own result is moved, for the tests: -3 to 3. */
#ifndef DISPLACE
#define DISPLACE 0
#endif

enum {
    MAGNITUDE = 0x7fffffff,     /* all bits but the sign */
    INFINITY_BITS = 0x7f800000, /* from here on infinity and NaN */
    ONE_BITS = 0x3f800000,      /* 1.0f, and the float below 2.0f */
    BELOW_TWO_BITS = 0x3fffffff,
    HIDDEN_BIT = 0x00800000,
    BIAS = 127,
    LARGEST_EXPONENT = 254, /* biased, of finite numbers */
    CORRECTIONS = 3,        /* a result within 3 ulp is at most 3 floats from the right one */
};

/* Only where a few ulp leave a number what it is: finite, normal, of the same sign. */
float displaced(const float x)
{
    const bool usual = fabs(x) > 0x1p-100f && fabs(x) < 0x1p100f;
    return usual ? as_float(as_int(x) + DISPLACE) : x;
}

float device_quotient(const float x, const float y)
{
    return displaced(x / y);
}

float device_root(const float x)
{
    return displaced(sqrt(x));
}

/* Places by which a subnormal's leading bit is too far right; 0 for a normal number. */
int missing_places(const int magnitude)
{
    return max((int)clz(magnitude) - 8, 0);
}

/* |x| = significand_of * 2^exponent_of with a significand in [1, 2), for x finite and not zero. */
int exponent_of(const int magnitude)
{
    return max(magnitude >> 23, 1) - missing_places(magnitude) - BIAS;
}

float significand_of(const int magnitude)
{
    const int digits = magnitude << missing_places(magnitude);
    return as_float(ONE_BITS | (digits & (HIDDEN_BIT - 1)));
}

/*
 * The bits of (q + rest) * 2^exponent rounded to nearest even, for q in [1, 2) given as its bits
 * and a rest of at most half an ulp, of which only the sign counts: on the grid of subnormals,
 * whose ulp is at least twice that of q, it decides what the digits of q alone leave as a tie.
 */
int round_to_float(const int q, const float rest, const int exponent)
{
    const int biased = exponent + BIAS;
    if (biased > LARGEST_EXPONENT)
        return INFINITY_BITS;
    /* The digits of q, and two more places for the sign of the rest. */
    const int digits = 4 * (q - ONE_BITS + HIDDEN_BIT) + (rest > 0.0f) - (rest < 0.0f);
    const int places = min(2 + max(1 - biased, 0), 30);
    const int kept = digits >> places, lost = digits - (kept << places);
    const int half_place = 1 << (places - 1);
    const int up = lost > half_place || (lost == half_place && (kept & 1) != 0);
    /* The hidden bit in `kept`, and a carry out of it, count the exponent up by one. */
    return max(biased - 1, 0) * HIDDEN_BIT + kept + up;
}

float corrected_quotient(const float x, const float y)
{
    const int a = as_int(x) & MAGNITUDE, b = as_int(y) & MAGNITUDE;
    if (a == 0 || b == 0 || a >= INFINITY_BITS || b >= INFINITY_BITS)
        return x / y; /* zero, infinity or NaN, which is no matter of rounding */

    /* d in [1, 2) and n in [d, 2d), so that 1 <= n / d <= 2 - 2^-23. */
    const float d = significand_of(b), m = significand_of(a);
    const int smaller = m < d;
    const float n = smaller ? 2.0f * m : m;
    const float half_ulp = 0x1p-24f * d; /* of the quotient, times d as the residual is */

    int q = clamp(as_int(device_quotient(n, d)), (int)ONE_BITS, (int)BELOW_TWO_BITS);
    float rest = fma(-as_float(q), d, n);
    for (int i = 0; i < CORRECTIONS; i++) {
        q += (rest > half_ulp) - (rest < -half_ulp);
        rest = fma(-as_float(q), d, n);
    }
    const int sign = (as_int(x) ^ as_int(y)) & ~MAGNITUDE;
    return as_float(sign | round_to_float(q, rest, exponent_of(a) - exponent_of(b) - smaller));
}

float corrected_root(const float x)
{
    const int magnitude = as_int(x);
    if (magnitude <= 0 || magnitude >= INFINITY_BITS)
        return sqrt(x); /* zero, negative, infinity or NaN */

    /* x = m * 4^half with m in [1, 4), so that 1 <= sqrt(m) < 2 - 2^-24; never subnormal. */
    const int exponent = exponent_of(magnitude), odd = exponent & 1;
    const float m = significand_of(magnitude) * (odd ? 2.0f : 1.0f);

    int q = clamp(as_int(device_root(m)), (int)ONE_BITS, (int)BELOW_TWO_BITS);
    for (int i = 0; i < CORRECTIONS; i++) {
        const float root = as_float(q), rest = fma(-root, root, m);
        /* sqrt(m) > root + u/2: m - root^2 > root u + u^2/4; both sides are multiples of u^2. */
        q += (rest > 0x1p-23f * root) - (rest <= -0x1p-23f * root);
    }
    return as_float(q + (exponent - odd) / 2 * HIDDEN_BIT);
}
