/* FNV-1a, 64 bits: names of files and places in tables, and a check against damage; no secrets. */
#ifndef TIK_SRC_HASH_H
#define TIK_SRC_HASH_H

#include <stddef.h>
#include <stdint.h>

#define TIK_HASH_SEED UINT64_C(0xcbf29ce484222325)

/* Any single changed byte changes the result: each round is a bijection of the state. */
static inline uint64_t tik_hash(const void *bytes, size_t length, uint64_t seed)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < length; i++)
        seed = (seed ^ byte[i]) * UINT64_C(0x100000001b3);
    return seed;
}

#endif
