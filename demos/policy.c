/* From --preset, --rule, --lr, --penalty and a lambda to the library's policies. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

/* A bad value is the caller's mistake: the library names it, the demo says by which option it came.
 */
static void accept(enum tik_status status, const char *option, const char *value)
{
    if (status != TIK_OK)
        fail(status == TIK_ERROR_ARGUMENT ? EXIT_USAGE : EXIT_FAILED, "%s %s: %s", option, value,
             tik_last_error());
}

/* Kept in sight, so that a program which a wrong option ends is not said to leak it. */
static struct tik_policy *volatile in_hand;

/* The rule with weight_decay of `lambda`, where that is above 0. */
static struct tik_policy *preset_policy(const struct options *options, double lambda)
{
    char lr[32], decay[32];
    const struct tik_setting settings[] = {{"lr", lr}, {"weight_decay", decay}};
    struct tik_policy *policy = NULL;
    snprintf(lr, sizeof lr, "%.17g", options->lr);
    snprintf(decay, sizeof decay, "%.17g", lambda);
    accept(tik_preset_apply(options->preset, options->rule, settings, lambda > 0 ? 2 : 1, &policy,
                            NULL),
           "--preset", options->preset);
    in_hand = policy;
    if (lambda == 0)
        tik_policy_clear_penalties(policy);
    return policy;
}

static struct tik_policy *rule_policy(const struct options *options)
{
    struct tik_policy *policy = NULL;
    accept(tik_policy_create(options->rule, &policy), "--rule", options->rule);
    in_hand = policy;
    accept(tik_policy_set(policy, "lr", options->lr), "--lr", "of this rule");
    /* adamw decays by default: a bias must say that it wants none. */
    tik_policy_clear_penalties(policy);
    return policy;
}

struct tik_policy *options_bias_policy(const struct options *options)
{
    return options->preset ? preset_policy(options, 0) : rule_policy(options);
}

/* One "key=value" of --penalty. */
static void set_key(struct tik_policy *policy, size_t penalty, const struct options *options,
                    char *pair)
{
    char *equals = strchr(pair, '=');
    if (!equals)
        fail(EXIT_USAGE, "--penalty %s: \"%s\" is no key=value, such as application=proximal",
             options->penalty, pair);
    *equals = '\0';
    if (strcmp(pair, "weight") == 0)
        fail(EXIT_USAGE, "--penalty %s: the weight is given by --lambda %s", options->penalty,
             equals + 1);
    accept(tik_policy_set_penalty_text(policy, penalty, pair, equals + 1), "--penalty",
           options->penalty);
}

static void add_penalty(struct tik_policy *policy, const struct options *options, double lambda)
{
    char *text = allocate(strlen(options->penalty) + 1, 1);
    strcpy(text, options->penalty);
    char *keys = strchr(text, ',');
    if (keys)
        *keys++ = '\0';

    size_t penalty;
    accept(tik_policy_add_penalty(policy, text, &penalty), "--penalty", options->penalty);
    accept(tik_policy_set_penalty(policy, penalty, "weight", lambda), "--penalty",
           options->penalty);
    while (keys) {
        char *pair = keys;
        keys = strchr(keys, ',');
        if (keys)
            *keys++ = '\0';
        set_key(policy, penalty, options, pair);
    }
    free(text);
}

struct tik_policy *options_weight_policy(const struct options *options, double lambda)
{
    const bool decays = strcmp(options->penalty, "l2") == 0;
    struct tik_policy *policy =
        options->preset && decays ? preset_policy(options, lambda) : options_bias_policy(options);
    if (decays && options->preset)
        return policy;
    if (decays)
        accept(tik_policy_set(policy, "weight_decay", lambda), "--penalty", "l2");
    else
        add_penalty(policy, options, lambda);
    accept(tik_policy_check(policy), "--penalty", options->penalty);
    return policy;
}

void options_check(const struct options *options)
{
    size_t count = options->lambda_count ? options->lambda_count : 1; /* none: try with 0 */
    for (size_t i = 0; i < count; i++)
        tik_policy_destroy(options_weight_policy(options, options->lambdas[i]));
    tik_policy_destroy(options_bias_policy(options));
}
