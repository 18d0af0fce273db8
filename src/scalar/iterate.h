/* Scalar twin of cl/iterate.cl: one block, one row of a product. */
#ifndef TIK_SRC_SCALAR_ITERATE_H
#define TIK_SRC_SCALAR_ITERATE_H

#include "types.h"

void tik_scalar_normalize(size_t n, float *x, float ratio);

/* Row `row` of all the products; the pointers are to the first element of each operand. */
void tik_scalar_product(const struct tik_product *p, const float *a, const float *b, const float *d,
                        float *c, uint64_t row);

#endif
