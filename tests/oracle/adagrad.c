/*
 * Adagrad (Duchi, Hazan and Singer, 2011, the diagonal form) with PyTorch's lr_decay:
 *
 *     s' = s + g^2
 *     p' = p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s') + eps)
 *
 * or, with eps_placement inside (Keras, Optax), by sqrt(s' + eps).
 *
 * K. s': a product, a sum: 2. The divisor: 2/2 under the root, the root, the sum with eps: 3; with
 * eps inside 3/2 and the root. The step: scalar and product 2, divisor 3, division 1: 6; 7 with the products of the errors.
 * carried. g's error d is one of 2 |g| d + d^2 in s', whose product may underflow.
 */
#include "oracle.h"

#include <math.h>

enum { SUM };

static const struct oracle_option options[] = {
    {"lr", 1e-2},         {"lr_decay", 0},     {"initial_accumulator_value", 0},
    {"eps", 1e-10},       {"weight_decay", 0}, {"maximize", 0},
    {"eps_placement", 0}, {NULL, 0},
};

static const struct oracle_state states[] = {
    {.name = "sum",
     .positive = true,
     .start = "initial_accumulator_value",
     .grows = true,
     .roundings = 2},
    {.name = NULL},
};

static const struct oracle_form forms[] = {
    {"visible",
     {{"lr", 0.37}, {"lr_decay", 0.13}, {"initial_accumulator_value", 0.2}, {"eps", 1e-3}}},
    {"eps inside", {{"lr", 0.37}, {"lr_decay", 0.13}, {"eps", 1e-3}, {"eps_placement", 1}}},
    {"maximize", {{"lr", 0.37}, {"lr_decay", 0.4}, {"eps", 1e-2}, {"maximize", 1}}},
    {"defaults", {{NULL, 0}}},
    {NULL, {{NULL, 0}}},
};

static void step(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    double lr_decay = oracle_value(setting->rule, setting->policy, "lr_decay");
    double eps = oracle_value(setting->rule, setting->policy, "eps");
    bool inside = oracle_value(setting->rule, setting->policy, "eps_placement") != 0;
    double size = setting->lr / (1 + (setting->t - 1) * lr_decay), tiny = setting->tiny;
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        struct oracle_number g = {.value = e->g, .scale = fabs(e->g), .carried = e->g_error};
        double sum = e->state[SUM] + e->g * e->g;
        double error = (2 * fabs(e->g) + e->g_error) * e->g_error + tiny;
        struct oracle_span d = oracle_root(inside ? sum + eps : sum, error, 1, inside ? 0 : eps);
        e->next_state[SUM] = (struct oracle_number){.value = sum, .scale = sum, .carried = error};
        oracle_set_rate(e, size, d, 3, setting);
        oracle_subtract(e, oracle_quotient(oracle_times(g, size, tiny), d, tiny));
    }
}

const struct oracle_rule oracle_adagrad = {
    .name = "adagrad",
    .roundings = 7,
    .decay = "coupled",
    .options = options,
    .states = states,
    .forms = forms,
    .step = step,
    .diagonal = true,
};
