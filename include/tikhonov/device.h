/* The devices of this machine: what was found, what they were shown to do, which one is chosen. */
#ifndef TIKHONOV_DEVICE_H
#define TIKHONOV_DEVICE_H

#include <tikhonov/base.h>
#include <tikhonov/status.h>

struct tik_context_options;

/* What a device was shown to do by known-answer runs, never what its name promises. */
enum tik_conformance {
    TIK_UNTESTED, /* no program has run yet */
    TIK_EXACT,    /* the scalar path's bits */
    TIK_BOUNDED,  /* within TIK_BOUND_ULPS of the scalar path (docs/numerics.md) */
    TIK_WRONG,    /* neither: the library does not use it */
};

/* What bounded means: units in the last place of the largest value involved (docs/numerics.md). */
enum { TIK_BOUND_ULPS = 64 };

/* "untested", "exact", "bounded", "wrong"; "unknown" for any other value. */
TIK_API const char *tik_conformance_name(enum tik_conformance conformance);

enum tik_device_type { TIK_DEVICE_SCALAR, TIK_DEVICE_CPU, TIK_DEVICE_GPU, TIK_DEVICE_OTHER };

/* "scalar", "cpu", "gpu", "other"; "unknown" for any other value. */
TIK_API const char *tik_device_type_name(enum tik_device_type type);

struct tik_device_info {
    char index[24]; /* "1.0": platform and device, as --device takes it; "scalar": the CPU path */
    char platform[128];
    char name[128];
    char driver[128];  /* driver version */
    char version[128]; /* OpenCL version of the device */
    enum tik_device_type type;
    bool usable;                      /* false: skipped, `reason` says why */
    bool chosen;                      /* the one that a context with these options would use */
    bool host_unified_memory;         /* host pointers are used without a copy */
    enum tik_conformance conformance; /* of the probe program; TIK_UNTESTED without `probe` */
    char reason[1024];                /* why skipped, or how the conformance was found */
    /*
     * What multiplies large matrices there, for a rule that does (muon): its products are bounded.
     * "CLBlast 1.5.3", "CBLAS"; NULL: the library's own kernel, whose are exact.
     */
    const char *blas;
};

struct tik_device_list {
    size_t count;
    struct tik_device_info *devices; /* OpenCL's order, the scalar path last */
    char choice[512];                /* one line: which was chosen, and why */
};

/*
 * Lists the platforms' devices, and which of them `options` (NULL: the defaults) would choose.
 * With `probe`, compiles and runs the known-answer program on each, so that `conformance` is known
 * (from the binary cache after the first time). A platform without a device is listed as an entry
 * that is not usable. No device at all is no error: the list then holds the scalar path alone.
 *
 * TIK_OK; TIK_ERROR_ARGUMENT; TIK_ERROR_MEMORY. The list is freed with tik_device_list_destroy.
 * Any thread.
 */
TIK_API TIK_CHECKED enum tik_status tik_device_list_create(
    const struct tik_context_options *options, bool probe, struct tik_device_list **list);
TIK_API void tik_device_list_destroy(struct tik_device_list *list);

#endif
