/* What a step costs: its launches, and the memory that they move. */
#include <stdlib.h>

#include "optimizer.h"

/* Arrays that a launch goes over: read, and written; and copies of 16 bits, written. */
struct passes {
    size_t read, written, copies;
};

static struct passes norm_passes(const struct tik_gather *gather)
{
    return (struct passes){.read = 1u + gather->mean + (gather->clip == TIK_CLIP_ADAPTIVE)};
}

static struct passes step_passes(const struct tik_plan *plan)
{
    const struct tik_variant *variant = plan->variant;
    const size_t measured = variant->measure != NULL ? variant->measure->states : 0;
    const size_t ema = plan->ema && !plan->late;
    return (struct passes){
        .read = 2 + variant->state_count + plan->gather.mean + ema + (variant->iteration != NULL),
        .written =
            1 + variant->state_count - measured + plan->gather.mean + ema + plan->gather.zero_grad,
        .copies = plan->copy != NULL && !plan->late,
    };
}

static struct passes measure_passes(const struct tik_plan *plan)
{
    return (struct passes){.read = 2 + plan->variant->state_count + plan->gather.mean,
                           .written =
                               plan->variant->measure->states + (plan->variant->iteration != NULL)};
}

/* The parameter is read, and where it follows an iterate both are, and it is written. */
static struct passes late_passes(const struct tik_plan *plan)
{
    const struct tik_variant *variant = plan->variant;
    const bool follows = variant->follow != NULL;
    const size_t states = follows || variant->after != NULL ? variant->state_count : 0;
    return (struct passes){.read = 1 + states + plan->ema + follows,
                           .written = states + plan->ema + follows,
                           .copies = plan->copy != NULL};
}

static struct passes launch_passes(const struct tik_launch *l, const struct tik_plan *plan)
{
    switch (l->kernel) {
    case TIK_NORM_BLOCKS:
        return norm_passes(&plan->gather);
    case TIK_MEASURE:
        return measure_passes(plan);
    case TIK_STEP:
    case TIK_STEP_MANY:
        return step_passes(plan);
    case TIK_GROUP_BLOCKS:
        return (struct passes){.read = 1};
    case TIK_NORMALIZE:
    case TIK_GROUP_SCALE:
    case TIK_GROUP_PROJECT:
        return (struct passes){.read = 1, .written = 1};
    case TIK_LATE:
        return late_passes(plan);
    default:
        return (struct passes){0};
    }
}

/* The launches of a step, in the optimizer's own list; 0 where they cannot be listed. */
static size_t list(struct tik_optimizer *optimizer)
{
    struct tik_view view;
    if (tik_optimizer_check(optimizer) != TIK_OK || tik_optimizer_commit(optimizer) != TIK_OK ||
        tik_optimizer_reserve(optimizer, false) != TIK_OK || optimizer->launches == NULL)
        return 0;
    tik_view_own(optimizer, &view);
    return tik_run_list(optimizer, &view, false, optimizer->launches);
}

size_t tik_optimizer_launches(struct tik_optimizer *optimizer)
{
    return list(optimizer);
}

size_t tik_optimizer_bytes(struct tik_optimizer *optimizer, size_t group)
{
    struct passes seen[TIK_KERNELS][TIK_PENALTY_SLOTS] = {{{0}}};
    size_t bytes = 0;
    if (tik_optimizer_check_group(optimizer, group) != TIK_OK)
        return 0;
    const size_t count = list(optimizer);
    /* Each piece of the group takes the same launches: the first of a kind and penalty counts. */
    for (size_t i = 0; i < count; i++) {
        const struct tik_launch *l = &optimizer->launches[i];
        struct passes *first = &seen[l->kernel][l->slot];
        if (l->kernel == TIK_NORM_FINISH || l->group != group || first->read > 0)
            continue;
        *first = launch_passes(l, &optimizer->groups[group].plan);
        bytes += (first->read + first->written) * sizeof(float) + first->copies * sizeof(uint16_t);
    }
    return bytes;
}
