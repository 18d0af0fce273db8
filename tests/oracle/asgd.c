/*
 * ASGD (Polyak and Juditsky, 1992; the rates of Bottou, Stochastic Gradient Descent Tricks, 2012)
 * as PyTorch writes it, but with the rates of step t computed from t and not carried in float32:
 *
 *     eta = lr / (1 + lambd lr (t - 1))^alpha,  mu = 1 / max(1, t - 1 - t0)
 *     p'  = p - lambd eta p - eta g      with decoupled decays and the prox at eta, not lr
 *     ax' = ax + mu (p' - ax), p' after the prox; p' itself where mu = 1
 *
 * K. lambd eta, its product, the sum: 3; eta g the same: 3.
 * ax: a subtraction, mu's rounding, a product and a sum, over |ax| + mu (|p'| + |ax|): 4. The error
 * of p' enters times mu, what p' itself is rounded by likewise.
 * carried. g's error times eta; two products that underflow, one in ax.
 */
#include "oracle.h"

#include <math.h>

enum { AVERAGE };

static const struct oracle_option options[] = {
    {"lr", 1e-2},        {"lambd", 1e-4}, {"alpha", 0.75}, {"t0", 1e6},
    {"weight_decay", 0}, {"maximize", 0}, {NULL, 0},
};

static const struct oracle_state states[] = {
    {.name = "ax", .roundings = 4},
    {.name = NULL},
};

/* t0 between the steps of the fixtures: mu is 1 at first, then 1/2, 1/3 and 1/995. */
static const struct oracle_form forms[] = {
    {"visible", {{"lr", 0.37}, {"lambd", 0.21}, {"alpha", 0.6}, {"t0", 4}}},
    {"maximize", {{"lr", 0.37}, {"lambd", 0.05}, {"alpha", 0.9}, {"t0", 0}, {"maximize", 1}}},
    {"late", {{"lr", 0.37}, {"lambd", 0.05}, {"alpha", 1.3}, {"t0", 6}}},
    {"defaults", {{NULL, 0}}},
    {NULL, {{NULL, 0}}},
};

static double rate(const struct oracle_setting *setting)
{
    double lambd = oracle_value(setting->rule, setting->policy, "lambd");
    double alpha = oracle_value(setting->rule, setting->policy, "alpha");
    return setting->lr / pow(1 + lambd * setting->lr * (setting->t - 1), alpha);
}

static void step(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    double eta = rate(setting);
    double shrink = oracle_value(setting->rule, setting->policy, "lambd") * eta;
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        struct oracle_number step = {
            .value = shrink * e->p + eta * e->g,
            .scale = shrink * fabs(e->p) + eta * fabs(e->g),
            .carried = eta * e->g_error + 2 * setting->tiny,
        };
        oracle_subtract(e, step);
    }
}

static void finish(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    double t0 = oracle_value(setting->rule, setting->policy, "t0");
    double mu = 1 / fmax(1, setting->t - 1 - t0);
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        struct oracle_number *ax = &e->next_state[AVERAGE];
        double old = e->state[AVERAGE], size = fabs(old) + mu * (fabs(e->next.value) + fabs(old));
        *ax = e->next;
        if (mu == 1)
            continue;
        ax->value = old + mu * (e->next.value - old);
        ax->rounding = mu * e->next.rounding;
        ax->bound =
            mu * e->next.bound + states[AVERAGE].roundings * setting->unit * size + setting->tiny;
    }
}

const struct oracle_rule oracle_asgd = {
    .name = "asgd",
    .roundings = 3,
    .decay = "coupled",
    .options = options,
    .states = states,
    .forms = forms,
    .step = step,
    .rate = rate,
    .finish = finish,
};
