/*
 * Schedule-free AdamW (Defazio et al., The Road Less Scheduled, NeurIPS 2024, algorithm 1) as the
 * authors write it (facebookresearch/schedule_free, schedulefree/adamw_schedulefree.py, the form
 * with eps after the correction). The parameters hold y; x is where the model is evaluated:
 *
 *     lr_t = lr min(1, t / warmup_steps)
 *     v' = beta2 v + (1 - beta2) g^2,  d = g / (sqrt(v' / bc2) + eps)
 *     weight = t^r lr_max^weight_lr_power,  lr_max' = max(lr_max, lr_t)
 *     c  = weight / weight_sum',  weight_sum' = weight_sum + weight;  0 where the sum is 0
 *     z' = z - lr_t (d + weight_decay y)
 *     y' = y - c (y - z) - k (z - z'),  k = 1 - beta1 (1 - c)
 *
 * so that with x = (y - (1 - beta1) z) / beta1 also x' = (1 - c) x + c z' and y' = (1 - beta1) z' +
 * beta1 x'. So weight_decay is a decoupled one, of y, at lr_t: the frame's term beside lr_t d, and
 * reported. A proximal stage acts on z', and y' follows by its equation. lr_max starts at -1 in the
 * source, which is the same as 0.
 *
 * K. of z: D 6 as in Adam, the division 1, lr_t and its product 2: 9; 10 with the products of the
 * errors. (The frame's decay is one more, which it counts itself.)
 * K. of y: the sum of the terms of z's step 11, the decay included, k and its product 2, the sum with
 * the other term 1: 14; c, its product and the difference y - z: 4 of c |y - z|. Where a
 * proximal stage moved z', it is z - z' that k multiplies, with the error of z' and one rounding.
 * carried. As in Adam, into z, and by k into y.
 */
#include "oracle.h"

#include <math.h>
#include <string.h>

enum { ITERATE, SECOND };
enum { WEIGHT_SUM, LR_MAX };

static const struct oracle_option options[] = {
    {"lr", 2.5e-3},      {"beta1", 0.9},      {"beta2", 0.999}, {"eps", 1e-8},
    {"weight_decay", 0}, {"warmup_steps", 0}, {"r", 0},         {"weight_lr_power", 2},
    {"maximize", 0},     {NULL, 0},
};

static const struct oracle_state states[] = {
    {.name = "z", .roundings = 10, .at_parameter = true},
    {.name = "exp_avg_sq", .positive = true, .roundings = 4},
    {.name = NULL},
};

static const struct oracle_scalar carried[] = {
    {.name = "weight_sum", .start = 0, .later = 0.9},
    {.name = "lr_max", .start = 0, .later = 0.4},
    {.name = NULL},
};

static const struct oracle_form forms[] = {
    {"visible", {{"lr", 0.37}, {"beta1", 0.85}, {"beta2", 0.97}, {"eps", 1e-3}}},
    {"decay", {{"lr", 0.37}, {"beta1", 0.6}, {"beta2", 0.9}, {"eps", 1e-3}, {"weight_decay", 0.3}}},
    {"warm-up",
     {{"lr", 0.9},
      {"beta1", 0.85},
      {"beta2", 0.97},
      {"eps", 1e-2},
      {"warmup_steps", 5},
      {"r", 0.7},
      {"weight_lr_power", 1.5}}},
    {"maximize", {{"lr", 0.37}, {"beta1", 0.7}, {"beta2", 0.9}, {"eps", 1e-3}, {"maximize", 1}}},
    {"defaults", {{NULL, 0}}},
    {"no memory", {{"lr", 0.37}, {"beta1", 0}, {"beta2", 0}, {"eps", 1e-3}}},
    {NULL, {{NULL, 0}}},
};

/* lr_t: also what the decoupled and the proximal penalties take. */
static double rate(const struct oracle_setting *setting)
{
    double warmup = oracle_value(setting->rule, setting->policy, "warmup_steps");
    return setting->lr * (setting->t < warmup ? setting->t / warmup : 1);
}

/* Sets the two scalars and returns c. */
static double average(const struct oracle_setting *setting, double next[ORACLE_CARRIED])
{
    double r = oracle_value(setting->rule, setting->policy, "r");
    double power = oracle_value(setting->rule, setting->policy, "weight_lr_power");
    next[LR_MAX] = fmax(setting->carried[LR_MAX], rate(setting));
    double weight = pow(setting->t, r) * pow(next[LR_MAX], power);
    next[WEIGHT_SUM] = setting->carried[WEIGHT_SUM] + weight;
    return next[WEIGHT_SUM] == 0 ? 0 : weight / next[WEIGHT_SUM];
}

static void carry(const struct oracle_setting *setting, double next[ORACLE_CARRIED])
{
    average(setting, next);
}

/* `next` is z' until the penalties are done with it. */
static void step(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    double beta2 = oracle_value(setting->rule, setting->policy, "beta2");
    double eps = oracle_value(setting->rule, setting->policy, "eps"), tiny = setting->tiny;
    double root = sqrt(oracle_correction(beta2, setting->t));
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        struct oracle_number d = {.value = e->g, .scale = fabs(e->g), .carried = e->g_error};
        struct oracle_number v = oracle_mean_square(beta2, e->state[SECOND], e, tiny);
        d = oracle_quotient(d, oracle_root(v.value, v.carried, 1 / root, eps), tiny);
        d = oracle_times(d, rate(setting), tiny);
        e->next_state[SECOND] = v;
        e->next = (struct oracle_number){
            .value = e->state[ITERATE] - d.value, .scale = d.scale, .carried = d.carried};
    }
}

static bool has_proximal_stage(const struct oracle_policy *policy)
{
    for (size_t i = 0; i < ORACLE_PENALTIES && policy->penalties[i].name; i++)
        if (strcmp(policy->penalties[i].application, "coupled") != 0)
            return true;
    return false;
}

static void finish(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    double scalars[ORACLE_CARRIED], beta1 = oracle_value(setting->rule, setting->policy, "beta1");
    double c = average(setting, scalars), k = 1 - beta1 * (1 - c), unit = setting->unit;
    bool moved = has_proximal_stage(setting->policy);
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        struct oracle_number z = e->next;
        double step = e->state[ITERATE] - z.value, gap = c * (e->p - e->state[ITERATE]);
        double error = moved ? z.bound + unit * fabs(step) : z.bound - z.rounding;
        e->next_state[ITERATE] = z;
        e->next = (struct oracle_number){.value = e->p - gap - k * step};
        e->next.bound = k * error + 3 * unit * k * fmax(z.scale, fabs(step)) +
                        5 * unit * fabs(gap) + 3 * setting->tiny;
        oracle_round(&e->next);
    }
}

const struct oracle_rule oracle_schedule_free_adamw = {
    .name = "schedule_free_adamw",
    .roundings = 10,
    .decay = "decoupled",
    .options = options,
    .states = states,
    .forms = forms,
    .step = step,
    .carried = carried,
    .carry = carry,
    .rate = rate,
    .finish = finish,
};
