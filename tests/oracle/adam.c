/*
 * Adam (Kingma and Ba, 2015, algorithm 1) with PyTorch's place for eps, after the correction, and
 * AMSGrad (Reddi, Kale and Kumar, 2018) in PyTorch's form, the maximum of the uncorrected v:
 *
 *     m' = beta1 m + (1 - beta1) g              bc1 = 1 - beta1^t
 *     v' = beta2 v + (1 - beta2) g^2            bc2 = 1 - beta2^t
 *     V  = v', or vmax' = max(vmax, v') with amsgrad
 *     p' = p - (lr / bc1) m' / D,   D = sqrt(V) / sqrt(bc2) + eps
 *
 * eps_placement has other libraries' places for eps: before the correction, D = (sqrt(V) + eps) /
 * sqrt(bc2) (section 2 of the paper, its last paragraph; Caffe, Keras, MXNet), and inside the root,
 * D = sqrt(V / bc2 + eps) (Optax's eps_root).
 *
 * K. m': a scalar's rounding, a product, a sum: 3. v': a scalar's, two products, a sum: 4. Of D,
 * relative to itself since its terms are positive: 4/2 under the root, the root, the scalar
 * sqrt(bc2), the division, the sum with eps: 6; eps inside, a scalar of its own, makes 5/2 of the
 * 4/2 and no sum, eps before the correction is a scalar too, and nothing more: 6 at most. The step: lr / bc1, a product, a division: 3. In
 * all 3 + 6 + 3 = 12; 13 with what the products of the errors add.
 * carried. g's error d enters m' by (1 - beta1) d and v' by (1 - beta2)(2 |g| d + d^2). Products
 * that underflow: two in m', three in v' (an error of v' below FLT_MIN is thus absolute, and under
 * the root as large as sqrt(3 2^-150) = 5e-23), then one at lr/bc1 m' and one at the division. An
 * error of V moves the step by |step| (D / (D - dD) - 1), D - dD the divisor at its low end.
 */
#include "oracle.h"

#include <math.h>

enum { FIRST, SECOND, LARGEST };

static const struct oracle_option options[] = {
    {"lr", 1e-3},   {"beta1", 0.9},  {"beta2", 0.999},     {"eps", 1e-8}, {"weight_decay", 0},
    {"amsgrad", 0}, {"maximize", 0}, {"eps_placement", 0}, {NULL, 0},
};

const struct oracle_state oracle_adam_states[] = {
    {.name = "exp_avg", .roundings = 3},
    {.name = "exp_avg_sq", .positive = true, .roundings = 4},
    {.name = "max_exp_avg_sq", .positive = true, .when = "amsgrad", .roundings = 4},
    {.name = NULL},
};

const struct oracle_form oracle_adam_forms[] = {
    {"visible", {{"lr", 0.37}, {"beta1", 0.85}, {"beta2", 0.97}, {"eps", 1e-3}}},
    {"amsgrad", {{"lr", 0.37}, {"beta1", 0.85}, {"beta2", 0.97}, {"eps", 1e-3}, {"amsgrad", 1}}},
    {"eps before",
     {{"lr", 0.37},
      {"beta1", 0.85},
      {"beta2", 0.97},
      {"eps", 1e-3},
      {"eps_placement", ORACLE_EPS_BEFORE}}},
    {"eps inside",
     {{"lr", 0.37},
      {"beta1", 0.85},
      {"beta2", 0.97},
      {"eps", 1e-3},
      {"eps_placement", ORACLE_EPS_INSIDE}}},
    {"amsgrad inside",
     {{"lr", 0.37},
      {"beta1", 0.7},
      {"beta2", 0.9},
      {"eps", 1e-3},
      {"amsgrad", 1},
      {"eps_placement", ORACLE_EPS_INSIDE}}},
    {"maximize", {{"lr", 0.37}, {"beta1", 0.7}, {"beta2", 0.9}, {"eps", 1e-3}, {"maximize", 1}}},
    {"amsgrad maximize",
     {{"lr", 0.37},
      {"beta1", 0.7},
      {"beta2", 0.9},
      {"eps", 1e-2},
      {"amsgrad", 1},
      {"maximize", 1}}},
    {"defaults", {{NULL, 0}}},
    {"no memory", {{"lr", 0.37}, {"beta1", 0}, {"beta2", 0}, {"eps", 1e-3}}},
    {NULL, {{NULL, 0}}},
};

struct hyper {
    double beta1, beta2, eps, placement, step, correction; /* lr / bc1, bc2 */
    const struct oracle_setting *setting;
    double lr, tiny;
    bool amsgrad;
};

/* With amsgrad the second moment is what was largest; its error is at most that of v'. */
static struct oracle_number largest(const struct oracle_element *e, struct oracle_number v)
{
    v.value = fmax(v.value, e->state[LARGEST]);
    return v;
}

static void step_element(const struct hyper *h, struct oracle_element *e)
{
    struct oracle_number m = oracle_mean(h->beta1, e->state[FIRST], e, h->tiny);
    struct oracle_number v = oracle_mean_square(h->beta2, e->state[SECOND], e, h->tiny);
    e->next_state[FIRST] = m;
    e->next_state[SECOND] = v;
    if (h->amsgrad) {
        v = largest(e, v);
        e->next_state[LARGEST] = v;
    }
    struct oracle_span d = oracle_divisor(v, h->correction, h->placement, h->eps);
    oracle_set_rate(e, h->lr, d, 6, h->setting);
    oracle_subtract(e, oracle_quotient(oracle_times(m, h->step, h->tiny), d, h->tiny));
}

void oracle_adam_step(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    const struct oracle_rule *rule = setting->rule;
    const struct oracle_policy *policy = setting->policy;
    struct hyper h = {
        .beta1 = oracle_value(rule, policy, "beta1"),
        .beta2 = oracle_value(rule, policy, "beta2"),
        .eps = oracle_value(rule, policy, "eps"),
        .placement = oracle_value(rule, policy, "eps_placement"),
        .setting = setting,
        .lr = setting->lr,
        .tiny = setting->tiny,
        .amsgrad = oracle_value(rule, policy, "amsgrad") != 0,
    };
    h.step = setting->lr / oracle_correction(h.beta1, setting->t);
    h.correction = oracle_correction(h.beta2, setting->t);
    for (size_t i = 0; i < tensor->count; i++)
        step_element(&h, &tensor->elements[i]);
}

const struct oracle_rule oracle_adam = {
    .name = "adam",
    .roundings = 13,
    .decay = "coupled",
    .options = options,
    .states = oracle_adam_states,
    .forms = oracle_adam_forms,
    .step = oracle_adam_step,
    .diagonal = true,
};
