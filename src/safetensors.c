/* Named tensors in memory: an array in the order of adding, and an index sorted by name. */
#include "safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

enum tik_status tik_tensors_create(struct tik_tensors **tensors)
{
    if (tensors == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "tensors is NULL: a place for the handle is due");
    *tensors = calloc(1, sizeof **tensors);
    if (*tensors == NULL)
        return tik_error_memory("a collection of tensors", sizeof **tensors);
    return TIK_OK;
}

static void release(struct tik_named_tensor *tensor)
{
    free(tensor->name);
    free(tensor->shape);
    free(tensor->data);
}

void tik_tensors_destroy(struct tik_tensors *tensors)
{
    if (tensors == NULL)
        return;
    for (size_t i = 0; i < tensors->count; i++)
        release(&tensors->items[i]);
    for (size_t i = 0; i < tensors->metadata_count; i++) {
        free(tensors->metadata[i].key);
        free(tensors->metadata[i].value);
    }
    free(tensors->items);
    free(tensors->keys);
    free(tensors->metadata);
    free(tensors);
}

bool tik_shape_count(size_t rank, const size_t *shape, size_t *count)
{
    const uint64_t exact = UINT64_C(1) << 53;
    const uint64_t memory = SIZE_MAX / 2;
    const uint64_t limit = (exact < memory ? exact : memory) / sizeof(float);
    uint64_t product = 1;
    for (size_t i = 0; i < rank; i++) {
        if (shape[i] != 0 && product > limit / shape[i])
            return false;
        product *= shape[i];
    }
    *count = (size_t)product;
    return true;
}

/* Length of the well-formed sequence at `text`, 0 when there is none. RFC 3629, section 4. */
static size_t utf8_sequence(const unsigned char *text, size_t room)
{
    const unsigned char first = text[0];
    if (first < 0x80)
        return 1;
    const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || length > room)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    const bool overlong = (first == 0xe0 && text[1] < 0xa0) || (first == 0xf0 && text[1] < 0x90);
    const bool surrogate = first == 0xed && text[1] > 0x9f;
    const bool beyond = first == 0xf4 && text[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : length;
}

bool tik_text_is_utf8(const char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        const size_t step = utf8_sequence((const unsigned char *)text + i, length - i);
        if (step == 0)
            return false;
        i += step;
    }
    return true;
}

/* Room for one more tensor. */
static enum tik_status reserve(struct tik_tensors *tensors)
{
    if (tensors->count < tensors->capacity)
        return TIK_OK;
    const size_t capacity = tensors->capacity * 2 + 8;
    struct tik_named_tensor *items = realloc(tensors->items, capacity * sizeof *items);
    if (items == NULL)
        return tik_error_memory("the list of tensors", capacity * sizeof *items);
    tensors->items = items;
    struct tik_tensor_key *keys = realloc(tensors->keys, capacity * sizeof *keys);
    if (keys == NULL)
        return tik_error_memory("the index of tensors", capacity * sizeof *keys);
    tensors->keys = keys;
    tensors->capacity = capacity;
    return TIK_OK;
}

const char *tik_dtype_name(enum tik_dtype dtype)
{
    static const char *const names[] = {
        [TIK_DTYPE_F32] = "F32", [TIK_DTYPE_BF16] = "BF16", [TIK_DTYPE_F16] = "F16"};
    return names[dtype];
}

size_t tik_dtype_size(enum tik_dtype dtype)
{
    return dtype == TIK_DTYPE_F32 ? sizeof(float) : sizeof(uint16_t);
}

enum tik_status tik_tensors_allocate(struct tik_named_tensor *tensor)
{
    const size_t size = tik_dtype_size(tensor->dtype);
    /* One element at least, so that `data` is never NULL. */
    tensor->data = calloc(tensor->count > 0 ? tensor->count : 1, size);
    if (tensor->data == NULL)
        return tik_error_memory("the data of a tensor", tensor->count * size);
    return TIK_OK;
}

enum tik_status tik_tensors_append(struct tik_tensors *tensors, const char *name,
                                   enum tik_dtype dtype, size_t rank, const size_t *shape,
                                   bool with_data)
{
    struct tik_named_tensor tensor = {.rank = rank, .dtype = dtype};
    if (!tik_shape_count(rank, shape, &tensor.count))
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "tensor '%s': its shape has more elements than memory can hold", name);
    enum tik_status status = reserve(tensors);
    if (status != TIK_OK)
        return status;
    tensor.name = strdup(name);
    tensor.shape = calloc(rank > 0 ? rank : 1, sizeof *shape);
    if (tensor.name == NULL || tensor.shape == NULL)
        status = tik_error_memory("a tensor's name and shape", strlen(name) + rank * sizeof *shape);
    if (status == TIK_OK && with_data)
        status = tik_tensors_allocate(&tensor);
    if (status != TIK_OK) {
        release(&tensor);
        return status;
    }
    if (rank > 0)
        memcpy(tensor.shape, shape, rank * sizeof *shape);
    tensors->keys[tensors->count] = (struct tik_tensor_key){tensor.name, tensors->count};
    tensors->items[tensors->count++] = tensor;
    return TIK_OK;
}

