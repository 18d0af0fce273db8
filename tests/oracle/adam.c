/*
 * Adam (Kingma and Ba, 2015, algorithm 1) with PyTorch's place for eps, after the correction, and
 * AMSGrad (Reddi, Kale and Kumar, 2018) in PyTorch's form, the maximum of the uncorrected v:
 *
 *     m' = beta1 m + (1 - beta1) g              bc1 = 1 - beta1^t
 *     v' = beta2 v + (1 - beta2) g^2            bc2 = 1 - beta2^t
 *     V  = v', or vmax' = max(vmax, v') with amsgrad
 *     p' = p - (lr / bc1) m' / D,   D = sqrt(V) / sqrt(bc2) + eps
 *
 * K. m': a scalar's rounding, a product, a sum: 3. v': a scalar's, two products, a sum: 4. Of D,
 * relative to itself since its terms are positive: 4/2 under the root, the root, the scalar
 * sqrt(bc2), the division, the sum with eps: 6. The step: lr / bc1, a product, a division: 3. In
 * all 3 + 6 + 3 = 12; 13 with what the products of the errors add.
 * carried. g's error d enters m' by (1 - beta1) d and v' by (1 - beta2)(2 |g| d + d^2). Products
 * that underflow: two in m', three in v' (an error of v' below FLT_MIN is thus absolute, and under
 * the root as large as sqrt(3 2^-150) = 5e-23), then one at lr/bc1 m' and one at the division. An
 * error of dv in V is one of at most min(dv / sqrt(V), sqrt(dv)) in its root, and one of dD in D
 * moves the step by |step| (D / (D - dD) - 1).
 */
#include "oracle.h"

#include <math.h>

enum { FIRST, SECOND, LARGEST };

static const struct oracle_option options[] = {
    {"lr", 1e-3},        {"beta1", 0.9}, {"beta2", 0.999}, {"eps", 1e-8},
    {"weight_decay", 0}, {"amsgrad", 0}, {"maximize", 0},  {NULL, 0},
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
    double beta1, beta2, eps, step, root; /* lr / bc1, sqrt(bc2) */
    double tiny;
    bool amsgrad;
};

static double correction(double beta, double t)
{
    return -expm1(t * log(beta));
}

static struct oracle_number first_moment(const struct hyper *h, const struct oracle_element *e)
{
    double keep = h->beta1 * e->state[FIRST], take = (1 - h->beta1) * e->g;
    return (struct oracle_number){
        .value = keep + take,
        .scale = fabs(keep) + fabs(take),
        .carried = (1 - h->beta1) * e->g_error + 2 * h->tiny,
    };
}

static struct oracle_number second_moment(const struct hyper *h, const struct oracle_element *e)
{
    double value = h->beta2 * e->state[SECOND] + (1 - h->beta2) * e->g * e->g;
    double g_error = (2 * fabs(e->g) + e->g_error) * e->g_error;
    return (struct oracle_number){
        .value = value,
        .scale = value,
        .carried = (1 - h->beta2) * g_error + 3 * h->tiny,
    };
}

/* With amsgrad the second moment is what was largest; its error is at most that of v'. */
static struct oracle_number largest(const struct oracle_element *e, struct oracle_number v)
{
    v.value = fmax(v.value, e->state[LARGEST]);
    return v;
}

static void step_element(const struct hyper *h, struct oracle_element *e)
{
    struct oracle_number m = first_moment(h, e), v = second_moment(h, e);
    e->next_state[FIRST] = m;
    e->next_state[SECOND] = v;
    if (h->amsgrad) {
        v = largest(e, v);
        e->next_state[LARGEST] = v;
    }
    double root = sqrt(v.value);
    double root_error = sqrt(v.carried);
    if (root > 0)
        root_error = fmin(root_error, v.carried / root);
    double d = root / h->root + h->eps, d_error = root_error / h->root;
    double low = d > d_error ? d - d_error : 0;
    double size = h->step * m.scale / d;
    e->next.value = e->p - h->step * m.value / d;
    e->next.scale = size;
    e->next.carried =
        h->step * m.carried / d + size * (d / low - 1) + h->tiny * (1 / d + h->step + 1);
}

void oracle_adam_step(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    const struct oracle_rule *rule = setting->rule;
    const struct oracle_policy *policy = setting->policy;
    struct hyper h = {
        .beta1 = oracle_value(rule, policy, "beta1"),
        .beta2 = oracle_value(rule, policy, "beta2"),
        .eps = oracle_value(rule, policy, "eps"),
        .tiny = setting->tiny,
        .amsgrad = oracle_value(rule, policy, "amsgrad") != 0,
    };
    h.step = setting->lr / correction(h.beta1, setting->t);
    h.root = sqrt(correction(h.beta2, setting->t));
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
};
