#include "blas.h"

#include <math.h>
#include <time.h>

#include <tikhonov/tikhonov.h>

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void tik_blas_prepare(struct tik_context *context, struct tik_backend *backend)
{
    const char *device = context->device.name, *caution = NULL;
    const char *name = backend->ops->blas(backend);
    if (name == NULL) {
        tik_context_log(
            context, TIK_LOG_INFO,
            "%s: there is no BLAS for large matrices; the library's own kernel multiplies "
            "them, slowly",
            device);
        return;
    }
    if (backend->ops->blas_is_ready(backend))
        return;
    tik_context_log(
        context, TIK_LOG_INFO,
        "%s compiles its kernels on %s, once a process: where the driver remembers none of "
        "them, that has taken half a minute",
        name, device);
    const double start = seconds();
    const enum tik_status status = backend->ops->blas_prepare(backend, &caution);
    if (caution != NULL)
        tik_context_log(context, TIK_LOG_WARNING, "%s", caution);
    if (status != TIK_OK)
        tik_context_log(
            context, TIK_LOG_WARNING,
            "%s is not used on %s, and the library's own kernel multiplies in its place: "
            "%s",
            name, device, tik_last_error());
    else
        tik_context_log(context, TIK_LOG_INFO, "%s is ready after %.1f s: its products are right",
                        name, seconds() - start);
}

/* ---- the bound ---- */

/* Of a s + b s^3 + c s^5 for s in [0, top]: the largest magnitude, and that of the slope. */
static void look(const struct tik_polynomial *k, double top, double *value, double *slope)
{
    enum { PARTS = 1000 };
    const double a = (double)k->a, b = (double)k->b, c = (double)k->c;
    *value = *slope = 0;
    for (int i = 0; i <= PARTS; i++) {
        const double s = top * i / PARTS, q = s * s;
        *value = fmax(*value, fabs(s * (a + q * (b + q * c))));
        *slope = fmax(*slope, fabs(a + q * (3 * b + 5 * q * c)));
    }
}

/* 1 percent is what the grid of look() may miss of a maximum, several times over. */
double tik_iteration_bound(const struct tik_polynomial *polynomial, double rows, double cols)
{
    const double unit = 0x1p-24, own = 8 + sqrt(fmax(rows, cols));
    double top = 1.01, error = own;
    for (unsigned step = 0; step < polynomial->steps; step++) {
        double value, slope;
        look(polynomial, top, &value, &slope);
        top = 1.01 * value;
        error = 1.01 * slope * error + own * fmax(1, top);
    }
    return 2 * unit * error;
}
