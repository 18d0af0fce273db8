#include "store.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "hash.h"

void tik_store_init(struct tik_store *store, struct tik_backend *backend, bool clip, bool report)
{
    *store = (struct tik_store){.backend = backend, .clip = clip, .report = report};
}

static void release(struct tik_store *store, struct tik_buffer **memory)
{
    store->backend->ops->memory_destroy(store->backend, *memory);
    *memory = NULL;
}

static void release_arrays(struct tik_store *store, struct tik_piece *piece)
{
    release(store, &piece->memory.param);
    release(store, &piece->memory.grad);
    for (size_t k = 0; k < TIK_MAX_STATES; k++)
        release(store, &piece->memory.state[k]);
    piece->committed = false;
}

static void drop_staged(struct tik_piece *piece)
{
    for (size_t k = 0; k < 2 + TIK_MAX_STATES; k++) {
        free(piece->staged[k]);
        piece->staged[k] = NULL;
    }
    piece->staged_capacity = 0;
}

static void release_tables(struct tik_store *store)
{
    release(store, &store->tensor_blocks);
    release(store, &store->sums);
    release(store, &store->totals);
    release(store, &store->factor);
    release(store, &store->partials);
}

void tik_store_finish(struct tik_store *store)
{
    for (size_t i = 0; i < store->piece_count; i++) {
        struct tik_piece *piece = &store->pieces[i];
        release_arrays(store, piece);
        release(store, &piece->blocks);
        drop_staged(piece);
        free(piece->table);
    }
    release_tables(store);
    for (size_t i = 0; i < store->tensor_count; i++)
        free(store->tensors[i].name);
    free(store->pieces);
    free(store->tensors);
    free(store->names);
    free(store->tensor_table);
}

/* Makes room for one more; the array is as it was when there is none. */
static enum tik_status reserve(void **array, size_t count, size_t *capacity, size_t size,
                               const char *what)
{
    if (count < *capacity)
        return TIK_OK;
    const size_t more = *capacity == 0 ? 8 : 2 * *capacity;
    void *grown = realloc(*array, more * size);
    if (grown == NULL)
        return tik_error_memory(what, more * size);
    *array = grown;
    *capacity = more;
    return TIK_OK;
}

/* ---- names ---- */

static size_t name_place(const struct tik_store *store, const char *name)
{
    const size_t mask = store->name_capacity - 1;
    size_t place = (size_t)tik_hash(name, strlen(name), TIK_HASH_SEED) & mask;
    while (store->names[place] != 0 &&
           strcmp(store->tensors[store->names[place] - 1].name, name) != 0)
        place = (place + 1) & mask;
    return place;
}

size_t tik_store_find(const struct tik_store *store, const char *name)
{
    if (store->name_capacity == 0)
        return store->tensor_count;
    const size_t number = store->names[name_place(store, name)];
    return number > 0 ? number - 1 : store->tensor_count;
}

/* Keeps the table at most half full. */
static enum tik_status reserve_name(struct tik_store *store)
{
    if (2 * (store->tensor_count + 1) <= store->name_capacity)
        return TIK_OK;
    const size_t capacity = store->name_capacity == 0 ? 64 : 2 * store->name_capacity;
    size_t *grown = calloc(capacity, sizeof *grown);
    if (grown == NULL)
        return tik_error_memory("the table of names", capacity * sizeof *grown);
    free(store->names);
    store->names = grown;
    store->name_capacity = capacity;
    for (size_t i = 0; i < store->tensor_count; i++)
        store->names[name_place(store, store->tensors[i].name)] = i + 1;
    return TIK_OK;
}

/* ---- staging: arrays of an arena that is not yet, or not any more, on the backend ---- */

static enum tik_status stage_room(struct tik_piece *piece, size_t elements, const float *initial)
{
    for (size_t k = 0; k < piece->state_count; k++)
        if (initial[k] != 0 && piece->staged[2 + k] == NULL && piece->staged_capacity > 0) {
            const size_t bytes = piece->staged_capacity * sizeof(float);
            piece->staged[2 + k] = calloc(1, bytes);
            if (piece->staged[2 + k] == NULL)
                return tik_error_memory("the arena of a group", bytes);
        }
    if (elements <= piece->staged_capacity)
        return TIK_OK;
    size_t capacity = piece->staged_capacity == 0 ? 1024 : 2 * piece->staged_capacity;
    capacity = capacity < elements ? elements : capacity;
    for (size_t k = 0; k < 2 + piece->state_count; k++) {
        const bool wanted = k == 0 || (k > 1 && initial[k - 2] != 0);
        if (piece->staged[k] == NULL && !wanted)
            continue;
        float *grown = realloc(piece->staged[k], capacity * sizeof *grown);
        if (grown == NULL)
            return tik_error_memory("the arena of a group", capacity * sizeof *grown);
        memset(grown + piece->staged_capacity, 0,
               (capacity - piece->staged_capacity) * sizeof *grown);
        piece->staged[k] = grown;
    }
    piece->staged_capacity = capacity;
    return TIK_OK;
}

