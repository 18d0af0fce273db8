#include "plan.h"

#include <stdio.h>
#include <string.h>

#include "policy.h"

/* Penalties as the plan sees them: the rule's weight_decay first, then the policy's own. */
struct entry {
    const struct tik_penalty_row *row;
    enum tik_application application;
    double l1, l2;
    double convention;
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
    if (decay != 0)
        entries[count++] = (struct entry){.row = tik_penalty_row_find("l2"),
                                          .application = decay_application(policy),
                                          .l2 = decay};
    for (size_t i = 0; i < policy->penalty_count; i++) {
        const struct tik_policy_penalty *penalty = &policy->penalty[i];
        struct entry *entry = &entries[count++];
        entry->row = penalty->row;
        entry->application = tik_policy_application(penalty);
        entry->convention = penalty->option[TIK_PENALTY_CONVENTION];
        penalty->row->weights(penalty->option, &entry->l1, &entry->l2);
    }
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
        struct tik_plan_penalty *slot = &plan->penalty[i];
        if (entry->application == TIK_COUPLED)
            slot->coupled = entry->row->coupled;
        if (entry->application == TIK_DECOUPLED) {
            slot->proximal = entry->row->decoupled_rest;
            plan->decoupled = true;
        }
        if (entry->application == TIK_PROXIMAL)
            slot->proximal = entry->row->proximal;
        if (report)
            slot->value = entry->row->value;
    }
}

/* What a decoupled decay is multiplied by: conventions of penalty.c, in their order. */
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
        const struct entry *entry = &entries[i];
        if (entry->application == TIK_DECOUPLED)
            decay += decay_factor(entry->convention, lr, multiplier) * entry->l2;
        values->step.penalty[i] = (struct penalty_scalars){
            .l1 = (float)entry->l1,
            .l2 = (float)entry->l2,
            .threshold = (float)(lr * entry->l1),
            .divisor = (float)(1 + lr * entry->l2),
        };
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

bool tik_plan_equal(const struct tik_plan *a, const struct tik_plan *b)
{
    char first[TIK_PLAN_TEXT], second[TIK_PLAN_TEXT];
    tik_plan_defines(a, first, sizeof first);
    tik_plan_defines(b, second, sizeof second);
    return strcmp(first, second) == 0;
}
