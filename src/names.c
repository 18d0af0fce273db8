/* The names of a store's tensors: a hash table with open addressing. */
#include "names.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "hash.h"
#include "store.h"

/* Where the name is, or would be. */
static size_t find_place(const struct tik_names *names, const struct tik_entry *tensors,
                         const char *name)
{
    const size_t mask = names->capacity - 1;
    size_t place = (size_t)tik_hash(name, strlen(name), TIK_HASH_SEED) & mask;
    while (names->numbers[place] != 0 && strcmp(tensors[names->numbers[place] - 1].name, name) != 0)
        place = (place + 1) & mask;
    return place;
}

size_t tik_names_find(const struct tik_names *names, const struct tik_entry *tensors, size_t count,
                      const char *name)
{
    if (names->capacity == 0)
        return count;
    const uint32_t number = names->numbers[find_place(names, tensors, name)];
    return number > 0 ? number - 1 : count;
}

enum tik_status tik_names_reserve(struct tik_names *names, const struct tik_entry *tensors,
                                  size_t count)
{
    if (2 * (count + 1) <= names->capacity)
        return TIK_OK;
    const size_t capacity = names->capacity == 0 ? 64 : 2 * names->capacity;
    uint32_t *grown = calloc(capacity, sizeof *grown);
    if (grown == NULL)
        return tik_error_memory("the table of names", capacity * sizeof *grown);
    free(names->numbers);
    names->numbers = grown;
    names->capacity = capacity;
    for (size_t i = 0; i < count; i++)
        tik_names_add(names, tensors, i);
    return TIK_OK;
}

void tik_names_add(struct tik_names *names, const struct tik_entry *tensors, size_t number)
{
    names->numbers[find_place(names, tensors, tensors[number].name)] = (uint32_t)number + 1;
}

void tik_names_free(struct tik_names *names)
{
    free(names->numbers);
    *names = (struct tik_names){0};
}