struct tik_buffer *tik_piece_array(const struct tik_piece *piece, size_t array, uint64_t *begin)
{
    *begin = array == 0 ? piece->at.param : array == 1 ? piece->at.grad : 0;
    if (array == 0)
        return piece->memory.param;
    return array == 1 ? piece->memory.grad : piece->memory.state[array - 2];
}

/* Reads a committed arena back, since it has to grow. */
static enum tik_status unstage(struct tik_store *store, struct tik_piece *piece)
{
    const size_t bytes = piece->elements * sizeof(float);
    for (size_t k = 0; k < 2 + piece->state_count; k++) {
        piece->staged[k] = malloc(bytes > 0 ? bytes : 1);
        if (piece->staged[k] == NULL) {
            drop_staged(piece);
            return tik_error_memory("the arena of a group", bytes);
        }
        const enum tik_status status =
            tik_piece_read(store, piece, k, 0, piece->elements, piece->staged[k]);
        if (status != TIK_OK) {
            drop_staged(piece);
            return status;
        }
    }
    piece->staged_capacity = piece->elements;
    release_arrays(store, piece);
    return TIK_OK;
}

/* ---- pieces ---- */

static size_t round_up(size_t elements)
{
    return (elements + TIK_ARENA_ALIGN - 1) / TIK_ARENA_ALIGN * TIK_ARENA_ALIGN;
}

static size_t find_arena(const struct tik_store *store, size_t group)
{
    size_t i = 0;
    while (i < store->piece_count &&
           (store->pieces[i].kind != TIK_MEMORY_LIBRARY || store->pieces[i].group != group))
        i++;
    return i;
}

static enum tik_status new_piece(struct tik_store *store, size_t group, size_t state_count,
                                 enum tik_memory kind)
{
    const enum tik_status status =
        reserve((void **)&store->pieces, store->piece_count, &store->piece_capacity,
                sizeof *store->pieces, "the list of pieces");
    if (status == TIK_OK)
        store->pieces[store->piece_count++] =
            (struct tik_piece){.group = group, .kind = kind, .state_count = state_count};
    return status;
}

static enum tik_status place_in_arena(struct tik_store *store, size_t group, size_t state_count,
                                      const float *initial, const struct tik_tensor *tensor,
                                      struct tik_entry *entry)
{
    entry->piece = find_arena(store, group);
    enum tik_status status = TIK_OK;
    if (entry->piece == store->piece_count)
        status = new_piece(store, group, state_count, TIK_MEMORY_LIBRARY);
    if (status != TIK_OK)
        return status;

    struct tik_piece *piece = &store->pieces[entry->piece];
    if (piece->committed)
        status = unstage(store, piece);
    const size_t end = piece->elements + round_up(entry->count);
    if (status == TIK_OK)
        status = stage_room(piece, end, initial);
    if (status != TIK_OK)
        return status;
    entry->first = piece->elements;
    if (tensor->param != NULL && entry->count > 0)
        memcpy(piece->staged[0] + entry->first, tensor->param, entry->count * sizeof(float));
    for (size_t k = 0; k < piece->state_count; k++)
        for (size_t i = 0; initial[k] != 0 && i < entry->count; i++)
            piece->staged[2 + k][entry->first + i] = initial[k];
    piece->elements = end;
    return TIK_OK;
}

static enum tik_status create_states(struct tik_store *store, struct tik_piece *piece)
{
    const struct tik_backend_ops *ops = store->backend->ops;
    enum tik_status status = TIK_OK;
    for (size_t k = 0; k < piece->state_count && status == TIK_OK; k++)
        status = ops->memory_create(store->backend, piece->elements * sizeof(float),
                                    &piece->memory.state[k]);
    return status;
}

/* States that do not start at 0, in a piece of its own. */
static enum tik_status fill_states(struct tik_store *store, struct tik_piece *piece,
                                   const float *initial)
{
    float *values = malloc(piece->elements * sizeof *values + 1);
    if (values == NULL)
        return tik_error_memory("initial states", piece->elements * sizeof *values);
    enum tik_status status = TIK_OK;
    for (size_t k = 0; k < piece->state_count && status == TIK_OK; k++) {
        if (initial[k] == 0 || piece->elements == 0)
            continue;
        for (size_t i = 0; i < piece->elements; i++)
            values[i] = initial[k];
        status = tik_piece_write(store, piece, 2 + k, 0, piece->elements, values);
    }
    free(values);
    return status;
}

