/*
 * The low-precision copy of the parameters, for the forward pass of mixed precision: bf16 or fp16,
 * a format to store in, never to compute in.
 *
 *     nearest     the representable number next to p; of two, the one whose last bit is 0
 *     stochastic  of the two around p the upper one with probability (p - lower) / (upper - lower),
 *                 so that the copies of one p are p on average: a change of p that is too small for
 *                 the nearest copy is seen by some
 *
 * Both are made of the bits of p, not by a conversion that a compiler might fuse with the product
 * that made p, and no device needs cl_khr_fp16. Overflow gives infinity, NaN stays NaN, quiet. The bits of chance are those of Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel
 * random numbers: as easy as 1, 2, 3; SC 2011), a function of seed, step and element: whoever
 * computes an element throws the same dice. Scalar twin: src/scalar/copy.c.
 */
#include "reduce.cl"

/* ---- chance ---- */

/* A round: two products of 64 bits; their lower words stay, their upper ones mix the others. */
uint4 philox_round(const uint4 c, const uint2 key)
{
    const uint a = 0xd2511f53u, b = 0xcd9e8d57u;
    return (uint4)(mul_hi(b, c.z) ^ c.y ^ key.x, b * c.z, mul_hi(a, c.x) ^ c.w ^ key.y, a * c.x);
}

/* Ten of them; the key moves by the golden ratio and by sqrt(3) - 1. */
uint4 philox(uint4 counter, uint2 key)
{
    for (uint n = 0; n < 10; n++) {
        counter = philox_round(counter, key);
        key += (uint2)(0x9e3779b9u, 0xbb67ae85u);
    }
    return counter;
}

/* The n-th of its eight halves: the lower one of each word first. */
uint philox_half(const uint4 r, const uint n)
{
    const uint pair = n & 2 ? (n & 4 ? r.w : r.y) : (n & 4 ? r.z : r.x);
    return pair >> 16 * (n & 1) & 0xffffu;
}

/*
 * Element j of a block takes half j / TIK_THROWS of throw j % TIK_THROWS, so that a throw serves
 * eight elements, and those of one work-item as far as they go. Item l has element k*LOCAL_SIZE + l
 * as its k-th.
 */
#define THROWS (TIK_THROWS > LOCAL_SIZE ? TIK_THROWS / LOCAL_SIZE : 1)

struct dice {
    ushort at[RANDOM ? ITEMS : 1];
};

void throw_dice(struct dice *dice, const uint block, const struct copy_scalars k)
{
    const uint l = get_local_id(0);
    for (uint n = 0; n < THROWS; n++) {
        const uint number = (n * LOCAL_SIZE + l) % TIK_THROWS;
        const uint4 r =
            philox((uint4)(number, block, k.step[0], k.step[1]), (uint2)(k.seed[0], k.seed[1]));
        for (uint i = n; i < ITEMS; i += THROWS)
            dice->at[i] = (ushort)philox_half(r, (i * LOCAL_SIZE + l) / TIK_THROWS);
    }
}

/* ---- formats ---- */

/* The bits of 2^-14, from which on fp16 is normal, and what its exponents begin later than a float's. */
#define FP16_NORMAL 0x38800000u
#define FP16_LEAST  0x38000000u

/* Whether the bits, without their sign, are those of NaN. */
bool is_nan(const uint magnitude)
{
    return magnitude > 0x7f800000u;
}

/*
 * Steps of a format with 16 binary places: before the point stand the bits of the lower neighbour.
 * Half a step is added, less the least bit where a tie goes down: where the lower one is even.
 */
uint nearest(const uint steps)
{
    return (steps + 0x7fffu + (steps >> 16 & 1)) >> 16;
}

/* Up where the places and 16 bits of chance make a whole step. */
uint stochastic(const uint steps, const uint random)
{
    return (steps + random) >> 16;
}

/* |p| of at least 2^-14: 13 of its digits are behind the point. From 2^16 on there is infinity. */
uint fp16_steps(const uint magnitude)
{
    return min(magnitude - FP16_LEAST, 0x0f800000u) << 3;
}

/*
 * Below it a step is 2^-24, as it is for floats from 1/2 on: the sum with 1/2 is rounded to steps,
 * and the product with 2^40, which is exact, has 16 places before its point.
 */
uint fp16_small_nearest(const uint magnitude)
{
    return as_uint(as_float(magnitude) + 0.5f) - 0x3f000000u;
}

uint fp16_small_steps(const uint magnitude)
{
    return (uint)(int)(as_float(magnitude) * 0x1p40f);
}

/* Sign, and the bits for the magnitude; NaN keeps the first digits of its payload. */
ushort bf16_word(const uint bits, const uint word)
{
    const uint nan = (bits & 0x7fffffffu) >> 16 | 0x40u;
    return (ushort)((bits >> 16 & 0x8000u) | (is_nan(bits & 0x7fffffffu) ? nan : word));
}

ushort fp16_word(const uint bits, const uint word)
{
    const uint nan = 0x7e00u | (bits >> 13 & 0x1ffu);
    return (ushort)((bits >> 16 & 0x8000u) | (is_nan(bits & 0x7fffffffu) ? nan : word));
}

/* ---- the stages: p and its dice to the copy ---- */

ushort copy_none(const float p, const uint random)
{
    return 0;
}

/* The upper half of a float is a bf16, the lower one its 16 places. */
ushort bf16_nearest(const float p, const uint random)
{
    const uint bits = as_uint(p);
    return bf16_word(bits, nearest(bits & 0x7fffffffu));
}

ushort bf16_stochastic(const float p, const uint random)
{
    const uint bits = as_uint(p);
    return bf16_word(bits, stochastic(bits & 0x7fffffffu, random));
}

ushort fp16_nearest(const float p, const uint random)
{
    const uint bits = as_uint(p), magnitude = bits & 0x7fffffffu;
    return fp16_word(bits, magnitude < FP16_NORMAL ? fp16_small_nearest(magnitude)
                                                   : nearest(fp16_steps(magnitude)));
}

ushort fp16_stochastic(const float p, const uint random)
{
    const uint bits = as_uint(p), magnitude = bits & 0x7fffffffu;
    return fp16_word(bits, stochastic(magnitude < FP16_NORMAL ? fp16_small_steps(magnitude)
                                                              : fp16_steps(magnitude), random));
}
