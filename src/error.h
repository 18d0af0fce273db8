/* The error of the calling thread: a status and what was found. */
#ifndef TIK_SRC_ERROR_H
#define TIK_SRC_ERROR_H

#include <tikhonov/base.h>
#include <tikhonov/status.h>

/*
 * Remembers the message for tik_last_error and returns `status`, so that a check reads
 * `return tik_error_set(TIK_ERROR_ARGUMENT, "lr is %g: it must be at least 0", lr);`
 */
enum tik_status tik_error_set(enum tik_status status, const char *format, ...) TIK_PRINTF(2, 3);

/* Puts "context: " before the message that is there. Returns `status`. */
enum tik_status tik_error_prefix(enum tik_status status, const char *format, ...) TIK_PRINTF(2, 3);

/* The message of TIK_ERROR_MEMORY for `bytes` of `what`. */
enum tik_status tik_error_memory(const char *what, size_t bytes);

#endif
