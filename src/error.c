#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Long enough for a build log's first page; a longer message is cut. */
static _Thread_local char message[16384];

const char *tik_last_error(void)
{
    return message;
}

enum tik_status tik_error_set(enum tik_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return status;
}

enum tik_status tik_error_prefix(enum tik_status status, const char *format, ...)
{
    char prefix[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(prefix, sizeof prefix, format, arguments);
    va_end(arguments);

    const size_t length = strlen(prefix);
    const size_t room = sizeof message - length - 1;
    const size_t kept = strnlen(message, room);
    memmove(message + length, message, kept);
    message[length + kept] = '\0';
    memcpy(message, prefix, length);
    return status;
}

enum tik_status tik_error_memory(const char *what, size_t bytes)
{
    return tik_error_set(TIK_ERROR_MEMORY, "no memory for %s: %zu bytes", what, bytes);
}

const char *tik_status_name(enum tik_status status)
{
    switch (status) {
    case TIK_OK:
        return "ok";
    case TIK_ERROR_ARGUMENT:
        return "argument";
    case TIK_ERROR_MEMORY:
        return "memory";
    case TIK_ERROR_DEVICE:
        return "device";
    case TIK_ERROR_NO_DEVICE:
        return "no device";
    case TIK_ERROR_FILE:
        return "file";
    case TIK_ERROR_FORMAT:
        return "format";
    case TIK_ERROR_MISMATCH:
        return "mismatch";
    case TIK_ERROR_FALLBACK:
        return "fallback";
    case TIK_ERROR_NONFINITE:
        return "nonfinite";
    case TIK_ERROR_TORN:
        return "torn";
    }
    return "unknown";
}
