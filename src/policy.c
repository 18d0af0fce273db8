#include "policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "scalar/numeric.h"

static void set_defaults(const struct tik_option *options, size_t count, double *values)
{
    for (size_t i = 0; i < count; i++)
        values[i] = options[i].value;
}

/* "sgd, adam, adamw" */
static const char *list_names(char *list, size_t size, bool rules)
{
    size_t length = 0;
    list[0] = '\0';
    for (size_t i = 0; length < size; i++) {
        const struct tik_rule_info *rule = rules ? tik_rule_at(i) : NULL;
        const struct tik_penalty_info *penalty = rules ? NULL : tik_penalty_at(i);
        if (rule == NULL && penalty == NULL)
            break;
        const int n = snprintf(list + length, size - length, "%s%s", i > 0 ? ", " : "",
                               rules ? rule->name : penalty->name);
        length += n > 0 ? (size_t)n : 0;
    }
    return list;
}

static enum tik_status check_handle(const struct tik_policy *policy, const char *option)
{
    if (policy == NULL || option == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL",
                             policy == NULL ? "policy" : "option");
    return TIK_OK;
}

enum tik_status tik_policy_create(const char *name, struct tik_policy **policy)
{
    if (name == NULL || policy == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL", name == NULL ? "name" : "policy");
    const struct tik_rule_row *row = tik_rule_row_find(name);
    char list[512];
    if (row == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "there is no rule '%s'; there are: %s", name,
                             list_names(list, sizeof list, true));

    struct tik_policy *made = calloc(1, sizeof *made);
    if (made == NULL)
        return tik_error_memory("a policy", sizeof *made);
    made->rule = row;
    set_defaults(row->info.options, row->info.option_count, made->option);
    *policy = made;
    return TIK_OK;
}

enum tik_status tik_policy_copy(const struct tik_policy *policy, struct tik_policy **copy)
{
    if (policy == NULL || copy == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL", policy == NULL ? "policy" : "copy");
    struct tik_policy *made = malloc(sizeof *made);
    if (made == NULL)
        return tik_error_memory("a policy", sizeof *made);
    *made = *policy;
    *copy = made;
    return TIK_OK;
}

void tik_policy_destroy(struct tik_policy *policy)
{
    free(policy);
}

const char *tik_policy_rule(const struct tik_policy *policy)
{
    return policy != NULL ? policy->rule->info.name : NULL;
}

/* Finds the option and parses or checks its value; on TIK_OK *slot takes *value. */
static enum tik_status set_option(const struct tik_option *options, size_t count, const char *owner,
                                  const char *name, const char *text, double value, double *values)
{
    const size_t i = tik_option_find(options, count, name);
    if (i == count)
        return tik_option_unknown(options, count, owner, name);
    const enum tik_status status = text != NULL ? tik_option_parse(&options[i], owner, text, &value)
                                                : tik_option_check(&options[i], owner, value);
    if (status == TIK_OK)
        values[i] = value;
    return status;
}

static enum tik_status set_rule_option(struct tik_policy *policy, const char *name,
                                       const char *text, double value)
{
    char owner[64];
    snprintf(owner, sizeof owner, "rule %s", policy->rule->info.name);
    return set_option(policy->rule->info.options, policy->rule->info.option_count, owner, name,
                      text, value, policy->option);
}

enum tik_status tik_policy_set(struct tik_policy *policy, const char *option, double value)
{
    const enum tik_status status = check_handle(policy, option);
    return status != TIK_OK ? status : set_rule_option(policy, option, NULL, value);
}

enum tik_status tik_policy_set_text(struct tik_policy *policy, const char *option,
                                    const char *value)
{
    const enum tik_status status = check_handle(policy, option);
    if (status != TIK_OK)
        return status;
    if (value == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "value of %s is NULL", option);
    return set_rule_option(policy, option, value, 0);
}

enum tik_status tik_policy_get(const struct tik_policy *policy, const char *option, double *value)
{
    const enum tik_status status = check_handle(policy, option);
    if (status != TIK_OK)
        return status;
    if (value == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "value is NULL");
    const struct tik_rule_info *info = &policy->rule->info;
    const size_t i = tik_option_find(info->options, info->option_count, option);
    if (i == info->option_count)
        return tik_option_unknown(info->options, info->option_count, info->name, option);
    *value = policy->option[i];
    return TIK_OK;
}

double tik_policy_option(const struct tik_policy *policy, const char *name)
{
    const struct tik_rule_info *info = &policy->rule->info;
    const size_t i = tik_option_find(info->options, info->option_count, name);
    return i < info->option_count ? policy->option[i] : 0;
}

enum tik_status tik_policy_add_penalty(struct tik_policy *policy, const char *name, size_t *index)
{
    const enum tik_status status = check_handle(policy, name);
    if (status != TIK_OK)
        return status;
    const struct tik_penalty_row *row = tik_penalty_row_find(name);
    char list[512];
    if (row == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "there is no penalty '%s'; there are: %s", name,
                             list_names(list, sizeof list, false));
    if (policy->penalty_count == TIK_MAX_PENALTIES)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "penalty %s is one too many: a policy takes at most %d", name,
                             TIK_MAX_PENALTIES);

