/* Small things that both demos need: how to stop with a message, and memory. */
#ifndef DEMOS_COMMON_H
#define DEMOS_COMMON_H

#include <stddef.h>
#include <tikhonov/tikhonov.h>

/* What the program returns: 1 when something failed, 2 when it was called wrongly. */
enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* Prints "PROGRAM: message" on stderr and ends the program. The library never does either. */
_Noreturn void fail(int code, const char *format, ...) TIK_PRINTF(2, 3);

/* The same without the end. */
void warn(const char *format, ...) TIK_PRINTF(1, 2);

/* Ends the program with the library's own words unless `status` is TIK_OK. */
void check(enum tik_status status, const char *doing);

/* Zeroed memory, or the end of the program. Freed with free. */
void *allocate(size_t count, size_t size);

/* The program's name, for messages: the last part of argv[0]. */
void set_program_name(const char *path);
const char *program_name(void);

#endif
