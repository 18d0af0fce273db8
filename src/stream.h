/*
 * Pieces that are too large for the device's memory: their arrays stay in the host's, and a launch
 * over them goes chunk by chunk through windows on the device. Same kernels, same bits: chunks are
 * cut between blocks, and their spans say which blocks they are.
 */
#ifndef TIK_SRC_STREAM_H
#define TIK_SRC_STREAM_H

#include "backend.h"

struct tik_store;
struct tik_piece;
struct tik_tensor;

/* One is filled while another computes and a third is emptied. */
#define TIK_WINDOWS 3

/* The least elements of a window: below this a chunk costs more than it moves. */
#define TIK_LEAST_CHUNK 16384

/*
 * The most: copies of 2 MiB are as fast as larger ones, the first and the last chunk, which nothing
 * overlaps, are short, and on a device that is the CPU three windows stay in its cache.
 */
#define TIK_MOST_CHUNK (512 * 1024)

struct tik_chunk {
    uint64_t first, count;  /* elements of the piece */
    struct tik_spans spans; /* counted from its first element */
};

struct tik_stream {
    size_t chunk_count;
    struct tik_chunk *chunks;
    struct tik_span *table;              /* of all chunks, on the host */
    unsigned char *host[2 + TIK_ARRAYS]; /* the piece's arrays: param, grad, the others by number */
    bool borrowed;                       /* param and grad are the caller's */
    size_t size[2 + TIK_ARRAYS];         /* bytes of an element of each */
    struct tik_arrays windows[TIK_WINDOWS];
    void (*progress)(size_t done, size_t total, void *data); /* NULL: nobody asks */
    void *data;
};

/*
 * Whether a piece of so many bytes has to be streamed: it does not fit beside what is on the device
 * already, within the limit or the device's own, or one of its arrays is too large for a buffer.
 */
bool tik_stream_is_due(const struct tik_store *store, const struct tik_piece *piece);

/*
 * The host's arrays and the windows of a piece that is committed. `tensor`: whose parameter and
 * gradient stay where they are in the caller's memory; NULL: all arrays are the stream's own.
 */
enum tik_status tik_stream_create(struct tik_store *store, struct tik_piece *piece,
                                  const struct tik_tensor *tensor);

/* Cuts the active tensors into chunks; after each change of the tables. */
enum tik_status tik_stream_cut(struct tik_store *store, struct tik_piece *piece);

void tik_stream_destroy(struct tik_store *store, struct tik_piece *piece);

/* An array of a streamed piece, as tik_piece_read numbers them. */
unsigned char *tik_stream_array(const struct tik_piece *piece, size_t array);

#endif
