/* Verification by sample: a few blocks of each piece, before and after a step. */
#include <stdlib.h>

#include "error.h"
#include "shadow.h"
#include "verify.h"

enum { ARRAYS = 2 + TIK_MAX_STATES };

struct sampled_block {
    size_t piece;
    struct tik_block block;
    float array[ARRAYS][TIK_BLOCK]; /* param, grad, states before the step */
};

struct tik_sample {
    struct tik_optimizer *optimizer;
    size_t count;
    struct sampled_block blocks[];
};

void tik_sample_destroy(struct tik_sample *sample)
{
    free(sample);
}

/* Never more than the piece has. */
static size_t count_wanted(const struct tik_optimizer *optimizer, const struct tik_piece *piece)
{
    const size_t most = optimizer->options.verify_blocks;
    return piece->block_count < most ? piece->block_count : most;
}

enum tik_status tik_sample_create(struct tik_optimizer *optimizer, struct tik_sample **sample)
{
    const struct tik_store *store = &optimizer->store;
    size_t bytes = sizeof **sample;
    for (size_t i = 0; i < store->piece_count; i++)
        bytes += count_wanted(optimizer, &store->pieces[i]) * sizeof(struct sampled_block);
    struct tik_sample *made = malloc(bytes);
    if (made == NULL)
        return tik_error_memory("a sample of blocks", bytes);
    *made = (struct tik_sample){.optimizer = optimizer};

    enum tik_status status = TIK_OK;
    for (size_t i = 0; i < store->piece_count; i++) {
        const struct tik_piece *piece = &store->pieces[i];
        const size_t wanted = count_wanted(optimizer, piece);
        for (size_t j = 0; j < wanted && status == TIK_OK; j++) {
            struct sampled_block *s = &made->blocks[made->count++];
            /* The golden ratio's multiples reach every block, none twice in a row. */
            const uint64_t spread = optimizer->sample++ * UINT64_C(0x9e3779b97f4a7c15);
            s->piece = i;
            s->block = piece->table[(spread >> 16) % piece->block_count];
            for (size_t k = 0; k < 2 + piece->state_count && status == TIK_OK; k++)
                status =
                    tik_piece_read(store, piece, k, s->block.first, s->block.length, s->array[k]);
        }
    }
    if (status != TIK_OK) {
        tik_sample_destroy(made);
        return status;
    }
    *sample = made;
    return TIK_OK;
}

/* The scalar path's step of one block, in place. */
static enum tik_status step_block(struct tik_optimizer *optimizer, struct sampled_block *s,
                                  float *factor)
{
    const struct tik_piece *piece = &optimizer->store.pieces[s->piece];
    const struct tik_group *group = &optimizer->groups[piece->group];
    struct tik_backend *scalar = optimizer->scalar;
    const struct tik_backend_ops *ops = scalar->ops;
    struct tik_partial partial;
    struct tik_apply apply = {.block_count = 1, .count = s->block.length, .values = &group->values};
    struct tik_buffer *buffer[ARRAYS] = {NULL};

    enum tik_status status = ops->program_create(scalar, &group->plan, &apply.program);
    for (size_t k = 0; k < 2 + piece->state_count && status == TIK_OK; k++)
        status = ops->memory_wrap(scalar, s->array[k], sizeof s->array[k], &buffer[k]);
    if (status == TIK_OK)
        status = ops->memory_wrap(scalar, factor, 2 * sizeof *factor, &apply.factor);
    if (status == TIK_OK)
        status = ops->memory_wrap(scalar, &partial, sizeof partial, &apply.partials);
    if (status == TIK_OK) {
        apply.param = buffer[0];
        apply.grad = buffer[1];
        for (size_t k = 0; k < piece->state_count; k++)
            apply.state[k] = buffer[2 + k];
        status = ops->apply(scalar, &apply);
    }
    for (size_t k = 0; k < ARRAYS; k++)
        ops->memory_destroy(scalar, buffer[k]);
    ops->memory_destroy(scalar, apply.factor);
    ops->memory_destroy(scalar, apply.partials);
    ops->program_destroy(scalar, apply.program);
    return status;
}

enum tik_status tik_sample_compare(struct tik_sample *sample, uint64_t *words, uint64_t *mismatches)
{
    struct tik_optimizer *optimizer = sample->optimizer;
    const struct tik_backend_ops *ops = optimizer->backend->ops;
    const bool loose = tik_optimizer_conformance(optimizer) != TIK_EXACT;
    float factor[2] = {1, 0};
    enum tik_status status = TIK_OK;
    if (optimizer->store.clip)
        status =
            ops->memory_read(optimizer->backend, optimizer->store.factor, 0, sizeof factor, factor);
    for (size_t i = 0; i < sample->count && status == TIK_OK; i++) {
        struct sampled_block *s = &sample->blocks[i];
        const struct tik_piece *piece = &optimizer->store.pieces[s->piece];
        status = step_block(optimizer, s, factor);
        for (size_t k = 0; k < 2 + piece->state_count && status == TIK_OK; k++) {
            float there[TIK_BLOCK];
            if (k == 1)
                continue;
            status =
                tik_piece_read(&optimizer->store, piece, k, s->block.first, s->block.length, there);
            if (status != TIK_OK)
                break;
            *mismatches += tik_verify_compare(there, s->array[k], NULL, s->block.length, loose);
            *words += s->block.length;
        }
    }
    return status;
}