/* A piece of its own, on the caller's memory. */
static enum tik_status place_alone(struct tik_store *store, size_t group, size_t state_count,
                                   const float *initial, const struct tik_tensor *tensor,
                                   struct tik_entry *entry)
{
    const struct tik_backend_ops *ops = store->backend->ops;
    enum tik_status status = new_piece(store, group, state_count, tensor->memory);
    if (status != TIK_OK)
        return status;
    entry->piece = store->piece_count - 1;
    struct tik_piece *piece = &store->pieces[entry->piece];
    piece->elements = entry->count;
    piece->committed = true;

    const size_t bytes = entry->count * sizeof(float);
    struct tik_piece_memory *memory = &piece->memory;
    if (tensor->memory == TIK_MEMORY_HOST) {
        status = ops->memory_wrap(store->backend, tensor->param, bytes, &memory->param);
        if (status == TIK_OK)
            status = ops->memory_wrap(store->backend, tensor->grad, bytes, &memory->grad);
    } else {
        piece->at.param = tensor->param_offset;
        piece->at.grad = tensor->grad_offset;
        status =
            ops->memory_borrow(store->backend, tensor->cl_param,
                               bytes + tensor->param_offset * sizeof(float), true, &memory->param);
        if (status == TIK_OK)
            status = ops->memory_borrow(store->backend, tensor->cl_grad,
                                        bytes + tensor->grad_offset * sizeof(float), false,
                                        &memory->grad);
    }
    if (status == TIK_OK)
        status = create_states(store, piece);
    if (status == TIK_OK)
        status = fill_states(store, piece, initial);
    if (status != TIK_OK) {
        release_arrays(store, piece);
        store->piece_count--;
    }
    return status;
}

enum tik_status tik_store_add(struct tik_store *store, size_t group, size_t state_count,
                              const float *initial, const struct tik_tensor *tensor, size_t *index)
{
    struct tik_entry entry = {.group = group, .rank = tensor->rank, .count = 1, .active = true};
    for (size_t d = 0; d < tensor->rank; d++) {
        entry.shape[d] = tensor->shape[d];
        entry.count *= tensor->shape[d];
    }
    entry.slots.first = (uint32_t)store->slots;
    entry.slots.count = (uint32_t)((entry.count + TIK_BLOCK - 1) / TIK_BLOCK);

    enum tik_status status =
        reserve((void **)&store->tensors, store->tensor_count, &store->tensor_capacity,
                sizeof *store->tensors, "the list of tensors");
    if (status == TIK_OK)
        status = reserve_name(store);
    if (status != TIK_OK)
        return status;
    entry.name = malloc(strlen(tensor->name) + 1);
    if (entry.name == NULL)
        return tik_error_memory("a tensor's name", strlen(tensor->name) + 1);
    strcpy(entry.name, tensor->name);

    status = tensor->memory == TIK_MEMORY_LIBRARY
                 ? place_in_arena(store, group, state_count, initial, tensor, &entry)
                 : place_alone(store, group, state_count, initial, tensor, &entry);
    if (status != TIK_OK) {
        free(entry.name);
        return status;
    }
    store->tensors[store->tensor_count] = entry;
    store->names[name_place(store, entry.name)] = store->tensor_count + 1;
    *index = store->tensor_count++;
    store->slots += entry.slots.count;
    store->fresh = false;
    return TIK_OK;
}

/* ---- commit ---- */

static enum tik_status commit_piece(struct tik_store *store, struct tik_piece *piece)
{
    const struct tik_backend_ops *ops = store->backend->ops;
    const size_t bytes = piece->elements * sizeof(float);
    enum tik_status status = ops->memory_create(store->backend, bytes, &piece->memory.param);
    if (status == TIK_OK)
        status = ops->memory_create(store->backend, bytes, &piece->memory.grad);
    if (status == TIK_OK)
        status = create_states(store, piece);
    for (size_t k = 0; k < 2 + piece->state_count && status == TIK_OK; k++)
        if (piece->staged[k] != NULL)
            status = tik_piece_write(store, piece, k, 0, piece->elements, piece->staged[k]);
    if (status != TIK_OK) {
        release_arrays(store, piece);
        return status;
    }
    drop_staged(piece);
    piece->committed = true;
    return TIK_OK;
}

/* A table on the host, copied to a new buffer in *memory. */
static enum tik_status upload(struct tik_store *store, const void *table, size_t bytes,
                              struct tik_buffer **memory)
{
    const struct tik_backend_ops *ops = store->backend->ops;
    release(store, memory);
    enum tik_status status = ops->memory_create(store->backend, bytes, memory);
    if (status == TIK_OK && bytes > 0)
        status = ops->memory_write(store->backend, *memory, 0, bytes, table);
    return status;
}

