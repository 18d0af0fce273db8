/* The scalar path as a backend: memory is host memory, a command is done when its call returns. */
#include "../backend.h"

#include <stdlib.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#else
#define omp_get_max_threads() 1
#endif

#include "../error.h"
#include "../pages.h"
#include "blas/blas.h"
#include "launch.h"

struct scalar_backend {
    struct tik_backend head;
    int threads; /* 0: OpenMP's own number */
};

static enum tik_status instance(struct tik_backend *backend, struct tik_backend **made)
{
    return tik_scalar_backend_create(((struct scalar_backend *)backend)->threads, made);
}

static void destroy(struct tik_backend *backend)
{
    free(backend);
}

static enum tik_status make_memory(void *bytes, bool owned, struct tik_buffer **memory)
{
    struct tik_buffer *made = malloc(sizeof *made);
    if (made == NULL) {
        if (owned)
            free(bytes);
        return tik_error_memory("a buffer's handle", sizeof *made);
    }
    *made = (struct tik_buffer){.bytes = bytes, .owned = owned};
    *memory = made;
    return TIK_OK;
}

/* Aligned to a cache line and to the widest vectors. */
static enum tik_status memory_create(struct tik_backend *backend, size_t bytes,
                                     struct tik_buffer **memory)
{
    (void)backend;
    const size_t line = 64;
    if (bytes > SIZE_MAX - line)
        return tik_error_memory("a buffer", bytes);
    const size_t size = bytes == 0 ? line : (bytes + line - 1) / line * line;
    void *made = aligned_alloc(line, size);
    if (made == NULL)
        return tik_error_memory("a buffer", bytes);
    tik_pages_advise(made, size);
    memset(made, 0, size);
    return make_memory(made, true, memory);
}

static enum tik_status memory_wrap(struct tik_backend *backend, void *host, size_t bytes,
                                   struct tik_buffer **memory)
{
    (void)backend, (void)bytes;
    return make_memory(host, false, memory);
}

static void memory_destroy(struct tik_backend *backend, struct tik_buffer *memory)
{
    (void)backend;
    if (memory != NULL && memory->owned)
        free(memory->bytes);
    free(memory);
}

static enum tik_status memory_write(struct tik_backend *backend, struct tik_buffer *memory,
                                    size_t at, size_t bytes, const void *values)
{
    (void)backend;
    if (bytes > 0)
        memmove(memory->bytes + at, values, bytes);
    return TIK_OK;
}

static enum tik_status memory_read(struct tik_backend *backend, struct tik_buffer *memory,
                                   size_t at, size_t bytes, void *values)
{
    (void)backend;
    if (bytes > 0)
        memmove(values, memory->bytes + at, bytes);
    return TIK_OK;
}

static struct _cl_mem *memory_handle(struct tik_buffer *memory)
{
    (void)memory;
    return NULL;
}

static void *memory_host(struct tik_buffer *memory)
{
    return memory->bytes;
}

static enum tik_status program_create(struct tik_backend *backend, const struct tik_plan *plan,
                                      struct tik_program **program)
{
    (void)backend;
    struct tik_program *made = calloc(1, sizeof *made);
    if (made == NULL)
        return tik_error_memory("a program", sizeof *made);
    made->plan = *plan;
    *program = made;
    return TIK_OK;
}

static void program_destroy(struct tik_backend *backend, struct tik_program *program)
{
    (void)backend;
    free(program);
}

/* The scalar path is what exact means. */
static enum tik_conformance program_conformance(const struct tik_program *program)
{
    (void)program;
    return TIK_EXACT;
}

static uint32_t program_packs(struct tik_backend *backend, const struct tik_plan *plan)
{
    (void)backend, (void)plan;
    return TIK_MANY;
}

static const char *blas(const struct tik_backend *backend)
{
    (void)backend;
    return tik_scalar_blas();
}

static enum tik_status blas_prepare(struct tik_backend *backend, const char **caution)
{
    (void)backend;
    *caution = NULL;
    return TIK_OK;
}

static bool blas_is_ready(const struct tik_backend *backend)
{
    (void)backend;
    return true;
}

static void program_judge(struct tik_backend *backend, struct tik_program *program,
                          enum tik_conformance conformance)
{
    (void)backend, (void)program, (void)conformance;
}

/* Nothing can fail once a step began: it is let run at once. */
static enum tik_status step_begin(struct tik_backend *backend, size_t commands)
{
    (void)backend, (void)commands;
    return TIK_OK;
}

static enum tik_status step_end(struct tik_backend *backend, enum tik_status status)
{
    (void)backend;
    return status;
}

static enum tik_status launch(struct tik_backend *backend, const struct tik_launch *l)
{
    const int threads = ((struct scalar_backend *)backend)->threads;
    tik_scalar_launch(l, threads > 0 ? threads : omp_get_max_threads());
    return TIK_OK;
}

static enum tik_status finish(struct tik_backend *backend)
{
    (void)backend;
    return TIK_OK;
}

static const struct tik_backend_ops ops = {
    .name = "scalar",
    .instance = instance,
    .destroy = destroy,
    .memory_create = memory_create,
    .memory_wrap = memory_wrap,
    .memory_borrow = NULL,
    .memory_destroy = memory_destroy,
    .memory_write = memory_write,
    .memory_read = memory_read,
    .memory_post = memory_write,
    .memory_handle = memory_handle,
    .memory_host = memory_host,
    .program_create = program_create,
    .program_destroy = program_destroy,
    .program_conformance = program_conformance,
    .program_judge = program_judge,
    .program_packs = program_packs,
    .blas = blas,
    .blas_prepare = blas_prepare,
    .blas_is_ready = blas_is_ready,
    .step_begin = step_begin,
    .launch = launch,
    .step_end = step_end,
    .finish = finish,
};

enum tik_status tik_scalar_backend_create(int threads, struct tik_backend **backend)
{
    struct scalar_backend *made = malloc(sizeof *made);
    if (made == NULL)
        return tik_error_memory("the scalar backend", sizeof *made);
    *made = (struct scalar_backend){.head.ops = &ops, .threads = threads};
    *backend = &made->head;
    return TIK_OK;
}
