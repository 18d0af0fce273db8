/*
 * The stateful optimizer: named tensors in groups, one regularized step for all of them.
 *
 *     tik_optimizer_create(context, NULL, &optimizer);
 *     tik_optimizer_add_group(optimizer, policy, &weights);
 *     tik_optimizer_add_tensor(optimizer, weights, &(struct tik_tensor){
 *         .name = "w", .rank = 1, .shape = (size_t[]){200}, .memory = TIK_MEMORY_LIBRARY,
 *         .param = initial}, &w);
 *     for (;;) {
 *         tik_optimizer_write(optimizer, w, TIK_GRAD, gradient);
 *         tik_optimizer_step(optimizer);
 *         tik_optimizer_read(optimizer, w, TIK_PARAM, parameter);
 *     }
 *
 * A step happens or it does not: everything that can fail comes before the first write.
 *
 * Threads: one optimizer belongs to one thread at a time; distinct optimizers are independent, even
 * on one context.
 */
#ifndef TIKHONOV_OPTIMIZER_H
#define TIKHONOV_OPTIMIZER_H

#include <tikhonov/base.h>
#include <tikhonov/context.h>
#include <tikhonov/policy.h>
#include <tikhonov/schedule.h>
#include <tikhonov/status.h>

enum tik_verify {
    TIK_VERIFY_OFF,
    /* `verify_blocks` blocks of each step, chosen anew each time; not of rules and penalties that
       make of a whole matrix, row or column what a block is */
    TIK_VERIFY_SAMPLE,
    TIK_VERIFY_ALL, /* every element of every step */
};

/* What becomes of a step with a gradient that is NaN or infinite. */
enum tik_nonfinite {
    TIK_NONFINITE_AUTO,      /* propagate; with a loss scale: skip */
    TIK_NONFINITE_PROPAGATE, /* the step is taken as it is, at no cost */
    TIK_NONFINITE_SKIP,      /* the device leaves the step out: it advances nothing */
    TIK_NONFINITE_ERROR,     /* likewise, and all later ones, until a call has returned the error */
};

struct tik_optimizer_options {
    /* Runs the scalar path beside the device and compares; nothing to compare on the scalar path.
     */
    enum tik_verify verify; /* TIK_VERIFY_OFF */
    size_t verify_blocks;   /* 4; blocks of TIK_BLOCK elements a group and step, when sampling */
    bool report; /* false; computes what tik_optimizer_report returns, in the same pass */

    /*
     * Gradients go through these in their order, and then to maximize, penalties and rule. The
     * norms are roots of sums of squares; at most one of max_norm, clip_norm and agc is used.
     *
     *     mean        g <- (sum of the gradients of `accumulate` calls of step) / accumulate
     *     unscale     g <- g / loss_scale
     *     clip_value  g <- min(max(g, -clip_value), clip_value)
     *     max_norm    g <- g * min(1, max_norm / (norm + clip_eps)), norm over all active tensors
     *     clip_norm   the same for each tensor by itself
     *     agc         g <- g * min(1, agc * max(||p||, agc_eps) / max(||g||, 1e-6)) for each row
     *                 (the first dimension counts them), or tensor of rank 0 or 1
     *                 (Brock, De, Smith, Simonyan 2021)
     *
     * A clip of 0 is none.
     */
    double clip_value; /* 0 */
    double max_norm;   /* 0 */
    double clip_norm;  /* 0 */
    double agc;        /* 0 */
    double clip_eps;   /* 1e-6, as PyTorch; 0: as TensorFlow, Optax, Caffe */
    double agc_eps;    /* 1e-3 */
    bool clip_late;    /* false; clip_value comes after the coupled penalties, as in MXNet 1.x */

    /*
     * Of n calls of step only every n-th takes a step, by the mean of n gradients; the others add
     * their gradients up. 1: every call.
     */
    unsigned accumulate; /* 1 */
    bool zero_grad;      /* false; the gradient is set to 0 by the pass that used it */

    /*
     * The loss, and so each gradient, is multiplied by a scale that the step divides by. A step
     * with a gradient that is not finite is skipped and multiplies the scale by `backoff`;
     * `interval` steps without one multiply it by `growth` (0: it never grows). The names and
     * defaults are those of torch.amp.GradScaler. 0: no scale.
     */
    double loss_scale;            /* 0; 65536 is usual */
    double loss_scale_growth;     /* 2 */
    double loss_scale_backoff;    /* 0.5 */
    unsigned loss_scale_interval; /* 2000 */