static struct tik_block *list_blocks(const struct tik_entry *entry, struct tik_block *block)
{
    for (uint32_t b = 0; b < entry->slots.count; b++) {
        const size_t done = (size_t)b * TIK_BLOCK;
        const size_t rest = entry->count - done;
        *block++ = (struct tik_block){
            .first = entry->first + done,
            .length = (uint32_t)(rest < TIK_BLOCK ? rest : TIK_BLOCK),
            .slot = entry->slots.first + b,
        };
    }
    return block;
}

/* Counts first, then fills each piece's table in the order of registration. */
static enum tik_status list_active(struct tik_store *store)
{
    for (size_t i = 0; i < store->piece_count; i++)
        store->pieces[i].block_count = 0;
    for (size_t t = 0; t < store->tensor_count; t++)
        if (store->tensors[t].active)
            store->pieces[store->tensors[t].piece].block_count += store->tensors[t].slots.count;

    for (size_t i = 0; i < store->piece_count; i++) {
        struct tik_piece *piece = &store->pieces[i];
        const size_t bytes = (piece->block_count + 1) * sizeof *piece->table;
        struct tik_block *table = realloc(piece->table, bytes);
        if (table == NULL)
            return tik_error_memory("a table of blocks", bytes);
        piece->table = table;
        piece->block_count = 0;
    }
    for (size_t t = 0; t < store->tensor_count; t++) {
        const struct tik_entry *entry = &store->tensors[t];
        struct tik_piece *piece = &store->pieces[entry->piece];
        if (entry->active)
            piece->block_count =
                (size_t)(list_blocks(entry, piece->table + piece->block_count) - piece->table);
    }
    return TIK_OK;
}

static enum tik_status refresh_norm(struct tik_store *store)
{
    const struct tik_backend_ops *ops = store->backend->ops;
    const size_t bytes = store->tensor_count * sizeof *store->tensor_table;
    struct tik_tensor_blocks *table = realloc(store->tensor_table, bytes > 0 ? bytes : 1);
    if (table == NULL)
        return tik_error_memory("the table of tensors", bytes);
    store->tensor_table = table;
    for (size_t t = 0; t < store->tensor_count; t++) {
        table[t] = store->tensors[t].slots;
        if (!store->tensors[t].active)
            table[t].count = 0;
    }

    release(store, &store->sums);
    release(store, &store->totals);
    enum tik_status status = upload(store, table, bytes, &store->tensor_blocks);
    if (status == TIK_OK)
        status =
            ops->memory_create(store->backend, (size_t)store->slots * sizeof(float), &store->sums);
    if (status == TIK_OK)
        status =
            ops->memory_create(store->backend, store->tensor_count * sizeof(float), &store->totals);
    if (status == TIK_OK && store->factor == NULL)
        status = ops->memory_create(store->backend, 2 * sizeof(float), &store->factor);
    return status;
}

static enum tik_status refresh_tables(struct tik_store *store)
{
    enum tik_status status = list_active(store);
    for (size_t i = 0; i < store->piece_count && status == TIK_OK; i++) {
        struct tik_piece *piece = &store->pieces[i];
        status =
            upload(store, piece->table, piece->block_count * sizeof *piece->table, &piece->blocks);
    }
    if (status == TIK_OK && store->clip)
        status = refresh_norm(store);
    if (status == TIK_OK && store->report) {
        release(store, &store->partials);
        status = store->backend->ops->memory_create(
            store->backend, (size_t)store->slots * sizeof(struct tik_partial), &store->partials);
    }
    store->reported = false;
    store->fresh = status == TIK_OK;
    return status;
}

enum tik_status tik_store_commit(struct tik_store *store)
{
    enum tik_status status = TIK_OK;
    for (size_t i = 0; i < store->piece_count && status == TIK_OK; i++)
        if (!store->pieces[i].committed)
            status = commit_piece(store, &store->pieces[i]);
    if (status == TIK_OK && !store->fresh)
        status = refresh_tables(store);
    return status;
}

enum tik_status tik_piece_read(const struct tik_store *store, const struct tik_piece *piece,
                               size_t array, uint64_t first, size_t count, float *values)
{
    uint64_t begin;
    struct tik_buffer *buffer = tik_piece_array(piece, array, &begin);
    return store->backend->ops->memory_read(
        store->backend, buffer, (begin + first) * sizeof *values, count * sizeof *values, values);
}

enum tik_status tik_piece_write(const struct tik_store *store, const struct tik_piece *piece,
                                size_t array, uint64_t first, size_t count, const float *values)
{
    uint64_t begin;
    struct tik_buffer *buffer = tik_piece_array(piece, array, &begin);
    return store->backend->ops->memory_write(
        store->backend, buffer, (begin + first) * sizeof *values, count * sizeof *values, values);
}
