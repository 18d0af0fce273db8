#include "preset_calls.h"

#include <stdio.h>
#include <string.h>

const struct preset_awaited preset_awaited[] = {
    {NULL, NULL, NULL, NULL, NULL},
};

/* The first of these that the call begins with. */
static const struct {
    const char *begins, *preset, *rule;
} names[] = {
    {"keras.optimizers.SGD(", "keras", "sgd"},
    {"keras.optimizers.Adam(", "keras", "adam"},
    {"keras.optimizers.Adagrad(", "keras", "adagrad"},
    {"keras.optimizers.Adadelta(", "keras", "adadelta"},
    {"keras.optimizers.Nadam(", "keras", "nadam"},
    {"keras.optimizers.RMSprop(", "keras", "rmsprop"},
    {"keras.optimizers.Lion(", "keras", "lion"},
    {"keras.optimizers.Ftrl(", "keras", "ftrl"},
    {"tf.raw_ops.ResourceApplyFtrlV2(", "tensorflow", "ftrl"},
    {"tf.raw_ops.ResourceApplyProximalGradientDescent(", "tensorflow", "sgd"},
    {"tf.raw_ops.ResourceApplyProximalAdagrad(", "tensorflow", "adagrad"},
    {"SGDRegressor(", "sklearn", "sgd"},
    {"SGDClassifier(", "sklearn", "sgd"},
    {"sgd(", "optax", "sgd"},
    {"adamw(", "optax", "adamw"},
    {"adagrad(", "optax", "adagrad"},
    {"rmsprop(", "optax", "rmsprop"},
    {"adadelta(", "optax", "adadelta"},
    {"adamax(", "optax", "adamax"},
    {"lion(", "optax", "lion"},
    {"adabelief(", "optax", "adabelief"},
    {"ademamix(learning_rate=", "optax", "ademamix"},
    {"lamb(", "optax", "lamb"},
    {"lars(", "optax", "lars"},
};

/* What says nothing of the step: the loss, whose gradients the file has; what is left out. */
static bool is_silent(const char *name, const char *value)
{
    return strcmp(name, "loss") == 0 ||
           (strcmp(value, "None") == 0 && strcmp(name, "penalty") != 0);
}

static void add_setting(struct preset_call *call, char *text)
{
    char *equals = strchr(text, '=');
    ck_assert_msg(equals != NULL, "'%s' is no NAME=VALUE", text);
    *equals = '\0';
    char *value = equals + 1;
    if (is_silent(text, value))
        return;
    if (strcmp(value, "True") == 0 || strcmp(value, "False") == 0)
        value[0] = value[0] == 'T' ? 't' : 'f';
    ck_assert_uint_lt(call->count, CALL_SETTINGS);
    call->settings[call->count++] = (struct tik_setting){text, value};
}

bool preset_call_read(const cJSON *json, struct preset_call *call)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(json, "foreign"));
    *call = (struct preset_call){0};
    for (size_t i = 0; call->preset == NULL && i < sizeof names / sizeof *names; i++)
        if (strncmp(text, names[i].begins, strlen(names[i].begins)) == 0) {
            call->preset = names[i].preset;
            call->rule = names[i].rule;
        }
    if (call->preset == NULL || strstr(text, "use_ema") != NULL)
        return false;
    const char *inside = strchr(text, '(') + 1;
    const size_t length = strlen(inside);
    ck_assert_msg(length > 0 && length < CALL_TEXT && inside[length - 1] == ')', "'%s' is no call",
                  text);
    memcpy(call->text, inside, length - 1);
    char *rest;
    for (char *pair = strtok_r(call->text, ", ", &rest); pair != NULL;
         pair = strtok_r(NULL, ", ", &rest))
        add_setting(call, pair);
    return true;
}

/* Whether the last error is that of something awaited by this rule of this preset. */
static bool is_awaited(const struct preset_call *call)
{
    for (const struct preset_awaited *one = preset_awaited; one->preset != NULL; one++)
        if (strcmp(one->preset, call->preset) == 0 && strcmp(one->rule, call->rule) == 0 &&
            strstr(tik_last_error(), one->missing) != NULL)
            return true;
    return false;
}

enum tik_status preset_call_apply(const struct preset_call *call, struct tik_policy **policy,
                                  struct tik_optimizer_options *options)
{
    tik_optimizer_defaults(options);
    const enum tik_status status =
        tik_preset_apply(call->preset, call->rule, call->settings, call->count, policy, options);
    ck_assert_msg(status == TIK_OK || is_awaited(call), "%s of %s: %s", call->rule, call->preset,
                  tik_last_error());
    return status;
}
