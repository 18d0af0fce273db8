/*
 * AdEMAMix (Pagliardini, Ablin and Grangier, 2024, algorithm 1; optax.contrib.ademamix), decay
 * decoupled by lr, the slow mean not corrected:
 *
 *     m1' = beta1 m1 + (1 - beta1) g,  m2' = b m2 + (1 - b) g,  v' = beta2 v + (1 - beta2) g^2
 *     p' = p - lr (m1' / bc1 + a m2') / (sqrt(v') / sqrt(bc2) + eps)
 *
 * a = alpha, b = beta3; with a horizon T, until t = T (equations of the paper's section 3):
 *
 *     a = alpha t / T,  1 / ln b = (1 - t/T) / ln beta1 + (t/T) / ln beta3, and b <= beta3
 *
 * K. m1' and m2': 3, each with its scalar and product 5, their sum 6, lr and its product 8, Adam's
 * divisor 6, the division 1: 15; 16 with what the products of the errors add.
 * carried. As in Adam, on both means.
 */
#include "oracle.h"

#include <math.h>

enum { FAST, SQUARES, SLOW };

static const struct oracle_option options[] = {
    {"lr", 1e-3},  {"beta1", 0.9}, {"beta2", 0.999},    {"beta3", 0.9999}, {"alpha", 6},
    {"eps", 1e-8}, {"horizon", 0}, {"weight_decay", 0}, {"maximize", 0},   {NULL, 0},
};

static const struct oracle_state states[] = {
    {.name = "exp_avg", .roundings = 3},
    {.name = "exp_avg_sq", .positive = true, .roundings = 4},
    {.name = "exp_avg_slow", .roundings = 3},
    {.name = NULL},
};

static const struct oracle_form forms[] = {
    {"visible",
     {{"lr", 0.37},
      {"beta1", 0.85},
      {"beta2", 0.97},
      {"beta3", 0.95},
      {"alpha", 3},
      {"eps", 1e-3}}},
    {"horizon",
     {{"lr", 0.37},
      {"beta1", 0.7},
      {"beta2", 0.9},
      {"beta3", 0.99},
      {"alpha", 4},
      {"eps", 1e-3},
      {"horizon", 8}}},
    {"maximize",
     {{"lr", 0.37},
      {"beta1", 0.7},
      {"beta2", 0.9},
      {"beta3", 0.8},
      {"alpha", 2},
      {"eps", 1e-2},
      {"horizon", 3},
      {"maximize", 1}}},
    {"horizon from 0",
     {{"lr", 0.37},
      {"beta1", 0},
      {"beta2", 0.9},
      {"beta3", 0.95},
      {"alpha", 4},
      {"eps", 1e-3},
      {"horizon", 8}}},
    {"defaults", {{NULL, 0}}},
    {"no memory", {{"lr", 0.37}, {"beta1", 0}, {"beta2", 0}, {"beta3", 0}, {"eps", 1e-3}}},
    {NULL, {{NULL, 0}}},
};

struct hyper {
    const struct oracle_setting *setting;
    double beta1, beta2, beta3, alpha, eps, lr, fast, root, tiny; /* 1 / bc1, sqrt(bc2) */
};

static void warm_up(struct hyper *h, double part)
{
    double rate = (1 - part) / log(h->beta1) + part / log(h->beta3);
    h->beta3 = fmin(exp(1 / rate), h->beta3);
    h->alpha *= part;
}

static void step_element(const struct hyper *h, struct oracle_element *e)
{
    struct oracle_number fast = oracle_mean(h->beta1, e->state[FAST], e, h->tiny);
    struct oracle_number slow = oracle_mean(h->beta3, e->state[SLOW], e, h->tiny);
    struct oracle_number v = oracle_mean_square(h->beta2, e->state[SQUARES], e, h->tiny);
    e->next_state[FAST] = fast;
    e->next_state[SLOW] = slow;
    e->next_state[SQUARES] = v;
    struct oracle_number mix =
        oracle_plus(oracle_times(fast, h->fast, h->tiny), oracle_times(slow, h->alpha, h->tiny));
    struct oracle_span d = oracle_root(v.value, v.carried, 1 / h->root, h->eps);
    oracle_set_rate(e, h->lr, d, 6, h->setting);
    oracle_subtract(e, oracle_quotient(oracle_times(mix, h->lr, h->tiny), d, h->tiny));
}

static void step(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    const struct oracle_rule *rule = setting->rule;
    const struct oracle_policy *policy = setting->policy;
    struct hyper h = {
        .beta1 = oracle_value(rule, policy, "beta1"),
        .beta2 = oracle_value(rule, policy, "beta2"),
        .beta3 = oracle_value(rule, policy, "beta3"),
        .alpha = oracle_value(rule, policy, "alpha"),
        .eps = oracle_value(rule, policy, "eps"),
        .setting = setting,
        .lr = setting->lr,
        .tiny = setting->tiny,
    };
    h.fast = 1 / oracle_correction(h.beta1, setting->t);
    h.root = sqrt(oracle_correction(h.beta2, setting->t));
    double horizon = oracle_value(rule, policy, "horizon");
    if (setting->t < horizon)
        warm_up(&h, setting->t / horizon);
    for (size_t i = 0; i < tensor->count; i++)
        step_element(&h, &tensor->elements[i]);
}

const struct oracle_rule oracle_ademamix = {
    .name = "ademamix",
    .roundings = 16,
    .decay = "decoupled",
    .options = options,
    .states = states,
    .forms = forms,
    .step = step,
    .diagonal = true,
};
