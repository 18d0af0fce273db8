/*
 * The store: where an optimizer's tensors live. Tensors of the library's own memory lie side by
 * side in one arena a group, so that a group takes one launch; a tensor of the caller's memory is a
 * piece of its own. Tables of spans say which elements of a piece take part in a step.
 */
#ifndef TIK_SRC_STORE_H
#define TIK_SRC_STORE_H

#include <tikhonov/optimizer.h>

#include "backend.h"
#include "names.h"
#include "stream.h"

/* Tensors begin at multiples of this many elements in an arena: 128 bytes, a cache line or two. */
#define TIK_ARENA_ALIGN 32

/* The arrays of a tensor: parameter, gradient, and those that its plan has beside them. */
enum { TIK_MAX_PARTS = 2 + TIK_ARRAYS };

/* Where an array starts. */
struct tik_start {
    float value;
    bool param;                        /* at the parameter instead, */
    const struct tik_copy_stage *copy; /* not NULL: and as its copy, */
    struct copy_scalars scalars;       /* by these */
};

/* What a group's tensors have beside parameter and gradient, in the order of their slots. */
struct tik_layout {
    size_t count, states; /* the states, and behind them what is none */
    struct tik_array array[TIK_ARRAYS];
    struct tik_start start[TIK_ARRAYS];
    bool iterated; /* the rule iterates on its tensors, which are matrices */
    bool lines;    /* an array has a number each row or column */
};

/*
 * Matrices of one shape, side by side among those that are iterated on; their rows are the shorter
 * side.
 */
struct tik_batch {
    uint32_t rows, cols, count;
    uint64_t first; /* element where they begin */
    bool large;     /* a BLAS multiplies them, where there is one */
};

struct tik_piece {
    size_t group;
    enum tik_memory kind;
    struct tik_layout layout;
    size_t elements;             /* of the arena, padding included */
    size_t numbers[TIK_EXTENTS]; /* the same of its other arrays, by extent */
    struct tik_arrays memory;    /* NULL until committed */
    struct tik_offsets at;
    void *staged[TIK_MAX_PARTS]; /* before commit; NULL: zeros */
    size_t staged_capacity[TIK_MAX_PARTS];
    bool committed;
    struct tik_stream *stream; /* NULL: on the device */
    size_t window;             /* elements of a window of the stream */
    /* The active tensors, on the host and on the backend. */
    struct tik_span *table[TIK_SCOPES];
    struct tik_spans spans[TIK_SCOPES];
    struct tik_batch *batches; /* of the active tensors, where they are iterated on */
    size_t batch_count;
    /* Where several tensors side by side are one: for steps that ask of no element where it is. */
    struct tik_span *run_table;
    struct tik_spans runs;         /* none: no fewer than there are tensors */
    struct tik_matrices *matrices; /* one a span; memory.matrices on the backend */
};

struct tik_entry {
    char *name;
    size_t *shape;
    size_t count;
    uint64_t first; /* element of the piece */
    uint32_t group, piece;
    uint32_t row, column; /* its first numbers in arrays that have one a row, one a column */
    uint32_t slot;        /* of its first block, in the scope of the whole tensor */
    uint8_t rank;
    bool active;
};

/* What the policies and options of an optimizer ask of the tables and of the workspace. */
struct tik_needs {
    bool scopes[TIK_SCOPES];
    bool norms, clips, ratios, factors, report, iterates, means, stepped;
    enum tik_scope norm_scope; /* whose tensors the norms are summed over */
    size_t planes;             /* of sums; 0: none */
};

struct tik_store {
    struct tik_backend *backend;
    bool writes_grad;      /* kernels clear gradients */
    uint64_t memory_limit; /* of what lies on the device; 0: its own */
    void (*progress)(size_t done, size_t total, void *data);
    void *progress_data;
    struct tik_needs needs;
    struct tik_piece *pieces;
    size_t piece_count, piece_capacity;
    struct tik_entry *tensors;
    size_t tensor_count, tensor_capacity;
    struct tik_names names;
    uint64_t slots;                         /* blocks of all tensors, active or not */
    uint64_t units;                         /* factors of all tensors, in whatever scope */
    uint64_t means;                         /* matrices of the tensors that need them */
    uint64_t plane;                         /* the most slots of a scope */
    uint64_t iterates, grams;               /* the most elements of matrices that a piece iterates
                                               on, and of a shape's products with themselves */
    bool fresh;                             /* tables are as tensors and needs are */
    bool reported;                          /* partials are of a step with these tables */
    struct tik_tensor_blocks *tensor_table; /* in the norms' scope */
    struct tik_workspace work;              /* control, progress and rows are the guard's */
};

