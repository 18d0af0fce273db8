/* A policy out of text: the options and penalties of --set, --penalty and --policy. */
#include <string.h>

#include "command.h"

char *command_cut_value(char *text)
{
    char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return NULL;
    *equals = '\0';
    return equals + 1;
}

int command_parse_copy(const char *option, const char *text, enum tik_copy_format *format)
{
    *format = strcmp(text, "bf16") == 0 ? TIK_COPY_BF16 : TIK_COPY_FP16;
    if (*format == TIK_COPY_BF16 || strcmp(text, "fp16") == 0)
        return COMMAND_OK;
    return command_error(COMMAND_USAGE, "%s is '%s'; bf16 or fp16 is due", option, text);
}

int command_parse_rounding(const char *option, const char *text, enum tik_copy_rounding *rounding)
{
    *rounding = strcmp(text, "nearest") == 0 ? TIK_COPY_NEAREST : TIK_COPY_STOCHASTIC;
    if (*rounding == TIK_COPY_NEAREST || strcmp(text, "stochastic") == 0)
        return COMMAND_OK;
    return command_error(COMMAND_USAGE, "%s is '%s'; nearest or stochastic is due", option, text);
}

int command_set_option(struct tik_policy *policy, const char *option, char *text)
{
    char *value = command_cut_value(text);
    if (value == NULL)
        return command_error(COMMAND_USAGE, "%s is '%s'; KEY=VALUE is due", option, text);
    const enum tik_status status = tik_policy_set_text(policy, text, value);
    return status == TIK_OK ? COMMAND_OK : command_failure(status);
}

static const char *default_application(const struct tik_penalty_info *penalty)
{
    for (size_t i = 0; i < penalty->option_count; i++) {
        const struct tik_option *option = &penalty->options[i];
        if (strcmp(option->name, "application") == 0)
            return option->choices[(size_t)option->value];
    }
    return "";
}

/* What the text gave; NULL: nothing. A convention is what multiplies a decoupled decay. */
static void check_convention(const char *option, const char *name, const char *application,
                             const char *convention)
{
    if (application == NULL)
        application = default_application(tik_penalty_find(name));
    if (convention != NULL && strcmp(application, "decoupled") != 0)
        command_warning("%s %s: convention=%s has no effect with application=%s; it is for "
                        "application=decoupled",
                        option, name, convention, application);
}

int command_add_penalty(struct tik_policy *policy, const char *option, char *text)
{
    char *rest;
    const char *name = strtok_r(text, ",", &rest);
    const char *application = NULL, *convention = NULL;
    size_t index;
    enum tik_status status = tik_policy_add_penalty(policy, name != NULL ? name : "", &index);
    for (char *pair; status == TIK_OK && (pair = strtok_r(NULL, ",", &rest)) != NULL;) {
        char *value = command_cut_value(pair);
        if (value == NULL)
            return command_error(COMMAND_USAGE, "%s %s has '%s'; KEY=VALUE is due", option, name,
                                 pair);
        status = tik_policy_set_penalty_text(policy, index, pair, value);
        application = strcmp(pair, "application") == 0 ? value : application;
        convention = strcmp(pair, "convention") == 0 ? value : convention;
    }
    if (status != TIK_OK)
        return command_failure(status);
    check_convention(option, name, application, convention);
    return COMMAND_OK;
}
