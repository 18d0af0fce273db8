/* The names of a store's tensors: a hash table with open addressing. */
#ifndef TIK_SRC_NAMES_H
#define TIK_SRC_NAMES_H

#include <tikhonov/status.h>

struct tik_entry;

struct tik_names {
    uint32_t *numbers; /* of tensors, + 1; 0: free */
    size_t capacity;   /* a power of two */
};

/* The number of the tensor of that name; count when there is none. */
size_t tik_names_find(const struct tik_names *names, const struct tik_entry *tensors, size_t count,
                      const char *name);

/* Makes room for one more: the table is at most half full. */
enum tik_status tik_names_reserve(struct tik_names *names, const struct tik_entry *tensors,
                                  size_t count);
void tik_names_add(struct tik_names *names, const struct tik_entry *tensors, size_t number);
void tik_names_free(struct tik_names *names);

#endif
