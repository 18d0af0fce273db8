/*
 * RAdam (Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, ICLR 2020,
 * algorithm 2) with PyTorch's threshold, 5 where the paper has 4, and eps before the correction:
 *
 *     m' = beta1 m + (1 - beta1) g,  v' = beta2 v + (1 - beta2) g^2
 *     rho_inf = 2 / (1 - beta2) - 1,  rho = rho_inf - 2 t beta2^t / bc2
 *     rho > 5:  p' = p - (lr / bc1) m' r sqrt(bc2) / (sqrt(v') + eps),
 *               r = sqrt((rho - 4)(rho - 2) rho_inf / ((rho_inf - 4)(rho_inf - 2) rho))
 *     else:     p' = p - (lr / bc1) m'
 *
 * eps_placement: after the correction the divisor is sqrt(v') + eps sqrt(bc2) (the paper, Optax),
 * inside the root sqrt(v' + eps bc2) (Optax's eps_root).
 *
 * K. m': 3. Its scalar and product: 2. The divisor: 4/2 under the root, the root, the sum with eps:
 * 4, or 5/2 and the root. The division: 1. In all 10; 11 with what the products of the errors add; 5 without divisor.
 * carried. As in Adam.
 */
#include "oracle.h"

#include <math.h>

enum { FIRST, SECOND };

static const struct oracle_option options[] = {
    {"lr", 1e-3},
    {"beta1", 0.9},
    {"beta2", 0.999},
    {"eps", 1e-8},
    {"decoupled_weight_decay", 0},
    {"weight_decay", 0},
    {"maximize", 0},
    {"eps_placement", ORACLE_EPS_BEFORE},
    {NULL, 0},
};

static const struct oracle_state states[] = {
    {.name = "exp_avg", .roundings = 3},
    {.name = "exp_avg_sq", .positive = true, .roundings = 4},
    {.name = NULL},
};

/* With beta2 = 0.7, rho is 4.4 at t = 7, 4.7 at t = 8, and 5.7 in the end: either threshold. */
static const struct oracle_form forms[] = {
    {"visible", {{"lr", 0.37}, {"beta1", 0.85}, {"beta2", 0.97}, {"eps", 1e-3}}},
    {"decoupled",
     {{"lr", 0.37},
      {"beta1", 0.85},
      {"beta2", 0.97},
      {"eps", 1e-3},
      {"decoupled_weight_decay", 1}}},
    {"eps after",
     {{"lr", 0.37},
      {"beta1", 0.85},
      {"beta2", 0.97},
      {"eps", 1e-3},
      {"eps_placement", ORACLE_EPS_AFTER}}},
    {"eps inside",
     {{"lr", 0.37},
      {"beta1", 0.85},
      {"beta2", 0.97},
      {"eps", 1e-3},
      {"eps_placement", ORACLE_EPS_INSIDE}}},
    {"threshold", {{"lr", 0.37}, {"beta1", 0.8}, {"beta2", 0.7}, {"eps", 1e-2}}},
    {"maximize", {{"lr", 0.37}, {"beta1", 0.7}, {"beta2", 0.9}, {"eps", 1e-3}, {"maximize", 1}}},
    {"defaults", {{NULL, 0}}},
    {"no memory", {{"lr", 0.37}, {"beta1", 0}, {"beta2", 0}, {"eps", 1e-3}}},
    {NULL, {{NULL, 0}}},
};

/* r sqrt(bc2), or 0 where the variance of the divisor is not yet bounded. */
static double rectify(double beta2, double t)
{
    double correction = oracle_correction(beta2, t);
    double last = 2 / (1 - beta2) - 1, rho = last - 2 * t * pow(beta2, t) / correction;
    if (rho <= 5)
        return 0;
    double r = (rho - 4) * (rho - 2) * last / ((last - 4) * (last - 2) * rho);
    return sqrt(r * correction);
}

static void step(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    double beta1 = oracle_value(setting->rule, setting->policy, "beta1");
    double beta2 = oracle_value(setting->rule, setting->policy, "beta2");
    double eps = oracle_value(setting->rule, setting->policy, "eps");
    double size = setting->lr / oracle_correction(beta1, setting->t), tiny = setting->tiny;
    double placement = oracle_value(setting->rule, setting->policy, "eps_placement");
    double correction = oracle_correction(beta2, setting->t),
           rectified = rectify(beta2, setting->t);
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        struct oracle_number m = oracle_mean(beta1, e->state[FIRST], e, tiny);
        struct oracle_number v = oracle_mean_square(beta2, e->state[SECOND], e, tiny);
        struct oracle_span d = oracle_divisor(v, correction, placement, eps);
        d = oracle_span_multiply(d, oracle_span_of(sqrt(correction), 0));
        e->next_state[FIRST] = m;
        e->next_state[SECOND] = v;
        if (rectified > 0)
            oracle_set_rate(e, setting->lr * rectified, d, 4, setting);
        else
            oracle_set_rate(e, setting->lr, oracle_span_of(1, 0), 0, setting);
        if (rectified > 0)
            oracle_subtract(e, oracle_quotient(oracle_times(m, size * rectified, tiny), d, tiny));
        else
            oracle_subtract(e, oracle_times(m, size, tiny));
    }
}

const struct oracle_rule oracle_radam = {
    .name = "radam",
    .roundings = 11,
    .decay = "coupled",
    .decoupled_by = "decoupled_weight_decay",
    .options = options,
    .states = states,
    .forms = forms,
    .step = step,
    .diagonal = true,
};
