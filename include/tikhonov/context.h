/*
 * A context: one device, its queue and its compiled programs.
 *
 *     struct tik_context *context;
 *     if (tik_context_create(NULL, &context) != TIK_OK)
 *         fprintf(stderr, "%s\n", tik_last_error());
 *
 * Threads: a context may be shared by optimizers in distinct threads.
 */
#ifndef TIKHONOV_CONTEXT_H
#define TIKHONOV_CONTEXT_H

#include <tikhonov/base.h>
#include <tikhonov/device.h>
#include <tikhonov/status.h>

enum tik_log_level { TIK_LOG_INFO, TIK_LOG_WARNING };

struct tik_context_options {
    /*
     * "auto": an exact GPU, else an exact OpenCL CPU device, else the scalar path; the scalar path
     * also where tik_tune has measured that it beats the CPU's OpenCL device
     * (and `threads` is 0).
     * "scalar": the scalar path. "opencl": the first exact device, else the first; an error when
     * there is none. "1.0": platform and device. Anything else: part of a device's or
     * platform's name. NULL: the variable TIKHONOV_DEVICE, else "auto".
     */
    const char *device;
    /* A fallback to the scalar path, or a mismatch, is an error. TIKHONOV_STRICT=1 does the same.
     */
    bool strict;
    /* Threads of the scalar path; 0: OpenMP's own number. The bits do not depend on it. */
    int threads;
    /* Folder of kernel sources; NULL: TIKHONOV_CL_PATH, else the sources inside the library. */
    const char *kernel_path;
    /*
     * Folder of compiled programs; NULL: TIKHONOV_CACHE_DIR, else the user's cache folder; "off":
     * none. Used only where it is private (mode 0700, the user's own).
     */
    const char *cache_path;
    /*
     * Work-items of a group, a power of two; 0: the variable TIKHONOV_LOCAL_SIZE, else what
     * 'tikhonov tune' found, else 1 on a CPU and 256 elsewhere. A device that has not as many takes
     * as many as it has. The bits do not depend on it.
     */
    size_t local_size;
    /* Told of fallbacks, warnings and slow builds; NULL: nobody. The library itself never prints.
     */
    void (*log)(enum tik_log_level level, const char *message, void *data);
    void *log_data;
    /*
     * The caller's own OpenCL objects, all three or none: retained while used. The queue must be
     * in order; `device` above is then not read.
     */
    struct _cl_context *cl_context;
    struct _cl_device_id *cl_device;
    struct _cl_command_queue *cl_queue;
};

/* Fills `options` with the defaults above. */
TIK_API void tik_context_defaults(struct tik_context_options *options);

/*
 * Chooses a device, opens it and runs the known-answer probe on it. `options` NULL: the defaults;
 * its strings are copied.
 *
 * TIK_OK: *context is the caller's, to destroy after the optimizers made from it.
 * TIK_ERROR_ARGUMENT: a NULL where none may be, or a queue that is out of order.
 * TIK_ERROR_NO_DEVICE: no device answers to `device` ("auto" always finds the scalar path).
 * TIK_ERROR_DEVICE: "opencl", and of the devices that are there none could be opened or computes
 * rightly; or the caller's own does not. The message has each one's reason.
 * TIK_ERROR_FALLBACK: strict, and the device named by index or name is not fit for use. Without
 * strict the scalar path takes its place, which counts as a fallback.
 * TIK_ERROR_MEMORY.
 */
TIK_API TIK_CHECKED enum tik_status tik_context_create(const struct tik_context_options *options,
                                                       struct tik_context **context);
TIK_API void tik_context_destroy(struct tik_context *context);

/* What was chosen. Owned by the context, valid until it is destroyed. */
TIK_API const struct tik_device_info *tik_context_device(const struct tik_context *context);

/* One line: which device was chosen, and why. Owned by the context. */
TIK_API const char *tik_context_choice(const struct tik_context *context);

/* "opencl" or "scalar". */
TIK_API const char *tik_context_backend(const struct tik_context *context);

/* How often the scalar path took over from the device in this context. */
TIK_API uint64_t tik_context_fallbacks(const struct tik_context *context);

/*
 * The OpenCL objects in use, to make buffers and kernels of one's own beside the library's; NULL
 * on the scalar path. Owned by the context: retain what outlives it.
 */
TIK_API struct _cl_context *tik_context_cl_context(const struct tik_context *context);
TIK_API struct _cl_device_id *tik_context_cl_device(const struct tik_context *context);
TIK_API struct _cl_command_queue *tik_context_cl_queue(const struct tik_context *context);

#endif
