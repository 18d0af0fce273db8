/* What multiplies large matrices, and how far two such results may be from each other. */
#ifndef TIK_SRC_BLAS_H
#define TIK_SRC_BLAS_H

#include "context.h"
#include "table.h"

/*
 * Gets the backend's BLAS ready, and tells the context's log what it is about. Where there is none, or
 * it is not fit for use, the library's own kernel multiplies: so there is no error.
 */
void tik_blas_prepare(struct tik_context *context, struct tik_backend *backend);

/*
 * How far two float32 results of an iteration on a matrix of rows x cols may be from each other, an
 * element at most: docs/numerics.md, "Muon".
 */
double tik_iteration_bound(const struct tik_polynomial *polynomial, double rows, double cols);

#endif
