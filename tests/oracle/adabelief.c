/*
 * AdaBelief (Zhuang et al., 2020, algorithm 2) in Optax's form, eps_root inside the mean, decay
 * decoupled by lr:
 *
 *     m' = beta1 m + (1 - beta1) g
 *     s' = beta2 s + (1 - beta2) (g - m')^2 + eps_root      m' already updated
 *     p' = p - (lr / bc1) m' / (sqrt(s') / sqrt(bc2) + eps)
 *
 * K. s': a scalar's rounding, two products, two sums: 5, eps_root's own is fewer. The step is
 * Adam's with 5/2 in place of 4/2 under the root: 13; 14 with the products of the errors.
 * carried. g - m' may cancel: its error D is 3 u of the terms of m', one rounding of the
 * difference, and g's error on both ways. In s' it is (1 - beta2)(2 |g - m'| D + D^2), three
 * products may underflow, and the root takes both ends, as in Adam.
 */
#include "oracle.h"

#include <math.h>

enum { FIRST, SPREAD };

static const struct oracle_option options[] = {
    {"lr", 1e-3},        {"beta1", 0.9},      {"beta2", 0.999}, {"eps", 1e-16},
    {"eps_root", 1e-16}, {"weight_decay", 0}, {"maximize", 0},  {NULL, 0},
};

static const struct oracle_state states[] = {
    {.name = "exp_avg", .roundings = 3},
    {.name = "exp_avg_var", .positive = true, .roundings = 5},
    {.name = NULL},
};

static const struct oracle_form forms[] = {
    {"visible",
     {{"lr", 0.37}, {"beta1", 0.85}, {"beta2", 0.97}, {"eps", 1e-3}, {"eps_root", 1e-4}}},
    {"maximize",
     {{"lr", 0.37},
      {"beta1", 0.7},
      {"beta2", 0.9},
      {"eps", 1e-2},
      {"eps_root", 1e-7},
      {"maximize", 1}}},
    {"eps alone", {{"lr", 0.37}, {"beta1", 0.6}, {"beta2", 0.8}, {"eps", 1e-3}, {"eps_root", 0}}},
    {"defaults", {{NULL, 0}}},
    {NULL, {{NULL, 0}}},
};

static struct oracle_number spread(const struct oracle_setting *setting, double beta2,
                                   const struct oracle_element *e, struct oracle_number m)
{
    double rest = e->g - m.value;
    struct oracle_element around = {
        .g = rest,
        .g_error =
            setting->unit * (3 * m.scale + fabs(rest)) + m.carried + e->g_error + setting->tiny,
    };
    struct oracle_number s = oracle_mean_square(beta2, e->state[SPREAD], &around, setting->tiny);
    double eps_root = oracle_value(setting->rule, setting->policy, "eps_root");
    s.value += eps_root;
    s.scale += eps_root;
    return s;
}

static void step(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    double beta1 = oracle_value(setting->rule, setting->policy, "beta1");
    double beta2 = oracle_value(setting->rule, setting->policy, "beta2");
    double eps = oracle_value(setting->rule, setting->policy, "eps"), tiny = setting->tiny;
    double size = setting->lr / oracle_correction(beta1, setting->t);
    double root = sqrt(oracle_correction(beta2, setting->t));
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        struct oracle_number m = oracle_mean(beta1, e->state[FIRST], e, tiny);
        struct oracle_number s = spread(setting, beta2, e, m);
        struct oracle_span d = oracle_root(s.value, s.carried, 1 / root, eps);
        oracle_set_rate(e, setting->lr, d, 7, setting);
        e->next_state[FIRST] = m;
        e->next_state[SPREAD] = s;
        oracle_subtract(e, oracle_quotient(oracle_times(m, size, tiny), d, tiny));
    }
}

const struct oracle_rule oracle_adabelief = {
    .name = "adabelief",
    .roundings = 14,
    .decay = "decoupled",
    .options = options,
    .states = states,
    .forms = forms,
    .step = step,
    .diagonal = true,
};