    /*
     * The device decides, and no host waits: a skipped step advances neither t, schedule nor
     * average. The host learns of it when it looks (sync, read of the steps, a report, or once in
     * 16 steps).
     */
    enum tik_nonfinite nonfinite; /* TIK_NONFINITE_AUTO */
    unsigned nonfinite_limit;     /* 0; so many skipped in a row are an error; 0: never */

    /*
     * Tensors of the library's memory, or in the caller's on the host, that do not fit into so many
     * bytes of the device, or into one buffer of it, stay in the host's, and each step takes them
     * through the device chunk by chunk, copies and kernels overlapped on two queues, with the same
     * bits. 0: the device's own memory. The windows of what is streamed take half of what is left
     * each; a chunk has 16,384 elements at least, whatever the limit. A policy with norms of single
     * tensors or units cannot be streamed: an error when the step is prepared. `progress` (may be
     * NULL) is called by step, in its thread, for each chunk that is done: step then waits.
     */
    uint64_t memory_limit; /* 0 */
    void (*progress)(size_t done, size_t total, void *data);
    void *progress_data;
};

TIK_API void tik_optimizer_defaults(struct tik_optimizer_options *options);

/* TIK_OK; TIK_ERROR_ARGUMENT; TIK_ERROR_MEMORY; TIK_ERROR_DEVICE. Destroy before the context. */
TIK_API TIK_CHECKED enum tik_status tik_optimizer_create(
    struct tik_context *context, const struct tik_optimizer_options *options,
    struct tik_optimizer **optimizer);
TIK_API void tik_optimizer_destroy(struct tik_optimizer *optimizer);

/* Adds a group under a copy of `policy`; *group numbers it from 0. TIK_OK; _ARGUMENT; _MEMORY. */
TIK_API TIK_CHECKED enum tik_status tik_optimizer_add_group(struct tik_optimizer *optimizer,
                                                            const struct tik_policy *policy,
                                                            size_t *group);

/* Where a tensor's parameter and gradient live. States are always the library's. */
enum tik_memory {
    /* The library's: all such tensors of a group lie in one arena and take one launch a step. */
    TIK_MEMORY_LIBRARY,
    /*
     * The caller's host memory, used in place where the device shares the host's memory, else
     * copied there and back by each step. The caller leaves it alone from step to sync.
     */
    TIK_MEMORY_HOST,
    /* The caller's OpenCL buffers, of the context's own cl_context; retained while used. */
    TIK_MEMORY_OPENCL,
};

struct tik_tensor {
    const char *name; /* copied; unlike any other in the optimizer */
    size_t rank;      /* 0 for a scalar, at most 8 */
    const size_t *shape;
    enum tik_memory memory;
    /* LIBRARY: initial values, copied (NULL: zeros). HOST: the parameter itself. */
    float *param;
    /* LIBRARY: not read; gradients come by tik_optimizer_write. HOST: the gradient itself. */
    float *grad;
    /* OPENCL: buffers, and offsets in elements. */
    struct _cl_mem *cl_param, *cl_grad;
    size_t param_offset, grad_offset;
};

/*
 * Registers a tensor of float32 in a group, with states at the initial values of the rule's options
 * as they are now (0; the accumulator of adagrad, the step size of rprop, ...). *index (may
 * be NULL) numbers tensors from 0 in the order of registration, which is also the order in which
 * norms are summed. A tensor of no elements is allowed.
 *
 * Steps are counted by group: for a tensor that comes late, or was not active before, bias
 * corrections and schedules go on from the group's count, where PyTorch would begin anew. A gradient
 * that was never written is 0, and takes part all the same: set the tensor inactive until it has one.
 *
 * TIK_OK; TIK_ERROR_ARGUMENT: a bad group, a name that is empty or taken, a rank or shape that is
 * too large, or not a matrix's where the group's rule takes matrices alone, memory that is NULL or too small; TIK_ERROR_MEMORY; TIK_ERROR_DEVICE. On an error
 * nothing was registered.
 */
