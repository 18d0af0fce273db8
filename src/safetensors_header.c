/*
 * The header of a safetensors file, from JSON to tensors without data. Nothing in it is believed
 * before it is checked: each tensor's bytes against its shape, all of them against the data, which
 * they must cover once and without holes.
 */
#include "safetensors_header.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

/* Entries in one list: more dimensions than any tensor has. Each would be a node of cJSON's. */
#define LIST_LIMIT 64

/*
 * What cJSON lets pass: control characters in a text, \u0000, which would cut a name short, and
 * lists that would take fifty times their text in memory.
 */
static const char *scan(const char *text, size_t length)
{
    bool quoted = false, list = false;
    size_t entries = 0;
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c == '\0' || (quoted && c < 0x20))
            return "has a control character in it";
        if (c == '"') {
            quoted = !quoted;
        } else if (quoted && c == '\\') {
            i++;
            if (i + 4 < length && memcmp(&text[i], "u0000", 5) == 0)
                return "has a \\u0000 in it";
        } else if (!quoted && list) {
            list = c != ']';
            entries += c == ',';
            if (c == '[' || c == '{' || entries >= LIST_LIMIT)
                return "has a list in it that is no shape";
        } else if (!quoted && c == '[') {
            list = true;
            entries = 0;
        }
    }
    return NULL;
}

static const char *text_fault(const char *text, size_t length)
{
    if (length == 0 || text[0] != '{')
        return "does not begin with '{'";
    if (!tik_text_is_utf8(text, length))
        return "is not UTF-8";
    return scan(text, length);
}

static enum tik_status parse_text(struct tik_header *header, const char *text, size_t length)
{
    const char *fault = text_fault(text, length);
    if (fault != NULL)
        return tik_error_set(TIK_ERROR_FORMAT, "%s: its header %s", header->path, fault);
    const char *stopped = text;
    header->json = cJSON_ParseWithLengthOpts(text, length + 1, &stopped, true);
    if (header->json == NULL)
        return tik_error_set(TIK_ERROR_FORMAT, "%s: its header is not JSON, from byte %td on",
                             header->path, stopped - text);
    return TIK_OK;
}

static int compare_keys(const void *a, const void *b)
{
    const cJSON *const *one = a, *const *other = b;
    return strcmp((*one)->string, (*other)->string);
}

/* cJSON keeps two entries of one name; which of them is meant nobody knows. */
static enum tik_status check_names(const struct tik_header *header, const cJSON *object)
{
    const size_t count = (size_t)cJSON_GetArraySize(object);
    const cJSON **entries = calloc(count + 1, sizeof *entries);
    if (entries == NULL)
        return tik_error_memory("the names of tensors", (count + 1) * sizeof *entries);
    size_t n = 0;
    const cJSON *entry;
    cJSON_ArrayForEach(entry, object) entries[n++] = entry;
    qsort(entries, n, sizeof(*entries), compare_keys);
    enum tik_status status = TIK_OK;
    for (size_t i = 1; i < n && status == TIK_OK; i++)
        if (strcmp(entries[i - 1]->string, entries[i]->string) == 0)
            status = tik_error_set(TIK_ERROR_FORMAT, "%s: the name '%s' is there twice",
                                   header->path, entries[i]->string);
    free(entries);
    return status;
}

static enum tik_status read_metadata(struct tik_header *header, const cJSON *object)
{
    if (!cJSON_IsObject(object))
        return tik_error_set(TIK_ERROR_FORMAT, "%s: " TIK_METADATA_NAME " is not an object",
                             header->path);
    enum tik_status status = check_names(header, object);
    const cJSON *entry;
    cJSON_ArrayForEach(entry, object)
    {
        if (status != TIK_OK)
            return status;
        if (!cJSON_IsString(entry))
            return tik_error_set(TIK_ERROR_FORMAT, "%s: " TIK_METADATA_NAME " '%s' is not a text",
                                 header->path, entry->string);
        status = tik_tensors_append_metadata(header->tensors, entry->string, entry->valuestring);
    }
    return status;
}

/* cJSON's numbers are doubles: whole up to 2^53. */
static bool read_whole(const cJSON *item, uint64_t *value)
{
    const double limit = SIZE_MAX > UINT32_MAX ? 9007199254740992.0 : (double)UINT32_MAX;
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble < limit))
        return false;
    *value = (uint64_t)item->valuedouble;
    return (double)*value == item->valuedouble;
}

static enum tik_status read_shape(struct tik_header *header, const char *name, const cJSON *list,
                                  struct tik_span *span)
{
    const size_t rank = cJSON_IsArray(list) ? (size_t)cJSON_GetArraySize(list) : 0;
    size_t *shape = calloc(rank + 1, sizeof *shape);
    if (shape == NULL)
        return tik_error_memory("a shape", (rank + 1) * sizeof *shape);
    bool whole = cJSON_IsArray(list);
    size_t i = 0, count = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        uint64_t size = 0;
        whole = whole && read_whole(item, &size);
        shape[i++] = (size_t)size;
    }
    enum tik_status status;
    if (!whole)
        status = tik_error_set(TIK_ERROR_FORMAT,
                               "%s: tensor '%s': its shape is not a list of whole numbers below "
                               "2^53",
                               header->path, name);
    else if (!tik_shape_count(rank, shape, &count) ||
             (uint64_t)count * sizeof(float) != span->end - span->begin)
        status = tik_error_set(TIK_ERROR_FORMAT,
                               "%s: tensor '%s': its shape does not fill the %llu bytes of its "
                               "data_offsets",
                               header->path, name, (unsigned long long)(span->end - span->begin));
    else
        status = tik_tensors_append(header->tensors, name, TIK_DTYPE_F32, rank, shape, false);
    free(shape);
    return status;
}

