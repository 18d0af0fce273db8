/* Scalar twin of cl/copy.cl: the same names, over one block. */
#include "copy.h"

#include <string.h>

#include "stages.h"

/* ---- chance ---- */

/* Counter and key; afterwards the four words of the throw. */
struct philox {
    uint32_t c[4], key[2];
};

static inline uint32_t mul_hi(uint32_t a, uint32_t b)
{
    return (uint32_t)((uint64_t)a * b >> 32);
}

static inline void philox_round(struct philox *r)
{
    const uint32_t a = 0xd2511f53u, b = 0xcd9e8d57u;
    const uint32_t x = r->c[0], y = r->c[1], z = r->c[2], w = r->c[3];
    r->c[0] = mul_hi(b, z) ^ y ^ r->key[0];
    r->c[1] = b * z;
    r->c[2] = mul_hi(a, x) ^ w ^ r->key[1];
    r->c[3] = a * x;
}

static inline void philox(struct philox *r)
{
    for (uint32_t n = 0; n < 10; n++) {
        philox_round(r);
        r->key[0] += 0x9e3779b9u;
        r->key[1] += 0xbb67ae85u;
    }
}

static inline uint16_t philox_half(const struct philox *r, uint32_t n)
{
    return (uint16_t)(r->c[n / 2] >> 16 * (n & 1));
}

void tik_scalar_throw_dice(uint32_t block, const struct copy_scalars *k, uint16_t *dice)
{
    for (uint32_t n = 0; n < TIK_THROWS; n++) {
        struct philox r = {{n, block, k->step[0], k->step[1]}, {k->seed[0], k->seed[1]}};
        philox(&r);
        for (uint32_t i = 0; i < TIK_BLOCK / TIK_THROWS; i++)
            dice[i * TIK_THROWS + n] = philox_half(&r, i);
    }
}

/* ---- formats ---- */

#define FP16_NORMAL 0x38800000u
#define FP16_LEAST  0x38000000u

static inline uint32_t bits_of(float p)
{
    uint32_t bits;
    memcpy(&bits, &p, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static inline bool is_nan(uint32_t magnitude)
{
    return magnitude > 0x7f800000u;
}

static inline uint32_t nearest(uint32_t steps)
{
    return (steps + 0x7fffu + (steps >> 16 & 1)) >> 16;
}

static inline uint32_t stochastic(uint32_t steps, uint32_t random)
{
    return (steps + random) >> 16;
}

static inline uint32_t fp16_steps(uint32_t magnitude)
{
    return least(magnitude - FP16_LEAST, 0x0f800000u) << 3;
}

static inline uint32_t fp16_small_nearest(uint32_t magnitude)
{
    return bits_of(float_of(magnitude) + 0.5f) - 0x3f000000u;
}

static inline uint32_t fp16_small_steps(uint32_t magnitude)
{
    return (uint32_t)(int32_t)(float_of(magnitude) * 0x1p40f);
}

static inline uint16_t bf16_word(uint32_t bits, uint32_t word)
{
    const uint32_t nan = (bits & 0x7fffffffu) >> 16 | 0x40u;
    return (uint16_t)((bits >> 16 & 0x8000u) | (is_nan(bits & 0x7fffffffu) ? nan : word));
}

static inline uint16_t fp16_word(uint32_t bits, uint32_t word)
{
    const uint32_t nan = 0x7e00u | (bits >> 13 & 0x1ffu);
    return (uint16_t)((bits >> 16 & 0x8000u) | (is_nan(bits & 0x7fffffffu) ? nan : word));
}

/* ---- the stages ---- */

void tik_scalar_bf16_nearest(size_t n, const float *restrict p, const uint16_t *restrict dice,
                             uint16_t *restrict copy)
{
    (void)dice;
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = bits_of(p[i]);
        copy[i] = bf16_word(bits, nearest(bits & 0x7fffffffu));
    }
}

void tik_scalar_bf16_stochastic(size_t n, const float *restrict p, const uint16_t *restrict dice,
                                uint16_t *restrict copy)
{
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = bits_of(p[i]);
        copy[i] = bf16_word(bits, stochastic(bits & 0x7fffffffu, dice[i]));
    }
}

void tik_scalar_fp16_nearest(size_t n, const float *restrict p, const uint16_t *restrict dice,
                             uint16_t *restrict copy)
{
    (void)dice;
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = bits_of(p[i]), magnitude = bits & 0x7fffffffu;
        copy[i] = fp16_word(bits, magnitude < FP16_NORMAL ? fp16_small_nearest(magnitude)
                                                          : nearest(fp16_steps(magnitude)));
    }
}

void tik_scalar_fp16_stochastic(size_t n, const float *restrict p, const uint16_t *restrict dice,
                                uint16_t *restrict copy)
{
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = bits_of(p[i]), magnitude = bits & 0x7fffffffu;
        copy[i] = fp16_word(bits, stochastic(magnitude < FP16_NORMAL ? fp16_small_steps(magnitude)
                                                                     : fp16_steps(magnitude),
                                             dice[i]));
    }
}
