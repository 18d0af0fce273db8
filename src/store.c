#include "store.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

void tik_store_init(struct tik_store *store, struct tik_backend *backend, bool writes_grad)
{
    *store = (struct tik_store){.backend = backend, .writes_grad = writes_grad};
}

static void release(struct tik_store *store, struct tik_buffer **memory)
{
    store->backend->ops->memory_destroy(store->backend, *memory);
    *memory = NULL;
}

static void release_arrays(struct tik_store *store, struct tik_piece *piece)
{
    tik_stream_destroy(store, piece);
    release(store, &piece->memory.param);
    release(store, &piece->memory.grad);
    for (size_t k = 0; k < TIK_ARRAYS; k++)
        release(store, &piece->memory.state[k]);
    piece->committed = false;
}

static void drop_staged(struct tik_piece *piece)
{
    for (size_t k = 0; k < TIK_MAX_PARTS; k++) {
        free(piece->staged[k]);
        piece->staged[k] = NULL;
        piece->staged_capacity[k] = 0;
    }
}

static void free_entry(struct tik_entry *entry)
{
    free(entry->name);
    free(entry->shape);
}

void tik_store_finish(struct tik_store *store)
{
    for (size_t i = 0; i < store->piece_count; i++) {
        struct tik_piece *piece = &store->pieces[i];
        release_arrays(store, piece);
        drop_staged(piece);
        release(store, &piece->memory.matrices);
        free(piece->matrices);
        for (size_t scope = 0; scope < TIK_SCOPES; scope++) {
            release(store, &piece->spans[scope].table);
            free(piece->table[scope]);
        }
        free(piece->batches);
        release(store, &piece->runs.table);
        free(piece->run_table);
    }
    tik_workspace_destroy(store->backend, &store->work);
    for (size_t i = 0; i < store->tensor_count; i++)
        free_entry(&store->tensors[i]);
    free(store->pieces);
    free(store->tensors);
    tik_names_free(&store->names);
    free(store->tensor_table);
}

