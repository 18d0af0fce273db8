/* From --rule, --set and --penalty to a policy. */
#include "command.h"
#include "step.h"

static int apply_all(struct tik_policy *policy, const struct step_arguments *arguments)
{
    int code = COMMAND_OK;
    for (size_t i = 0; code == COMMAND_OK && i < arguments->sets.count; i++)
        code = command_set_option(policy, "--set", arguments->sets.items[i]);
    for (size_t i = 0; code == COMMAND_OK && i < arguments->penalties.count; i++)
        code = command_add_penalty(policy, "--penalty", arguments->penalties.items[i]);
    enum tik_status status = code == COMMAND_OK ? tik_policy_check(policy) : TIK_OK;
    if (code == COMMAND_OK && status == TIK_OK)
        status = tik_policy_set_ema(policy, arguments->ema, arguments->debias);
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
