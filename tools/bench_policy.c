/* The policies of tikhonov bench: "sgd:momentum=0.9" and --policy KEY=VALUE,... */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "command.h"

static char *copy_text(const char *text, size_t length)
{
    char *copy = malloc(length + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

static bool has_value(const char *item)
{
    return item[strcspn(item, "=,")] == '=';
}

/* Up to the next comma; a penalty has all the KEY=VALUE that follow it. */
static size_t item_length(const char *item)
{
    size_t length = strcspn(item, ",");
    if (length == 0 || has_value(item))
        return length;
    while (item[length] == ',' && has_value(item + length + 1))
        length += 1 + strcspn(item + length + 1, ",");
    return length;
}

static int apply_ema(struct bench_policy *policy, const char *value)
{
    double decay;
    if (!command_parse_real(value, &decay) || !(decay > 0 && decay < 1))
        return command_error(COMMAND_USAGE, "ema is '%s'; a decay above 0 and below 1 is due",
                             value);
    const enum tik_status status = tik_policy_set_ema(policy->policy, decay, false);
    return status == TIK_OK ? COMMAND_OK : command_failure(status);
}

static int apply_copies(struct bench_policy *policy, int code)
{
    if (code != COMMAND_OK)
        return code;
    const enum tik_status status =
        tik_policy_set_copy(policy->policy, policy->copy, policy->rounding, 0);
    return status == TIK_OK ? COMMAND_OK : command_failure(status);
}

static int apply_copy(struct bench_policy *policy, const char *value)
{
    return apply_copies(policy, command_parse_copy("copy", value, &policy->copy));
}

static int apply_rounding(struct bench_policy *policy, const char *value)
{
    return apply_copies(policy, command_parse_rounding("copy_rounding", value, &policy->rounding));
}

static int apply_zero_grad(struct bench_policy *policy, const char *value)
{
    policy->options.zero_grad = strcmp(value, "true") == 0;
    if (policy->options.zero_grad || strcmp(value, "false") == 0)
        return COMMAND_OK;
    return command_error(COMMAND_USAGE, "zero_grad is '%s'; true or false is due", value);
}

/* What is around the step, whatever the rule; *found: the key is such a one. */
static int apply_around(struct bench_policy *policy, const char *item, bool *found)
{
    struct tik_optimizer_options *o = &policy->options;
    const struct {
        const char *key;
        double *number;
        int (*apply)(struct bench_policy *, const char *);
    } keys[] = {{"max_norm", &o->max_norm, NULL},       {"clip_norm", &o->clip_norm, NULL},
                {"clip_value", &o->clip_value, NULL},   {"agc", &o->agc, NULL},
                {"loss_scale", &o->loss_scale, NULL},   {"ema", NULL, apply_ema},
                {"zero_grad", NULL, apply_zero_grad},   {"copy", NULL, apply_copy},
                {"copy_rounding", NULL, apply_rounding}};
    const size_t length = strcspn(item, "=");
    *found = true;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strncmp(item, keys[i].key, length) != 0 || keys[i].key[length] != '\0')
            continue;
        const char *value = item + length + 1;
        return keys[i].apply != NULL ? keys[i].apply(policy, value)
                                     : command_parse_max_norm(keys[i].key, value, keys[i].number);
    }
    *found = false;
    return COMMAND_OK;
}

static int apply_item(struct bench_policy *policy, const char *option, char *item)
{
    if (!has_value(item))
        return command_add_penalty(policy->policy, option, item);
    bool found;
    const int code = apply_around(policy, item, &found);
    return found ? code : command_set_option(policy->policy, option, item);
}

static int apply_items(struct bench_policy *policy, const char *option, const char *text)
{
    int code = COMMAND_OK;
    for (bool more = text[0] != '\0'; code == COMMAND_OK && more;) {
        const size_t length = item_length(text);
        char *item = copy_text(text, length);
        if (item == NULL)
            return command_error(COMMAND_FAILED, "no memory for the arguments");
        code = length > 0
                   ? apply_item(policy, option, item)
                   : command_error(COMMAND_USAGE, "%s has an empty item; KEY=VALUE is due", option);
        free(item);
        more = text[length] == ',';
        text += length + more;
    }
    return code;
}

/* The rule's own settings first, as "momentum=0.9,max_norm=1". */
static char *join(const char *own, const char *common)
{
    char *text = malloc(strlen(own) + strlen(common) + 2);
    if (text == NULL)
        return NULL;
    sprintf(text, "%s%s%s", own, own[0] != '\0' && common[0] != '\0' ? "," : "", common);
    for (char *colon = text; (colon = strchr(colon, ':')) != NULL;)
        *colon = ',';
    return text;
}

int bench_policy_make(const char *rule, const char *common, struct bench_policy *policy)
{
    *policy = (struct bench_policy){.text = NULL};
    tik_optimizer_defaults(&policy->options);
    const size_t length = strcspn(rule, ":");
    char *name = copy_text(rule, length);
    policy->text = join(rule[length] == ':' ? rule + length + 1 : "", common != NULL ? common : "");
    int code = COMMAND_OK;
    enum tik_status status = TIK_OK;
    if (name == NULL || policy->text == NULL)
        code = command_error(COMMAND_FAILED, "no memory for the arguments");
    else
        status = tik_policy_create(name, &policy->policy);
    free(name);
    if (code == COMMAND_OK && status == TIK_OK)
        code = apply_items(policy, common != NULL ? "--policy" : "--rules", policy->text);
    if (code == COMMAND_OK && status == TIK_OK)
        status = tik_policy_check(policy->policy);
    return status == TIK_OK ? code : command_failure(status);
}

void bench_policy_finish(struct bench_policy *policy)
{
    tik_policy_destroy(policy->policy);
    free(policy->text);
}