static enum tik_status read_span(const struct tik_header *header, const char *name,
                                 const cJSON *list, struct tik_span *span)
{
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != 2 ||
        !read_whole(list->child, &span->begin) || !read_whole(list->child->next, &span->end))
        return tik_error_set(TIK_ERROR_FORMAT,
                             "%s: tensor '%s': its data_offsets are not two whole numbers below "
                             "2^53",
                             header->path, name);
    if (span->begin > span->end || span->end > header->data_length)
        return tik_error_set(TIK_ERROR_FORMAT,
                             "%s: tensor '%s': its data_offsets are %llu and %llu; the file has "
                             "%llu bytes of data",
                             header->path, name, (unsigned long long)span->begin,
                             (unsigned long long)span->end,
                             (unsigned long long)header->data_length);
    return TIK_OK;
}

static enum tik_status read_tensor(struct tik_header *header, const cJSON *entry)
{
    const char *name = entry->string;
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(entry, "dtype");
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(entry, "shape");
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
    /* Three entries with these three names: none twice, no other. */
    if (!cJSON_IsObject(entry) || cJSON_GetArraySize(entry) != 3 || !cJSON_IsString(dtype) ||
        shape == NULL || offsets == NULL)
        return tik_error_set(TIK_ERROR_FORMAT,
                             "%s: tensor '%s': its entry is not a dtype, a shape and data_offsets",
                             header->path, name);
    if (strcmp(dtype->valuestring, "F32") != 0)
        return tik_error_set(TIK_ERROR_FORMAT, "%s: tensor '%s' is of dtype %s; only F32 is taken",
                             header->path, name, dtype->valuestring);
    struct tik_span *span = &header->spans[header->tensors->count];
    span->tensor = header->tensors->count;
    const enum tik_status status = read_span(header, name, offsets, span);
    if (status != TIK_OK)
        return status;
    return read_shape(header, name, shape, span);
}

static enum tik_status read_entries(struct tik_header *header)
{
    const size_t count = (size_t)cJSON_GetArraySize(header->json);
    enum tik_status status = check_names(header, header->json);
    if (status == TIK_OK)
        status = tik_tensors_create(&header->tensors);
    if (status != TIK_OK)
        return status;
    header->spans = calloc(count + 1, sizeof *header->spans);
    if (header->spans == NULL)
        return tik_error_memory("the offsets of tensors", (count + 1) * sizeof *header->spans);
    const cJSON *entry;
    cJSON_ArrayForEach(entry, header->json)
    {
        if (strcmp(entry->string, TIK_METADATA_NAME) == 0)
            status = read_metadata(header, entry);
        else
            status = read_tensor(header, entry);
        if (status != TIK_OK)
            return status;
    }
    tik_tensors_sort(header->tensors);
    return TIK_OK;
}

static int compare_spans(const void *a, const void *b)
{
    const struct tik_span *one = a, *other = b;
    if (one->begin != other->begin)
        return one->begin < other->begin ? -1 : 1;
    if (one->end != other->end)
        return one->end < other->end ? -1 : 1;
    return 0;
}

/* The tensors cover the data once, without holes; the header may name them in another order. */
static enum tik_status check_layout(struct tik_header *header)
{
    const struct tik_tensors *tensors = header->tensors;
    qsort(header->spans, tensors->count, sizeof *header->spans, compare_spans);
    uint64_t end = 0;
    for (size_t i = 0; i < tensors->count; i++) {
        const struct tik_span *span = &header->spans[i];
        if (span->begin != end)
            return tik_error_set(TIK_ERROR_FORMAT,
                                 "%s: tensor '%s' begins at byte %llu of the data, where %llu is "
                                 "due: tensors overlap or leave a hole",
                                 header->path, tensors->items[span->tensor].name,
                                 (unsigned long long)span->begin, (unsigned long long)end);
        end = span->end;
    }
    if (end != header->data_length)
        return tik_error_set(TIK_ERROR_FORMAT,
                             "%s: %llu bytes follow the last tensor; none are due", header->path,
                             (unsigned long long)(header->data_length - end));
    return TIK_OK;
}

enum tik_status tik_header_read(struct tik_header *header, const char *text, size_t length)
{
    enum tik_status status = parse_text(header, text, length);
    if (status == TIK_OK)
        status = read_entries(header);
    if (status == TIK_OK)
        status = check_layout(header);
    cJSON_Delete(header->json);
    header->json = NULL;
    return status;
}

void tik_header_finish(struct tik_header *header)
{
    tik_tensors_destroy(header->tensors);
    free(header->spans);
}