static int compare_names(const void *a, const void *b)
{
    const struct tik_tensor_key *one = a, *other = b;
    return strcmp(one->name, other->name);
}

void tik_tensors_sort(struct tik_tensors *tensors)
{
    if (tensors->count > 1)
        qsort(tensors->keys, tensors->count, sizeof *tensors->keys, compare_names);
}

/* Where `name` is, or would be, in the index. */
static size_t position(const struct tik_tensors *tensors, const char *name, bool *found)
{
    size_t low = 0, high = tensors->count;
    *found = false;
    while (low < high && !*found) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(tensors->keys[middle].name, name);
        *found = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return high;
}

enum tik_status tik_tensors_add(struct tik_tensors *tensors, const char *name, size_t rank,
                                const size_t *shape, const float *data)
{
    return tik_tensors_add_as(tensors, name, TIK_DTYPE_F32, rank, shape, data);
}

enum tik_status tik_tensors_add_as(struct tik_tensors *tensors, const char *name,
                                   enum tik_dtype dtype, size_t rank, const size_t *shape,
                                   const void *data)
{
    if ((unsigned)dtype > TIK_DTYPE_F16)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "dtype is %d; allowed is TIK_DTYPE_F32, _BF16, _F16", (int)dtype);
    if (tensors == NULL || name == NULL || (rank > 0 && shape == NULL))
        return tik_error_set(TIK_ERROR_ARGUMENT, "a tensor needs a collection, a name and a shape; "
                                                 "one of them is NULL");
    if (strcmp(name, TIK_METADATA_NAME) == 0)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "tensor '%s': the file format keeps this name for itself", name);
    if (!tik_text_is_utf8(name, strlen(name)))
        return tik_error_set(TIK_ERROR_ARGUMENT, "tensor '%s': its name is not UTF-8", name);
    bool found;
    const size_t place = position(tensors, name, &found);
    if (found)
        return tik_error_set(TIK_ERROR_ARGUMENT, "tensor '%s': there is one of that name already",
                             name);
    const enum tik_status status = tik_tensors_append(tensors, name, dtype, rank, shape, true);
    if (status != TIK_OK)
        return status;

    const size_t last = tensors->count - 1;
    const struct tik_tensor_key key = tensors->keys[last];
    memmove(&tensors->keys[place + 1], &tensors->keys[place], (last - place) * sizeof key);
    tensors->keys[place] = key;
    const struct tik_named_tensor *tensor = &tensors->items[last];
    if (data != NULL && tensor->count > 0)
        memcpy(tensor->data, data, tensor->count * tik_dtype_size(dtype));
    return TIK_OK;
}

size_t tik_tensors_count(const struct tik_tensors *tensors)
{
    return tensors != NULL ? tensors->count : 0;
}

static void show(const struct tik_named_tensor *tensor, struct tik_tensor_view *view)
{
    *view = (struct tik_tensor_view){.name = tensor->name,
                                     .rank = tensor->rank,
                                     .count = tensor->count,
                                     .shape = tensor->shape,
                                     .dtype = tensor->dtype};
    if (tensor->dtype == TIK_DTYPE_F32)
        view->data = tensor->data;
    else
        view->words = tensor->data;
}

enum tik_status tik_tensors_at(const struct tik_tensors *tensors, size_t index,
                               struct tik_tensor_view *view)
{
    if (tensors == NULL || view == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL",
                             tensors == NULL ? "tensors" : "view");
    if (index >= tensors->count)
        return tik_error_set(TIK_ERROR_ARGUMENT, "tensor %zu: there are %zu, counted from 0", index,
                             tensors->count);
    show(&tensors->items[index], view);
    return TIK_OK;
}

bool tik_tensors_find(const struct tik_tensors *tensors, const char *name,
                      struct tik_tensor_view *view)
{
    if (tensors == NULL || name == NULL)
        return false;
    bool found;
    const size_t place = position(tensors, name, &found);
    if (found && view != NULL)
        show(&tensors->items[tensors->keys[place].index], view);
    return found;
}
