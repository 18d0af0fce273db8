/*
 * Reading safetensors files: the header's length is checked against the file's, the header as
 * safetensors_header.c says, and only then is memory allocated for the data.
 */
#include "safetensors_header.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

struct reader {
    const char *path;
    int file;
    uint64_t header_length, data_length;
};

static enum tik_status read_at(const struct reader *reader, uint64_t at, void *to, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        const ssize_t n = pread(reader->file, (char *)to + done, bytes - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tik_error_set(TIK_ERROR_FILE, "%s: cannot be read: %s", reader->path,
                                 strerror(errno));
        if (n == 0)
            return tik_error_set(TIK_ERROR_FILE, "%s: it became shorter while it was read",
                                 reader->path);
        done += (size_t)n;
    }
    return TIK_OK;
}

/* O_NONBLOCK: opening a pipe that nobody writes to would wait for ever. */
static enum tik_status open_file(struct reader *reader)
{
    reader->file = open(reader->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat about;
    if (reader->file < 0 || fstat(reader->file, &about) != 0)
        return tik_error_set(TIK_ERROR_FILE, "%s: cannot be read: %s", reader->path,
                             strerror(errno));
    if (!S_ISREG(about.st_mode))
        return tik_error_set(TIK_ERROR_FILE, "%s: it is not a regular file", reader->path);

    const uint64_t size = (uint64_t)about.st_size;
    unsigned char bytes[8];
    if (size < sizeof bytes)
        return tik_error_set(TIK_ERROR_FORMAT,
                             "%s: it has %llu bytes; a safetensors file has 8 and a header",
                             reader->path, (unsigned long long)size);
    const enum tik_status status = read_at(reader, 0, bytes, sizeof bytes);
    if (status != TIK_OK)
        return status;
    uint64_t length = 0;
    for (size_t i = sizeof bytes; i-- > 0;)
        length = length << 8 | bytes[i];
    if (length > size - sizeof bytes || length > TIK_HEADER_LIMIT)
        return tik_error_set(TIK_ERROR_FORMAT,
                             "%s: its header's length is %llu, but the file has %llu bytes, and "
                             "the longest header is %d: it is no safetensors file, or is damaged",
                             reader->path, (unsigned long long)length, (unsigned long long)size,
                             TIK_HEADER_LIMIT);
    reader->header_length = length;
    reader->data_length = size - sizeof bytes - length;
    return TIK_OK;
}

static enum tik_status read_header(const struct reader *reader, struct tik_header *header)
{
    const size_t length = (size_t)reader->header_length;
    char *text = malloc(length + 1);
    if (text == NULL)
        return tik_error_memory("the header of a file", length + 1);
    text[length] = '\0';
    enum tik_status status = read_at(reader, 8, text, length);
    if (status == TIK_OK)
        status = tik_header_read(header, text, length);
    free(text);
    return status;
}

static enum tik_status read_data(const struct reader *reader, const struct tik_header *header)
{
    for (size_t i = 0; i < header->tensors->count; i++) {
        const struct tik_span *span = &header->spans[i];
        struct tik_named_tensor *tensor = &header->tensors->items[span->tensor];
        enum tik_status status = tik_tensors_allocate(tensor);
        if (status == TIK_OK)
            status = read_at(reader, 8 + reader->header_length + span->begin, tensor->data,
                             tensor->count * sizeof(float));
        if (status != TIK_OK)
            return status;
        tik_words_little(tensor->data, sizeof(float), tensor->count);
    }
    return TIK_OK;
}

enum tik_status tik_tensors_load(const char *path, struct tik_tensors **tensors)
{
    if (path == NULL || tensors == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL", path == NULL ? "path" : "tensors");
    struct reader reader = {.path = path, .file = -1};
    enum tik_status status = open_file(&reader);
    struct tik_header header = {.path = path, .data_length = reader.data_length};
    if (status == TIK_OK)
        status = read_header(&reader, &header);
    if (status == TIK_OK)
        status = read_data(&reader, &header);
    if (status == TIK_OK) {
        *tensors = header.tensors;
        header.tensors = NULL;
    }
    tik_header_finish(&header);
    if (reader.file >= 0)
        close(reader.file);
    return status;
}