    tik_policy_make_penalty(&policy->penalty[policy->penalty_count], row);
    if (index != NULL)
        *index = policy->penalty_count;
    policy->penalty_count++;
    return TIK_OK;
}

/* Why the mathematics has no such application of the penalty; NULL: it has, or it is none. */
static const char *forbids_application(const struct tik_penalty_row *row, const char *application)
{
    if (strcmp(application, "coupled") == 0)
        return row->not_coupled;
    return strcmp(application, "decoupled") == 0 ? row->not_decoupled : NULL;
}

static enum tik_status set_penalty_option(struct tik_policy *policy, size_t index, const char *name,
                                          const char *text, double value)
{
    if (index >= policy->penalty_count)
        return tik_error_set(TIK_ERROR_ARGUMENT, "penalty %zu: the policy has %zu", index,
                             policy->penalty_count);
    struct tik_policy_penalty *penalty = &policy->penalty[index];
    char owner[64];
    snprintf(owner, sizeof owner, "penalty %s", penalty->row->info.name);
    if (penalty->row->not_diagonal != NULL && strcmp(name, "metric") == 0)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s has no option metric: %s", owner,
                             penalty->row->not_diagonal);
    const char *why = text != NULL && strcmp(name, "application") == 0
                          ? forbids_application(penalty->row, text)
                          : NULL;
    if (why != NULL) {
        const struct tik_penalty_info *info = &penalty->row->info;
        const size_t i = tik_option_find(info->options, info->option_count, name);
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s: application is '%s': %s; allowed is %s",
                             owner, text, why, info->options[i].range);
    }
    return set_option(penalty->row->info.options, penalty->row->info.option_count, owner, name,
                      text, value, penalty->option);
}

enum tik_status tik_policy_set_penalty(struct tik_policy *policy, size_t index, const char *option,
                                       double value)
{
    const enum tik_status status = check_handle(policy, option);
    return status != TIK_OK ? status : set_penalty_option(policy, index, option, NULL, value);
}

enum tik_status tik_policy_set_penalty_text(struct tik_policy *policy, size_t index,
                                            const char *option, const char *value)
{
    const enum tik_status status = check_handle(policy, option);
    if (status != TIK_OK)
        return status;
    if (value == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "value of %s is NULL", option);
    return set_penalty_option(policy, index, option, value, 0);
}

void tik_policy_clear_penalties(struct tik_policy *policy)
{
    if (policy == NULL)
        return;
    const struct tik_rule_info *info = &policy->rule->info;
    const size_t decay = tik_option_find(info->options, info->option_count, "weight_decay");
    if (decay < info->option_count)
        policy->option[decay] = 0;
    policy->penalty_count = 0;
}

enum tik_status tik_policy_set_ema(struct tik_policy *policy, double decay, bool debias)
{
    if (policy == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "policy is NULL");
    if (!(decay >= 0 && decay < 1))
        return tik_error_set(TIK_ERROR_ARGUMENT, "decay of the average is %g; allowed is [0, 1)",
                             decay);
    policy->ema_decay = decay;
    policy->ema_debias = debias;
    return TIK_OK;
}

enum tik_status tik_policy_eval_weight(const struct tik_policy *policy, double *weight)
{
    if (policy == NULL || weight == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL",
                             policy == NULL ? "policy" : "weight");
    const struct tik_rule_row *rule = policy->rule;
    if (rule->eval_weight == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "rule %s is evaluated at its parameters; schedule_free_adamw is one "
                             "that has another point for it",
                             rule->info.name);
    const double share = rule->eval_weight(policy->option);
    if (!isfinite(share))
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "beta1 of rule %s is 0: its parameters hold nothing of the mean that "
                             "it is evaluated at; allowed is a beta1 above 0",
                             rule->info.name);
    *weight = share;
    return TIK_OK;
}

