/*
 * Adadelta (Zeiler, 2012, algorithm 1) with PyTorch's lr; eps is inside both roots:
 *
 *     v' = rho v + (1 - rho) g^2
 *     x  = sqrt(a + eps) / sqrt(v' + eps) g
 *     a' = rho a + (1 - rho) x^2
 *     p' = p - lr x
 *
 * K. v': 4. sqrt(v' + eps): 5/2 under the root and the root: 3.5. sqrt(a + eps), eps rounded once:
 * 2/2 and the root: 2. x: both, a division, a product: 7.5; 8 with the products of the errors. The
 * step: scalar and product: 10. a': x twice, and as v' beside that: 20; 21 likewise.
 * carried. g's error and the underflow of v' as in Adam; an error dx of x is one of
 * 2 |x| dx + dx^2 in a', whose products may underflow.
 */
#include "oracle.h"

#include <math.h>

enum { SQUARES, STEPS };

static const struct oracle_option options[] = {
    {"lr", 1.0}, {"rho", 0.9}, {"eps", 1e-6}, {"weight_decay", 0}, {"maximize", 0}, {NULL, 0},
};

static const struct oracle_state states[] = {
    {.name = "square_avg", .positive = true, .roundings = 4},
    {.name = "acc_delta", .positive = true, .roundings = 21},
    {.name = NULL},
};

static const struct oracle_form forms[] = {
    {"visible", {{"lr", 0.37}, {"rho", 0.85}, {"eps", 1e-3}}},
    {"maximize", {{"lr", 0.6}, {"rho", 0.7}, {"eps", 1e-2}, {"maximize", 1}}},
    {"defaults", {{NULL, 0}}},
    {"no memory", {{"lr", 0.37}, {"rho", 0}, {"eps", 1e-3}}},
    {NULL, {{NULL, 0}}},
};

static void step(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    double rho = oracle_value(setting->rule, setting->policy, "rho");
    double eps = oracle_value(setting->rule, setting->policy, "eps"), tiny = setting->tiny;
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        struct oracle_number g = {.value = e->g, .scale = fabs(e->g), .carried = e->g_error};
        struct oracle_number v = oracle_mean_square(rho, e->state[SQUARES], e, tiny);
        struct oracle_span d = oracle_root(v.value + eps, v.carried, 1, 0);
        double ratio = sqrt(e->state[STEPS] + eps);
        struct oracle_number x = oracle_quotient(oracle_times(g, ratio, tiny), d, tiny);
        x.carried += tiny * fabs(e->g); /* where the ratio of the roots underflows first */
        oracle_set_rate(e, setting->lr * ratio, d, 7, setting); /* the ratio's 2, one product */
        struct oracle_element of_step = {.g = x.value, .g_error = x.carried};
        e->next_state[SQUARES] = v;
        e->next_state[STEPS] = oracle_mean_square(rho, e->state[STEPS], &of_step, tiny);
        oracle_subtract(e, oracle_times(x, setting->lr, tiny));
    }
}

const struct oracle_rule oracle_adadelta = {
    .name = "adadelta",
    .roundings = 10,
    .decay = "coupled",
    .options = options,
    .states = states,
    .forms = forms,
    .step = step,
    .diagonal = true,
};
