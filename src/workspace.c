/* The buffers that a step writes on its way: sums, factors, partial sums of the report. */
#include "store.h"

enum tik_status tik_upload(struct tik_backend *backend, const void *table, size_t bytes,
                           struct tik_buffer **memory)
{
    const struct tik_backend_ops *ops = backend->ops;
    ops->memory_destroy(backend, *memory);
    *memory = NULL;
    enum tik_status status = ops->memory_create(backend, bytes, memory);
    if (status == TIK_OK && bytes > 0)
        status = ops->memory_write(backend, *memory, 0, bytes, table);
    return status;
}

enum tik_status tik_workspace_create(const struct tik_store *store, struct tik_backend *backend,
                                     struct tik_workspace *work)
{
    const struct tik_needs *needs = &store->needs;
    const size_t slots = (size_t)store->slots, tensors = store->tensor_count;
    const size_t units = (size_t)store->units * sizeof(float);
    const size_t iterates = (size_t)store->iterates * sizeof(float);
    const size_t grams = (size_t)store->grams * sizeof(float);
    const struct {
        bool wanted;
        struct tik_buffer **memory;
        size_t bytes;
    } buffers[] = {
        {needs->planes > 0, &work->sums, needs->planes * (size_t)store->plane * sizeof(float)},
        {needs->norms, &work->totals, tensors * sizeof(float)},
        {needs->clips, &work->clips, units},
        {needs->ratios, &work->ratios, units},
        {needs->means, &work->means, (size_t)store->means * sizeof(float)},
        {needs->factors, &work->factors, units},
        {needs->report, &work->partials, slots * sizeof(struct tik_partial)},
        {needs->iterates, &work->iterates[0], iterates},
        {needs->iterates, &work->iterates[1], iterates},
        {needs->iterates, &work->grams[0], grams},
        {needs->iterates, &work->grams[1], grams},
    };
    enum tik_status status = TIK_OK;
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers && status == TIK_OK; i++)
        if (buffers[i].wanted)
            status = backend->ops->memory_create(backend, buffers[i].bytes, buffers[i].memory);
    if (status == TIK_OK && needs->norms)
        status = tik_upload(backend, store->tensor_table, tensors * sizeof *store->tensor_table,
                            &work->tensors);
    work->plane = (uint32_t)store->plane;
    return status;
}

void tik_workspace_destroy(struct tik_backend *backend, struct tik_workspace *work)
{
    struct tik_buffer **buffers[] = {&work->tensors,     &work->sums,     &work->totals,
                                     &work->clips,       &work->ratios,   &work->means,
                                     &work->factors,     &work->partials, &work->iterates[0],
                                     &work->iterates[1], &work->grams[0], &work->grams[1]};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
        backend->ops->memory_destroy(backend, *buffers[i]);
        *buffers[i] = NULL;
    }
}
