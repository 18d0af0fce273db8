/* The texts beside the tensors: __metadata__ of the file. */
#include "safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

static struct tik_metadata *find(const struct tik_tensors *tensors, const char *key)
{
    for (size_t i = 0; i < tensors->metadata_count; i++)
        if (strcmp(tensors->metadata[i].key, key) == 0)
            return &tensors->metadata[i];
    return NULL;
}

const char *tik_tensors_metadata(const struct tik_tensors *tensors, const char *key)
{
    if (tensors == NULL || key == NULL)
        return NULL;
    const struct tik_metadata *pair = find(tensors, key);
    return pair != NULL ? pair->value : NULL;
}

static enum tik_status reserve(struct tik_tensors *tensors)
{
    if (tensors->metadata_count < tensors->metadata_capacity)
        return TIK_OK;
    const size_t capacity = tensors->metadata_capacity * 2 + 8;
    struct tik_metadata *metadata = realloc(tensors->metadata, capacity * sizeof *metadata);
    if (metadata == NULL)
        return tik_error_memory("the metadata", capacity * sizeof *metadata);
    tensors->metadata = metadata;
    tensors->metadata_capacity = capacity;
    return TIK_OK;
}

enum tik_status tik_tensors_append_metadata(struct tik_tensors *tensors, const char *key,
                                            const char *value)
{
    const enum tik_status status = reserve(tensors);
    if (status != TIK_OK)
        return status;
    const struct tik_metadata pair = {.key = strdup(key), .value = strdup(value)};
    if (pair.key == NULL || pair.value == NULL) {
        free(pair.key);
        free(pair.value);
        return tik_error_memory("the metadata", strlen(key) + strlen(value));
    }
    tensors->metadata[tensors->metadata_count++] = pair;
    return TIK_OK;
}

enum tik_status tik_tensors_set_metadata(struct tik_tensors *tensors, const char *key,
                                         const char *value)
{
    if (tensors == NULL || key == NULL || value == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "metadata needs a collection, a key and a value; "
                                                 "one of them is NULL");
    if (!tik_text_is_utf8(key, strlen(key)) || !tik_text_is_utf8(value, strlen(value)))
        return tik_error_set(TIK_ERROR_ARGUMENT, "metadata '%s': '%s' is not UTF-8", key, value);
    struct tik_metadata *pair = find(tensors, key);
    if (pair == NULL)
        return tik_tensors_append_metadata(tensors, key, value);
    char *copy = strdup(value);
    if (copy == NULL)
        return tik_error_memory("the metadata", strlen(value));
    free(pair->value);
    pair->value = copy;
    return TIK_OK;
}
