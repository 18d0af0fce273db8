/*
 * Named tensors in memory and in safetensors files (8 bytes of header length, a JSON
 * header, the data: https://github.com/huggingface/safetensors, "Format").
 *
 * Threads: a collection belongs to one thread at a time.
 */
#ifndef TIKHONOV_SAFETENSORS_H
#define TIKHONOV_SAFETENSORS_H

#include <tikhonov/base.h>
#include <tikhonov/status.h>

/* Elements: float32, and the 16 bits of low-precision copies, which are written and never read. */
enum tik_dtype { TIK_DTYPE_F32, TIK_DTYPE_BF16, TIK_DTYPE_F16 };

struct tik_tensor_view {
    const char *name;
    size_t rank, count;
    const size_t *shape;
    enum tik_dtype dtype;
    float *data;     /* owned by the collection; may be written. Of TIK_DTYPE_F32, else NULL */
    uint16_t *words; /* likewise; of the others */
};

TIK_API TIK_CHECKED enum tik_status tik_tensors_create(struct tik_tensors **tensors);
TIK_API void tik_tensors_destroy(struct tik_tensors *tensors);

/*
 * Reads a file. TIK_OK; TIK_ERROR_FILE: it cannot be read; TIK_ERROR_FORMAT: it is damaged, or a
 * tensor is not F32 (the message names the tensor and its dtype); TIK_ERROR_MEMORY.
 */
TIK_API TIK_CHECKED enum tik_status tik_tensors_load(const char *path,
                                                     struct tik_tensors **tensors);

/*
 * Writes `count` collections to their paths: each beside its path first and flushed to the disk,
 * then all renamed. Before the first rename any failure leaves every path as it was.
 * TIK_OK; TIK_ERROR_ARGUMENT; TIK_ERROR_FILE; TIK_ERROR_MEMORY.
 */
TIK_API TIK_CHECKED enum tik_status tik_tensors_save(const struct tik_tensors *const *tensors,
                                                     const char *const *paths, size_t count);

TIK_API size_t tik_tensors_count(const struct tik_tensors *tensors);
/* The index-th tensor, in the order of the file or of adding. TIK_OK; TIK_ERROR_ARGUMENT. */
TIK_API TIK_CHECKED enum tik_status tik_tensors_at(const struct tik_tensors *tensors, size_t index,
                                                   struct tik_tensor_view *view);
/* True, and *view filled (may be NULL), when there is a tensor of that name. */
TIK_API bool tik_tensors_find(const struct tik_tensors *tensors, const char *name,
                              struct tik_tensor_view *view);
/* Adds a copy of `data` (NULL: zeros). TIK_OK; TIK_ERROR_ARGUMENT: the name is taken; _MEMORY. */
TIK_API TIK_CHECKED enum tik_status tik_tensors_add(struct tik_tensors *tensors, const char *name,
                                                    size_t rank, const size_t *shape,
                                                    const float *data);

/* Adds a tensor of `dtype`, a copy of `data` (NULL: zeros) of its elements; likewise. */
TIK_API TIK_CHECKED enum tik_status tik_tensors_add_as(struct tik_tensors *tensors,
                                                       const char *name, enum tik_dtype dtype,
                                                       size_t rank, const size_t *shape,
                                                       const void *data);

/* The file's __metadata__: NULL when there is no such key. Owned by the collection. */
TIK_API const char *tik_tensors_metadata(const struct tik_tensors *tensors, const char *key);
TIK_API TIK_CHECKED enum tik_status tik_tensors_set_metadata(struct tik_tensors *tensors,
                                                             const char *key, const char *value);

#endif
