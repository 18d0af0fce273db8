/*
 * NAdam (Dozat, Incorporating Nesterov Momentum into Adam, ICLR workshop 2016) as PyTorch writes
 * it, with the schedule of the momentum, 0.96^(t / 250) at its default:
 *
 *     m' = beta1 m + (1 - beta1) g,  v' = beta2 v + (1 - beta2) g^2,  D = sqrt(v' / bc2) + eps
 *     mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2),  P_t = P_{t-1} mu_t,  P_0 = 1
 *     p' = p - lr (1 - mu_t) / (1 - P_t) g / D - lr mu_{t+1} / (1 - P_t mu_{t+1}) m' / D
 *
 * P is carried in double: PyTorch keeps it in float32, which is 2e-7 away from this.
 * K. D is Adam's, 6. The term of m': 3 for m', 2 for its scalar and product, 6 + 1 for the division
 * by D, 1 for the sum of the two terms: 13; 14 with what the products of the errors add.
 * carried. As in Adam; the term of g takes g's error as it is.
 */
#include "oracle.h"

#include <math.h>

enum { FIRST, SECOND };

static const struct oracle_option options[] = {
    {"lr", 2e-3},        {"beta1", 0.9},           {"beta2", 0.999},
    {"eps", 1e-8},       {"momentum_decay", 4e-3}, {"decoupled_weight_decay", 0},
    {"weight_decay", 0}, {"maximize", 0},          {NULL, 0},
};

static const struct oracle_state states[] = {
    {.name = "exp_avg", .roundings = 3},
    {.name = "exp_avg_sq", .positive = true, .roundings = 4},
    {.name = NULL},
};

static const struct oracle_form forms[] = {
    {"visible",
     {{"lr", 0.37}, {"beta1", 0.85}, {"beta2", 0.97}, {"eps", 1e-3}, {"momentum_decay", 0.3}}},
    {"decoupled",
     {{"lr", 0.37},
      {"beta1", 0.85},
      {"beta2", 0.97},
      {"eps", 1e-3},
      {"decoupled_weight_decay", 1}}},
    {"maximize",
     {{"lr", 0.37},
      {"beta1", 0.7},
      {"beta2", 0.9},
      {"eps", 1e-2},
      {"momentum_decay", 0},
      {"maximize", 1}}},
    {"defaults", {{NULL, 0}}},
    {"no memory", {{"lr", 0.37}, {"beta1", 0}, {"beta2", 0}, {"eps", 1e-3}}},
    {NULL, {{NULL, 0}}},
};

static double momentum(const struct oracle_setting *setting, double t)
{
    double decay = oracle_value(setting->rule, setting->policy, "momentum_decay");
    double beta1 = oracle_value(setting->rule, setting->policy, "beta1");
    return beta1 * (1 - 0.5 * pow(0.96, t * decay));
}

static const struct oracle_scalar carried[] = {
    {.name = "mu_product", .start = 1, .later = 0.37},
    {.name = NULL},
};

static void carry(const struct oracle_setting *setting, double next[ORACLE_CARRIED])
{
    next[0] = setting->carried[0] * momentum(setting, setting->t);
}

static void step(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    double beta1 = oracle_value(setting->rule, setting->policy, "beta1");
    double beta2 = oracle_value(setting->rule, setting->policy, "beta2");
    double eps = oracle_value(setting->rule, setting->policy, "eps");
    double root = sqrt(oracle_correction(beta2, setting->t)), tiny = setting->tiny;
    double now = momentum(setting, setting->t), product = setting->carried[0] * now;
    double next = momentum(setting, setting->t + 1);
    double of_gradient = setting->lr * (1 - now) / (1 - product);
    double of_mean = setting->lr * next / (1 - product * next);
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        struct oracle_number g = {.value = e->g, .scale = fabs(e->g), .carried = e->g_error};
        struct oracle_number m = oracle_mean(beta1, e->state[FIRST], e, tiny);
        struct oracle_number v = oracle_mean_square(beta2, e->state[SECOND], e, tiny);
        struct oracle_span d = oracle_root(v.value, v.carried, 1 / root, eps);
        e->next_state[FIRST] = m;
        e->next_state[SECOND] = v;
        oracle_set_rate(e, setting->lr, d, 6, setting);
        oracle_subtract(e, oracle_plus(oracle_quotient(oracle_times(g, of_gradient, tiny), d, tiny),
                                       oracle_quotient(oracle_times(m, of_mean, tiny), d, tiny)));
    }
}

const struct oracle_rule oracle_nadam = {
    .name = "nadam",
    .roundings = 14,
    .decay = "coupled",
    .decoupled_by = "decoupled_weight_decay",
    .options = options,
    .states = states,
    .forms = forms,
    .step = step,
    .diagonal = true,
    .carried = carried,
    .carry = carry,
};
