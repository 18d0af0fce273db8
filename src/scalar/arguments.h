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

static inline struct tik_place get_place(const struct tik_launch *l, uint64_t b)
{
    return find_place(bytes(l->spans.table), l->spans.count, l->count, (uint32_t)b);
}

/* The block at a place, with what its stages look up. */
static inline struct tik_block block_at(const struct tik_launch *l, struct tik_place place)
{
    struct tik_block block = {.place = place};
    const uint64_t first = place.first;
    block.p = floats(l->arrays.param, l->at.param + first);
    block.g = floats(l->arrays.grad, l->at.grad + first);
    for (size_t k = 0; k < TIK_LOW; k++)
        block.state[k] = floats(l->arrays.state[k], l->at.state[k] + first);
    if (l->arrays.state[TIK_LOW] != NULL)
        block.low = (uint16_t *)bytes(l->arrays.state[TIK_LOW]) + l->at.state[TIK_LOW] + first;
    block.control = control_of(l);
    block.clips = floats(l->work->clips, 0);
    block.factors = floats(l->work->factors, 0);
    block.iterate = floats(l->iterate, 0);
    if (l->work->partials != NULL)
        block.partial = (struct tik_partial *)bytes(l->work->partials) + block.place.slot;
    return block;
}

static inline struct tik_block get_block(const struct tik_launch *l, uint64_t b)
{
    return block_at(l, get_place(l, b));
}

#endif
