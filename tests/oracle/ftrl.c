/*
 * FTRL-Proximal (McMahan et al., Ad Click Prediction, 2013, algorithm 1) in TensorFlow's and Keras'
 * form: l2 counts twice, and the accumulator takes g without the
 * shrinkage (ApplyFtrl, ApplyFtrlV2 in TensorFlow; keras.optimizers.Ftrl folds beta / lr in l2).
 *
 *     n' = n + g^2
 *     z' = z + g + 2 l2_shrinkage p - (sqrt(n') - sqrt(n)) / lr p
 *     p' = (l1 sign(z') - z') / ((beta + sqrt(n')) / lr + 2 l2) where |z'| > l1, else 0
 *
 * With another lr_power than -1/2, each root is n^(-lr_power) instead, 1 for an lr_power of 0.
 *
 * At lr = 0, where nothing of this is defined, p and the states stay as they are.
 *
 * K. n': 2. sqrt(n'): 2/2 and the root: 2; sqrt(n): 1. The roots cancel, so their roundings are
 * relative to their sum: 2, the difference 1, lr and the division 2, the product with p 1, and two
 * sums on the way into z': 8, over |z| + |g| + 2 s |p| + (sqrt(n') + sqrt(n)) / lr |p|; the other
 * terms have fewer. p': z' 8, l1 and the difference 2; the divisor: the root 2, two sums and lr and
 * the division 4; the division 1: 17; 18 with the products of the errors.
 * p' is continuous in z', also at |z'| = l1; where |z'| + its error <= l1, float32 must give 0.
 * Another power e of n', within 2 ulp, 4 u: 2 e from n' and 4, where K counts 2 for a root: 2 e + 2
 * more; of n, 4 in the place of K's 1 or 2. A power that underflows is within 4 2^-150.
 * carried. g's error d is 2 |g| d + d^2 in n', d in z'. Products that underflow: one in n', three
 * in z', one of them before the product with p.
 */
#include "oracle.h"

#include <math.h>

enum { SQUARES, LINEAR };

static const struct oracle_option options[] = {
    {"lr", 1e-3},    {"initial_accumulator_value", 0.1},
    {"beta", 0},     {"l1", 0},
    {"l2", 0},       {"l2_shrinkage", 0},
    {"maximize", 0}, {"lr_power", -0.5},
    {NULL, 0},
};

static const struct oracle_state states[] = {
    {.name = "accumulator",
     .positive = true,
     .start = "initial_accumulator_value",
     .grows = true,
     .roundings = 2},
    {.name = "linear", .roundings = 8},
    {.name = NULL},
};

static const struct oracle_form forms[] = {
    {"visible",
     {{"lr", 0.37},
      {"initial_accumulator_value", 0.2},
      {"beta", 0.7},
      {"l1", 0.8},
      {"l2", 0.3},
      {"l2_shrinkage", 0.15}}},
    {"large l1", {{"lr", 0.37}, {"l1", 40}, {"l2", 2}}},
    {"shrinkage", {{"lr", 0.37}, {"l2_shrinkage", 0.9}}},
    {"power",
     {{"lr", 0.37},
      {"initial_accumulator_value", 0.2},
      {"beta", 0.7},
      {"l1", 0.8},
      {"l2", 0.3},
      {"lr_power", -0.7}}},
    {"small power", {{"lr", 0.37}, {"l1", 0.1}, {"lr_power", -0.3}}},
    {"fixed rate", {{"lr", 0.37}, {"l1", 0.1}, {"l2", 0.3}, {"lr_power", 0}}},
    {"maximize", {{"lr", 0.37}, {"l1", 0.01}, {"beta", 2}, {"maximize", 1}}},
    {"defaults", {{NULL, 0}}},
    {NULL, {{NULL, 0}}},
};

struct hyper {
    double lr, beta, l1, l2, shrinkage, power, unit, tiny;
};

/* n'^power */
static struct oracle_span root_of(const struct hyper *h, double squares, double error)
{
    if (h->power == 0.5)
        return oracle_root(squares, error, 1, 0);
    struct oracle_span power = {
        .low = pow(fmax(squares - error, 0), h->power),
        .value = pow(squares, h->power),
        .high = pow(squares + error, h->power),
    };
    return oracle_span_widen(power, (2 * h->power + 2) * h->unit, 4 * h->tiny);
}

/* What n^power may be wrong by beside what K has of it. */
static double error_of_old(const struct hyper *h, double old)
{
    return h->power == 0.5 ? 0 : 3 * h->unit * old + 4 * h->tiny;
}

static struct oracle_number linear(const struct hyper *h, const struct oracle_element *e,
                                   double squares, double error)
{
    struct oracle_span root = root_of(h, squares, error);
    double old = pow(e->state[SQUARES], h->power), p = fabs(e->p);
    double extra = 2 * h->shrinkage * e->p;
    return (struct oracle_number){
        .value = e->state[LINEAR] + e->g + extra - (root.value - old) / h->lr * e->p,
        .scale = fabs(e->state[LINEAR]) + fabs(e->g) + fabs(extra) + (root.value + old) / h->lr * p,
        .carried = (root.high - root.low + error_of_old(h, old)) / h->lr * p + e->g_error +
                   h->tiny * (3 + p),
    };
}

static void step_element(const struct hyper *h, struct oracle_element *e)
{
    double squares = e->state[SQUARES] + e->g * e->g;
    double error = (2 * fabs(e->g) + e->g_error) * e->g_error + h->tiny;
    struct oracle_number z = linear(h, e, squares, error);
    e->next_state[SQUARES] =
        (struct oracle_number){.value = squares, .scale = squares, .carried = error};
    e->next_state[LINEAR] = z;
    double z_error = states[LINEAR].roundings * h->unit * z.scale + z.carried;
    e->next = (struct oracle_number){0};
    if (fabs(z.value) + z_error <= h->l1)
        return;
    struct oracle_span d = root_of(h, squares, error);
    d = oracle_span_multiply(d, oracle_span_of(1 / h->lr, 0));
    d = oracle_span_add(d, oracle_span_of(h->beta / h->lr + 2 * h->l2, 0));
    struct oracle_number rest = {
        .value = -copysign(fmax(fabs(z.value) - h->l1, 0), z.value),
        .scale = z.scale + h->l1,
        .carried = z.carried,
    };
    e->next = oracle_quotient(rest, d, h->tiny);
}

static void hold(struct oracle_element *e)
{
    e->next = (struct oracle_number){.value = e->p};
    for (size_t s = SQUARES; s <= LINEAR; s++)
        e->next_state[s] = (struct oracle_number){.value = e->state[s]};
}

static void step(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    struct hyper h = {
        .lr = setting->lr,
        .beta = oracle_value(setting->rule, setting->policy, "beta"),
        .l1 = oracle_value(setting->rule, setting->policy, "l1"),
        .l2 = oracle_value(setting->rule, setting->policy, "l2"),
        .shrinkage = oracle_value(setting->rule, setting->policy, "l2_shrinkage"),
        .power = -oracle_value(setting->rule, setting->policy, "lr_power"),
        .unit = setting->unit,
        .tiny = setting->tiny,
    };
    for (size_t i = 0; i < tensor->count; i++)
        if (h.lr > 0)
            step_element(&h, &tensor->elements[i]);
        else
            hold(&tensor->elements[i]);
}

const struct oracle_rule oracle_ftrl = {
    .name = "ftrl",
    .roundings = 18,
    .alone = true,
    .options = options,
    .states = states,
    .forms = forms,
    .step = step,
};
