/*
 * Products of large matrices by CLBlast, on the device's queue. It writes to memory that a step has
 * on its way alone, so its commands need not wait for the gate: they lie behind commands that do, and
 * the commands that come after a product wait for it.
 */
#include "inside.h"

#include <clblast_c.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../error.h"

#define STRING(x)                    #x
#define VERSION(major, minor, patch) "CLBlast " STRING(major) "." STRING(minor) "." STRING(patch)

/* As one number: 10602 is 1.6.2. */
static const int version =
    CLBLAST_VERSION_MAJOR * 10000 + CLBLAST_VERSION_MINOR * 100 + CLBLAST_VERSION_PATCH;

/* Before 1.6.1 its cache of programs is not made for several threads. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static struct opencl_device *device_of(const struct tik_backend *backend)
{
    return ((const struct opencl_backend *)backend)->device;
}

const char *tik_opencl_blas_name(void)
{
    return VERSION(CLBLAST_VERSION_MAJOR, CLBLAST_VERSION_MINOR, CLBLAST_VERSION_PATCH);
}

const char *tik_opencl_blas(const struct tik_backend *backend)
{
    return atomic_load(&device_of(backend)->blas) != BLAS_UNFIT ? tik_opencl_blas_name() : NULL;
}

bool tik_opencl_blas_is_ready(const struct tik_backend *backend)
{
    return atomic_load(&device_of(backend)->blas) == BLAS_READY;
}

/* Its own codes are below those of OpenCL. */
static enum tik_status failed(const struct tik_product *p, CLBlastStatusCode code)
{
    return tik_error_set(
        (int)code == CL_MEM_OBJECT_ALLOCATION_FAILURE ? TIK_ERROR_MEMORY : TIK_ERROR_DEVICE,
        "CLBlastSgemmStridedBatched, %u of %u x %u x %u: status %d, %s", p->count, p->m, p->n, p->k,
        (int)code, (int)code > -1000 ? tik_opencl_error_name((cl_int)code) : "CLBlast's own");
}

/* A BLAS adds to what is in c: d comes there first. */
static enum tik_status copy_addend(struct opencl_backend *b, const struct tik_operands *o)
{
    const struct tik_product *p = &o->scalars;
    const size_t size = sizeof(float), bytes = (size_t)p->count * p->m * p->n * size;
    if (p->beta == 0.0f)
        return TIK_OK;
    const cl_int error = clEnqueueCopyBuffer(
        b->device->queue, o->d->mem, o->c->mem, (size_t)p->d * size, (size_t)p->c * size, bytes,
        b->gate != NULL, b->gate != NULL ? &b->gate : NULL, NULL);
    return error == CL_SUCCESS ? TIK_OK : tik_opencl_failed("clEnqueueCopyBuffer", error);
}

enum tik_status tik_opencl_blas_product(struct opencl_backend *b, const struct tik_operands *o)
{
    const struct tik_product *p = &o->scalars;
    const size_t m = p->m, n = p->n, k = p->k;
    const enum tik_status status = copy_addend(b, o);
    if (status != TIK_OK)
        return status;
    cl_event event = NULL;
    pthread_mutex_lock(&one_at_a_time);
    const CLBlastStatusCode code = CLBlastSgemmStridedBatched(
        CLBlastLayoutRowMajor, CLBlastTransposeNo,
        p->transposed ? CLBlastTransposeYes : CLBlastTransposeNo, m, n, k, p->alpha, o->a->mem,
        (size_t)p->a, k, m * k, o->b->mem, (size_t)p->b, p->transposed ? k : n, k * n, p->beta,
        o->c->mem, (size_t)p->c, n, m * n, p->count, &b->device->queue, &event);
    pthread_mutex_unlock(&one_at_a_time);
    if (code != CLBlastSuccess)
        return failed(p, code);
    if (b->product != NULL)
        clReleaseEvent(b->product);
    b->product = event;
    return TIK_OK;
}

/* ---- before the first use: compiled, and judged ---- */

/* Known to compute wrong products on Intel's Arc and some other GPUs of theirs up to 1.6.2. */
static const char *find_caution(const struct opencl_device *device)
{
    struct tik_device_info info;
    tik_opencl_describe(device->id, &info);
    const bool intel = strstr(info.platform, "Intel") != NULL || strstr(info.name, "Intel") != NULL;
    if (version > 10602 || info.type != TIK_DEVICE_GPU || !intel)
        return NULL;
    return "CLBlast up to 1.6.2 computes wrong products on some Intel GPUs";
}

/* Numbers in [-1, 1), by Knuth's generator. */
static void fill(float *values, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        values[i] = (float)(seed >> 8) * 0x1p-23f - 1.0f;
    }
}

struct trial {
    struct tik_operands operands;
    float *a, *b, *d, *c;
};

