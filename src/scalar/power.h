/* Scalar twin of power_of in cl/power.cl, over a block. */
#ifndef TIK_SRC_SCALAR_POWER_H
#define TIK_SRC_SCALAR_POWER_H

#include <stddef.h>

/* power <- x^(head + tail), head of 12 bits */
void tik_scalar_power(size_t n, const float *x, float head, float tail, float *power);

#endif
