#include "stream.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "store.h"

static size_t array_count(const struct tik_piece *piece)
{
    return 2 + piece->layout.count;
}

/* Bytes of an element in all arrays. */
static size_t element_bytes(const struct tik_piece *piece)
{
    size_t bytes = 0;
    for (size_t k = 0; k < array_count(piece); k++)
        bytes += tik_layout_size(&piece->layout, k);
    return bytes;
}

static uint64_t piece_bytes(const struct tik_piece *piece)
{
    uint64_t bytes = 0;
    for (size_t k = 0; k < array_count(piece); k++)
        bytes += tik_piece_numbers(piece, k) * tik_layout_size(&piece->layout, k);
    return bytes;
}

/* What the device may hold in all, and in one buffer. */
static void find_limits(const struct tik_store *store, uint64_t *total, uint64_t *largest)
{
    store->backend->ops->memory_limits(store->backend, total, largest);
    if (store->memory_limit > 0 && store->memory_limit < *total)
        *total = store->memory_limit;
}

/* What the other pieces have on the device: their arrays or, of streams, their windows. */
static uint64_t used_bytes(const struct tik_store *store, const struct tik_piece *piece)
{
    uint64_t used = 0;
    for (size_t i = 0; i < store->piece_count; i++) {
        const struct tik_piece *other = &store->pieces[i];
        if (other == piece || !other->committed)
            continue;
        if (other->stream != NULL) {
            used += TIK_WINDOWS * other->window * element_bytes(other);
            continue;
        }
        /* Of the caller's tensors the states alone are ours. */
        const uint64_t own = other->kind == TIK_MEMORY_LIBRARY ? 0 : 2 * sizeof(float);
        used += piece_bytes(other) - own * other->elements;
    }
    return used;
}

bool tik_stream_is_due(const struct tik_store *store, const struct tik_piece *piece)
{
    if (store->backend->ops->memory_limits == NULL || piece->elements == 0)
        return false;
    uint64_t total, largest;
    find_limits(store, &total, &largest);
    return used_bytes(store, piece) + piece_bytes(piece) > total ||
           piece->elements * sizeof(float) > largest;
}

/*
 * Elements of a window, in whole blocks: all windows of all arrays within half of what the limit
 * leaves, since other pieces may be streams as well.
 */
static size_t window_elements(const struct tik_store *store, const struct tik_piece *piece)
{
    uint64_t total, largest;
    find_limits(store, &total, &largest);
    const uint64_t used = used_bytes(store, piece), left = used < total ? total - used : 0;
    const uint64_t room = left / 2 / (TIK_WINDOWS * element_bytes(piece));
    uint64_t elements = room < largest / sizeof(float) ? room : largest / sizeof(float);
    elements = elements < TIK_MOST_CHUNK ? elements : TIK_MOST_CHUNK;
    if (piece->elements < elements)
        elements = piece->elements + TIK_BLOCK - 1;
    elements = elements / TIK_BLOCK * TIK_BLOCK;
    if (piece->elements <= elements)
        return (size_t)elements;
    return elements < TIK_LEAST_CHUNK ? TIK_LEAST_CHUNK : (size_t)elements;
}

/* The array's number in the stream. */
static size_t number_of(const struct tik_piece *piece, size_t array)
{
    return array < 2 ? array : 2 + piece->layout.array[array - 2].number;
}

unsigned char *tik_stream_array(const struct tik_piece *piece, size_t array)
{
    return piece->stream->host[number_of(piece, array)];
}

static struct tik_buffer **window_of(struct tik_piece *piece, size_t window, size_t array)
{
    struct tik_arrays *arrays = &piece->stream->windows[window];
    if (array == 0)
        return &arrays->param;
    return array == 1 ? &arrays->grad : &arrays->state[piece->layout.array[array - 2].number];
}

/* One array on the host, `given` or its own, and its windows. */
static enum tik_status create_array(struct tik_store *store, struct tik_piece *piece, size_t k,
                                    float *given)
{
    const size_t number = number_of(piece, k), size = tik_layout_size(&piece->layout, k);
    const size_t bytes = tik_piece_numbers(piece, k) * size;
    piece->stream->size[number] = size;
    piece->stream->host[number] =
        given != NULL ? (unsigned char *)given : calloc(bytes > 0 ? bytes : 1, 1);
    if (piece->stream->host[number] == NULL)
        return tik_error_memory("the arena of a group, in the host's memory", bytes);
    enum tik_status status = TIK_OK;
    for (size_t w = 0; w < TIK_WINDOWS && status == TIK_OK; w++)
        status = store->backend->ops->memory_create(store->backend, piece->window * size,
                                                    window_of(piece, w, k));
    return status;
}

