/*
 * Matrix products C = A B, row by row in memory, by whoever does them best:
 *
 *   CLBlast  on the context's OpenCL device: for products that are worth it. The first call of a
 *            process compiles its kernels, which has taken 19 s on PoCL 3.1.
 *   CBLAS    on the host: small products are done before CLBlast would have found its kernels.
 *   a loop   on the host, where the demos were built without CBLAS.
 *
 * Sums are taken in each one's own order, so the last bits of a product depend on the choice. The
 * library's promise of the same bits is about the step, not about BLAS.
 */
#ifndef DEMOS_PRODUCT_H
#define DEMOS_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

#include "array.h"

/* Multiply-adds from which on `auto` gives a product to CLBlast: about a millisecond of CBLAS. */
#define PRODUCT_THRESHOLD 0x1p24

enum product_choice { PRODUCT_AUTO, PRODUCT_CLBLAST, PRODUCT_CBLAS };

/* The first rows * cols elements of an array, or their transpose. */
struct matrix {
    struct array *array;
    size_t rows, cols; /* as they lie in memory */
    bool transposed;
};

struct products {
    struct tik_context *context;
    enum product_choice choice;
    double first_seconds;             /* how long CLBlast compiled; 0 when it was not asked for */
    unsigned long on_device, on_host; /* products done */
};

/*
 * Ends the program with 2 when `choice` asks for what is not there: --blas clblast without an
 * OpenCL device or without CLBlast, --blas cblas without CBLAS.
 */
void products_init(struct products *products, struct tik_context *context,
                   enum product_choice choice);

struct matrix matrix(struct array *array, size_t rows, size_t cols);
/* The same elements, seen as the transpose. Nothing is moved. */
struct matrix transpose(struct matrix matrix);

/* result = a b, all elements of it: a is m x k, b is k x n, result m x n and not a or b. */
void multiply(struct products *products, struct matrix a, struct matrix b, struct array *result);

/* Whether a product of so many multiply-adds goes to the device. */
bool products_on_device(const struct products *products, double multiply_adds);

/*
 * Makes CLBlast compile now, under a progress line, if the largest product to come is one for it:
 * so that no step waits for a compiler.
 */
void products_prepare(struct products *products, double largest_multiply_adds);

/* The two sides, each in files of its own; meson.build chooses. Row-major, no operand transposed
 * in memory; `m`, `n`, `k` as in BLAS. */
struct product_shape {
    size_t m, n, k;
    bool a_transposed, b_transposed;
};
extern const char *const product_host_name; /* "CBLAS" or "loop" */
void product_host(const struct product_shape *shape, const float *a, const float *b, float *c);

extern const bool product_device_built;
void product_device(struct tik_context *context, const struct product_shape *shape,
                    struct _cl_mem *a, struct _cl_mem *b, struct _cl_mem *c);
/* Words for a device and version on which CLBlast is known to be wrong; NULL when none are due. */
const char *product_device_warning(struct tik_context *context);

#endif
