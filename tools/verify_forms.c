/* Which policies the self-test tries: read from the tables, so that a new row is tried too. */
#include "verify.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Options set away from their defaults in one form. */
#define SETTING_LIMIT 16

struct setting {
    const struct tik_option *option;
    double value;
};

struct settings {
    size_t count;
    struct setting items[SETTING_LIMIT];
};

static enum tik_status append(struct verify_forms *forms, const char *name,
                              struct tik_policy *policy)
{
    if (forms->count == forms->capacity) {
        const size_t capacity = forms->capacity * 2 + 16;
        struct verify_form *items = realloc(forms->items, capacity * sizeof *items);
        if (items == NULL)
            return TIK_ERROR_MEMORY;
        forms->items = items;
        forms->capacity = capacity;
    }
    struct verify_form *form = &forms->items[forms->count++];
    snprintf(form->name, sizeof form->name, "%s", name);
    form->policy = policy;
    return TIK_OK;
}

void verify_forms_finish(struct verify_forms *forms)
{
    for (size_t i = 0; i < forms->count; i++)
        tik_policy_destroy(forms->items[i].policy);
    free(forms->items);
}

/* Inside the range, and not 0. */
static double sample(const struct tik_option *option)
{
    if (isinf(option->high))
        return option->value + 0.5;
    return option->value + 0.5 * (option->high - option->value);
}

/* Options that do nothing by default: momentum, weight_decay. */
static bool is_idle(const struct tik_option *option)
{
    return option->type == TIK_OPTION_REAL && option->value == 0;
}

static void set(struct settings *settings, const struct tik_option *option)
{
    if (settings->count < SETTING_LIMIT)
        settings->items[settings->count++] =
            (struct setting){option, option->type == TIK_OPTION_FLAG ? 1 : sample(option)};
}

/* *fits: the policy checks, and the form was appended. */
static enum tik_status try_form(struct verify_forms *forms, const struct tik_rule_info *rule,
                                const struct settings *settings, bool *fits)
{
    struct tik_policy *policy;
    enum tik_status status = tik_policy_create(rule->name, &policy);
    if (status != TIK_OK)
        return status;
    char name[128];
    size_t length = (size_t)snprintf(name, sizeof name, "%s", rule->name);
    for (size_t i = 0; status == TIK_OK && i < settings->count; i++) {
        const struct setting *item = &settings->items[i];
        status = tik_policy_set(policy, item->option->name, item->value);
        if (length < sizeof name)
            length += (size_t)snprintf(name + length, sizeof name - length, " %s=%g",
                                       item->option->name, item->value);
    }
    *fits = status == TIK_OK && tik_policy_check(policy) == TIK_OK;
    if (*fits)
        status = append(forms, name, policy);
    if (!*fits || status != TIK_OK)
        tik_policy_destroy(policy);
    return status;
}

/* A flag alone; where it needs another option (nesterov: momentum), with each that is idle. */
static enum tik_status try_flag(struct verify_forms *forms, const struct tik_rule_info *rule,
                                const struct tik_option *flag)
{
    struct settings settings = {.count = 0};
    set(&settings, flag);
    bool fits;
    enum tik_status status = try_form(forms, rule, &settings, &fits);
    for (size_t i = 0; status == TIK_OK && !fits && i < rule->option_count; i++) {
        if (!is_idle(&rule->options[i]))
            continue;
        settings.count = 1;
        set(&settings, &rule->options[i]);
        status = try_form(forms, rule, &settings, &fits);
    }
    return status;
}

/* By default; each idle option in use; all of them; each flag on. */
static enum tik_status try_rule(struct verify_forms *forms, const struct tik_rule_info *rule)
{
    struct settings none = {.count = 0}, all = {.count = 0};
    bool fits;
    enum tik_status status = try_form(forms, rule, &none, &fits);
    for (size_t i = 0; status == TIK_OK && i < rule->option_count; i++) {
        if (!is_idle(&rule->options[i]))
            continue;
        struct settings one = {.count = 0};
        set(&one, &rule->options[i]);
        set(&all, &rule->options[i]);
        status = try_form(forms, rule, &one, &fits);
    }
    if (status == TIK_OK && all.count > 1)
        status = try_form(forms, rule, &all, &fits);
    for (size_t i = 0; status == TIK_OK && i < rule->option_count; i++)
        if (rule->options[i].type == TIK_OPTION_FLAG)
            status = try_flag(forms, rule, &rule->options[i]);
    return status;
}

