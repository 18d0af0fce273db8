/* The OpenCL backend's inside: one device, shared by the instances that optimizers take of it. */
#ifndef TIK_SRC_OPENCL_INSIDE_H
#define TIK_SRC_OPENCL_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "cl.h"
#include "opencl.h"

struct tik_cache;

/* A compiled program; lives as long as the device, and is shared by all instances. */
struct opencl_entry {
    struct opencl_entry *next;
    char *options; /* of the compiler: what the program is */
    char *key;     /* full name in the cache */
    cl_program program;
    size_t local_size;
    atomic_int verdict; /* enum tik_conformance */
    bool stored;        /* the verdict is in the cache */
};

enum opencl_correction { CORRECT_WHERE_NEEDED, CORRECT_NEVER, CORRECT_ALWAYS };

/* What was seen of the BLAS on a device. */
enum opencl_blas { BLAS_UNTRIED, BLAS_READY, BLAS_UNFIT };

struct opencl_device {
    atomic_int users;
    cl_device_id id;
    cl_context context;
    cl_command_queue queue;
    cl_command_queue transfer; /* made when the first launch is streamed */
    bool unified;              /* shares the host's memory */
    bool correctly_rounded;    /* reports CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT */
    size_t local_size;         /* wanted: a power of two */
    enum opencl_correction correction;
    int displacement;  /* of / and sqrt, in ulp; 0 but in tests */
    char *identity;    /* platform, device, driver: part of each key */
    char *kernel_path; /* NULL: embedded */
    struct tik_cache *cache;
    pthread_mutex_t lock; /* of the list */
    struct opencl_entry *entries;
    atomic_int blas; /* enum opencl_blas */
};

struct tik_buffer {
    cl_mem mem;
    size_t bytes;
    /* Wrapped host memory: whose turn it is, and what the device did to it. */
    void *host; /* NULL: not wrapped */
    bool host_owned, written;
    struct tik_buffer *next; /* wrapped buffers of an instance */
};

struct tik_program {
    struct opencl_entry *entry;
    cl_kernel kernels[TIK_KERNELS]; /* NULL: not of this program */
    size_t rule_size;               /* of struct RULE_scalars */
    size_t state_count;
    uint32_t packed; /* tensors in buffers of their own that a launch takes */
    bool zero_grad;
};

struct opencl_backend {
    struct tik_backend head;
    struct opencl_device *device;
    cl_event gate;    /* holds the commands of a step until all are enqueued; may be NULL */
    cl_event product; /* the step's last one by a BLAS; NULL: none */
    cl_event before;  /* done when all that was enqueued before the gate is; with a gate only */
    cl_event *events; /* of commands whose fate is not known yet */
    size_t event_count, event_capacity;
    size_t *chunks; /* the events of a step that are a chunk's last */
    size_t chunk_count, chunk_capacity;
    const struct tik_stream *streaming; /* of the step under construction; NULL: none */
    size_t step_events;                 /* where those of the step under construction begin */
    struct tik_buffer *wrapped;
};

/* "CL_OUT_OF_RESOURCES"; "CL error -9999" for one that has no name. */
const char *tik_opencl_error_name(cl_int error);

/* TIK_ERROR_DEVICE or, when the error says so, TIK_ERROR_MEMORY: "clFinish: CL_...". */
enum tik_status tik_opencl_failed(const char *call, cl_int error);

/* A device's string, cut to fit; empty when it has none. */
void tik_opencl_string(cl_device_id device, cl_device_info what, char *text, size_t size);

/* memory.c */
enum tik_status tik_opencl_memory_create(struct tik_backend *, size_t, struct tik_buffer **);
enum tik_status tik_opencl_memory_wrap(struct tik_backend *, void *, size_t, struct tik_buffer **);
enum tik_status tik_opencl_memory_borrow(struct tik_backend *, cl_mem, size_t, bool written,
                                         struct tik_buffer **);
void tik_opencl_memory_destroy(struct tik_backend *, struct tik_buffer *);
enum tik_status tik_opencl_memory_write(struct tik_backend *, struct tik_buffer *, size_t, size_t,
                                        const void *);
enum tik_status tik_opencl_memory_read(struct tik_backend *, struct tik_buffer *, size_t, size_t,
                                       void *);
cl_mem tik_opencl_memory_handle(struct tik_buffer *);
void *tik_opencl_memory_host(struct tik_buffer *);
/* Lets the device use wrapped memory from the next command on. */
enum tik_status tik_opencl_memory_to_device(struct opencl_backend *, struct tik_buffer *,
                                            bool written);
/* Gives it back to the host; waits. */
enum tik_status tik_opencl_memory_to_host(struct opencl_backend *, struct tik_buffer *);

/* program.c */
enum tik_status tik_opencl_program_create(struct tik_backend *, const struct tik_plan *,
                                          struct tik_program **);
enum tik_status tik_opencl_program_correct(struct tik_backend *, const struct tik_plan *,
                                           struct tik_program **);
void tik_opencl_program_destroy(struct tik_backend *, struct tik_program *);
enum tik_conformance tik_opencl_program_conformance(const struct tik_program *);
void tik_opencl_program_judge(struct tik_backend *, struct tik_program *, enum tik_conformance);
void tik_opencl_entries_free(struct opencl_device *);

/* many.c */
uint32_t tik_opencl_program_packs(struct tik_backend *, const struct tik_plan *);
enum tik_status tik_opencl_set_many(const struct tik_launch *);

/* launch.c */
enum tik_status tik_opencl_launch(struct tik_backend *, const struct tik_launch *);
enum tik_status tik_opencl_set_arguments(const struct tik_launch *);
enum tik_status tik_opencl_memory_post(struct tik_backend *, struct tik_buffer *, size_t, size_t,
                                       const void *);

/* clblast.c, or noclblast.c */
const char *tik_opencl_blas_name(void); /* with its version; NULL: there is none */
const char *tik_opencl_blas(const struct tik_backend *);
enum tik_status tik_opencl_blas_prepare(struct tik_backend *, const char **caution);
bool tik_opencl_blas_is_ready(const struct tik_backend *);
/* Enqueues it; its event is then the step's `product`. */
enum tik_status tik_opencl_blas_product(struct opencl_backend *, const struct tik_operands *);

/* stream.c */
void tik_opencl_memory_limits(struct tik_backend *, uint64_t *total, uint64_t *largest);
enum tik_status tik_opencl_launch_stream(struct opencl_backend *, const struct tik_launch *);
/* Tells how far the step has come, where somebody asks. */
void tik_opencl_tell_progress(struct opencl_backend *);

/* step.c */
enum tik_status tik_opencl_reserve_events(struct opencl_backend *, size_t commands);
enum tik_status tik_opencl_step_begin(struct tik_backend *, size_t commands);
enum tik_status tik_opencl_step_end(struct tik_backend *, enum tik_status);
enum tik_status tik_opencl_finish(struct tik_backend *);
/* TIK_ERROR_TORN when a launch failed while it ran; forgets those whose fate is known. Waits not.
 */
enum tik_status tik_opencl_check_launches(struct opencl_backend *);

#endif
