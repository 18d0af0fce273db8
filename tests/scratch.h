/* A scratch folder for tests of files. */
#ifndef TIK_TESTS_SCRATCH_H
#define TIK_TESTS_SCRATCH_H

#include <stddef.h>

/* Makes a folder that others may look into, and enters it; empties and removes it. */
void scratch_enter(void);
void scratch_leave(void);

/* Entries of the current folder. */
size_t scratch_count(void);

void scratch_write(const char *path, const void *bytes, size_t count);
/* The first 64 KiB of a file, until the next call. */
unsigned char *scratch_read(const char *path, size_t *count);
void scratch_assert_holds(const char *path, const char *text);

/* A safetensors file with this header, ' standing for ", and so many bytes of data: 0, 1, 2, ... */
void scratch_safetensors(const char *path, const char *header, size_t data);

#endif
