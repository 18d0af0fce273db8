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

/*
 * States with a number an element. Of those with a number a row or a column a vector has one, read
 * and written as its rows are summed; what a matrix has of them is small beside its elements.
 */
static size_t element_states(const struct tik_plan *plan, bool vectors)
{
    if (plan->variant->lines == NULL)
        return plan->variant->state_count;
    return vectors ? 1 : 0;
}

static struct passes step_passes(const struct tik_plan *plan, bool vectors)
{
    const struct tik_variant *variant = plan->variant;
    const size_t states = element_states(plan, vectors);
    const size_t stored = variant->lines != NULL     ? 0
                          : variant->measure != NULL ? states - variant->measure->states
                                                     : states;
    const size_t ema = plan->ema && !plan->late;
    return (struct passes){
        .read = 2 + states + plan->gather.mean + ema + (variant->iteration != NULL),
        .written = 1 + stored + plan->gather.mean + ema + plan->gather.zero_grad,
        .copies = plan->copy != NULL && !plan->late,
    };
}

static struct passes measure_passes(const struct tik_plan *plan, bool vectors)
{
    return (struct passes){.read = 2 + element_states(plan, vectors) + plan->gather.mean,
                           .written =
                               plan->variant->measure->states + (plan->variant->iteration != NULL)};
}

/* The parameter is looked at where a penalty is coupled. */
static struct passes line_passes(const struct tik_plan *plan, bool vectors)
{
    size_t coupled = 0;
    for (size_t i = 0; i < plan->penalty_count; i++)
        coupled |= plan->penalty[i].coupled.twin != NULL || plan->penalty[i].group_coupled;
    const size_t states = element_states(plan, vectors);
    return (struct passes){.read = 1 + coupled + plan->gather.mean + states, .written = states};
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

static struct passes launch_passes(const struct tik_launch *l, const struct tik_plan *plan,
                                   bool vectors)
{
    switch (l->kernel) {
    case TIK_ROW_SUMS:
    case TIK_COLUMN_SUMS:
        return line_passes(plan, vectors);
    case TIK_NORM_BLOCKS:
    case TIK_NORM_MANY:
        return norm_passes(&plan->gather);
    case TIK_MEASURE:
        return measure_passes(plan, vectors);
    case TIK_STEP:
    case TIK_STEP_MANY:
        return step_passes(plan, vectors);
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
    bool vectors = true; /* alone */
    for (size_t t = 0; t < optimizer->store.tensor_count; t++)
        vectors &=
            optimizer->store.tensors[t].group != group || optimizer->store.tensors[t].rank < 2;
    /* Each piece of the group takes the same launches: the first of a kind and penalty counts. */
    for (size_t i = 0; i < count; i++) {
        const struct tik_launch *l = &optimizer->launches[i];
        struct passes *first = &seen[l->kernel][l->slot];
        if (l->kernel == TIK_NORM_FINISH || l->group != group || first->read > 0)
            continue;
        *first = launch_passes(l, &optimizer->groups[group].plan, vectors);
        bytes += (first->read + first->written) * sizeof(float) + first->copies * sizeof(uint16_t);
    }
    return bytes;
}
