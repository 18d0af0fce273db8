/*
 * The bare call: one update, enqueued on the caller's own queue, buffers and offsets, for engines
 * that own their memory. The stateful optimizer is built on it.
 *
 *     tik_update_create(context, policy, false, &update);
 *     for (t = 1; t <= steps; t++) {
 *         const struct tik_update_args args = {
 *             .count = n, .param = p, .grad = g, .state = {m, v}, .step = t};
 *         tik_update_enqueue(update, queue, &args, 0, NULL, NULL);
 *     }
 *
 * A policy that keeps arrays of its own beside the rule's states (an average, a low-precision copy,
 * what a cumulative penalty was paid), or needs norms, is for a tik_optimizer: its tensors may lie
 * in the caller's buffers too (TIK_MEMORY_OPENCL).
 *
 * The context is made from the caller's cl_context, cl_device and cl_queue.
 *
 * Threads: one update handle belongs to one thread at a time (OpenCL's kernel objects do); make one
 * a thread, the compiled program is shared.
 */
#ifndef TIKHONOV_UPDATE_H
#define TIKHONOV_UPDATE_H

#include <tikhonov/base.h>
#include <tikhonov/context.h>
#include <tikhonov/policy.h>
#include <tikhonov/rule.h>
#include <tikhonov/schedule.h>
#include <tikhonov/status.h>

struct tik_update_args {
    size_t count;                          /* elements */
    struct _cl_mem *param;                 /* read and written */
    struct _cl_mem *grad;                  /* read */
    struct _cl_mem *state[TIK_MAX_STATES]; /* read and written; as many as tik_update_states says */
    size_t param_offset, grad_offset;      /* in elements */
    size_t state_offset[TIK_MAX_STATES];   /* in elements */
    struct _cl_mem *factor; /* float[1] that multiplies g first, of a clipped update; else NULL */
    uint64_t step;          /* t, from 1 */
    const struct tik_schedule *schedule; /* multiplies lr at this step; NULL: lr as it is */
    /*
     * Scalars that the rule carries from step to step (tik_update_carried): the caller's, advanced
     * by each call that returns TIK_OK. May be NULL for a rule that carries none.
     */
    double *carried;
};

/*
 * Compiles the policy for the context's device. `clipped`: the update reads args.factor.
 * In a context of the scalar path the update serves tik_update_host alone.
 * TIK_OK; TIK_ERROR_ARGUMENT: a policy that does not check; TIK_ERROR_MEMORY; TIK_ERROR_DEVICE: the
 * build failed (the log is in tik_last_error) or the device computed wrongly.
 */
TIK_API TIK_CHECKED enum tik_status tik_update_create(struct tik_context *context,
                                                      const struct tik_policy *policy, bool clipped,
                                                      struct tik_update **update);
TIK_API void tik_update_destroy(struct tik_update *update);

/* How many states the policy needs, and their names (NULL past the end). */
TIK_API size_t tik_update_states(const struct tik_update *update);
TIK_API const char *tik_update_state_name(const struct tik_update *update, size_t slot);

/* Where a state starts; whether it starts as a copy of the parameter instead (schedule_free_adamw). */
TIK_API float tik_update_state_initial(const struct tik_update *update, size_t slot);
TIK_API bool tik_update_state_is_param(const struct tik_update *update, size_t slot);

/* How many float64 scalars the rule carries, and where they start. */
TIK_API size_t tik_update_carried(const struct tik_update *update);
TIK_API double tik_update_carried_initial(const struct tik_update *update, size_t index);

/* Of its program and, once there is a list, of the lists' too: the weaker of both. */
TIK_API enum tik_conformance tik_update_conformance(const struct tik_update *update);

/* Changes a value; see tik_optimizer_set. An option that would need another program is an error. */
TIK_API TIK_CHECKED enum tik_status tik_update_set(struct tik_update *update, const char *option,
                                                   double value);

