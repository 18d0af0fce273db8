/* Low-precision copies that no step makes: of parameters that are written, or restored. */
#include <stdlib.h>

#include "error.h"
#include "optimizer.h"

struct copy_scalars tik_copies_scalars(const struct tik_group *group)
{
    return tik_copy_scalars(group->policy.copy_seed, group->steps);
}

enum tik_status tik_copies_write(struct tik_optimizer *optimizer, const struct tik_entry *entry,
                                 const float *param)
{
    const struct tik_store *store = &optimizer->store;
    const struct tik_piece *piece = &store->pieces[entry->piece];
    const struct tik_group *group = &optimizer->groups[entry->group];
    if (group->plan.copy == NULL || entry->count == 0)
        return TIK_OK;
    uint16_t *copy = malloc(entry->count * sizeof *copy);
    if (copy == NULL)
        return tik_error_memory("the copy of a tensor", entry->count * sizeof *copy);
    const struct copy_scalars scalars = tik_copies_scalars(group);
    tik_copy_make(group->plan.copy, &scalars, entry->slot, entry->count, param, copy);
    const enum tik_status status =
        tik_piece_write(store, piece, 2 + piece->layout.states, entry->first, entry->count, copy);
    free(copy);
    return status;
}

static enum tik_status restore(struct tik_optimizer *optimizer, const struct tik_entry *entry)
{
    const struct tik_piece *piece = &optimizer->store.pieces[entry->piece];
    float *param = malloc(entry->count * sizeof *param + 1);
    if (param == NULL)
        return tik_error_memory("the parameters of a tensor", entry->count * sizeof *param);
    enum tik_status status =
        tik_piece_read(&optimizer->store, piece, 0, entry->first, entry->count, param);
    if (status == TIK_OK)
        status = tik_copies_write(optimizer, entry, param);
    free(param);
    return status;
}

enum tik_status tik_copies_restore(struct tik_optimizer *optimizer, size_t group)
{
    const struct tik_copy_stage *copy = optimizer->groups[group].plan.copy;
    if (copy == NULL || !copy->random)
        return TIK_OK;
    enum tik_status status = tik_optimizer_commit(optimizer);
    for (size_t t = 0; t < optimizer->store.tensor_count && status == TIK_OK; t++)
        if (optimizer->store.tensors[t].group == group)
            status = restore(optimizer, &optimizer->store.tensors[t]);
    return status;
}
