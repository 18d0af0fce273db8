/* A collection of named tensors as its reader, its writer and the checkpoints see it. */
#ifndef TIK_SRC_SAFETENSORS_H
#define TIK_SRC_SAFETENSORS_H

#include <tikhonov/safetensors.h>

/*
 * Longest header that is read or written, in bytes: some 300,000 tensors. Parsed JSON takes up to
 * thirty times its text; the reference implementation's own limit, 100 MB, would be 3 GB.
 */
#define TIK_HEADER_LIMIT 33554432

/* The header's entry that is no tensor. */
#define TIK_METADATA_NAME "__metadata__"

struct tik_named_tensor {
    char *name;
    size_t rank, count;
    size_t *shape;
    enum tik_dtype dtype;
    void *data; /* NULL only while a file is being read */
};

/* What a file calls it, and the bytes of an element. */
const char *tik_dtype_name(enum tik_dtype dtype);
size_t tik_dtype_size(enum tik_dtype dtype);

/* One entry of the index. */
struct tik_tensor_key {
    const char *name; /* the tensor's own */
    size_t index;
};

struct tik_metadata {
    char *key, *value;
};

struct tik_tensors {
    size_t count, capacity;
    struct tik_named_tensor *items; /* in the order of the file or of adding */
    struct tik_tensor_key *keys;    /* the same, sorted by name */
    size_t metadata_count, metadata_capacity;
    struct tik_metadata *metadata;
};

/* Elements of a shape; false when their bytes do not fit in memory or in a double's integers. */
bool tik_shape_count(size_t rank, const size_t *shape, size_t *count);

/* Whether the bytes are UTF-8 as RFC 3629 has it: no overlong forms, no surrogates. */
bool tik_text_is_utf8(const char *text, size_t length);

/*
 * Appends a tensor of zeros (`with_data`) or one that has no data yet, without a look at the names
 * that are there: tik_tensors_sort must follow before anything is searched.
 */
enum tik_status tik_tensors_append(struct tik_tensors *tensors, const char *name,
                                   enum tik_dtype dtype, size_t rank, const size_t *shape,
                                   bool with_data);
void tik_tensors_sort(struct tik_tensors *tensors);
enum tik_status tik_tensors_allocate(struct tik_named_tensor *tensor);

/* Appends a pair, without a look at the keys that are there. */
enum tik_status tik_tensors_append_metadata(struct tik_tensors *tensors, const char *key,
                                            const char *value);

/*
 * Words of so many bytes between the host's order and the file's, which is little-endian: the one
 * place that knows. It is its own inverse.
 */
void tik_words_little(void *words, size_t size, size_t count);

#endif