void tik_store_init(struct tik_store *store, struct tik_backend *backend, bool writes_grad);
void tik_store_finish(struct tik_store *store);

/* Registers a checked tensor; on an error nothing changed. */
enum tik_status tik_store_add(struct tik_store *store, size_t group,
                              const struct tik_layout *layout, const struct tik_tensor *tensor,
                              size_t *index);

/* The number of the tensor of that name; tensor_count when there is none. */
size_t tik_store_find(const struct tik_store *store, const char *name);

/*
 * Allocates what is staged and brings the tables up to date: all that can fail before a step.
 */
enum tik_status tik_store_commit(struct tik_store *store, const struct tik_needs *needs);

/* Numbers of an array of a piece, numbered as below, padding included. */
size_t tik_piece_numbers(const struct tik_piece *piece, size_t array);

/* Blocks of a tensor that is one unit. */
uint32_t tik_entry_blocks(const struct tik_entry *entry);

/* Whether a tensor has an array at all: a vector has no columns. */
bool tik_entry_has(const struct tik_entry *entry, const struct tik_piece *piece, size_t array);

/* Its numbers in the array, and where they begin. */
size_t tik_entry_numbers(const struct tik_entry *entry, const struct tik_piece *piece,
                         size_t array);
uint64_t tik_entry_first(const struct tik_entry *entry, const struct tik_piece *piece,
                         size_t array);

/* The array of a tensor's state; 2 + TIK_ARRAYS where it has no such slot. */
size_t tik_entry_array(const struct tik_entry *entry, const struct tik_piece *piece, size_t slot);

/* The buffer of an array of a piece, numbered as below, and the element at which it begins. */
struct tik_buffer *tik_piece_array(const struct tik_piece *piece, size_t array, uint64_t *begin);

/* Bytes of an element of that array. */
size_t tik_layout_size(const struct tik_layout *layout, size_t array);

/*
 * Copies elements first .. first + count - 1 of an array of a committed piece: 0 the parameters, 1
 * the gradients, 2 + k that in slot k of its layout. `values`: of the array's own size, float32 all
 * but the low-precision copy.
 */
enum tik_status tik_piece_read(const struct tik_store *store, const struct tik_piece *piece,
                               size_t array, uint64_t first, size_t count, void *values);
enum tik_status tik_piece_write(const struct tik_store *store, const struct tik_piece *piece,
                                size_t array, uint64_t first, size_t count, const void *values);

/* spans.c: the elements of a tensor that has some, as units of a scope. */
void tik_span_cut(const struct tik_entry *entry, enum tik_scope scope, struct tik_span *span);

/* What spans of one scope come to so far. */
struct tik_tally {
    uint64_t slots; /* of partial sums, whichever piece the spans are of */
    uint64_t units; /* of the launch */
    uint64_t blocks;
};

/* Places the next span behind them, and counts it. */
void tik_span_place(enum tik_scope scope, struct tik_span *span, struct tik_tally *tally);

/* A tensor as matrices, whose means begin at `mean`; returns how many it has. */
size_t tik_matrices_cut(const struct tik_entry *entry, uint64_t mean,
                        struct tik_matrices *matrices);

/* The host's tables, from the tensors that are active. */
enum tik_status tik_spans_make(struct tik_store *store);

/*
 * matrices.c: where the matrices of a piece's tensors lie while a rule iterates on them; after the
 * spans.
 */
enum tik_status tik_matrices_make(struct tik_store *store);

/* Whether any of them are large. */
bool tik_matrices_large(const struct tik_store *store);

/* workspace.c: buffers of a backend's own for what the store's needs name. */
enum tik_status tik_workspace_create(const struct tik_store *store, struct tik_backend *backend,
                                     struct tik_workspace *work);
void tik_workspace_destroy(struct tik_backend *backend, struct tik_workspace *work);

/* A table on the host, copied to a new buffer in *memory. */
enum tik_status tik_upload(struct tik_backend *backend, const void *table, size_t bytes,
                           struct tik_buffer **memory);

#endif
