/* Writing safetensors files: all are written beside their paths before the first takes its place.
 */
#include "safetensors.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "replace.h"

/* Bytes that are turned into the file's order at a time: whole words of any size. */
#define CHUNK 65536

void tik_words_little(void *words, size_t size, size_t count)
{
    const uint16_t probe = 1;
    unsigned char first;
    memcpy(&first, &probe, 1);
    if (first == 1)
        return;
    unsigned char *bytes = words;
    for (size_t i = 0; i < count; i++, bytes += size)
        for (size_t k = 0; k < size / 2; k++) {
            const unsigned char low = bytes[k];
            bytes[k] = bytes[size - 1 - k];
            bytes[size - 1 - k] = low;
        }
}

static bool add_metadata(cJSON *root, const struct tik_tensors *tensors)
{
    if (tensors->metadata_count == 0)
        return true;
    cJSON *object = cJSON_AddObjectToObject(root, TIK_METADATA_NAME);
    for (size_t i = 0; object != NULL && i < tensors->metadata_count; i++)
        if (cJSON_AddStringToObject(object, tensors->metadata[i].key, tensors->metadata[i].value) ==
            NULL)
            return false;
    return object != NULL;
}

/* As digits: cJSON's own numbers would become 1e+15 where they are long. */
static bool append_number(cJSON *list, uint64_t number)
{
    if (list == NULL)
        return false;
    char digits[32];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    return cJSON_AddItemToArray(list, cJSON_CreateRaw(digits));
}

/* *offset: where its data begins; then, where it ends. */
static bool add_tensor(cJSON *root, const struct tik_named_tensor *tensor, uint64_t *offset)
{
    cJSON *entry = cJSON_AddObjectToObject(root, tensor->name);
    if (entry == NULL ||
        cJSON_AddStringToObject(entry, "dtype", tik_dtype_name(tensor->dtype)) == NULL)
        return false;
    cJSON *shape = cJSON_AddArrayToObject(entry, "shape");
    for (size_t i = 0; i < tensor->rank; i++)
        if (!append_number(shape, tensor->shape[i]))
            return false;
    const uint64_t begin = *offset;
    *offset += (uint64_t)tensor->count * tik_dtype_size(tensor->dtype);
    cJSON *offsets = cJSON_AddArrayToObject(entry, "data_offsets");
    return shape != NULL && append_number(offsets, begin) && append_number(offsets, *offset);
}

/* The header as text; NULL: no memory. */
static char *print_header(const struct tik_tensors *tensors)
{
    cJSON *root = cJSON_CreateObject();
    bool complete = root != NULL && add_metadata(root, tensors);
    uint64_t offset = 0;
    for (size_t i = 0; complete && i < tensors->count; i++)
        complete = add_tensor(root, &tensors->items[i], &offset);
    char *text = complete ? cJSON_PrintUnformatted(root) : NULL;
    cJSON_Delete(root);
    return text;
}

static enum tik_status write_header(struct tik_replacement *to, const struct tik_tensors *tensors)
{
    char *text = print_header(tensors);
    if (text == NULL)
        return tik_error_memory("the header of a file", tensors->count * 128);
    const size_t length = strlen(text);
    const size_t padding = (8 - length % 8) % 8;
    const uint64_t total = length + padding;
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(total >> (8 * i));

    enum tik_status status = TIK_OK;
    if (total > TIK_HEADER_LIMIT)
        status = tik_error_set(TIK_ERROR_ARGUMENT,
                               "%s: its header would have %llu bytes; at most %d are read again",
                               to->path, (unsigned long long)total, TIK_HEADER_LIMIT);
    if (status == TIK_OK)
        status = tik_replace_write(to, bytes, sizeof bytes);
    if (status == TIK_OK)
        status = tik_replace_write(to, text, length);
    if (status == TIK_OK)
        status = tik_replace_write(to, "        ", padding);
    cJSON_free(text);
    return status;
}

static enum tik_status write_data(struct tik_replacement *to, const struct tik_tensors *tensors)
{
    unsigned char chunk[CHUNK];
    for (size_t i = 0; i < tensors->count; i++) {
        const struct tik_named_tensor *tensor = &tensors->items[i];
        const size_t size = tik_dtype_size(tensor->dtype), bytes = tensor->count * size;
        for (size_t at = 0; at < bytes; at += CHUNK) {
            const size_t part = bytes - at < CHUNK ? bytes - at : CHUNK;
            memcpy(chunk, (const unsigned char *)tensor->data + at, part);
            tik_words_little(chunk, size, part / size);
            const enum tik_status status = tik_replace_write(to, chunk, part);
            if (status != TIK_OK)
                return status;
        }
    }
    return TIK_OK;
}

static enum tik_status write_beside(struct tik_replacement *to, const struct tik_tensors *tensors)
{
    enum tik_status status = write_header(to, tensors);
    if (status == TIK_OK)
        status = write_data(to, tensors);
    if (status == TIK_OK)
        status = tik_replace_flush(to);
    return status;
}

static enum tik_status check_distinct(const struct tik_replacement *replacements, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (tik_replace_same(&replacements[i], &replacements[j]))
                return tik_error_set(TIK_ERROR_ARGUMENT,
                                     "%s and %s are the same file: each collection needs its own",
                                     replacements[j].path, replacements[i].path);
    return TIK_OK;
}

static enum tik_status save(const struct tik_tensors *const *tensors, const char *const *paths,
                            struct tik_replacement *replacements, size_t count)
{
    enum tik_status status = TIK_OK;
    for (size_t i = 0; status == TIK_OK && i < count; i++)
        status = tik_replace_begin(&replacements[i], paths[i]);
    if (status == TIK_OK)
        status = check_distinct(replacements, count);
    for (size_t i = 0; status == TIK_OK && i < count; i++)
        status = write_beside(&replacements[i], tensors[i]);
    for (size_t i = 0; status == TIK_OK && i < count; i++) {
        status = tik_replace_commit(&replacements[i]);
        if (status != TIK_OK && i > 0)
            return tik_error_prefix(status, "%zu of %zu files are in place: ", i, count);
    }
    return status;
}

enum tik_status tik_tensors_save(const struct tik_tensors *const *tensors, const char *const *paths,
                                 size_t count)
{
    if (count > 0 && (tensors == NULL || paths == NULL))
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL",
                             tensors == NULL ? "tensors" : "paths");
    for (size_t i = 0; i < count; i++)
        if (tensors[i] == NULL || paths[i] == NULL)
            return tik_error_set(TIK_ERROR_ARGUMENT, "%s %zu is NULL",
                                 tensors[i] == NULL ? "collection" : "path", i);
    struct tik_replacement *replacements = calloc(count + 1, sizeof *replacements);
    if (replacements == NULL)
        return tik_error_memory("the files to write", (count + 1) * sizeof *replacements);
    for (size_t i = 0; i < count; i++)
        replacements[i].file = -1;
    const enum tik_status status = save(tensors, paths, replacements, count);
    for (size_t i = 0; i < count; i++)
        tik_replace_finish(&replacements[i]);
    free(replacements);
    return status;
}
