/* Results of calls, and what went wrong in words. */
#ifndef TIKHONOV_STATUS_H
#define TIKHONOV_STATUS_H

#include <tikhonov/base.h>

enum tik_status {
    TIK_OK = 0,
    TIK_ERROR_ARGUMENT,  /* an argument is wrong; nothing was done */
    TIK_ERROR_MEMORY,    /* the host or the device has no memory left; nothing was done */
    TIK_ERROR_DEVICE,    /* the OpenCL device or its compiler failed; nothing was changed */
    TIK_ERROR_NO_DEVICE, /* no device answers to what was asked for */
    TIK_ERROR_FILE,      /* a file could not be read or written; what was there still is */
    TIK_ERROR_FORMAT,    /* a file was read, but is not what it should be */
    TIK_ERROR_MISMATCH,  /* strict, and the device's result differs from the scalar path's */
    TIK_ERROR_FALLBACK,  /* strict, and the scalar path would have had to take over */
    TIK_ERROR_NONFINITE, /* a gradient was not finite, and steps were halted because of it */
    TIK_ERROR_TORN,      /* the device died while it wrote: restore from a checkpoint */
};

/* The status as a word: "ok", "argument", … Never NULL; "unknown" for any other value. */
TIK_API const char *tik_status_name(enum tik_status status);

/*
 * What the last failing call of this thread found: the thing, the value, what would be right; for
 * OpenCL the error's name and the build log. Empty before the first failure; a call that succeeds
 * leaves it alone. Owned by the library, valid until the thread's next failing call. It takes no
 * context, since much fails where there is none yet, and so that two threads never share it.
 */
TIK_API const char *tik_last_error(void);

#endif
