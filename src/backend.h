/*
 * What a backend can do, as one table of functions. The optimizer, the bare call and verify are
 * written against it; scalar/ and opencl/ each close with their table and know nothing of each
 * other.
 *
 * An instance belongs to one optimizer, and so to one thread at a time; instances of one device
 * share its queue and its compiled programs. Commands run in the order in which they were given.
 */
#ifndef TIK_SRC_BACKEND_H
#define TIK_SRC_BACKEND_H

#include <tikhonov/device.h>
#include <tikhonov/status.h>

#include "plan.h"

struct tik_backend_ops;

/* The head of every backend. */
struct tik_backend {
    const struct tik_backend_ops *ops;
};

struct tik_buffer;  /* bytes that the backend's commands can reach */
struct tik_program; /* a plan, compiled */

/* One launch of the step over some blocks. */
struct tik_apply {
    struct tik_program *program;
    uint64_t block_count;
    struct tik_buffer *blocks; /* struct tik_block[block_count]; NULL: `count` elements in a row */
    uint64_t count;
    struct tik_buffer *param, *grad, *state[TIK_MAX_STATES];
    struct tik_offsets at;
    struct tik_buffer *factor; /* float[2]: clip factor, norm; NULL when the plan does not clip */
    const struct tik_plan_values *values;
    struct tik_buffer *partials; /* struct tik_partial[]; NULL when the plan does not report */
};

/* Sums of squares of some blocks' gradients, into sums[slot]. */
struct tik_norm_blocks {
    struct tik_program *program;
    uint64_t block_count;
    struct tik_buffer *blocks, *grad;
    uint64_t at;
    struct tik_buffer *sums; /* float[] */
};

/* From the blocks' sums to the clip factor, by the fixed tree. */
struct tik_norm_finish {
    struct tik_program *program;
    struct tik_buffer *tensors; /* struct tik_tensor_blocks[tensor_count] */
    uint32_t tensor_count;
    float max_norm;
    struct tik_buffer *sums;   /* float[], overwritten */
    struct tik_buffer *totals; /* float[tensor_count], overwritten */
    struct tik_buffer *factor; /* float[2], written */
};

struct tik_backend_ops {
    const char *name;

    /* Another instance on the same device. */
    enum tik_status (*instance)(struct tik_backend *, struct tik_backend **);
    void (*destroy)(struct tik_backend *);

    /* Memory of the backend's own, zeroed. */
    enum tik_status (*memory_create)(struct tik_backend *, size_t bytes, struct tik_buffer **);
    /* The caller's host memory, in place where that is possible. */
    enum tik_status (*memory_wrap)(struct tik_backend *, void *host, size_t bytes,
                                   struct tik_buffer **);
    /*
     * The caller's cl_mem, retained; checks that it holds `bytes`, and that kernels may write where
     * they will. NULL: not on this backend.
     */
    enum tik_status (*memory_borrow)(struct tik_backend *, struct _cl_mem *, size_t bytes,
                                     bool written, struct tik_buffer **);
    void (*memory_destroy)(struct tik_backend *, struct tik_buffer *);
    /* Both come after the commands under way, and are done on return. */
    enum tik_status (*memory_write)(struct tik_backend *, struct tik_buffer *, size_t at,
                                    size_t bytes, const void *);
    enum tik_status (*memory_read)(struct tik_backend *, struct tik_buffer *, size_t at,
                                   size_t bytes, void *);
    /* The cl_mem; NULL on the scalar path. */
    struct _cl_mem *(*memory_handle)(struct tik_buffer *);

    /*
     * Compiles a plan (NULL: the norm of norm.cl). Conformance is as remembered with the binary,
     * else TIK_UNTESTED; judge remembers it.
     */
    enum tik_status (*program_create)(struct tik_backend *, const struct tik_plan *,
                                      struct tik_program **);
    /*
     * Likewise, with / and sqrt corrected to the last bit (cl/correction.cl). NULL: not on this
     * backend.
     */
    enum tik_status (*program_correct)(struct tik_backend *, const struct tik_plan *,
                                       struct tik_program **);
    void (*program_destroy)(struct tik_backend *, struct tik_program *);
    enum tik_conformance (*program_conformance)(const struct tik_program *);
    void (*program_judge)(struct tik_backend *, struct tik_program *, enum tik_conformance);

    /*
     * What lies between begin and end happens or does not: end with TIK_OK lets it run, and with
     * any other status nothing is written. `commands`: how many are to come.
     */
    enum tik_status (*step_begin)(struct tik_backend *, size_t commands);
    enum tik_status (*norm_blocks)(struct tik_backend *, const struct tik_norm_blocks *);
    enum tik_status (*norm_finish)(struct tik_backend *, const struct tik_norm_finish *);
    enum tik_status (*apply)(struct tik_backend *, const struct tik_apply *);
    enum tik_status (*step_end)(struct tik_backend *, enum tik_status);

    /*
     * Waits for all commands; wrapped host memory then holds their results. TIK_ERROR_TORN when a
     * command failed while it ran.
     */
    enum tik_status (*finish)(struct tik_backend *);
};

/* The scalar path; threads 0: OpenMP's own number. */
enum tik_status tik_scalar_backend_create(int threads, struct tik_backend **backend);

#endif