static const struct tik_option *find_option(const struct tik_penalty_info *penalty,
                                            const char *name)
{
    for (size_t i = 0; i < penalty->option_count; i++)
        if (strcmp(penalty->options[i].name, name) == 0)
            return &penalty->options[i];
    return NULL;
}

/* With one more option than its weight; NULL: all others as by default. */
static enum tik_status try_penalty(struct verify_forms *forms,
                                   const struct tik_penalty_info *penalty, const char *application,
                                   const char *option, const char *value)
{
    struct tik_policy *policy;
    size_t index;
    enum tik_status status = tik_policy_create("adamw", &policy);
    if (status != TIK_OK)
        return status;
    status = tik_policy_add_penalty(policy, penalty->name, &index);
    if (status == TIK_OK && find_option(penalty, "weight") != NULL)
        status = tik_policy_set_penalty(policy, index, "weight", 0.1);
    if (status == TIK_OK)
        status = tik_policy_set_penalty_text(policy, index, "application", application);
    if (status == TIK_OK && option != NULL)
        status = tik_policy_set_penalty_text(policy, index, option, value);
    if (status == TIK_OK)
        status = tik_policy_check(policy);
    char name[128];
    const size_t length =
        (size_t)snprintf(name, sizeof name, "adamw + %s %s", penalty->name, application);
    if (option != NULL && length < sizeof name)
        snprintf(name + length, sizeof name - length, " %s=%s", option, value);
    if (status == TIK_OK)
        status = append(forms, name, policy);
    if (status != TIK_OK)
        tik_policy_destroy(policy);
    return status;
}

/* Every choice of an option, where the penalty has it. */
static enum tik_status try_choices(struct verify_forms *forms,
                                   const struct tik_penalty_info *penalty, const char *application,
                                   const char *name)
{
    const struct tik_option *option = find_option(penalty, name);
    enum tik_status status = TIK_OK;
    for (size_t i = 0; option != NULL && status == TIK_OK && option->choices[i] != NULL; i++)
        status = try_penalty(forms, penalty, application, name, option->choices[i]);
    return status;
}

static enum tik_status try_applications(struct verify_forms *forms,
                                        const struct tik_penalty_info *penalty)
{
    const struct tik_option *application = find_option(penalty, "application");
    enum tik_status status = TIK_OK;
    for (size_t i = 0; application != NULL && application->choices[i] != NULL; i++) {
        const char *name = application->choices[i];
        const char *several = strcmp(name, "decoupled") == 0         ? "convention"
                              : find_option(penalty, "unit") != NULL ? "unit"
                              : strcmp(name, "proximal") == 0        ? "metric"
                                                                     : "";
        if (status == TIK_OK && find_option(penalty, several) == NULL)
            status = try_penalty(forms, penalty, name, NULL, NULL);
        if (status == TIK_OK)
            status = try_choices(forms, penalty, name, several);
    }
    /* An exponent without a closed form. */
    if (status == TIK_OK && find_option(penalty, "p") != NULL)
        status = try_penalty(forms, penalty, "coupled", "p", "2.7");
    return status;
}

enum tik_status verify_forms_make(struct verify_forms *forms)
{
    enum tik_status status = TIK_OK;
    for (size_t i = 0; status == TIK_OK && tik_rule_at(i) != NULL; i++)
        status = try_rule(forms, tik_rule_at(i));
    for (size_t i = 0; status == TIK_OK && tik_penalty_at(i) != NULL; i++)
        status = try_applications(forms, tik_penalty_at(i));
    return status;
}
