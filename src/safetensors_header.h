/* The header of a safetensors file: JSON that names the tensors and their places in the data. */
#ifndef TIK_SRC_SAFETENSORS_HEADER_H
#define TIK_SRC_SAFETENSORS_HEADER_H

#include "safetensors.h"

struct cJSON;

/* Bytes of one tensor, counted from the start of the data. */
struct tik_span {
    uint64_t begin, end;
    size_t tensor;
};

struct tik_header {
    const char *path;     /* for messages */
    uint64_t data_length; /* bytes after the header */
    struct cJSON *json;
    struct tik_tensors *tensors; /* in the header's order, without data */
    struct tik_span *spans;      /* one a tensor; sorted by place once all is checked */
};

/* Reads `text`, which is followed by '\0'. `path` and `data_length` are set, the rest is 0. */
enum tik_status tik_header_read(struct tik_header *header, const char *text, size_t length);
void tik_header_finish(struct tik_header *header);

#endif
