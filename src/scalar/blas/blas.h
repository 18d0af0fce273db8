/* Products of large matrices on the host by a BLAS; which of the files here is built, Meson chooses. */
#ifndef TIK_SRC_SCALAR_BLAS_H
#define TIK_SRC_SCALAR_BLAS_H

#include "../types.h"

/* Its name; NULL: there is none, and tik_scalar_blas_product is not to be called. */
const char *tik_scalar_blas(void);

/* All the products; the pointers are to the first element of each operand. */
void tik_scalar_blas_product(const struct tik_product *p, const float *a, const float *b,
                             const float *d, float *c);

#endif
