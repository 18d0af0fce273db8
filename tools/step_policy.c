/* From --preset, --rule, --set and --penalty to a policy. */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "step.h"

static int set_all(struct tik_policy *policy, const struct step_arguments *arguments)
{
    int code = COMMAND_OK;
    for (size_t i = 0; code == COMMAND_OK && i < arguments->sets.count; i++)
        code = command_set_option(policy, "--set", arguments->sets.items[i]);
    return code;
}

static int make_plain(const struct step_arguments *arguments, struct tik_policy **policy)
{
    const enum tik_status status = tik_policy_create(arguments->rule, policy);
    return status == TIK_OK ? set_all(*policy, arguments) : command_failure(status);
}

/* Cuts the texts of --set; --max-norm is one more setting. */
static int list_settings(const struct step_arguments *arguments, char norm[32],
                         struct tik_setting *settings, size_t *count)
{
    for (*count = 0; *count < arguments->sets.count; ++*count) {
        char *text = arguments->sets.items[*count], *value = command_cut_value(text);
        if (value == NULL)
            return command_error(COMMAND_USAGE, "--set is '%s'; KEY=VALUE is due", text);
        settings[*count] = (struct tik_setting){text, value};
    }
    snprintf(norm, 32, "%.17g", arguments->options.max_norm);
    if (arguments->options.max_norm > 0)
        settings[(*count)++] = (struct tik_setting){"max_norm", norm};
    return COMMAND_OK;
}

static int apply_preset(struct step_arguments *arguments, struct tik_setting *settings,
                        struct tik_policy **policy)
{
    char norm[32];
    size_t count;
    const int code = list_settings(arguments, norm, settings, &count);
    if (code != COMMAND_OK)
        return code;
    const enum tik_status status = tik_preset_apply(arguments->preset, arguments->rule, settings,
                                                    count, policy, &arguments->options);
    if (status != TIK_OK)
        return command_failure(status);
    if (arguments->options.accumulate > 1)
        return command_error(COMMAND_USAGE,
                             "accumulate is %u, and --grads has the gradients of one step: average "
                             "them first",
                             arguments->options.accumulate);
    return COMMAND_OK;
}

static int make_preset(struct step_arguments *arguments, struct tik_policy **policy)
{
    struct tik_setting *settings = calloc(arguments->sets.count + 1, sizeof *settings);
    if (settings == NULL)
        return command_error(COMMAND_FAILED, "no memory for the settings");
    const int code = apply_preset(arguments, settings, policy);
    free(settings);
    return code;
}

static int add_penalties(struct tik_policy *policy, const struct step_arguments *arguments)
{
    int code = COMMAND_OK;
    for (size_t i = 0; code == COMMAND_OK && i < arguments->penalties.count; i++)
        code = command_add_penalty(policy, "--penalty", arguments->penalties.items[i]);
    enum tik_status status = code == COMMAND_OK ? tik_policy_check(policy) : TIK_OK;
    if (code == COMMAND_OK && status == TIK_OK)
        status = tik_policy_set_ema(policy, arguments->ema, arguments->debias);
    if (code == COMMAND_OK && status == TIK_OK)
        status = tik_policy_set_copy(policy, arguments->copy, arguments->rounding, arguments->seed);
    double weight;
    if (code == COMMAND_OK && status == TIK_OK && arguments->eval_out != NULL &&
        tik_policy_eval_weight(policy, &weight) != TIK_OK)
        return command_error(COMMAND_USAGE, "--eval-out is '%s', but %s", arguments->eval_out,
                             tik_last_error());
    return status == TIK_OK ? code : command_failure(status);
}

struct tik_policy *step_arguments_policy(struct step_arguments *arguments, int *code)
{
    struct tik_policy *policy = NULL;
    *code = arguments->preset != NULL ? make_preset(arguments, &policy)
                                      : make_plain(arguments, &policy);
    if (*code == COMMAND_OK)
        *code = add_penalties(policy, arguments);
    if (*code != COMMAND_OK) {
        tik_policy_destroy(policy);
        return NULL;
    }
    return policy;
}
