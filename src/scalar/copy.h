/* Scalar twin of cl/copy.cl: the low-precision copy of one block. */
#ifndef TIK_SRC_SCALAR_COPY_H
#define TIK_SRC_SCALAR_COPY_H

#include "types.h"

/* 16 bits of chance for each element of a block of that number. */
void tik_scalar_throw_dice(uint32_t block, const struct copy_scalars *k, uint16_t *dice);

#endif
