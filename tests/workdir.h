/* A folder for the files of one test of the kernel sources or the binary cache. */
#ifndef TIK_TESTS_WORKDIR_H
#define TIK_TESTS_WORKDIR_H

#include <stddef.h>

#define WORKDIR_PATH 512

/* Makes a new empty folder, under TMPDIR or /tmp, and writes its path. Aborts when it cannot. */
void workdir_create(char path[WORKDIR_PATH]);
/* Removes the folder and all that is in it. */
void workdir_remove(const char *path);

/* path = folder/name. Aborts when that is too long. */
void workdir_name(char path[WORKDIR_PATH], const char *folder, const char *name);
/* Writes or overwrites a file. Aborts when it cannot. */
void workdir_write(const char *path, const void *bytes, size_t size);
/* A file's bytes with a zero behind them, to be freed. Aborts when it cannot be read. */
char *workdir_read(const char *path, size_t *size);

/* Copies the files of a folder, not its folders. Aborts when it cannot. */
void workdir_copy(const char *from, const char *to);
/* Replaces the first occurrence of a text in a file. Aborts when it is not there. */
void workdir_replace(const char *path, const char *from, const char *to);

#endif
