/* What the kernels get as arguments, out of a launch. */
#ifndef TIK_SRC_SCALAR_ARGUMENTS_H
#define TIK_SRC_SCALAR_ARGUMENTS_H

#include "launch.h"
#include "span.h"
#include "step.h"

static inline void *bytes(const struct tik_buffer *buffer)
{
    return buffer != NULL ? buffer->bytes : NULL;
}

static inline float *floats(const struct tik_buffer *buffer, uint64_t at)
{
    return buffer != NULL ? (float *)buffer->bytes + at : NULL;
}

static inline const struct tik_plan *plan_of(const struct tik_launch *l)
{
    return &l->program->plan;
}

static inline const struct tik_control *control_of(const struct tik_launch *l)
{
    return bytes(l->work->control);
}

static inline bool is_skipped(const struct tik_launch *l)
{
    return plan_of(l)->gather.guard && control_of(l)->skip != 0;
}

/* With a guard the scalars are picked by the count of applied steps. */
static inline const struct tik_row *pick_row(const struct tik_launch *l)
{
    if (!plan_of(l)->gather.guard)
        return &l->values->row;
    const struct tik_progress *progress = bytes(l->work->progress);
    const struct tik_row *rows = bytes(l->work->rows);
    return &rows[l->group * TIK_ROWS + progress[l->group].row];
}

/* What the stages look up, beside the arrays: at the block's place, which is known by now. */
static inline void set_block(const struct tik_launch *l, const struct tik_arrays *arrays,
                             const struct tik_offsets *at, struct tik_block *block)
{
    const uint64_t first = block->place.first;
    block->p = floats(arrays->param, at->param + first);
    block->g = floats(arrays->grad, at->grad + first);
    for (size_t k = 0; k < TIK_LOW; k++)
        block->state[k] = floats(arrays->state[k], at->state[k] + first);
    block->low = arrays->state[TIK_LOW] != NULL
                     ? (uint16_t *)bytes(arrays->state[TIK_LOW]) + at->state[TIK_LOW] + first
                     : NULL;
    block->control = control_of(l);
    block->clips = floats(l->work->clips, 0);
    block->factors = floats(l->work->factors, 0);
    block->iterate = floats(l->iterate, 0);
    block->partial = l->work->partials != NULL
                         ? (struct tik_partial *)bytes(l->work->partials) + block->place.slot
                         : NULL;
}

#endif
