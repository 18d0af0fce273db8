#include "copy.h"

#include <math.h>
#include <string.h>

#include "scalar/copy.h"
#include "scalar/stages.h"

/* A bf16 is the upper half of a float. */
static float widen_bf16(uint16_t word)
{
    const uint32_t bits = (uint32_t)word << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float widen_fp16(uint16_t word)
{
    const int exponent = word >> 10 & 0x1f, digits = word & 0x3ff;
    const float magnitude = exponent == 0    ? ldexpf((float)digits, -24)
                            : exponent == 31 ? digits != 0 ? NAN : INFINITY
                                             : ldexpf((float)(1024 + digits), exponent - 25);
    return (word & 0x8000) != 0 ? -magnitude : magnitude;
}

const struct tik_copy_stage *tik_copy_find(enum tik_copy_format format,
                                           enum tik_copy_rounding rounding)
{
    static const struct tik_copy_stage stages[][2] = {
        [TIK_COPY_BF16] = {{"bf16_nearest", tik_scalar_bf16_nearest, false, widen_bf16},
                           {"bf16_stochastic", tik_scalar_bf16_stochastic, true, widen_bf16}},
        [TIK_COPY_FP16] = {{"fp16_nearest", tik_scalar_fp16_nearest, false, widen_fp16},
                           {"fp16_stochastic", tik_scalar_fp16_stochastic, true, widen_fp16}},
    };
    return format == TIK_COPY_NONE ? NULL : &stages[format][rounding == TIK_COPY_STOCHASTIC];
}

struct copy_scalars tik_copy_scalars(uint64_t seed, uint64_t step)
{
    return (struct copy_scalars){{(uint32_t)seed, (uint32_t)(seed >> 32)},
                                 {(uint32_t)step, (uint32_t)(step >> 32)}};
}

void tik_copy_make(const struct tik_copy_stage *stage, const struct copy_scalars *scalars,
                   uint32_t block, size_t count, const float *p, uint16_t *copy)
{
    uint16_t dice[TIK_BLOCK];
    for (size_t first = 0; first < count; first += TIK_BLOCK, block++) {
        const size_t n = count - first < TIK_BLOCK ? count - first : TIK_BLOCK;
        if (stage->random)
            tik_scalar_throw_dice(block, scalars, dice);
        stage->twin(n, p + first, dice, copy + first);
    }
}