/*
 * Enqueues one launch on `queue` after the `waits` events; *event (may be NULL) is the caller's to
 * release. No host wait. Buffers, offsets and count are checked before anything is enqueued: large
 * enough, of the context, writable where they are written, and no two of them the same elements.
 * TIK_OK; TIK_ERROR_ARGUMENT; TIK_ERROR_DEVICE: nothing was enqueued.
 */
TIK_API TIK_CHECKED enum tik_status tik_update_enqueue(
    struct tik_update *update, struct _cl_command_queue *queue, const struct tik_update_args *args,
    unsigned wait_count, struct _cl_event *const *waits, struct _cl_event **event);

/*
 * Many tensors, each in buffers of its own, in few launches: for an engine with a thousand small
 * buffers. A list is checked once, when it is made; each of its steps then only sets arguments.
 *
 *     tik_update_list_create(update, tensors, 1000, &list);
 *     for (t = 1; t <= steps; t++)
 *         tik_update_list_enqueue(list, queue, &(struct tik_update_step){.step = t}, 0, NULL, NULL);
 *
 * How many tensors a launch takes follows from the room that the device has for a kernel's
 * arguments (CL_DEVICE_MAX_PARAMETER_SIZE, 1,024 bytes at least): each tensor takes a pointer and
 * an offset for param, grad and every state, and its count; 8 of adam's fit into 1,024 bytes, 32
 * into 4 KiB. It is a power of two, and 32 at most.
 */
struct tik_update_list;

struct tik_update_tensor {
    size_t count; /* elements; 0 is allowed */
    struct _cl_mem *param, *grad, *state[TIK_MAX_STATES];
    size_t param_offset, grad_offset, state_offset[TIK_MAX_STATES]; /* in elements */
};

/*
 * Retains the buffers of all tensors and compiles what their steps need. The update must outlive
 * the list, and a list belongs to its thread. The array is read here and not kept.
 * TIK_OK; TIK_ERROR_ARGUMENT: a buffer is NULL, too small, of another context, not writable where
 * it is written, or shares elements that are written with another; the context has no device;
 * TIK_ERROR_MEMORY; TIK_ERROR_DEVICE.
 */
TIK_API TIK_CHECKED enum tik_status tik_update_list_create(struct tik_update *update,
                                                           const struct tik_update_tensor *tensors,
                                                           size_t count,
                                                           struct tik_update_list **list);
TIK_API void tik_update_list_destroy(struct tik_update_list *list);

/* Launches that a step of the list takes, and tensors that one of them takes at most. */
TIK_API size_t tik_update_list_launches(const struct tik_update_list *list);
TIK_API size_t tik_update_list_packs(const struct tik_update_list *list);

/* What one step of all tensors has in common; as in struct tik_update_args. */
struct tik_update_step {
    uint64_t step;
    struct _cl_mem *factor;
    const struct tik_schedule *schedule;
    double *carried;
};

/*
 * Enqueues one step of every tensor after the `waits` events; *event (may be NULL) is done when all
 * are. All of the launches happen or none. No host wait, but where one of several launches could
 * not be enqueued: then the call waits for `waits`, and what is on the queue, before it takes the
 * others back.
 * TIK_OK; TIK_ERROR_ARGUMENT, TIK_ERROR_DEVICE, TIK_ERROR_MEMORY: nothing was changed;
 * TIK_ERROR_TORN: some of the launches ran that could not be taken back.
 */
TIK_API TIK_CHECKED enum tik_status tik_update_list_enqueue(struct tik_update_list *list,
                                                            struct _cl_command_queue *queue,
                                                            const struct tik_update_step *step,
                                                            unsigned wait_count,
                                                            struct _cl_event *const *waits,
                                                            struct _cl_event **event);

/* The same update by the scalar path, on host memory: what the device is compared with. */
struct tik_update_host_args {
    size_t count;
    float *param;
    const float *grad;
    float *state[TIK_MAX_STATES];
    const float *factor; /* of a clipped update; else NULL */
    uint64_t step;
    const struct tik_schedule *schedule;
    double *carried;
};
TIK_API TIK_CHECKED enum tik_status tik_update_host(struct tik_update *update,
                                                    const struct tik_update_host_args *args);

#endif
