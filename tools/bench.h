/*
 * The parts of tikhonov bench: its arguments, its policies, the limit that a row is held against,
 * the trial of a row, and what is written of it.
 */
#ifndef TIK_TOOLS_BENCH_H
#define TIK_TOOLS_BENCH_H

#include <tikhonov/tikhonov.h>

/* One row's rule with its options, penalties and what is around the step. */
struct bench_policy {
    char *text; /* as it was asked for: "momentum=0.9,max_norm=1"; "" for the defaults */
    struct tik_policy *policy;
    enum tik_copy_format copy;
    enum tik_copy_rounding rounding;
    struct tik_optimizer_options options;
};

/* All parameters, in tensors that differ by one element at most. */
struct bench_size {
    size_t parameters, tensors;
};

struct bench_arguments {
    struct bench_policy *policies;
    struct bench_size *sizes;
    const char **devices; /* as --device spells them; one that is NULL: the default */
    size_t policy_count, size_count, device_count;
    size_t memory_limit; /* bytes of the device; 0: its own */
    bool default_sizes;  /* nobody asked for them: those that do not fit are left out */
    int threads;         /* of the scalar path; 0: OpenMP's own number */
    size_t rounds;       /* 0: as many as fit into a second */
    bool json;
    const char *plot; /* NULL: none */
};

/* Reads and checks the arguments; *done: only the help was asked for. An exit code. */
int bench_arguments_read(struct bench_arguments *arguments, int argc, char **argv, bool *done);
void bench_arguments_finish(struct bench_arguments *arguments);

/* From "sgd:momentum=0.9" and the text of --policy (NULL: none). An exit code. */
int bench_policy_make(const char *rule, const char *common, struct bench_policy *policy);
void bench_policy_finish(struct bench_policy *policy);

/*
 * What a step moves: p, the states and the average, each read and written; g, which is read, and
 * written where it is cleared; the low-precision copy, 16 bits that are written; and what is read
 * before, for norms or the finite check: g, or g and p.
 */
struct bench_streams {
    size_t updated;
    size_t before; /* 0 to 2 */
    bool clears, copies;
    size_t window; /* elements that are copied to the device and back at a time; 0: all lie there */
};

/* Bytes that the streams move for each parameter. */
size_t bench_streams_bytes(const struct bench_streams *streams);

/*
 * Elements that the limit's loop takes of one stream after another, that a work-item of its kernel
 * takes at most, and streams.
 */
enum { BENCH_BLOCK = 32, BENCH_CHUNK = 1024, BENCH_MAX_STREAMS = 2 + TIK_MAX_STATES };

/*
 * The limit on the host: memory of the same footprint, and a loop over it by OpenMP. `updated`
 * holds what is read and written, `grad` what is read, each with room for whole chunks.
 */
struct bench_host {
    struct bench_streams streams;
    size_t count; /* elements of a stream */
    int threads;
    void *memory;
    float *updated[BENCH_MAX_STREAMS], *grad;
    uint16_t *copy; /* written */
    float norm;     /* what the passes before the step found */
};

/* OpenMP's number of threads where `asked` is 0. */
int bench_host_threads(int asked);
/* False: there is no memory. The pages are first touched by the threads that will use them. */
bool bench_host_create(struct bench_host *host, const struct bench_streams *streams, size_t count,
                       int threads);
void bench_host_destroy(struct bench_host *host);
void bench_host_run(struct bench_host *host);

/* Waits until threads that look out for more work have gone to sleep. */
void bench_host_settle(void);

/*
 * The limit as a kernel of this command's own, on a context's device, and an empty kernel beside
 * it. On a CPU device it goes over `host`'s memory, on any other (`host` NULL) over its own; with a
 * window there is no kernel, but copies of `host`'s streams to the device and back.
 * TIK_OK with *kernel; otherwise `why` has the reason.
 */
struct bench_kernel;
enum tik_status bench_kernel_create(const struct tik_context *context,
                                    const struct bench_streams *streams, size_t count,
                                    const struct bench_host *host, char why[256],
                                    struct bench_kernel **kernel);
void bench_kernel_destroy(struct bench_kernel *kernel);
/* Launch and wait; false when the device fails. */
bool bench_kernel_limit(struct bench_kernel *kernel);
bool bench_kernel_empty(struct bench_kernel *kernel);

/* Compute units and bytes of memory of a context's device; 0 where it is not known. */
int bench_kernel_threads(const struct tik_context *context);
size_t bench_kernel_memory(const struct tik_context *context);

/* Where steps are measured. */
struct bench_device {
    struct tik_context *context;
    struct tik_context *beside; /* of a scalar path: the CPU's OpenCL device, or NULL */
    int threads;
};

struct bench_row {
    const struct tik_device_info *device;
    const char *backend;
    const struct bench_policy *policy;
    struct bench_size size;
    int threads;
    size_t bytes; /* a parameter */
    size_t rounds;
    unsigned launches;
    double median, best; /* seconds */
    double limit;        /* seconds, in rounds like that of the median */
    double empty;        /* seconds; NaN on the scalar path */
};

/* GB/s of the row's bytes in so many seconds. */
double bench_row_speed(const struct bench_row *row, double seconds);

/* An optimizer with zeros for parameters; then its gradients, and all that steps need. */
enum tik_status bench_steps_create(struct tik_context *context, const struct bench_policy *policy,
                                   struct bench_size size, struct tik_optimizer **optimizer);
enum tik_status bench_steps_prepare(struct tik_optimizer *optimizer, struct bench_size size);

/* What the policy moves; an exit code. The memory that steps and limit take together. */
int bench_steps_streams(const struct bench_policy *policy, struct bench_streams *streams);
size_t bench_steps_memory(const struct bench_streams *streams, size_t parameters);

/* Measures one row; an exit code. */
int bench_trial_run(const struct bench_device *device, const struct bench_policy *policy,
                    struct bench_size size, size_t rounds, struct bench_row *row);

/* The table for people, a row as soon as it is there; the same as JSON. */
void bench_print_head(const struct bench_row *row);
void bench_print_row(const struct bench_row *row);
int bench_print_json(const struct bench_row *rows, size_t count);

/* Whether the file of --plot can be written; then draws. Exit codes. */
int bench_plot_check(const char *path);
int bench_plot_draw(const char *path, const struct bench_row *rows, size_t count);

#endif
