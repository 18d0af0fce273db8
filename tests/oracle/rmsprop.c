/*
 * RMSprop (Tieleman and Hinton, lecture 6.5, 2012; centered: Graves, 2013, equations 38 to 45) in
 * PyTorch's form, eps outside the root:
 *
 *     v' = alpha v + (1 - alpha) g^2,  a' = alpha a + (1 - alpha) g
 *     d  = sqrt(v') + eps, or sqrt(max(v' - a'^2, 0)) + eps when centered
 *          with eps_placement inside (Keras, MXNet, Optax) sqrt(... + eps)
 *     momentum = 0:  p' = p - lr g / d
 *     momentum > 0:  buf' = momentum buf + g / d,  p' = p - lr buf'
 *
 * K. v': 4, a': 3. d: 4/2 under the root, the root, the sum with eps: 4, inside 5/2 and the
 * root. g / d: 5; buf': 5, the sum
 * 6 (momentum's own two are fewer); lr and its product: 2. In all 8; 9 with the products.
 * carried. g's error and underflow as in Adam. Centered: v' and a'^2 cancel, so that their
 * roundings are no longer relative to what is under the root: 4 u v' + (2 * 3 + 1) u A^2 and the
 * subtraction's own u v', A the scale of a', are an absolute error E of it; 5 and 8 with the
 * products. The root then lies between those of the difference -+ E, and the bound takes the end
 * that is farther: where v' - a'^2 < -E both are 0, and d = eps.
 */
#include "oracle.h"

#include <math.h>

enum { SQUARES, MEAN, BUFFER };

static const struct oracle_option options[] = {
    {"lr", 1e-2},        {"alpha", 0.99}, {"eps", 1e-8},        {"momentum", 0}, {"centered", 0},
    {"weight_decay", 0}, {"maximize", 0}, {"eps_placement", 0}, {NULL, 0},
};

static const struct oracle_state states[] = {
    {.name = "square_avg", .positive = true, .roundings = 4},
    {.name = "grad_avg", .when = "centered", .roundings = 3},
    {.name = "momentum_buffer", .when = "momentum", .roundings = 7},
    {.name = NULL},
};

static const struct oracle_form forms[] = {
    {"visible", {{"lr", 0.37}, {"alpha", 0.85}, {"eps", 1e-3}}},
    {"centered", {{"lr", 0.37}, {"alpha", 0.85}, {"eps", 1e-3}, {"centered", 1}}},
    {"momentum", {{"lr", 0.37}, {"alpha", 0.85}, {"eps", 1e-3}, {"momentum", 0.8}}},
    {"centered momentum",
     {{"lr", 0.37}, {"alpha", 0.7}, {"eps", 1e-2}, {"momentum", 0.6}, {"centered", 1}}},
    {"eps inside", {{"lr", 0.37}, {"alpha", 0.85}, {"eps", 1e-3}, {"eps_placement", 1}}},
    {"centered inside",
     {{"lr", 0.37}, {"alpha", 0.85}, {"eps", 1e-3}, {"centered", 1}, {"eps_placement", 1}}},
    {"centered momentum inside",
     {{"lr", 0.37},
      {"alpha", 0.7},
      {"eps", 1e-2},
      {"momentum", 0.6},
      {"centered", 1},
      {"eps_placement", 1}}},
    {"maximize", {{"lr", 0.37}, {"alpha", 0.7}, {"eps", 1e-3}, {"maximize", 1}}},
    {"defaults", {{NULL, 0}}},
    {"no memory", {{"lr", 0.37}, {"alpha", 0}, {"eps", 1e-3}}},
    {NULL, {{NULL, 0}}},
};

struct hyper {
    const struct oracle_setting *setting;
    double lr, alpha, eps, momentum, unit, tiny;
    bool centered, inside;
};

/* The root of what is nowhere below 0, its eps in its place. */
static struct oracle_span place_eps(const struct hyper *h, double x, double error)
{
    if (!h->inside)
        return oracle_root(x, error, 1, h->eps);
    double low = fmax(x - error, 0), high = fmax(x + error, 0);
    return (struct oracle_span){
        .low = sqrt(low + h->eps), .value = sqrt(fmax(x, 0) + h->eps), .high = sqrt(high + h->eps)};
}

static struct oracle_span divisor(const struct hyper *h, struct oracle_element *e)
{
    struct oracle_number v = oracle_mean_square(h->alpha, e->state[SQUARES], e, h->tiny);
    e->next_state[SQUARES] = v;
    if (!h->centered)
        return place_eps(h, v.value, v.carried);
    struct oracle_number a = oracle_mean(h->alpha, e->state[MEAN], e, h->tiny);
    e->next_state[MEAN] = a;
    double rounded = h->unit * (5 * v.value + 8 * a.scale * a.scale);
    double carried = v.carried + (2 * a.scale + a.carried) * a.carried + h->tiny;
    return place_eps(h, v.value - a.value * a.value, rounded + carried);
}

static void step_element(const struct hyper *h, struct oracle_element *e)
{
    struct oracle_number g = {.value = e->g, .scale = fabs(e->g), .carried = e->g_error};
    struct oracle_span d = divisor(h, e);
    oracle_set_rate(e, h->lr, d, 4, h->setting);
    if (h->momentum == 0) {
        oracle_subtract(e, oracle_quotient(oracle_times(g, h->lr, h->tiny), d, h->tiny));
        return;
    }
    double old = h->momentum * e->state[BUFFER];
    struct oracle_number buffer = {.value = old, .scale = fabs(old), .carried = h->tiny};
    buffer = oracle_plus(buffer, oracle_quotient(g, d, h->tiny));
    e->next_state[BUFFER] = buffer;
    oracle_subtract(e, oracle_times(buffer, h->lr, h->tiny));
}

static void step(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    const struct oracle_rule *rule = setting->rule;
    struct hyper h = {
        .setting = setting,
        .lr = setting->lr,
        .alpha = oracle_value(rule, setting->policy, "alpha"),
        .eps = oracle_value(rule, setting->policy, "eps"),
        .momentum = oracle_value(rule, setting->policy, "momentum"),
        .unit = setting->unit,
        .tiny = setting->tiny,
        .centered = oracle_value(rule, setting->policy, "centered") != 0,
        .inside = oracle_value(rule, setting->policy, "eps_placement") != 0,
    };
    for (size_t i = 0; i < tensor->count; i++)
        step_element(&h, &tensor->elements[i]);
}

const struct oracle_rule oracle_rmsprop = {
    .name = "rmsprop",
    .roundings = 9,
    .decay = "coupled",
    .options = options,
    .states = states,
    .forms = forms,
    .step = step,
    .diagonal = true,
};
