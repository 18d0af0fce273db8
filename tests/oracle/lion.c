/*
 * Lion (Chen et al., Symbolic Discovery of Optimization Algorithms, 2023, algorithm 2), decay
 * decoupled by lr as there:
 *
 *     c = beta1 m + (1 - beta1) g,  p' = p - lr sign(c)
 *     m' = beta2 m + (1 - beta2) g
 *
 * K. lr's rounding: 1; 2, so that with the frame's own there is room for a decay. m': 3.
 * carried. Where |c| is within its own error of 0, 3 u of its terms, what underflows and g's error,
 * either sign is right: the bound then covers both. Where both terms are 0, sign(0) = 0.
 */
#include "oracle.h"

#include <math.h>

enum { MEAN };

static const struct oracle_option options[] = {
    {"lr", 1e-4}, {"beta1", 0.9}, {"beta2", 0.99}, {"weight_decay", 0}, {"maximize", 0}, {NULL, 0},
};

static const struct oracle_state states[] = {
    {.name = "exp_avg", .roundings = 3},
    {.name = NULL},
};

static const struct oracle_form forms[] = {
    {"visible", {{"lr", 0.37}, {"beta1", 0.6}, {"beta2", 0.85}}},
    {"maximize", {{"lr", 0.37}, {"beta1", 0.85}, {"beta2", 0.7}, {"maximize", 1}}},
    {"defaults", {{NULL, 0}}},
    {"no memory", {{"lr", 0.37}, {"beta1", 0}, {"beta2", 0}}},
    {NULL, {{NULL, 0}}},
};

static void step(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    double beta1 = oracle_value(setting->rule, setting->policy, "beta1");
    double beta2 = oracle_value(setting->rule, setting->policy, "beta2");
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        struct oracle_number c = oracle_mean(beta1, e->state[MEAN], e, setting->tiny);
        double error = c.scale + e->g_error > 0 ? 3 * setting->unit * c.scale + c.carried : 0;
        double sign = (c.value > 0) - (c.value < 0);
        bool ambiguous = error > 0 && fabs(c.value) <= error;
        e->next_state[MEAN] = oracle_mean(beta2, e->state[MEAN], e, setting->tiny);
        e->next = (struct oracle_number){
            .value = e->p - setting->lr * sign,
            .scale = setting->lr * fabs(sign),
            .carried = ambiguous ? 2 * setting->lr : 0,
        };
    }
}

const struct oracle_rule oracle_lion = {
    .name = "lion",
    .roundings = 2,
    .decay = "decoupled",
    .options = options,
    .states = states,
    .forms = forms,
    .step = step,
};
