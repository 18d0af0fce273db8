#include "plan.h"

#include <stdio.h>

#include "policy.h"

/* Penalties as the plan sees them: the rule's weight_decay first, then the policy's own. */
struct entry {
    struct tik_policy_penalty penalty;
    enum tik_application application;
};

/* NAdam and RAdam let an option choose. */
static enum tik_application decay_application(const struct tik_policy *policy)
{
    return tik_policy_option(policy, "decoupled_weight_decay") != 0 ? TIK_DECOUPLED
                                                                    : policy->rule->decay;
}

static size_t list_entries(const struct tik_policy *policy, struct entry *entries)
{
    size_t count = 0;
    const double decay = tik_policy_option(policy, "weight_decay");
    if (decay != 0) {
        tik_policy_make_decay(&entries[count].penalty, decay);
        entries[count++].application = decay_application(policy);
    }
    for (size_t i = 0; i < policy->penalty_count; i++)
        entries[count++] = (struct entry){
            .penalty = policy->penalty[i],
            .application = tik_policy_application(&policy->penalty[i]),
        };
    return count;
}

void tik_plan_make(const struct tik_policy *policy, bool clipped, bool report,
                   struct tik_plan *plan)
{
    *plan = (struct tik_plan){
        .rule = policy->rule,
        .variant = policy->rule->choose(policy->option),
        .clipped = clipped,
        .maximize = tik_policy_option(policy, "maximize") != 0,
        .report = report,
    };
    struct entry entries[TIK_PENALTY_SLOTS];
    plan->penalty_count = list_entries(policy, entries);
    for (size_t i = 0; i < plan->penalty_count; i++) {
        const struct entry *entry = &entries[i];
        const struct tik_penalty_form *form = entry->penalty.row->choose(entry->penalty.option);
        struct tik_plan_penalty *slot = &plan->penalty[i];
        if (entry->application == TIK_COUPLED)
            slot->coupled = form->coupled;
        if (entry->application == TIK_DECOUPLED) {
            slot->proximal = form->decoupled_rest;
            plan->decoupled = true;
        }
        if (entry->application == TIK_PROXIMAL)
            slot->proximal = form->proximal;
        if (report)
            slot->value = form->value;
    }
}

/* What a decoupled decay is multiplied by: tik_conventions in their order. */
static double decay_factor(double convention, double lr, double multiplier)
{
    if (convention == 0)
        return lr;
    return convention == 1 ? multiplier : 1;
}

void tik_plan_values(const struct tik_plan *plan, const struct tik_policy *policy,
                     double multiplier, uint64_t step, double *carried,
                     struct tik_plan_values *values)
{
    *values = (struct tik_plan_values){.lr = tik_policy_option(policy, "lr") * multiplier};
    plan->rule->scalars(policy->option, values->lr, step, carried, values->rule);
    const double lr = plan->rule->effective_lr != NULL
                          ? plan->rule->effective_lr(policy->option, values->lr, step)
                          : values->lr;

    struct entry entries[TIK_PENALTY_SLOTS];
    const size_t count = list_entries(policy, entries);
    double decay = 0;
    for (size_t i = 0; i < count; i++) {
        const struct tik_policy_penalty *penalty = &entries[i].penalty;
        if (entries[i].application == TIK_DECOUPLED)
            decay += decay_factor(tik_policy_convention(penalty), lr, multiplier) *
                     penalty->row->decay(penalty->option);
        penalty->row->scalars(penalty->option, lr, &values->step.penalty[i]);
    }
    values->step.decay = (float)decay;
}

/* A stage's name, "coupled_none" where there is none. */
static const char *stage_name(const char *name, const char *none)
{
    return name != NULL ? name : none;
}

static const char *subtraction(const struct tik_plan *plan)
{
    if (plan->rule->replaces)
        return "replace";
    return plan->decoupled ? "subtract_decay_and_step" : "subtract_step";
}

size_t tik_plan_defines(const struct tik_plan *plan, char *text, size_t size)
{
    size_t length = (size_t)snprintf(
        text, size,
        "-DSCALE=%s -DDIRECTION=%s -DRULE=%s -DSCALARS=%s_scalars -DSTATES=%zu -DSUBTRACT=%s "
        "-DREPORT=%d -DAFTER=%s",
        plan->clipped ? "scale_by_factor" : "scale_none", plan->maximize ? "ascend" : "descend",
        plan->variant->stage, plan->rule->stem, plan->variant->state_count, subtraction(plan),
        plan->report, stage_name(plan->variant->after, "after_none"));
    for (size_t i = 0; i < TIK_PENALTY_SLOTS; i++) {
        const struct tik_plan_penalty *slot = &plan->penalty[i];
        length += (size_t)snprintf(length < size ? text + length : NULL,
                                   length < size ? size - length : 0,
                                   " -DCOUPLED_%zu=%s -DPROXIMAL_%zu=%s -DVALUE_%zu=%s", i,
                                   stage_name(slot->coupled.name, "coupled_none"), i,
                                   stage_name(slot->proximal.name, "proximal_none"), i,
                                   stage_name(slot->value.name, "value_none"));
    }
    return length;
}

static bool same_stages(const struct tik_plan_penalty *a, const struct tik_plan_penalty *b)
{
    return a->coupled.twin == b->coupled.twin && a->proximal.twin == b->proximal.twin &&
           a->value.twin == b->value.twin;
}

/* By what the defines are made of, not by their text: it is asked at every step. */
bool tik_plan_equal(const struct tik_plan *a, const struct tik_plan *b)
{
    bool equal = a->rule == b->rule && a->variant == b->variant && a->clipped == b->clipped &&
                 a->maximize == b->maximize && a->decoupled == b->decoupled &&
                 a->report == b->report;
    for (size_t i = 0; i < TIK_PENALTY_SLOTS; i++)
        equal &= same_stages(&a->penalty[i], &b->penalty[i]);
    return equal;
}
