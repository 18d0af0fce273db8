#include "run.h"

static enum tik_status enqueue_norm(struct tik_backend *backend, const struct tik_run *run)
{
    enum tik_status status = TIK_OK;
    for (size_t i = 0; i < run->piece_count && status == TIK_OK; i++) {
        const struct tik_apply *piece = &run->pieces[i];
        const struct tik_norm_blocks norm = {
            .program = run->norm_program,
            .block_count = piece->block_count,
            .blocks = piece->blocks,
            .grad = piece->grad,
            .at = piece->at.grad,
            .sums = run->norm.sums,
        };
        if (piece->block_count > 0)
            status = backend->ops->norm_blocks(backend, &norm);
    }
    return status == TIK_OK ? backend->ops->norm_finish(backend, &run->norm) : status;
}

enum tik_status tik_run_norm(struct tik_backend *backend, const struct tik_run *run)
{
    enum tik_status status = backend->ops->step_begin(backend, run->piece_count + 1);
    if (status == TIK_OK)
        status = backend->ops->step_end(backend, enqueue_norm(backend, run));
    return status;
}

enum tik_status tik_run_enqueue(struct tik_backend *backend, const struct tik_run *run)
{
    size_t launches = 0;
    for (size_t i = 0; i < run->piece_count; i++)
        launches += run->pieces[i].block_count > 0;
    const size_t commands = run->clip ? 2 * launches + 1 : launches;

    enum tik_status status = backend->ops->step_begin(backend, commands);
    if (status != TIK_OK)
        return status;
    if (run->clip)
        status = enqueue_norm(backend, run);
    for (size_t i = 0; i < run->piece_count && status == TIK_OK; i++)
        if (run->pieces[i].block_count > 0)
            status = backend->ops->apply(backend, &run->pieces[i]);
    return backend->ops->step_end(backend, status);
}
