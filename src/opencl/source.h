/* The text of a program's kernels: as embedded at build time, or read from a folder. */
#ifndef TIK_SRC_OPENCL_SOURCE_H
#define TIK_SRC_OPENCL_SOURCE_H

#include <tikhonov/base.h>
#include <tikhonov/status.h>

#include "../hash.h"

/* A program as src/opencl/embed.py wrote it. */
struct tik_embedded {
    const char *name;
    const char *const *roots;  /* its root files, in order; NULL-terminated */
    const unsigned char *text; /* flattened; a zero follows the last byte */
    size_t length;
    uint64_t hash; /* tik_hash(text, length, TIK_HASH_SEED) */
};

extern const struct tik_embedded tik_embedded[];
extern const size_t tik_embedded_count;

struct tik_source {
    char *text; /* a zero follows the last byte */
    size_t length;
    uint64_t hash; /* tik_hash(text, length, TIK_HASH_SEED) */
};

/*
 * Loads the program `name`, for tik_source_free to free. `folder` NULL: the embedded text. Else the
 * same root files from that folder: each line #include "NAME" is replaced by the file NAME of the
 * folder, and a file that was taken before is not taken again. For the folder that was embedded,
 * the bytes are the same.
 *
 * TIK_OK; TIK_ERROR_ARGUMENT: no such program; TIK_ERROR_FILE: a file cannot be read;
 * TIK_ERROR_FORMAT: an include of another form, or a file that includes itself; TIK_ERROR_MEMORY.
 * On an error *source is empty. Any thread.
 */
TIK_CHECKED enum tik_status tik_source_load(const char *folder, const char *name,
                                            struct tik_source *source);

/* Frees the text and empties *source; an empty one is allowed. */
void tik_source_free(struct tik_source *source);

#endif
