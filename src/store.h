/*
 * The store: where an optimizer's tensors live. Tensors of the library's own memory lie side by
 * side in one arena a group, so that a group takes one launch; a tensor of the caller's memory is a
 * piece of its own. A table of blocks a piece says which elements take part in a step.
 */
#ifndef TIK_SRC_STORE_H
#define TIK_SRC_STORE_H

#include <tikhonov/optimizer.h>

#include "backend.h"

/* Tensors begin at multiples of this many elements in an arena: 128 bytes, a cache line or two. */
#define TIK_ARENA_ALIGN 32
#define TIK_MAX_RANK    8

/* Arrays of one piece, param and grad and states, in host memory or as buffers of a backend. */
struct tik_piece_memory {
    struct tik_buffer *param, *grad, *state[TIK_MAX_STATES];
};

struct tik_piece {
    size_t group;
    enum tik_memory kind;
    size_t state_count;
    size_t elements;                /* of the arena, padding included */
    struct tik_piece_memory memory; /* NULL until committed */
    struct tik_offsets at;
    float *staged[2 + TIK_MAX_STATES]; /* param, grad, states before commit; NULL: zeros */
    size_t staged_capacity;
    bool committed;
    /* Blocks of the active tensors, on the host and on the backend. */
    struct tik_block *table;
    size_t block_count;
    struct tik_buffer *blocks;
};

struct tik_entry {
    char *name;
    size_t group, piece;
    size_t rank, shape[TIK_MAX_RANK], count;
    uint64_t first; /* element of the piece */
    struct tik_tensor_blocks slots;
    bool active;
};

struct tik_store {
    struct tik_backend *backend;
    bool clip, report;
    struct tik_piece *pieces;
    size_t piece_count, piece_capacity;
    struct tik_entry *tensors;
    size_t tensor_count, tensor_capacity;
    size_t *names; /* hash table of tensor numbers + 1 */
    size_t name_capacity;
    uint64_t slots; /* blocks of all tensors, active or not */
    bool fresh;     /* tables are as the tensors are */
    bool reported;  /* partials are of a step with these tables */
    struct tik_tensor_blocks *tensor_table;
    struct tik_buffer *tensor_blocks, *sums, *totals, *factor, *partials;
};

void tik_store_init(struct tik_store *store, struct tik_backend *backend, bool clip, bool report);
void tik_store_finish(struct tik_store *store);

/* Registers a checked tensor whose states start at `initial`; on an error nothing changed. */
enum tik_status tik_store_add(struct tik_store *store, size_t group, size_t state_count,
                              const float *initial, const struct tik_tensor *tensor, size_t *index);

/* The number of the tensor of that name; tensor_count when there is none. */
size_t tik_store_find(const struct tik_store *store, const char *name);

/* Allocates what is staged and brings the tables up to date: all that can fail before a step. */
enum tik_status tik_store_commit(struct tik_store *store);

/* The buffer of an array of a piece, numbered as below, and the element at which it begins. */
struct tik_buffer *tik_piece_array(const struct tik_piece *piece, size_t array, uint64_t *begin);

/*
 * Copies elements first .. first + count - 1 of an array of a committed piece: 0 the parameters, 1
 * the gradients, 2 + k state k.
 */
enum tik_status tik_piece_read(const struct tik_store *store, const struct tik_piece *piece,
                               size_t array, uint64_t first, size_t count, float *values);
enum tik_status tik_piece_write(const struct tik_store *store, const struct tik_piece *piece,
                                size_t array, uint64_t first, size_t count, const float *values);

#endif
