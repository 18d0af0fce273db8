#include "copy.h"

#include <math.h>
#include <string.h>

const struct oracle_format oracle_bf16 = {"bf16", 7, -126, 127};
const struct oracle_format oracle_fp16 = {"fp16", 10, -14, 15};

double oracle_copy_value(const struct oracle_format *f, uint16_t word)
{
    const int fields = 1 << f->digits, exponent = (word & 0x7fff) / fields, rest = word % fields;
    double value;
    if (exponent == f->high - f->low + 2)
        value = rest != 0 ? (double)NAN : (double)INFINITY;
    else if (exponent == 0)
        value = ldexp(rest, f->low - f->digits);
    else
        value = ldexp(fields + rest, exponent - 1 + f->low - f->digits);
    return word > 0x7fff ? -value : value;
}

/* The step of the format at a magnitude. */
static double step_at(const struct oracle_format *f, double magnitude)
{
    const int exponent = magnitude > 0 ? ilogb(magnitude) : f->low;
    return ldexp(1, (exponent < f->low ? f->low : exponent) - f->digits);
}

/* The word of a magnitude that the format has, or that is beyond it. */
static uint16_t word_of(const struct oracle_format *f, double magnitude)
{
    const int fields = 1 << f->digits;
    if (magnitude >= ldexp(1, f->high + 1))
        return (uint16_t)((f->high - f->low + 2) * fields);
    if (magnitude < ldexp(1, f->low))
        return (uint16_t)(magnitude / step_at(f, magnitude));
    const int exponent = ilogb(magnitude);
    const double digits = magnitude / step_at(f, magnitude) - fields;
    return (uint16_t)((exponent - f->low + 1) * fields + (int)digits);
}

/* The first digits of its payload, and quiet. */
static uint16_t nan_of(const struct oracle_format *f, float p)
{
    uint32_t bits;
    memcpy(&bits, &p, sizeof bits);
    const uint32_t payload = bits % (1u << 23) / (1u << (23 - f->digits));
    const uint32_t quiet = 1u << (f->digits - 1);
    const uint32_t exponent = (uint32_t)(f->high - f->low + 2) << f->digits;
    return (uint16_t)(exponent | quiet | payload);
}

static uint16_t copy(const struct oracle_format *f, float p, double (*choose)(double, unsigned),
                     unsigned chance)
{
    const uint16_t sign = signbit(p) ? 0x8000 : 0;
    if (isnan(p))
        return sign | nan_of(f, p);
    const double magnitude = fabs((double)p);
    if (isinf(magnitude))
        return sign | word_of(f, magnitude);
    const double step = step_at(f, magnitude);
    return sign | word_of(f, choose(magnitude / step, chance) * step);
}

static double to_even(double steps, unsigned chance)
{
    (void)chance;
    const double below = floor(steps), rest = steps - below;
    if (rest == 0.5)
        return fmod(below, 2) == 0 ? below : below + 1;
    return rest < 0.5 ? below : below + 1;
}

/* Up for the first so many of 65,536 chances. */
static double by_chance(double steps, unsigned chance)
{
    const double below = floor(steps), rest = floor((steps - below) * 65536);
    return chance >= 65536 - rest ? below + 1 : below;
}

uint16_t oracle_copy_nearest(const struct oracle_format *format, float p)
{
    return copy(format, p, to_even, 0);
}

uint16_t oracle_copy_stochastic(const struct oracle_format *format, float p, uint16_t chance)
{
    return copy(format, p, by_chance, chance);
}

void oracle_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint64_t left0 = counter[0], right0 = counter[1], left1 = counter[2], right1 = counter[3];
    const uint64_t word = UINT64_C(0xffffffff);
    for (uint64_t round = 0; round < 10; round++) {
        const uint64_t key0 = (key[0] + round * UINT64_C(0x9e3779b9)) & word;
        const uint64_t key1 = (key[1] + round * UINT64_C(0xbb67ae85)) & word;
        const uint64_t product0 = left0 * UINT64_C(0xd2511f53);
        const uint64_t product1 = left1 * UINT64_C(0xcd9e8d57);
        left0 = (product1 >> 32) ^ right0 ^ key0;
        right0 = product1 & word;
        left1 = (product0 >> 32) ^ right1 ^ key1;
        right1 = product0 & word;
    }
    out[0] = (uint32_t)left0;
    out[1] = (uint32_t)right0;
    out[2] = (uint32_t)left1;
    out[3] = (uint32_t)right1;
}

uint16_t oracle_copy_chance(uint64_t seed, uint64_t t, uint32_t block, size_t element)
{
    const uint32_t j = (uint32_t)(element % 1024);
    const uint32_t counter[] = {j % 128, block + (uint32_t)(element / 1024), (uint32_t)t,
                                (uint32_t)(t >> 32)};
    const uint32_t key[] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t words[4];
    oracle_philox(counter, key, words);
    const uint32_t word = words[j / 256];
    return (uint16_t)(j / 128 % 2 == 0 ? word & 0xffff : word >> 16);
}
