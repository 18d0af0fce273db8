#include "common.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "progress.h"

static const char *name = "demo";

void set_program_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    name = slash ? slash + 1 : path;
}

const char *program_name(void)
{
    return name;
}

static void say(const char *format, va_list values)
{
    progress_stop();
    fprintf(stderr, "%s: ", name);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
}

void fail(int code, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say(format, values);
    va_end(values);
    exit(code);
}

void warn(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say(format, values);
    va_end(values);
}

void check(enum tik_status status, const char *doing)
{
    if (status != TIK_OK)
        fail(EXIT_FAILED, "%s: %s (%s)", doing, tik_last_error(), tik_status_name(status));
}

void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        fail(EXIT_FAILED, "no memory for %zu elements of %zu bytes", count, size);
    return memory;
}