size_t tik_store_find(const struct tik_store *store, const char *name)
{
    return tik_names_find(&store->names, store->tensors, store->tensor_count, name);
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

/* ---- staging: arrays of an arena that is not yet, or not any more, on the backend ---- */

/* Whether an array has to be staged, since it does not start at 0. */
static bool is_staged(const struct tik_layout *layout, size_t array)
{
    if (array < 2)
        return array == 0;
    const struct tik_start *start = &layout->start[array - 2];
    return start->param || start->value != 0;
}

size_t tik_layout_size(const struct tik_layout *layout, size_t array)
{
    return array < 2 ? sizeof(float) : layout->array[array - 2].size;
}

/* Room for `numbers` in a staged array; zeros where it is new. */
static enum tik_status stage_array(struct tik_piece *piece, size_t array, size_t numbers)
{
    const size_t before = piece->staged_capacity[array];
    if (piece->staged[array] != NULL && numbers <= before)
        return TIK_OK;
    size_t capacity = before == 0 ? 1024 : 2 * before;
    capacity = capacity < numbers ? numbers : capacity;
    const size_t size = tik_layout_size(&piece->layout, array);
    unsigned char *grown = realloc(piece->staged[array], capacity * size);
    if (grown == NULL)
        return tik_error_memory("the arena of a group", capacity * size);
    memset(grown + before * size, 0, (capacity - before) * size);
    piece->staged[array] = grown;
    piece->staged_capacity[array] = capacity;
    return TIK_OK;
}

/* For a tensor that is to end at these numbers. */
static enum tik_status stage_room(struct tik_piece *piece, const struct tik_layout *layout,
                                  size_t elements, const size_t numbers[TIK_EXTENTS])
{
    enum tik_status status = TIK_OK;
    for (size_t k = 0; k < 2 + layout->count && status == TIK_OK; k++) {
        const enum tik_extent extent = k < 2 ? TIK_EACH_ELEMENT : layout->array[k - 2].extent;
        if (piece->staged[k] != NULL || is_staged(layout, k))
            status = stage_array(piece, k, extent == TIK_EACH_ELEMENT ? elements : numbers[extent]);
    }
    return status;
}

static struct tik_buffer **array_of(struct tik_piece *piece, size_t array)
{
    if (array == 0)
        return &piece->memory.param;
    return array == 1 ? &piece->memory.grad
                      : &piece->memory.state[piece->layout.array[array - 2].number];
}

struct tik_buffer *tik_piece_array(const struct tik_piece *piece, size_t array, uint64_t *begin)
{
    *begin = array == 0 ? piece->at.param : array == 1 ? piece->at.grad : 0;
    if (array == 0)
        return piece->memory.param;
    return array == 1 ? piece->memory.grad
                      : piece->memory.state[piece->layout.array[array - 2].number];
}

/* ---- numbers of arrays ---- */

static enum tik_extent extent_of(const struct tik_piece *piece, size_t array)
{
    return array < 2 ? TIK_EACH_ELEMENT : piece->layout.array[array - 2].extent;
}

size_t tik_piece_numbers(const struct tik_piece *piece, size_t array)
{
    const enum tik_extent extent = extent_of(piece, array);
    return extent == TIK_EACH_ELEMENT ? piece->elements : piece->numbers[extent];
}

/* What one of its last two dimensions leaves, the last or the one before, where it has so many. */
static size_t count_numbers(const struct tik_entry *entry, enum tik_extent extent)
{
    if (extent == TIK_EACH_ELEMENT || entry->rank < 2)
        return extent == TIK_EACH_COLUMN ? 0 : entry->count;
    const size_t left_out = entry->rank - (extent == TIK_EACH_ROW ? 1u : 2u);
    size_t count = 1;
    for (size_t d = 0; d < entry->rank; d++)
        count *= d == left_out ? 1 : entry->shape[d];
    return count;
}

uint32_t tik_entry_blocks(const struct tik_entry *entry)
{
    return (uint32_t)((entry->count + TIK_BLOCK - 1) / TIK_BLOCK);
}

bool tik_entry_has(const struct tik_entry *entry, const struct tik_piece *piece, size_t array)
{
    return extent_of(piece, array) != TIK_EACH_COLUMN || entry->rank >= 2;
}

size_t tik_entry_numbers(const struct tik_entry *entry, const struct tik_piece *piece, size_t array)
{
    return count_numbers(entry, extent_of(piece, array));
}

uint64_t tik_entry_first(const struct tik_entry *entry, const struct tik_piece *piece, size_t array)
{
    const enum tik_extent extent = extent_of(piece, array);
    if (extent == TIK_EACH_ELEMENT)
        return entry->first;
    return extent == TIK_EACH_ROW ? entry->row : entry->column;
}

size_t tik_entry_array(const struct tik_entry *entry, const struct tik_piece *piece, size_t slot)
{
    for (size_t array = 2; array < 2 + piece->layout.states; array++)
        if (tik_entry_has(entry, piece, array) && slot-- == 0)
            return array;
    return 2 + TIK_ARRAYS;
}

/* Where the tensor's rows and columns begin in arrays that have a number each, and where they end. */
static enum tik_status place_numbers(const struct tik_piece *piece, struct tik_entry *entry,
                                     size_t ends[TIK_EXTENTS])
{
    memcpy(ends, piece->numbers, sizeof piece->numbers);
    if (!piece->layout.lines)
        return TIK_OK;
    entry->row = (uint32_t)ends[TIK_EACH_ROW];
    entry->column = (uint32_t)ends[TIK_EACH_COLUMN];
    for (enum tik_extent extent = TIK_EACH_ROW; extent <= TIK_EACH_COLUMN; extent++) {
        ends[extent] += count_numbers(entry, extent);
        if (ends[extent] > UINT32_MAX - TIK_BLOCK)
            return tik_error_set(TIK_ERROR_ARGUMENT,
                                 "tensor %s: the states of its rule have a number each row and "
                                 "each column, and a group may have 2^32 of them; with this it has "
                                 "%zu",
                                 entry->name, ends[extent]);
    }
    return TIK_OK;
}

/* Reads a committed arena back, since it has to grow. */
static enum tik_status unstage(struct tik_store *store, struct tik_piece *piece)
{
    for (size_t k = 0; k < 2 + piece->layout.count; k++) {
        const size_t numbers = tik_piece_numbers(piece, k);
        const size_t bytes = numbers * tik_layout_size(&piece->layout, k);
        piece->staged[k] = malloc(bytes > 0 ? bytes : 1);
        if (piece->staged[k] == NULL) {
            drop_staged(piece);
            return tik_error_memory("the arena of a group", bytes);
        }
        const enum tik_status status =
            tik_piece_read(store, piece, k, 0, numbers, piece->staged[k]);
        if (status != TIK_OK) {
            drop_staged(piece);
            return status;
        }
        piece->staged_capacity[k] = numbers;
    }
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

static enum tik_status new_piece(struct tik_store *store, size_t group,
                                 const struct tik_layout *layout, enum tik_memory kind)
{
    const enum tik_status status =
        reserve((void **)&store->pieces, store->piece_count, &store->piece_capacity,
                sizeof *store->pieces, "the list of pieces");
    if (status == TIK_OK)
        store->pieces[store->piece_count++] =
            (struct tik_piece){.group = group, .kind = kind, .layout = *layout};
    return status;
}

/* Numbers of a tensor's array where it starts; the first is the first of block `slot`. */
static void start_at(const struct tik_start *start, size_t numbers, uint32_t slot,
                     const float *param, void *values)
{
    if (start->copy != NULL) {
        tik_copy_make(start->copy, &start->scalars, slot, numbers, param, values);
        return;
    }
    float *floats = values;
    for (size_t i = 0; i < numbers; i++)
        floats[i] = start->param ? param[i] : start->value;
}

static enum tik_status place_in_arena(struct tik_store *store, size_t group,
                                      const struct tik_layout *layout,
                                      const struct tik_tensor *tensor, struct tik_entry *entry)
{
    size_t number = find_arena(store, group);
    enum tik_status status = TIK_OK;
    if (number == store->piece_count)
        status = new_piece(store, group, layout, TIK_MEMORY_LIBRARY);
    if (status != TIK_OK)
        return status;

    struct tik_piece *piece = &store->pieces[number];
    if (piece->committed)
        status = unstage(store, piece);
    const size_t end = piece->elements + round_up(entry->count);
    size_t ends[TIK_EXTENTS];
    if (status == TIK_OK)
        status = place_numbers(piece, entry, ends);
    if (status == TIK_OK)
        status = stage_room(piece, layout, end, ends);
    if (status != TIK_OK)
        return status;
    entry->piece = (uint32_t)number;
    entry->first = piece->elements;
    float *param = (float *)piece->staged[0] + entry->first;
    if (tensor->param != NULL && entry->count > 0)
        memcpy(param, tensor->param, entry->count * sizeof(float));
    for (size_t k = 2; k < 2 + layout->count; k++)
        if (is_staged(layout, k))
            start_at(&layout->start[k - 2], tik_entry_numbers(entry, piece, k), entry->slot, param,
                     (char *)piece->staged[k] +
                         tik_entry_first(entry, piece, k) * tik_layout_size(layout, k));
    piece->elements = end;
    memcpy(piece->numbers, ends, sizeof ends);
    return TIK_OK;
}

static enum tik_status create_states(struct tik_store *store, struct tik_piece *piece)
{
    const struct tik_backend_ops *ops = store->backend->ops;
    enum tik_status status = TIK_OK;
    for (size_t k = 2; k < 2 + piece->layout.count && status == TIK_OK; k++)
        status = ops->memory_create(
            store->backend, tik_piece_numbers(piece, k) * tik_layout_size(&piece->layout, k),
            array_of(piece, k));
    return status;
}

static enum tik_status create_arrays(struct tik_store *store, struct tik_piece *piece)
{
    const struct tik_backend_ops *ops = store->backend->ops;
    const size_t bytes = piece->elements * sizeof(float);
    enum tik_status status = ops->memory_create(store->backend, bytes, &piece->memory.param);
    if (status == TIK_OK)
        status = ops->memory_create(store->backend, bytes, &piece->memory.grad);
    return status == TIK_OK ? create_states(store, piece) : status;
}

/* Numbers that are filled at once: whole blocks. */
enum { FILLED = 64 * TIK_BLOCK };

/* `values` and `param` have room for so many. */
static enum tik_status fill_array(struct tik_store *store, struct tik_piece *piece, size_t k,
                                  const struct tik_entry *entry, float *values, float *param)
{
    const struct tik_start *start = &piece->layout.start[k - 2];
    const size_t numbers = tik_piece_numbers(piece, k);
    enum tik_status status = TIK_OK;
    for (size_t done = 0; done < numbers && status == TIK_OK; done += FILLED) {
        const size_t count = numbers - done < FILLED ? numbers - done : FILLED;
        if (start->param)
            status = tik_piece_read(store, piece, 0, done, count, param);
        if (status != TIK_OK)
            break;
        start_at(start, count, entry->slot + (uint32_t)(done / TIK_BLOCK), param, values);
        status = tik_piece_write(store, piece, k, done, count, values);
    }
    return status;
}

/* States that do not start at 0, in a piece of its own. */
static enum tik_status start_states(struct tik_store *store, struct tik_piece *piece,
                                    const struct tik_entry *entry)
{
    bool staged = false;
    for (size_t k = 2; k < 2 + piece->layout.count; k++)
        staged |= is_staged(&piece->layout, k);
    if (!staged || piece->elements == 0)
        return TIK_OK;
    const size_t bytes = 2 * FILLED * sizeof(float);
    float *values = malloc(bytes);
    if (values == NULL)
        return tik_error_memory("initial states", bytes);
    enum tik_status status = TIK_OK;
    for (size_t k = 2; k < 2 + piece->layout.count && status == TIK_OK; k++)
        if (is_staged(&piece->layout, k))
            status = fill_array(store, piece, k, entry, values, values + FILLED);
    free(values);
    return status;
}

static enum tik_status take_memory(struct tik_store *store, struct tik_piece *piece,
                                   const struct tik_tensor *tensor)
{
    const struct tik_backend_ops *ops = store->backend->ops;
    const size_t bytes = piece->elements * sizeof(float);
    struct tik_arrays *memory = &piece->memory;
    if (tensor->memory == TIK_MEMORY_HOST) {
        const enum tik_status status =
            ops->memory_wrap(store->backend, tensor->param, bytes, &memory->param);
        return status == TIK_OK
                   ? ops->memory_wrap(store->backend, tensor->grad, bytes, &memory->grad)
                   : status;
    }
    piece->at.param = tensor->param_offset;
    piece->at.grad = tensor->grad_offset;
    const enum tik_status status =
        ops->memory_borrow(store->backend, tensor->cl_param,
                           bytes + tensor->param_offset * sizeof(float), true, &memory->param);
    return status == TIK_OK ? ops->memory_borrow(store->backend, tensor->cl_grad,
                                                 bytes + tensor->grad_offset * sizeof(float),
                                                 store->writes_grad, &memory->grad)
                            : status;
}

/* A piece of its own, on the caller's memory. */
static enum tik_status place_alone(struct tik_store *store, size_t group,
                                   const struct tik_layout *layout, const struct tik_tensor *tensor,
                                   struct tik_entry *entry)
{
    enum tik_status status = new_piece(store, group, layout, tensor->memory);
    if (status != TIK_OK)
        return status;
    entry->piece = (uint32_t)(store->piece_count - 1);
    struct tik_piece *piece = &store->pieces[entry->piece];
    piece->elements = entry->count;
    piece->committed = true;
    size_t ends[TIK_EXTENTS];
    status = place_numbers(piece, entry, ends);
    memcpy(piece->numbers, ends, sizeof ends);
    const bool streams = tensor->memory == TIK_MEMORY_HOST && tik_stream_is_due(store, piece);
    if (status == TIK_OK)
        status =
            streams ? tik_stream_create(store, piece, tensor) : take_memory(store, piece, tensor);
    if (status == TIK_OK && !streams)
        status = create_states(store, piece);
    if (status == TIK_OK)
        status = start_states(store, piece, entry);
    if (status != TIK_OK) {
        release_arrays(store, piece);
        store->piece_count--;
    }
    return status;
}

/* Name and shape of its own. */
static enum tik_status describe(const struct tik_tensor *tensor, struct tik_entry *entry)
{
    const size_t name = strlen(tensor->name) + 1, shape = tensor->rank * sizeof *entry->shape;
    entry->name = malloc(name);
    entry->shape = malloc(shape > 0 ? shape : 1);
    if (entry->name == NULL || entry->shape == NULL) {
        free_entry(entry);
        return tik_error_memory("a tensor's name", name + shape);
    }
    memcpy(entry->name, tensor->name, name);
    if (shape > 0)
        memcpy(entry->shape, tensor->shape, shape);
    return TIK_OK;
}

enum tik_status tik_store_add(struct tik_store *store, size_t group,
                              const struct tik_layout *layout, const struct tik_tensor *tensor,
                              size_t *index)
{
    struct tik_entry entry = {
        .group = (uint32_t)group, .rank = (uint8_t)tensor->rank, .count = 1, .active = true};
    for (size_t d = 0; d < tensor->rank; d++)
        entry.count *= tensor->shape[d];
    entry.slot = (uint32_t)store->slots;

    enum tik_status status =
        reserve((void **)&store->tensors, store->tensor_count, &store->tensor_capacity,
                sizeof *store->tensors, "the list of tensors");
    if (status == TIK_OK)
        status = tik_names_reserve(&store->names, store->tensors, store->tensor_count);
    if (status == TIK_OK)
        status = describe(tensor, &entry);
    if (status != TIK_OK)
        return status;

    status = tensor->memory == TIK_MEMORY_LIBRARY
                 ? place_in_arena(store, group, layout, tensor, &entry)
                 : place_alone(store, group, layout, tensor, &entry);
    if (status != TIK_OK) {
        free_entry(&entry);
        return status;
    }
    store->tensors[store->tensor_count] = entry;
    tik_names_add(&store->names, store->tensors, store->tensor_count);
    *index = store->tensor_count++;
    store->slots += tik_entry_blocks(&entry);
    store->fresh = false;
    return TIK_OK;
}

/* ---- commit ---- */

static enum tik_status commit_piece(struct tik_store *store, struct tik_piece *piece)
{
    enum tik_status status = tik_stream_is_due(store, piece) ? tik_stream_create(store, piece, NULL)
                                                             : create_arrays(store, piece);
    for (size_t k = 0; k < 2 + piece->layout.count && status == TIK_OK; k++)
        if (piece->staged[k] != NULL)
            status =
                tik_piece_write(store, piece, k, 0, tik_piece_numbers(piece, k), piece->staged[k]);
    if (status != TIK_OK) {
        release_arrays(store, piece);
        return status;
    }
    drop_staged(piece);
    piece->committed = true;
    return TIK_OK;
}

static enum tik_status refresh_tables(struct tik_store *store)
{
    enum tik_status status = tik_spans_make(store);
    if (status == TIK_OK && store->needs.iterates)
        status = tik_matrices_make(store);
    for (size_t i = 0; i < store->piece_count; i++) {
        struct tik_piece *piece = &store->pieces[i];
        for (enum tik_scope scope = 0; scope < TIK_SCOPES && status == TIK_OK; scope++)
            if (store->needs.scopes[scope])
                status = tik_upload(store->backend, piece->table[scope],
                                    piece->spans[scope].count * sizeof **piece->table,
                                    &piece->spans[scope].table);
        if (status == TIK_OK && piece->layout.lines)
            status = tik_upload(store->backend, piece->matrices,
                                piece->spans[TIK_SCOPE_TENSOR].count * sizeof *piece->matrices,
                                &piece->memory.matrices);
    }
    for (size_t i = 0; i < store->piece_count && status == TIK_OK; i++) {
        struct tik_piece *piece = &store->pieces[i];
        if (piece->runs.count > 0)
            status = tik_upload(store->backend, piece->run_table,
                                piece->runs.count * sizeof *piece->run_table, &piece->runs.table);
    }
    for (size_t i = 0; i < store->piece_count && status == TIK_OK; i++)
        if (store->pieces[i].stream != NULL)
            status = tik_stream_cut(store, &store->pieces[i]);
    tik_workspace_destroy(store->backend, &store->work);
    if (status == TIK_OK)
        status = tik_workspace_create(store, store->backend, &store->work);
    store->reported = false;
    store->fresh = status == TIK_OK;
    return status;
}

static bool same_needs(const struct tik_needs *a, const struct tik_needs *b)
{
    bool same = a->norms == b->norms && a->clips == b->clips && a->ratios == b->ratios &&
                a->factors == b->factors && a->report == b->report && a->iterates == b->iterates &&
                a->means == b->means && a->stepped == b->stepped &&
                a->norm_scope == b->norm_scope && a->planes == b->planes;
    for (size_t scope = 0; scope < TIK_SCOPES; scope++)
        same &= a->scopes[scope] == b->scopes[scope];
    return same;
}

enum tik_status tik_store_commit(struct tik_store *store, const struct tik_needs *needs)
{
    enum tik_status status = TIK_OK;
    if (!same_needs(&store->needs, needs)) {
        store->needs = *needs;
        store->fresh = false;
    }
    for (size_t i = 0; i < store->piece_count && status == TIK_OK; i++)
        if (!store->pieces[i].committed)
            status = commit_piece(store, &store->pieces[i]);
    if (status == TIK_OK && !store->fresh)
        status = refresh_tables(store);
    return status;
}

enum tik_status tik_piece_read(const struct tik_store *store, const struct tik_piece *piece,
                               size_t array, uint64_t first, size_t count, void *values)
{
    const size_t size = tik_layout_size(&piece->layout, array);
    if (piece->stream != NULL) {
        const enum tik_status status = store->backend->ops->finish(store->backend);
        if (status == TIK_OK && count > 0)
            memcpy(values, tik_stream_array(piece, array) + first * size, count * size);
        return status;
    }
    uint64_t begin;
    struct tik_buffer *buffer = tik_piece_array(piece, array, &begin);
    return store->backend->ops->memory_read(store->backend, buffer, (begin + first) * size,
                                            count * size, values);
}

enum tik_status tik_piece_write(const struct tik_store *store, const struct tik_piece *piece,
                                size_t array, uint64_t first, size_t count, const void *values)
{
    const size_t size = tik_layout_size(&piece->layout, array);
    if (piece->stream != NULL) {
        const enum tik_status status = store->backend->ops->finish(store->backend);
        if (status == TIK_OK && count > 0)
            memcpy(tik_stream_array(piece, array) + first * size, values, count * size);
        return status;
    }
    uint64_t begin;
    struct tik_buffer *buffer = tik_piece_array(piece, array, &begin);
    return store->backend->ops->memory_write(store->backend, buffer, (begin + first) * size,
                                             count * size, values);
}
