#include "product.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#include "progress.h"

void products_init(struct products *products, struct tik_context *context,
                   enum product_choice choice)
{
    bool device = tik_context_cl_queue(context) != NULL;
    *products = (struct products){.context = context, .choice = choice};
    if (choice == PRODUCT_CLBLAST && !product_device_built)
        fail(EXIT_USAGE, "--blas clblast: this build has no CLBlast; give cblas or auto, or "
                         "install CLBlast and build again");
    if (choice == PRODUCT_CLBLAST && !device)
        fail(EXIT_USAGE,
             "--blas clblast: needs an OpenCL device, and --device chose %s; give "
             "cblas or auto",
             tik_context_device(context)->name);
    if (choice == PRODUCT_CBLAS && strcmp(product_host_name, "CBLAS") != 0)
        fail(EXIT_USAGE, "--blas cblas: this build has no CBLAS; give auto, or install OpenBLAS "
                         "and build again");
}

bool products_on_device(const struct products *products, double multiply_adds)
{
    if (!product_device_built || !tik_context_cl_queue(products->context))
        return false;
    if (products->choice == PRODUCT_AUTO)
        return multiply_adds >= PRODUCT_THRESHOLD;
    return products->choice == PRODUCT_CLBLAST;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void products_prepare(struct products *products, double largest_multiply_adds)
{
    if (!products_on_device(products, largest_multiply_adds))
        return;
    const char *warning = product_device_warning(products->context);
    if (warning)
        warn("warning: %s; --blas cblas avoids it", warning);

    const struct product_shape one = {.m = 1, .n = 1, .k = 1};
    struct array cells[3];
    for (size_t i = 0; i < 3; i++)
        array_create(&cells[i], products->context, 1);
    progress_start("CLBlast compiles its kernels, once a process");
    double start = seconds();
    product_device(products->context, &one, array_device(&cells[0]), array_device(&cells[1]),
                   array_device(&cells[2]));
    array_host(&cells[2]); /* waits */
    products->first_seconds = seconds() - start;
    progress_stop();
    for (size_t i = 0; i < 3; i++)
        array_destroy(&cells[i]);
}

struct matrix matrix(struct array *array, size_t rows, size_t cols)
{
    assert(rows * cols <= array->count);
    return (struct matrix){.array = array, .rows = rows, .cols = cols};
}

struct matrix transpose(struct matrix matrix)
{
    matrix.transposed = !matrix.transposed;
    return matrix;
}

static struct product_shape shape_of(struct matrix a, struct matrix b)
{
    struct product_shape shape = {
        .m = a.transposed ? a.cols : a.rows,
        .n = b.transposed ? b.rows : b.cols,
        .k = a.transposed ? a.rows : a.cols,
        .a_transposed = a.transposed,
        .b_transposed = b.transposed,
    };
    assert(shape.k == (b.transposed ? b.cols : b.rows));
    return shape;
}

void multiply(struct products *products, struct matrix a, struct matrix b, struct array *result)
{
    const struct product_shape shape = shape_of(a, b);
    assert(shape.m * shape.n <= result->count);
    if (products_on_device(products, (double)shape.m * (double)shape.n * (double)shape.k)) {
        product_device(products->context, &shape, array_device(a.array), array_device(b.array),
                       array_device(result));
        products->on_device++;
    } else {
        product_host(&shape, array_host(a.array), array_host(b.array), array_host(result));
        products->on_host++;
    }
}
