/*
 * Rprop (Riedmiller and Braun, 1993; without weight backtracking: Igel and Huesken, 2000, iRprop-)
 * as PyTorch writes it. No weight_decay; lr is only where the step size starts:
 *
 *     s = sign(g prev)
 *     size' = size eta_plus (s > 0), eta_minus (s < 0) or 1, clamped to [step_min, step_max]
 *     g' = 0 (s < 0), else g;  p' = p - sign(g') size';  prev' = g'
 *
 * K. size': a scalar's rounding and a product, or a scalar's alone: 2, and p' adds none.
 * carried. Where the argument of a sign is within its own error of 0, or its product underflows,
 * either answer is right: the bounds then cover all of them.
 */
#include "oracle.h"

#include <math.h>

enum { PREVIOUS, SIZE };

static const struct oracle_option options[] = {
    {"lr", 1e-2},       {"eta_minus", 0.5}, {"eta_plus", 1.2}, {"step_min", 1e-6},
    {"step_max", 50.0}, {"maximize", 0},    {NULL, 0},
};

static const struct oracle_state states[] = {
    {.name = "prev", .roundings = 0},
    {.name = "step_size", .positive = true, .start = "lr", .roundings = 2},
    {.name = NULL},
};

static const struct oracle_form forms[] = {
    {"visible",
     {{"lr", 0.37}, {"eta_minus", 0.4}, {"eta_plus", 1.3}, {"step_min", 1e-3}, {"step_max", 20}}},
    {"wide",
     {{"lr", 0.37}, {"eta_minus", 0.3}, {"eta_plus", 1.7}, {"step_min", 1e-12}, {"step_max", 1e7}}},
    {"maximize", {{"lr", 0.37}, {"eta_minus", 0.6}, {"eta_plus", 1.1}, {"maximize", 1}}},
    {"defaults", {{NULL, 0}}},
    {NULL, {{NULL, 0}}},
};

struct hyper {
    double minus, plus, low, high, tiny;
};

static double sign(double x)
{
    return (x > 0) - (x < 0);
}

static double resize(const struct hyper *h, double size, double factor)
{
    return fmin(fmax(size * factor, h->low), h->high);
}

static bool is_ambiguous(const struct hyper *h, const struct oracle_element *e)
{
    double product = fabs(e->g * e->state[PREVIOUS]);
    double error = e->g_error * fabs(e->state[PREVIOUS]);
    bool unknown_sign = e->g_error > 0 && fabs(e->g) <= e->g_error;
    return unknown_sign || (product + error > 0 && product <= error + h->tiny);
}

static void step_element(const struct hyper *h, struct oracle_element *e)
{
    double s = sign(e->g) * sign(e->state[PREVIOUS]);
    double size = resize(h, e->state[SIZE], s > 0 ? h->plus : s < 0 ? h->minus : 1);
    double g = s < 0 ? 0 : e->g;
    struct oracle_number *next = &e->next_state[SIZE];
    *next = (struct oracle_number){.value = size, .scale = size, .carried = h->tiny};
    e->next_state[PREVIOUS] =
        (struct oracle_number){.value = g, .scale = fabs(g), .carried = g == 0 ? 0 : e->g_error};
    e->next = (struct oracle_number){
        .value = e->p - sign(g) * size, .scale = g == 0 ? 0 : size, .carried = h->tiny};
    if (is_ambiguous(h, e)) {
        double high = resize(h, e->state[SIZE], h->plus);
        next->carried += high;
        e->next_state[PREVIOUS].carried = fabs(e->g) + e->g_error;
        e->next.carried += 2 * high;
    }
}

static void step(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    struct hyper h = {
        .minus = oracle_value(setting->rule, setting->policy, "eta_minus"),
        .plus = oracle_value(setting->rule, setting->policy, "eta_plus"),
        .low = oracle_value(setting->rule, setting->policy, "step_min"),
        .high = oracle_value(setting->rule, setting->policy, "step_max"),
        .tiny = setting->tiny,
    };
    for (size_t i = 0; i < tensor->count; i++)
        step_element(&h, &tensor->elements[i]);
}

const struct oracle_rule oracle_rprop = {
    .name = "rprop",
    .roundings = 2,
    .options = options,
    .states = states,
    .forms = forms,
    .step = step,
};
