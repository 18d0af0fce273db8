/* The caller's buffers as arguments of a kernel: borrowed, and kept apart. */
#ifndef TIK_SRC_PART_H
#define TIK_SRC_PART_H

#include "backend.h"

struct tik_part {
    const char *name;
    size_t tensor; /* of a list; SIZE_MAX: of no list, and not named in messages */
    struct _cl_mem *handle;
    size_t offset, count; /* in elements */
    bool written;
    struct tik_buffer **buffer;
};

/* Borrows the handle for *buffer, which holds offset + count elements. */
enum tik_status tik_part_borrow(struct tik_backend *backend, const struct tik_part *part);

/*
 * The kernels' pointers are `restrict`: what one part writes, no other may touch. Sorts the parts.
 */
enum tik_status tik_parts_check(struct tik_part *parts, size_t count);

#endif