enum tik_status tik_policy_set_copy(struct tik_policy *policy, enum tik_copy_format format,
                                    enum tik_copy_rounding rounding, uint64_t seed)
{
    if (policy == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "policy is NULL");
    if ((unsigned)format > TIK_COPY_FP16)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "format of the copy is %d; allowed is TIK_COPY_NONE, _BF16, _FP16",
                             (int)format);
    if ((unsigned)rounding > TIK_COPY_STOCHASTIC)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "rounding of the copy is %d; allowed is TIK_COPY_NEAREST, _STOCHASTIC",
                             (int)rounding);
    policy->copy_format = format;
    policy->copy_rounding = rounding;
    policy->copy_seed = seed;
    return TIK_OK;
}

void tik_policy_initial(const struct tik_policy *policy, float values[TIK_MAX_STATES])
{
    fenv_t saved;
    tik_numeric_enter(&saved);
    for (size_t k = 0; k < TIK_MAX_STATES; k++)
        values[k] = 0.0f;
    if (policy->rule->initial != NULL)
        policy->rule->initial(policy->option, values);
    tik_numeric_leave(&saved);
}

void tik_policy_make_penalty(struct tik_policy_penalty *penalty, const struct tik_penalty_row *row)
{
    *penalty = (struct tik_policy_penalty){.row = row};
    set_defaults(row->info.options, row->info.option_count, penalty->option);
}

void tik_policy_make_decay(struct tik_policy_penalty *penalty, double weight)
{
    tik_policy_make_penalty(penalty, tik_penalty_row_find("l2"));
    const struct tik_penalty_info *info = &penalty->row->info;
    penalty->option[tik_option_find(info->options, info->option_count, "weight")] = weight;
}

double tik_policy_convention(const struct tik_policy_penalty *penalty)
{
    const struct tik_penalty_info *info = &penalty->row->info;
    const size_t i = tik_option_find(info->options, info->option_count, "convention");
    return i < info->option_count ? penalty->option[i] : 0;
}

bool tik_policy_is_diagonal(const struct tik_policy_penalty *penalty)
{
    const struct tik_penalty_info *info = &penalty->row->info;
    const size_t i = tik_option_find(info->options, info->option_count, "metric");
    return i < info->option_count && penalty->option[i] != 0;
}

/* As it was set, whatever the application. */
static enum tik_order order_of(const struct tik_policy_penalty *penalty)
{
    const struct tik_penalty_info *info = &penalty->row->info;
    const size_t i = tik_option_find(info->options, info->option_count, "order");
    return i < info->option_count ? (enum tik_order)penalty->option[i] : TIK_ORDER_BESIDE;
}

enum tik_order tik_policy_order(const struct tik_policy_penalty *penalty)
{
    return tik_policy_application(penalty) == TIK_DECOUPLED ? order_of(penalty) : TIK_ORDER_BESIDE;
}

enum tik_application tik_policy_application(const struct tik_policy_penalty *penalty)
{
    const struct tik_penalty_info *info = &penalty->row->info;
    const size_t i = tik_option_find(info->options, info->option_count, "application");
    const char *name = info->options[i].choices[(size_t)penalty->option[i]];
    if (strcmp(name, "coupled") == 0)
        return TIK_COUPLED;
    return strcmp(name, "decoupled") == 0 ? TIK_DECOUPLED : TIK_PROXIMAL;
}

/* Whether it is what the option weight_decay is short for. */
static bool doubles_decay(const struct tik_policy_penalty *penalty)
{
    return penalty->row == tik_penalty_row_find("l2") &&
           tik_policy_application(penalty) != TIK_PROXIMAL;
}

/* What the frame of a step, cl/step.cl, has one place for, or one order. */
static enum tik_status check_units(const struct tik_policy *policy)
{
    const char *coupled = NULL, *late = NULL;
    for (size_t i = 0; i < policy->penalty_count; i++) {
        const struct tik_policy_penalty *penalty = &policy->penalty[i];
        const char *name = penalty->row->info.name;
        const enum tik_application application = tik_policy_application(penalty);
        if (penalty->row->scope == NULL) {
            if (application != TIK_COUPLED && late != NULL)
                return tik_error_set(TIK_ERROR_ARGUMENT,
                                     "penalty %s comes after %s, which is on whole rows, columns "
                                     "or tensors: those are last; add %s before %s",
                                     name, late, name, late);
            continue;
        }
        if (application == TIK_PROXIMAL) {
            late = name;
            continue;
        }
        if (coupled != NULL)
            return tik_error_set(TIK_ERROR_ARGUMENT,
                                 "penalties %s and %s are both coupled and on units; a policy "
                                 "takes one such, and the other has to be proximal",
                                 coupled, name);
        coupled = name;
    }
    return TIK_OK;
}