TIK_API TIK_CHECKED enum tik_status tik_optimizer_add_tensor(struct tik_optimizer *optimizer,
                                                             size_t group,
                                                             const struct tik_tensor *tensor,
                                                             size_t *index);

/* A tensor that is not active (it has no gradient, or is frozen) is left out of steps and norms. */
TIK_API TIK_CHECKED enum tik_status tik_optimizer_set_active(struct tik_optimizer *optimizer,
                                                             size_t tensor, bool active);

/* The most dimensions of a tensor. */
#define TIK_MAX_RANK 8

/*
 * Parts of a tensor, for read and write: float32 all but TIK_COPY, whose elements are uint16_t, the
 * bits of a bf16 or fp16 (tik_policy_set_copy).
 */
enum { TIK_COPY = -3, TIK_PARAM = -2, TIK_GRAD = -1, TIK_STATE = 0 /* + slot of the state */ };

/*
 * The shape of a part, of as many dimensions as its tensor's, and how many numbers that makes; either
 * may be NULL. Parameter, gradient and most states have the tensor's own shape. A state with a number
 * each row has 1 in the place of the last dimension, one with a number each column in the place of the
 * last but one: adafactor's row_var is [..., R, 1], its col_var [..., 1, C].
 * TIK_OK; TIK_ERROR_ARGUMENT: no such tensor or part.
 */
TIK_API TIK_CHECKED enum tik_status tik_optimizer_part_shape(const struct tik_optimizer *optimizer,
                                                             size_t tensor, int part, size_t *shape,
                                                             size_t *count);

/*
 * Copies all numbers of a part from or to `values`; waits for steps under way. `values` may be
 * used again on return.
 *
 * TIK_COPY is the copy of the parameters after the last step that was applied; before the first, and
 * after a write of TIK_PARAM, that of those, rounded as in the last step. It is not written.
 * What a caller writes to host memory or OpenCL buffers of its own shows with the next step.
 * TIK_OK; TIK_ERROR_ARGUMENT; TIK_ERROR_DEVICE.
 */
TIK_API TIK_CHECKED enum tik_status tik_optimizer_write(struct tik_optimizer *optimizer,
                                                        size_t tensor, int part,
                                                        const float *values);
TIK_API TIK_CHECKED enum tik_status tik_optimizer_read(struct tik_optimizer *optimizer,
                                                       size_t tensor, int part, void *values);

/*
 * Where a part lives on the device: buffer and offset in elements of the part's own type, for kernels of the caller's own
 * on the context's queue (which is in order). NULL on the scalar path, and for the parameter and
 * gradient of a tensor of TIK_MEMORY_HOST, which are the caller's by their pointers. Valid until a
 * tensor is added to the group.
 */
TIK_API TIK_CHECKED enum tik_status tik_optimizer_buffer(struct tik_optimizer *optimizer,
                                                         size_t tensor, int part,
                                                         struct _cl_mem **buffer, size_t *offset);

/*
 * Where a part lives in the host's memory, on the scalar path (or with a group that is streamed):
 * its first element, to be read in place, after tik_optimizer_sync where a device takes the steps.
 * NULL where it lives on a device. Valid until a tensor is added to the group.
 * TIK_OK; TIK_ERROR_ARGUMENT; TIK_ERROR_DEVICE.
 */
TIK_API TIK_CHECKED enum tik_status tik_optimizer_host(struct tik_optimizer *optimizer,
                                                       size_t tensor, int part, void **values);

/*
 * Changes an option, or an option of a penalty, of one group from the next step on. Values are
 * arguments of the kernel: nothing is compiled, unless an option that was not in use comes into
 * use (weight_decay from 0). Options that decide which states there are (momentum from 0, amsgrad)
 * cannot change.
 * TIK_OK; TIK_ERROR_ARGUMENT: the group is then as before.
 */
TIK_API TIK_CHECKED enum tik_status tik_optimizer_set(struct tik_optimizer *optimizer, size_t group,
                                                      const char *option, double value);
TIK_API TIK_CHECKED enum tik_status tik_optimizer_set_penalty(struct tik_optimizer *optimizer,
                                                              size_t group, size_t penalty,
                                                              const char *option, double value);
TIK_API TIK_CHECKED enum tik_status tik_optimizer_set_schedule(struct tik_optimizer *optimizer,
                                                               size_t group,
                                                               const struct tik_schedule *schedule);

