/* From --rule, --set and --penalty to a policy. */
#include "step.h"

#include <string.h>

#include "command.h"

/* Cuts "KEY=VALUE" in two; NULL when there is no '='. */
static char *cut_value(char *text)
{
    char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return NULL;
    *equals = '\0';
    return equals + 1;
}

static int apply_set(struct tik_policy *policy, char *text)
{
    char *value = cut_value(text);
    if (value == NULL)
        return command_error(COMMAND_USAGE, "--set is '%s'; KEY=VALUE is due", text);
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
static void check_convention(const char *name, const char *application, const char *convention)
{
    if (application == NULL)
        application = default_application(tik_penalty_find(name));
    if (convention != NULL && strcmp(application, "decoupled") != 0)
        command_warning("--penalty %s: convention=%s has no effect with application=%s; it is for "
                        "application=decoupled",
                        name, convention, application);
}

static int apply_penalty(struct tik_policy *policy, char *text)
{
    char *rest;
    const char *name = strtok_r(text, ",", &rest);
    const char *application = NULL, *convention = NULL;
    size_t index;
    enum tik_status status = tik_policy_add_penalty(policy, name != NULL ? name : "", &index);
    for (char *pair; status == TIK_OK && (pair = strtok_r(NULL, ",", &rest)) != NULL;) {
        char *value = cut_value(pair);
        if (value == NULL)
            return command_error(COMMAND_USAGE, "--penalty %s has '%s'; KEY=VALUE is due", name,
                                 pair);
        status = tik_policy_set_penalty_text(policy, index, pair, value);
        application = strcmp(pair, "application") == 0 ? value : application;
        convention = strcmp(pair, "convention") == 0 ? value : convention;
    }
    if (status != TIK_OK)
        return command_failure(status);
    check_convention(name, application, convention);
    return COMMAND_OK;
}

static int apply_all(struct tik_policy *policy, const struct step_arguments *arguments)
{
    int code = COMMAND_OK;
    for (size_t i = 0; code == COMMAND_OK && i < arguments->sets.count; i++)
        code = apply_set(policy, arguments->sets.items[i]);
    for (size_t i = 0; code == COMMAND_OK && i < arguments->penalties.count; i++)
        code = apply_penalty(policy, arguments->penalties.items[i]);
    const enum tik_status status = code == COMMAND_OK ? tik_policy_check(policy) : TIK_OK;
    return status == TIK_OK ? code : command_failure(status);
}

struct tik_policy *step_arguments_policy(const struct step_arguments *arguments, int *code)
{
    struct tik_policy *policy = NULL;
    const enum tik_status status = tik_policy_create(arguments->rule, &policy);
    *code = status == TIK_OK ? apply_all(policy, arguments) : command_failure(status);
    if (*code != COMMAND_OK) {
        tik_policy_destroy(policy);
        return NULL;
    }
    return policy;
}
