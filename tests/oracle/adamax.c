/*
 * Adamax (Kingma and Ba, 2015, algorithm 2) with PyTorch's eps, inside the maximum:
 *
 *     m' = beta1 m + (1 - beta1) g,  u' = max(beta2 u, |g| + eps)
 *     p' = p - (lr / bc1) m' / u'
 *
 * K. u': a scalar's rounding and a product, or a scalar's and a sum: 2. The step: m' 3, scalar and
 * product 2, u' 2, the division 1: 8; 9 with what the products of the errors add.
 * carried. g's error enters m' and u' as it is; the product of u' may underflow.
 */
#include "oracle.h"

#include <math.h>

enum { FIRST, LARGEST };

static const struct oracle_option options[] = {
    {"lr", 2e-3},        {"beta1", 0.9},  {"beta2", 0.999}, {"eps", 1e-8},
    {"weight_decay", 0}, {"maximize", 0}, {NULL, 0},
};

static const struct oracle_state states[] = {
    {.name = "exp_avg", .roundings = 3},
    {.name = "exp_inf", .positive = true, .roundings = 2},
    {.name = NULL},
};

static const struct oracle_form forms[] = {
    {"visible", {{"lr", 0.37}, {"beta1", 0.85}, {"beta2", 0.97}, {"eps", 1e-3}}},
    {"maximize", {{"lr", 0.37}, {"beta1", 0.7}, {"beta2", 0.9}, {"eps", 1e-2}, {"maximize", 1}}},
    {"defaults", {{NULL, 0}}},
    {"no memory", {{"lr", 0.37}, {"beta1", 0}, {"beta2", 0}, {"eps", 1e-3}}},
    {NULL, {{NULL, 0}}},
};

static void step(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    double beta1 = oracle_value(setting->rule, setting->policy, "beta1");
    double beta2 = oracle_value(setting->rule, setting->policy, "beta2");
    double eps = oracle_value(setting->rule, setting->policy, "eps");
    double size = setting->lr / oracle_correction(beta1, setting->t), tiny = setting->tiny;
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        struct oracle_number m = oracle_mean(beta1, e->state[FIRST], e, tiny);
        double u = fmax(beta2 * e->state[LARGEST], fabs(e->g) + eps), error = e->g_error + tiny;
        struct oracle_span d = {.low = fmax(u - error, eps), .value = u, .high = u + error};
        e->next_state[FIRST] = m;
        oracle_set_rate(e, setting->lr, d, 2, setting);
        e->next_state[LARGEST] = (struct oracle_number){.value = u, .scale = u, .carried = error};
        oracle_subtract(e, oracle_quotient(oracle_times(m, size, tiny), d, tiny));
    }
}

const struct oracle_rule oracle_adamax = {
    .name = "adamax",
    .roundings = 9,
    .decay = "coupled",
    .options = options,
    .states = states,
    .forms = forms,
    .step = step,
    .diagonal = true,
};