/*
 * Compiles what the next step needs, so that the step itself does not wait for a compiler. The
 * first step does it where the caller did not.
 */
TIK_API TIK_CHECKED enum tik_status tik_optimizer_prepare(struct tik_optimizer *optimizer);

/*
 * What a step costs with the tensors and options as they are: kernels that it launches (each call of
 * step that takes one; loops of the scalar path likewise), and bytes that it moves for each
 * parameter of a group, an array counted once for each launch that reads it and once for each that
 * writes it. A state with a number each row or column is small beside a matrix and not counted, and
 * counted as an array where all tensors of the group are vectors. The launches do not grow with the
 * tensors of the library's memory (of a rule that multiplies matrices they do with their shapes). A
 * projection on a ball goes over its units more often, and products go over matrices: neither is
 * counted among the bytes. 0 where memory or the device fails, or
 * the group is not there.
 */
TIK_API size_t tik_optimizer_launches(struct tik_optimizer *optimizer);
TIK_API size_t tik_optimizer_bytes(struct tik_optimizer *optimizer, size_t group);

/*
 * One step of every group over its active tensors. Returns when the work is enqueued; read, write,
 * report and sync wait for it.
 *
 * TIK_OK. TIK_ERROR_DEVICE, TIK_ERROR_MEMORY: nothing was changed (and only where the scalar path
 * could not take over). TIK_ERROR_FALLBACK: strict, nothing was changed. TIK_ERROR_MISMATCH:
 * strict and verified, the step was taken. TIK_ERROR_NONFINITE: earlier steps were halted, see
 * tik_nonfinite and nonfinite_limit; no step was taken, and the next call may take one.
 * TIK_ERROR_TORN: the device died while it wrote; every later call says so again.
 */
TIK_API TIK_CHECKED enum tik_status tik_optimizer_step(struct tik_optimizer *optimizer);

/*
 * Waits until all steps are done and host memory holds their results. Errors as those of step;
 * TIK_ERROR_NONFINITE: everything is done, and steps were halted.
 */
TIK_API TIK_CHECKED enum tik_status tik_optimizer_sync(struct tik_optimizer *optimizer);

/* The loss scale, and what steps were skipped. */
struct tik_scaling {
    double scale;             /* for the next gradients; 1 without loss_scale */
    uint64_t clean;           /* steps since it changed */
    uint64_t skipped, in_row; /* steps in all; one after another, the last one among them */
};

/* Waits for the steps under way. TIK_OK; _ARGUMENT; _DEVICE; _TORN. */
TIK_API TIK_CHECKED enum tik_status tik_optimizer_scaling(struct tik_optimizer *optimizer,
                                                          struct tik_scaling *scaling);

/* Restores what tik_optimizer_scaling told, for a checkpoint. */
TIK_API TIK_CHECKED enum tik_status tik_optimizer_set_scaling(struct tik_optimizer *optimizer,
                                                              const struct tik_scaling *scaling);

/*
 * Where the loss scale lives on the device: a float32, at `offset` floats, for kernels of the
 * caller's own on the context's queue, so that no host waits for it. NULL on the scalar path.
 * TIK_ERROR_ARGUMENT without loss_scale.
 */
TIK_API TIK_CHECKED enum tik_status tik_optimizer_scale_buffer(struct tik_optimizer *optimizer,
                                                               struct _cl_mem **buffer,
                                                               size_t *offset);

/*
 * The moving average of a tensor's parameters (tik_policy_set_ema), its bias corrected where the
 * policy says so; waits for steps under way. Before the group's first step it is the parameters. The
 * correction counts the group's steps: it is too small for a tensor that came late or was not
 * active, whose average is better not debiased.
 * TIK_OK; TIK_ERROR_ARGUMENT: its policy has no average; TIK_ERROR_DEVICE.
 */
TIK_API TIK_CHECKED enum tik_status tik_optimizer_read_ema(struct tik_optimizer *optimizer,
                                                           size_t tensor, float *values);

/*
 * Where the model is evaluated, and what is saved of it once it is trained, for a rule whose
 * parameters are where its gradients are taken: x = p + weight*(z - p), see tik_policy_eval_weight,
 * on the host in float32, one rounding an operation: the same bits whatever took the steps. Waits
 * for steps under way.
 * TIK_OK; TIK_ERROR_ARGUMENT: the rule is evaluated at its parameters, or beta1 is 0;
 * TIK_ERROR_MEMORY; TIK_ERROR_DEVICE.
 */