/*
 * An element, against double: in whatever order k products are added, with or without fma, the
 * error is at most (k + 2) u of the sum of their magnitudes, to first order, and of the addend's.
 */
static bool is_near(const struct trial *t, size_t number, size_t i, size_t j)
{
    const struct tik_product *p = &t->operands.scalars;
    const float *a = t->a + number * p->m * p->k + i * p->k, *b = t->b + number * p->k * p->n;
    const size_t at = (number * p->m + i) * p->n + j;
    const double addend = (double)p->beta * (double)t->d[at];
    double sum = addend, size = fabs(addend);
    for (size_t k = 0; k < p->k; k++) {
        const double term = (double)p->alpha * (double)a[k] *
                            (double)b[p->transposed ? j * p->k + k : k * p->n + j];
        sum += term;
        size += fabs(term);
    }
    return fabs((double)t->c[at] - sum) <= (p->k + 2) * 0x1p-24 * size;
}

/* Every 61st: each row and column, where a sum is computed wrongly, has some of them. */
static enum tik_status judge(const struct trial *t)
{
    const struct tik_product *p = &t->operands.scalars;
    for (size_t e = 0; e < (size_t)p->count * p->m * p->n; e += 61)
        if (!is_near(t, e / p->n / p->m, e / p->n % p->m, e % p->n))
            return tik_error_set(TIK_ERROR_DEVICE,
                                 "%u products of %u x %u x %u are wrong: element %zu is %g",
                                 p->count, p->m, p->n, p->k, e, (double)t->c[e]);
    return TIK_OK;
}

static enum tik_status run(struct opencl_backend *b, struct trial *t, const size_t sizes[3])
{
    struct tik_operands *o = &t->operands;
    struct tik_buffer **buffers[] = {&o->a, &o->b, &o->d, &o->c};
    float *values[] = {t->a, t->b, t->d, t->c};
    enum tik_status status = TIK_OK;
    for (size_t i = 0; i < 4 && status == TIK_OK; i++) {
        const size_t bytes = sizes[i < 2 ? i : 2] * sizeof(float);
        fill(values[i], sizes[i < 2 ? i : 2], (uint32_t)i + 1);
        status = tik_opencl_memory_create(&b->head, bytes, buffers[i]);
        if (status == TIK_OK)
            status = tik_opencl_memory_write(&b->head, *buffers[i], 0, bytes, values[i]);
    }
    if (status == TIK_OK)
        status = tik_opencl_blas_product(b, o);
    if (status == TIK_OK)
        status = tik_opencl_memory_read(&b->head, o->c, 0, sizes[2] * sizeof(float), t->c);
    if (b->product != NULL)
        clReleaseEvent(b->product);
    b->product = NULL;
    for (size_t i = 0; i < 4; i++)
        tik_opencl_memory_destroy(&b->head, *buffers[i]);
    return status;
}

static enum tik_status try_product(struct opencl_backend *b, const struct tik_product *p)
{
    const size_t sizes[] = {(size_t)p->count * p->m * p->k, (size_t)p->count * p->k * p->n,
                            (size_t)p->count * p->m * p->n};
    float *values = malloc((sizes[0] + sizes[1] + 2 * sizes[2]) * sizeof *values);
    if (values == NULL)
        return tik_error_memory("a product to judge CLBlast by", sizes[0] * sizeof *values);
    struct trial t = {.operands.scalars = *p, .a = values, .b = values + sizes[0]};
    t.d = t.b + sizes[1];
    t.c = t.d + sizes[2];
    enum tik_status status = run(b, &t, sizes);
    if (status == TIK_OK)
        status = judge(&t);
    free(values);
    return status;
}

/* With its kernel for small products, then with that for large ones. */
enum tik_status tik_opencl_blas_prepare(struct tik_backend *backend, const char **caution)
{
    static const struct tik_product trials[] = {
        {.m = 37, .n = 53, .k = 29, .count = 3, .alpha = 2.0315f, .beta = -4.775f},
        {.m = 37, .n = 37, .k = 53, .count = 2, .transposed = 1, .alpha = 1},
        {.m = 515, .n = 530, .k = 521, .count = 1, .alpha = 1, .beta = 3.4445f},
    };
    struct opencl_backend *b = (struct opencl_backend *)backend;
    *caution = find_caution(b->device);
    if (atomic_load(&b->device->blas) == BLAS_READY)
        return TIK_OK;
    enum tik_status status = TIK_OK;
    for (size_t i = 0; i < sizeof trials / sizeof *trials && status == TIK_OK; i++)
        status = try_product(b, &trials[i]);
    if (status != TIK_ERROR_MEMORY) /* there may be some the next time */
        atomic_store(&b->device->blas, status == TIK_OK ? BLAS_READY : BLAS_UNFIT);
    return status;
}