static enum tik_status check_metric(const struct tik_policy *policy,
                                    const struct tik_policy_penalty *penalty)
{
    const char *name = penalty->row->info.name, *rule = policy->rule->info.name;
    if (!tik_policy_is_diagonal(penalty))
        return TIK_OK;
    if (tik_policy_application(penalty) != TIK_PROXIMAL)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "penalty %s: metric is diagonal, and the application is not "
                             "proximal: the others have no metric",
                             name);
    if (policy->rule->choose(policy->option)->rate == NULL)
        return tik_error_set(
            TIK_ERROR_ARGUMENT,
            "penalty %s: metric is diagonal, and rule %s %s; allowed is euclidean", name, rule,
            policy->rule->no_metric != NULL ? policy->rule->no_metric
                                            : "gives no element a step of its own");
    return TIK_OK;
}

/* A decay that is not in one sum with the step has p to itself, and one place. */
static enum tik_status check_order(const struct tik_policy *policy)
{
    static const char *const words[] = {
        [TIK_ORDER_BESIDE] = "beside", [TIK_ORDER_BEFORE] = "before", [TIK_ORDER_AFTER] = "after"};
    const struct tik_policy_penalty *first = NULL; /* of the decoupled */
    for (size_t i = 0; i < policy->penalty_count; i++) {
        const struct tik_policy_penalty *penalty = &policy->penalty[i];
        const char *name = penalty->row->info.name;
        const enum tik_order own = order_of(penalty);
        const bool decays = tik_policy_application(penalty) == TIK_DECOUPLED;
        if (own != TIK_ORDER_BESIDE && !decays)
            return tik_error_set(TIK_ERROR_ARGUMENT,
                                 "penalty %s: order is %s, and the application is not decoupled: "
                                 "the others have one place each; allowed is beside",
                                 name, words[own]);
        if (own != TIK_ORDER_BESIDE && policy->rule->choose(policy->option)->follow != NULL)
            return tik_error_set(TIK_ERROR_ARGUMENT,
                                 "penalty %s: order is not beside, and the steps of rule %s are "
                                 "taken from its iterate, not from the parameters that would "
                                 "decay; allowed is beside",
                                 name, policy->rule->info.name);
        if (decays && first != NULL && own != order_of(first))
            return tik_error_set(TIK_ERROR_ARGUMENT,
                                 "penalty %s: one decay has order %s and another %s; a policy's "
                                 "decays are taken together",
                                 name, words[order_of(first)], words[own]);
        first = decays ? penalty : first;
    }
    return TIK_OK;
}

static enum tik_status check_penalties(const struct tik_policy *policy)
{
    size_t cumulative = 0;
    enum tik_status status = check_units(policy);
    if (status == TIK_OK)
        status = check_order(policy);
    for (size_t i = 0; i < policy->penalty_count && status == TIK_OK; i++) {
        status = check_metric(policy, &policy->penalty[i]);
        cumulative += policy->penalty[i].row->carry != NULL;
    }
    if (status == TIK_OK && cumulative > 1)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "there are %zu penalties l1_cumulative; a policy keeps what one of "
                             "them was paid: add up their weights",
                             cumulative);
    return status;
}

enum tik_status tik_policy_check(const struct tik_policy *policy)
{
    if (policy == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "policy is NULL");
    /* A decay that is over before the rule begins is none of its concern. */
    for (size_t i = 0; i < policy->penalty_count && policy->rule->own_penalties != NULL; i++)
        if (tik_policy_order(&policy->penalty[i]) != TIK_ORDER_BEFORE)
            return tik_error_set(TIK_ERROR_ARGUMENT, "penalty %s with rule %s: %s",
                                 policy->penalty[i].row->info.name, policy->rule->info.name,
                                 policy->rule->own_penalties);
    for (size_t i = 0; i < policy->penalty_count; i++) {
        const struct tik_policy_penalty *penalty = &policy->penalty[i];
        if (policy->rule->own_decay != NULL && doubles_decay(penalty))
            return tik_error_set(TIK_ERROR_ARGUMENT, "penalty %s, not proximal, with rule %s: %s",
                                 penalty->row->info.name, policy->rule->info.name,
                                 policy->rule->own_decay);
        if (penalty->row->choose(penalty->option) == NULL)
            return TIK_ERROR_ARGUMENT;
    }
    const enum tik_status status = check_penalties(policy);
    if (status != TIK_OK)
        return status;
    return policy->rule->check != NULL ? policy->rule->check(policy->option) : TIK_OK;
}