enum tik_status tik_stream_create(struct tik_store *store, struct tik_piece *piece,
                                  const struct tik_tensor *tensor)
{
    float *const given[2] = {tensor != NULL ? tensor->param : NULL,
                             tensor != NULL ? tensor->grad : NULL};
    piece->stream = calloc(1, sizeof *piece->stream);
    if (piece->stream == NULL)
        return tik_error_memory("a stream of chunks", sizeof *piece->stream);
    piece->window = window_elements(store, piece);
    piece->stream->progress = store->progress;
    piece->stream->data = store->progress_data;
    piece->stream->borrowed = tensor != NULL;
    enum tik_status status = TIK_OK;
    for (size_t k = 0; k < array_count(piece) && status == TIK_OK; k++)
        status = create_array(store, piece, k, k < 2 ? given[k] : NULL);
    if (status != TIK_OK)
        tik_stream_destroy(store, piece);
    return status;
}

static void drop_chunks(struct tik_store *store, struct tik_stream *stream)
{
    for (size_t i = 0; i < stream->chunk_count; i++)
        store->backend->ops->memory_destroy(store->backend, stream->chunks[i].spans.table);
    free(stream->chunks);
    free(stream->table);
    stream->chunks = NULL;
    stream->table = NULL;
    stream->chunk_count = 0;
}

void tik_stream_destroy(struct tik_store *store, struct tik_piece *piece)
{
    struct tik_stream *stream = piece->stream;
    if (stream == NULL)
        return;
    drop_chunks(store, stream);
    for (size_t k = 0; k < array_count(piece); k++) {
        if (k >= 2 || !stream->borrowed)
            free(stream->host[number_of(piece, k)]);
        for (size_t w = 0; w < TIK_WINDOWS; w++)
            store->backend->ops->memory_destroy(store->backend, *window_of(piece, w, k));
    }
    free(stream);
    piece->stream = NULL;
}

/* Where the cutting has come to. */
struct cutter {
    struct tik_stream *stream;
    size_t window;
    size_t spans; /* in the table so far */
};

static struct tik_chunk *begin_chunk(struct cutter *c, uint64_t first)
{
    struct tik_chunk *chunk = &c->stream->chunks[c->stream->chunk_count++];
    *chunk = (struct tik_chunk){.first = first};
    return chunk;
}

/* Adds elements pos .. pos + count - 1 of a span, which begin with one of its blocks. */
static void add_part(struct cutter *c, struct tik_chunk *chunk, const struct tik_span *span,
                     uint64_t pos, uint64_t count)
{
    struct tik_span *part = &c->stream->table[c->spans++];
    *part = *span;
    part->first = pos - chunk->first;
    part->length = count;
    part->block = (uint32_t)chunk->spans.blocks;
    part->order = (uint32_t)chunk->spans.units;
    part->slot = span->slot + (uint32_t)((pos - span->first) / TIK_BLOCK);
    chunk->spans.count++;
    chunk->spans.blocks += (count + TIK_BLOCK - 1) / TIK_BLOCK;
    chunk->spans.units++;
    chunk->count = pos + count - chunk->first;
}

static void cut_span(struct cutter *c, const struct tik_span *span)
{
    uint64_t pos = span->first;
    const uint64_t end = span->first + span->length;
    while (pos < end) {
        struct tik_chunk *chunk =
            c->stream->chunk_count > 0 ? &c->stream->chunks[c->stream->chunk_count - 1] : NULL;
        uint64_t room =
            chunk != NULL && pos < chunk->first + c->window ? chunk->first + c->window - pos : 0;
        if (room < end - pos)
            room = room / TIK_BLOCK * TIK_BLOCK;
        if (room == 0) {
            chunk = begin_chunk(c, pos);
            room = c->window;
        }
        const uint64_t count = end - pos < room ? end - pos : room;
        add_part(c, chunk, span, pos, count);
        pos += count;
    }
}

enum tik_status tik_stream_cut(struct tik_store *store, struct tik_piece *piece)
{
    struct tik_stream *stream = piece->stream;
    const size_t spans = piece->spans[TIK_SCOPE_TENSOR].count;
    const size_t most = spans + 2 * (piece->elements / piece->window + 1) + 1;
    drop_chunks(store, stream);
    stream->chunks = calloc(most, sizeof *stream->chunks);
    stream->table = calloc(most, sizeof *stream->table);
    if (stream->chunks == NULL || stream->table == NULL)
        return tik_error_memory("the chunks of a group", most * sizeof *stream->chunks);
    struct cutter cutter = {.stream = stream, .window = piece->window};
    for (size_t i = 0; i < spans; i++)
        cut_span(&cutter, &piece->table[TIK_SCOPE_TENSOR][i]);

    const struct tik_span *table = stream->table;
    enum tik_status status = TIK_OK;
    for (size_t i = 0; i < stream->chunk_count && status == TIK_OK; i++) {
        struct tik_spans *own = &stream->chunks[i].spans;
        status = tik_upload(store->backend, table, own->count * sizeof *table, &own->table);
        table += own->count;
    }
    return status;
}
