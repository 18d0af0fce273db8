/* The low-precision copy of the parameters: its stages, and what the host does with it. */
#ifndef TIK_SRC_COPY_H
#define TIK_SRC_COPY_H

#include <tikhonov/policy.h>

#include "scalar/types.h"

/* How a float32 becomes 16 bits: the function's name in cl/copy.cl and its twin. */
struct tik_copy_stage {
    const char *name;
    tik_copy_twin *twin;
    bool random;              /* it asks for dice */
    float (*widen)(uint16_t); /* what the 16 bits stand for */
};

/* NULL: no copy. */
const struct tik_copy_stage *tik_copy_find(enum tik_copy_format format,
                                           enum tik_copy_rounding rounding);

/* The words of step t. */
struct copy_scalars tik_copy_scalars(uint64_t seed, uint64_t step);

/* The copy of a tensor of `count` elements, whose first block has that number. */
void tik_copy_make(const struct tik_copy_stage *stage, const struct copy_scalars *scalars,
                   uint32_t block, size_t count, const float *p, uint16_t *copy);

#endif
