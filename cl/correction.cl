/*
 * x / y and sqrt(x) rounded to nearest even, on devices that only promise 2.5 and 3 ulp: the
 * device's own result is moved by single ulps until the residual, which fma gives exactly, is
 * below half an ulp (Markstein, IBM J. Res. Dev. 34, 1990; docs/numerics.md has the proof).
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
    UNIT = 0x00800000, /* of the exponent; the smallest normal number */
    DIGITS = UNIT - 1,
    BIAS = 127,
    LARGEST_EXPONENT = 254, /* biased, of finite numbers */
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

/* Finite, above zero: what is not needs no rounding, and is left to the device. */
bool is_number(const int magnitude)
{
    return magnitude > 0 && magnitude < INFINITY_BITS;
}

/*
 * The bits of x > 0 as those of a normal number. A subnormal's bits count units of 2^-149, and as a
 * float that count has its leading bit in place; 2^lift is by how much it is then too large.
 */
int normal_bits(const int magnitude)
{
    return magnitude < UNIT ? as_int((float)magnitude) : magnitude;
}

int lift(const int magnitude)
{
    return magnitude < UNIT ? 149 : 0;
}

/* The next float after q towards n / d; q itself where the residual is below half an ulp. */
int nearer_quotient(const int q, const float n, const float d)
{
    const float rest = fma(-as_float(q), d, n), half_ulp = 0x1p-24f * d;
    return q + (rest > half_ulp) - (rest < -half_ulp);
}

/* Likewise towards the root of m: m - q^2 > q u + u^2/4, where only u^2/4 is no multiple of u^2. */
int nearer_root(const int q, const float m)
{
    const float root = as_float(q), rest = fma(-root, root, m), ulp = 0x1p-23f * root;
    return q + (rest > ulp) - (rest <= -ulp);
}

/*
 * The bits of (q + rest) * 2^exponent rounded to nearest even, for q in [1, 2) given as its bits
 * and a rest of at most half an ulp, of which only the sign counts: on the grid of subnormals,
 * whose ulp is at least twice that of q, it decides what the digits of q alone leave as a tie.
 */
int round_to_float(const int q, const float rest, const int exponent)
{
    const int biased = exponent + BIAS;
    /* The digits of q, and two more places for the sign of the rest. */
    const int digits = 4 * (q - ONE_BITS + UNIT) + (rest > 0.0f) - (rest < 0.0f);
    const int places = min(2 + max(1 - biased, 0), 30);
    const int kept = digits >> places, lost = digits - (kept << places);
    const int odd = kept & 1, up = lost + odd > 1 << (places - 1);
    /* The leading bit of `kept`, or of a carry out of it, counts the exponent up by one. */
    const int bits = max(biased - 1, 0) * UNIT + kept + up;
    return biased > LARGEST_EXPONENT ? (int)INFINITY_BITS : bits;
}

float corrected_quotient(const float x, const float y)
{
    const int a = as_int(x) & MAGNITUDE, b = as_int(y) & MAGNITUDE;
    if (!is_number(a) || !is_number(b))
        return x / y;
    /* Bits count like logarithms: x / y = n / d * 2^exponent with d in [1, 2), n in [d, 2d). */
    const int difference = normal_bits(a) - normal_bits(b);
    const int d_bits = ONE_BITS | (normal_bits(b) & DIGITS);
    const float d = as_float(d_bits), n = as_float(d_bits + (difference & DIGITS));
    const int exponent = (difference >> 23) - lift(a) + lift(b);

    /* 1 <= n / d < 2: a result within 3 ulp is at most 3 floats from the nearest. */
    int q = clamp(as_int(device_quotient(n, d)), (int)ONE_BITS, (int)BELOW_TWO_BITS);
    q = nearer_quotient(q, n, d);
    q = nearer_quotient(q, n, d);
    q = nearer_quotient(q, n, d);
    const float rest = fma(-as_float(q), d, n);

    const int sign = (as_int(x) ^ as_int(y)) & ~MAGNITUDE;
    return as_float(sign | round_to_float(q, rest, exponent));
}

float corrected_root(const float x)
{
    if (!is_number(as_int(x)))
        return sqrt(x);
    /* x = m * 4^half with m in [1, 4); the root is never subnormal. */
    const int bits = normal_bits(as_int(x));
    const int exponent = (bits >> 23) - BIAS - lift(as_int(x)), half_exponent = exponent >> 1;
    const float m = as_float((ONE_BITS | (bits & DIGITS)) + (exponent & 1) * UNIT);

    int q = clamp(as_int(device_root(m)), (int)ONE_BITS, (int)BELOW_TWO_BITS);
    q = nearer_root(q, m);
    q = nearer_root(q, m);
    q = nearer_root(q, m);
    return as_float(q + half_exponent * UNIT);
}
