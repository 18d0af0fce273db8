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

/* The kernels of cl/, in the order in which they come in a step. */
enum tik_kernel {
    TIK_ACCUMULATE,
    TIK_NORM_BLOCKS,
    TIK_NORM_MANY,
    TIK_NORM_UNITS,
    TIK_NORM_FINISH,
    TIK_GROUP_BLOCKS,
    TIK_GROUP_FACTORS,
    TIK_ROW_SUMS,
    TIK_COLUMN_SUMS,
    TIK_LINE_ENDS,
    TIK_MEANS,
    TIK_MEASURE,
    TIK_RATIOS,
    TIK_NORMALIZE,
    TIK_PRODUCT,
    TIK_STEP,
    TIK_STEP_MANY,
    TIK_GROUP_SCALE,
    TIK_GROUP_PROJECT,
    TIK_LATE,
    TIK_KERNELS
};

/* The kernels' names, "tik_step", by number. */
extern const char *const tik_kernel_names[TIK_KERNELS];

/* Buffers that a step writes and reads on its way; NULL where the policy has no use for them. */
struct tik_workspace {
    struct tik_buffer *tensors;  /* struct tik_tensor_blocks[]: of the scope whose norms clip */
    struct tik_buffer *sums;     /* float[3 * plane] */
    struct tik_buffer *totals;   /* float[]: a tensor each */
    struct tik_buffer *control;  /* struct tik_control */
    struct tik_buffer *progress; /* struct tik_progress[]: a group each */
    struct tik_buffer *rows;     /* struct tik_row[][TIK_ROWS]: a group each */
    struct tik_buffer *clips;    /* float[]: a unit each */
    struct tik_buffer *ratios;   /* float[]: a unit each */
    struct tik_buffer *means;    /* float[]: a matrix each */
    struct tik_buffer *factors;  /* float[]: a unit each */
    struct tik_buffer *partials; /* struct tik_partial[]: a block each */
    struct tik_buffer *iterates[2], *grams[2]; /* float[]: matrices, and their products */
    struct tik_buffer *stepped; /* float[]: what a piece's step made of its first state */
    uint32_t plane;             /* from one kind of sums to the next */
};

/* The arrays of one piece of the store. */
struct tik_arrays {
    struct tik_buffer *param, *grad, *state[TIK_ARRAYS];
    struct tik_buffer *matrices; /* struct tik_matrices[]: a span each; NULL where none asks */
};

/* The spans of one piece in one scope. */
struct tik_spans {
    struct tik_buffer *table; /* struct tik_span[count]; NULL: elements in a row */
    uint32_t count;
    uint64_t blocks, units;
};

/* Tensors in buffers of their own that one launch may take. */
#define TIK_MANY 32

/* One of them: its elements, and its share of param, grad, the rule's states and partial sums. */
struct tik_many {
    uint64_t count;
    uint32_t slot;
    struct tik_arrays arrays;
    struct tik_offsets at;
};

/* Operands of TIK_PRODUCT, as cl/iterate.cl names them. */
struct tik_operands {
    struct tik_product scalars;
    struct tik_buffer *a, *b, *d, *c;
    bool large; /* for a BLAS, where there is one */
};

struct tik_stream;

/* One launch. Each kernel takes what it needs of this. */
struct tik_launch {
    enum tik_kernel kernel;
    struct tik_program *program;
    struct tik_spans spans;
    uint64_t count; /* elements in a row, without spans */
    struct tik_arrays arrays;
    struct tik_offsets at;
    const struct tik_workspace *work;
    struct gradient_scalars gradient;
    struct guard_scalars guard;
    uint32_t tensor_count, group_count;
    uint32_t group; /* whose rows and progress */
    uint32_t slot;  /* of a penalty on units; of the state whose lines are summed */
    const struct tik_plan_values *values;
    struct tik_buffer *iterate;  /* the matrices that the rule iterates on */
    struct tik_operands product; /* of TIK_PRODUCT; spans.units counts the rows of the results */
    const struct tik_many *many; /* of TIK_STEP_MANY and TIK_NORM_MANY; spans.blocks: of them all */
    uint32_t many_count;         /* at most the plan's packed */
    const struct tik_stream *stream; /* not NULL: over chunks of the host's memory */
};

struct tik_backend_ops {
    const char *name;

    /* Another instance on the same device. */
    enum tik_status (*instance)(struct tik_backend *, struct tik_backend **);
    void (*destroy)(struct tik_backend *);

    /* Memory of the backend's own, zeroed. */
    enum tik_status (*memory_create)(struct tik_backend *, size_t bytes, struct tik_buffer **);
    /* What the device holds, and its largest buffer. NULL: as much as the host. */
    void (*memory_limits)(struct tik_backend *, uint64_t *total, uint64_t *largest);
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
    /*
     * Like write, but returns at once; the values must stay as they are until the command is done.
     * Between begin and end alone, and one of the commands there.
     */
    enum tik_status (*memory_post)(struct tik_backend *, struct tik_buffer *, size_t at,
                                   size_t bytes, const void *);
    /* The cl_mem; NULL on the scalar path. And the host's memory, NULL on a device. */
    struct _cl_mem *(*memory_handle)(struct tik_buffer *);
    void *(*memory_host)(struct tik_buffer *);

    /*
     * Compiles a plan. Conformance is as remembered with the binary, else TIK_UNTESTED; judge
     * remembers it.
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
     * What multiplies large matrices in the place of tik_product, whose bits are its own:
     * "CLBlast 1.5.3". NULL: nothing does.
     */
    const char *(*blas)(const struct tik_backend *);
    /*
     * Compiles it, which may take half a minute the first time of a process, and compares a product
     * with one in double; where that differs, or it does not run at all, there is an error, and
     * `blas` is NULL from then on. Returns at once when this was done before. *caution: what is known
     * of this version on this device, NULL: nothing.
     */
    enum tik_status (*blas_prepare)(struct tik_backend *, const char **caution);
    bool (*blas_is_ready)(const struct tik_backend *);

    /*
     * How many tensors in buffers of their own a launch of the plan takes; 0: one alone. Of a norm's
     * plan it is the launch over blocks.
     */
    uint32_t (*program_packs)(struct tik_backend *, const struct tik_plan *);

    /*
     * What lies between begin and end happens or does not: end with TIK_OK lets it run, and with
     * any other status nothing is written. `commands`: how many are to come.
     */
    enum tik_status (*step_begin)(struct tik_backend *, size_t commands);
    enum tik_status (*launch)(struct tik_backend *, const struct tik_launch *);
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
