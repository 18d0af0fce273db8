/*
 * Measures what suits a device, and remembers it for the user.
 *
 *     struct tik_tune_result result;
 *     if (tik_tune(context, NULL, &result) == TIK_OK)
 *         printf("local size %zu\n", result.local_size);
 *
 * Tuning never changes a bit: sums have one fixed tree, whatever the size of a work-group. Every
 * candidate has to pass the known-answer run before its time counts.
 *
 * What was found is kept by platform, device, driver and version of the library, in the file
 * tuned.json of the folder TIKHONOV_CONFIG_DIR ("off": nothing is kept or read), else of
 * $XDG_CONFIG_HOME/tikhonov, else of ~/.config/tikhonov. A context reads it when it opens the
 * device. It is read only where it is the user's own and no other user can write to it; a file that
 * is damaged is not used and, by the next tuning, replaced.
 */
#ifndef TIKHONOV_TUNE_H
#define TIKHONOV_TUNE_H

#include <tikhonov/base.h>
#include <tikhonov/context.h>
#include <tikhonov/device.h>
#include <tikhonov/status.h>

struct tik_tune_options {
    size_t parameters; /* 1 Mi; of the steps of adamw that are measured */
    unsigned rounds;   /* 15; candidates take turns so often, and their medians are compared */
    int threads;       /* 0: OpenMP's own number; of the scalar path, on a CPU device */
    bool keep;         /* true; writes the file */
};

/* Fills `options` with the defaults above. */
TIK_API void tik_tune_defaults(struct tik_tune_options *options);

/* Local sizes 1, 2, 4, ..., 1024 at most, as far as the device goes. */
enum { TIK_TUNE_CANDIDATES = 11 };

struct tik_tune_candidate {
    size_t local_size;
    enum tik_conformance conformance; /* TIK_UNTESTED: it could not be built or run */
    double seconds;                   /* of a step, the median; NaN where it was not measured */
};

struct tik_tune_result {
    size_t count;
    struct tik_tune_candidate candidates[TIK_TUNE_CANDIDATES];
    size_t local_size; /* the fastest of those that are as conformant as the device can be */
    enum tik_conformance conformance; /* of its program */
    double seconds;                   /* of its step */
    double scalar_seconds;            /* of the scalar path's step with all threads; NaN on a GPU */
    bool scalar_wins; /* it is at least 5 % faster: "auto" takes the scalar path then */
    char path[1024];  /* the file that was written; empty: none */
};

/*
 * Measures the device of a context; takes some seconds, most of them to compile. The context stays
 * as it is: what was found holds for contexts that are made from now on. `options` NULL: the
 * defaults.
 *
 * TIK_OK; TIK_ERROR_ARGUMENT: a NULL, no parameters, no rounds, or a context on the scalar path;
 * TIK_ERROR_DEVICE: no candidate works; TIK_ERROR_MEMORY; TIK_ERROR_FILE: the file could not be
 * written, *result is complete all the same. Threads: as for tik_context.
 */
TIK_API TIK_CHECKED enum tik_status tik_tune(const struct tik_context *context,
                                             const struct tik_tune_options *options,
                                             struct tik_tune_result *result);

#endif