TIK_API TIK_CHECKED enum tik_status tik_optimizer_read_eval(struct tik_optimizer *optimizer,
                                                            size_t tensor, float *values);

/* Of the parameters after the last step, over the group's active tensors. */
struct tik_report {
    double penalty;           /* sum over the group's penalties of their value at p */
    double half_squared_norm; /* 1/2 sum p^2 */
    uint64_t zeros;           /* elements that are exactly 0 */
    uint64_t count;           /* elements in all */
    double norm;              /* of all groups' gradients before clipping; 0 without max_norm */
    double clip;              /* what they were multiplied by; 1 without max_norm */
    double lr;                /* of that step, schedule included */
    bool skipped;             /* the step was left out: penalty, squares and counts are 0 */
};

/*
 * The report of a group's last step; waits for it. TIK_OK; TIK_ERROR_ARGUMENT when the options
 * asked for none, or before the first step; TIK_ERROR_DEVICE.
 */
TIK_API TIK_CHECKED enum tik_status tik_optimizer_report(struct tik_optimizer *optimizer,
                                                         size_t group, struct tik_report *report);

struct tik_optimizer_stats {
    uint64_t steps;          /* taken, or left to the device to skip; a call that adds up is none */
    uint64_t verified_steps; /* compared with the scalar path, in whole or by sample */
    uint64_t verified_words; /* words compared: float32, and 16 bits of low-precision copies */
    uint64_t mismatches;     /* words that differed (a bounded device: beyond the bound) */
    uint64_t fallbacks;      /* steps that the scalar path took over */
};

TIK_API void tik_optimizer_stats(const struct tik_optimizer *optimizer,
                                 struct tik_optimizer_stats *stats);

/*
 * The weakest conformance among the programs in use; TIK_EXACT on the scalar path, TIK_UNTESTED
 * when the scalar path had to take every step for the device. TIK_BOUNDED, on the scalar path too,
 * where a BLAS multiplies large matrices (muon; docs/numerics.md).
 */
TIK_API enum tik_conformance tik_optimizer_conformance(const struct tik_optimizer *optimizer);

/* What is registered, to look at. Names and shapes are owned by the optimizer. */
TIK_API size_t tik_optimizer_groups(const struct tik_optimizer *optimizer);
TIK_API size_t tik_optimizer_tensors(const struct tik_optimizer *optimizer);
struct tik_tensor_info {
    const char *name;
    size_t group, rank, count;
    const size_t *shape;
    bool active;
    const char *const *states; /* names of the states that it has under the group's options */
    size_t state_count;
};
TIK_API TIK_CHECKED enum tik_status tik_optimizer_tensor(const struct tik_optimizer *optimizer,
                                                         size_t tensor,
                                                         struct tik_tensor_info *info);
TIK_API TIK_CHECKED enum tik_status tik_optimizer_group_rule(const struct tik_optimizer *optimizer,
                                                             size_t group, const char **rule);

/*
 * Applied steps of a group, and the float64 scalars that its rule carries from step to step by name
 * (nadam's mu_product): what a checkpoint keeps beside the tensors.
 */
TIK_API TIK_CHECKED enum tik_status tik_optimizer_steps(struct tik_optimizer *optimizer,
                                                        size_t group, uint64_t *steps);
TIK_API TIK_CHECKED enum tik_status tik_optimizer_set_steps(struct tik_optimizer *optimizer,
                                                            size_t group, uint64_t steps);
/* The name of the index-th carried scalar of a group's rule; NULL past the end. */
TIK_API const char *tik_optimizer_carried_name(const struct tik_optimizer *optimizer, size_t group,
                                               size_t index);
/* TIK_OK; TIK_ERROR_ARGUMENT: no such group or name, or a value that is not finite. */
TIK_API TIK_CHECKED enum tik_status tik_optimizer_carried(struct tik_optimizer *optimizer,
                                                          size_t group, const char *name,
                                                          double *value);
TIK_API TIK_CHECKED enum tik_status tik_optimizer_set_carried(struct tik_optimizer *optimizer,
                                                              size_t group, const char *name,
                                                              double value);

#endif
