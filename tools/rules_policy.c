/* tikhonov rules --rule R --policy ...: what a step of one policy launches and moves. */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "bench.h"
#include "command.h"
#include "rules.h"

/* Of one tensor, on the scalar path: what a step costs does not depend on the device. */
static enum tik_status count_cost(const struct bench_policy *policy, size_t *launches,
                                  size_t *bytes)
{
    struct tik_context_options options;
    struct tik_context *context = NULL;
    struct tik_optimizer *optimizer = NULL;
    command_context_options(&options, "scalar", false);
    enum tik_status status = tik_context_create(&options, &context);
    if (status == TIK_OK)
        status = bench_steps_create(context, policy, (struct bench_size){1, 1}, &optimizer);
    if (status == TIK_OK) {
        *launches = tik_optimizer_launches(optimizer);
        *bytes = tik_optimizer_bytes(optimizer, 0);
        status = *launches > 0 ? TIK_OK : TIK_ERROR_MEMORY;
    }
    tik_optimizer_destroy(optimizer);
    tik_context_destroy(context);
    return status;
}

static int print_cost_json(const struct bench_policy *policy, size_t launches, size_t bytes)
{
    cJSON *root = cJSON_CreateObject();
    const char *rule = tik_policy_rule(policy->policy);
    if (cJSON_AddStringToObject(root, "rule", rule) == NULL ||
        cJSON_AddStringToObject(root, "policy", policy->text) == NULL ||
        cJSON_AddNumberToObject(root, "launches", (double)launches) == NULL ||
        cJSON_AddNumberToObject(root, "bytes_per_parameter", (double)bytes) == NULL) {
        cJSON_Delete(root);
        root = NULL;
    }
    return command_print_json(root);
}

int rules_policy_print(const char *rule, const char *items, bool json)
{
    struct bench_policy policy;
    size_t launches = 0, bytes = 0;
    int code = bench_policy_make(rule, items, &policy);
    if (code == COMMAND_OK) {
        const enum tik_status status = count_cost(&policy, &launches, &bytes);
        code = status == TIK_OK ? COMMAND_OK : command_failure(status);
    }
    if (code == COMMAND_OK && json)
        code = print_cost_json(&policy, launches, bytes);
    else if (code == COMMAND_OK)
        printf("%s%s%s: %zu launch%s a step for a group's tensors in the library's memory, "
               "%zu bytes a parameter\n",
               tik_policy_rule(policy.policy), policy.text[0] != '\0' ? " " : "", policy.text,
               launches, launches == 1 ? "" : "es", bytes);
    bench_policy_finish(&policy);
    return code;
}
