/*
 * LAMB (You et al., Large Batch Optimization for Deep Learning, ICLR 2020, algorithm 2) as NVIDIA
 * Apex (csrc/multi_tensor_lamb.cu, decoupled mode) and Optax write it, the norms over one tensor:
 *
 *     m' = beta1 m + (1 - beta1) g,  v' = beta2 v + (1 - beta2) g^2
 *     u  = (m' / bc1) / (sqrt(v' / bc2) + eps) + weight_decay p
 *     p' = p - lr r u,   r = |p| / |u|, or 1 where either norm is 0
 *
 * With apex, weight_decay = 0 leaves r at 1 unless use_nvlamb. Apex's clipping by the global norm,
 * part of its step, is here the optimizer's own.
 *
 * K. m' / D is Adam's: 12, and 13 with the products of the errors. The decay's term has a scalar and
 * a product, fewer; their sum 1: 14 for u. The step: the product with lr r, 15; 16 with the products
 * of the errors. lr r itself is an interval: of the norms, and 3 u for lr, the quotient and the
 * product.
 * carried. As in Adam, into u times lr r; lr r's error times the terms of u.
 * The element's own step, for a diagonal metric: lr r/(sqrt(v' / bc2) + eps), whose divisor is 6 as
 * in Adam; with the product and the division, 8, and lr r's own interval.
 */
#include "oracle.h"

#include <math.h>

enum { FIRST, SECOND };
enum { APEX, OPTAX };

static const struct oracle_option options[] = {
    {"lr", 1e-3},      {"beta1", 0.9},    {"beta2", 0.999}, {"eps", 1e-6}, {"weight_decay", 1e-2},
    {"variant", APEX}, {"use_nvlamb", 0}, {"maximize", 0},  {NULL, 0},
};

static const struct oracle_state states[] = {
    {.name = "exp_avg", .roundings = 3},
    {.name = "exp_avg_sq", .positive = true, .roundings = 4},
    {.name = NULL},
};

static const struct oracle_form forms[] = {
    {"visible",
     {{"lr", 0.37}, {"beta1", 0.85}, {"beta2", 0.97}, {"eps", 1e-3}, {"weight_decay", 0.2}}},
    {"no ratio",
     {{"lr", 0.37}, {"beta1", 0.85}, {"beta2", 0.97}, {"eps", 1e-3}, {"weight_decay", 0}}},
    {"nvlamb",
     {{"lr", 0.37},
      {"beta1", 0.7},
      {"beta2", 0.9},
      {"eps", 1e-2},
      {"weight_decay", 0},
      {"use_nvlamb", 1}}},
    {"optax",
     {{"lr", 0.37},
      {"beta1", 0.85},
      {"beta2", 0.97},
      {"eps", 1e-3},
      {"weight_decay", 0},
      {"variant", OPTAX}}},
    {"optax maximize",
     {{"lr", 0.37},
      {"beta1", 0.7},
      {"beta2", 0.9},
      {"eps", 1e-3},
      {"weight_decay", 0.3},
      {"variant", OPTAX},
      {"maximize", 1}}},
    {"defaults", {{NULL, 0}}},
    {NULL, {{NULL, 0}}},
};

struct hyper {
    double beta1, beta2, eps, weight_decay;
    double bc1, root; /* root: sqrt(bc2) */
    double unit, tiny;
};

static struct oracle_span divisor(const struct hyper *h, struct oracle_number v)
{
    return oracle_root(v.value, v.carried, 1 / h->root, h->eps);
}

static struct oracle_number direction(const struct hyper *h, struct oracle_element *e)
{
    struct oracle_number m = oracle_mean(h->beta1, e->state[FIRST], e, h->tiny);
    struct oracle_number v = oracle_mean_square(h->beta2, e->state[SECOND], e, h->tiny);
    struct oracle_span d = divisor(h, v);
    e->next_state[FIRST] = m;
    e->next_state[SECOND] = v;
    struct oracle_number u = oracle_quotient(oracle_times(m, 1 / h->bc1, h->tiny), d, h->tiny);
    double decay = h->weight_decay * e->p;
    if (h->weight_decay == 0)
        return u;
    return oracle_plus(
        u, (struct oracle_number){.value = decay, .scale = fabs(decay), .carried = h->tiny});
}

/* Fills `next` with u and returns |p| / |u|. */
static struct oracle_span trust_ratio(const struct hyper *h, struct oracle_tensor *tensor)
{
    const double roundings_of_u = 14;
    struct oracle_span one = oracle_span_of(1, 0);
    struct oracle_span p = oracle_norm_of_p(tensor, h->unit, h->tiny);
    struct oracle_norm sum = {0};
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        e->next = direction(h, e);
        oracle_norm_add(&sum, e->next.value,
                        roundings_of_u * h->unit * e->next.scale + e->next.carried);
    }
    if (p.value == 0 || sum.squares == 0)
        return one;
    return oracle_span_divide(p, oracle_norm_take(&sum, h->unit, h->tiny));
}

static void step(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    const struct oracle_rule *rule = setting->rule;
    const struct oracle_policy *policy = setting->policy;
    struct hyper h = {
        .beta1 = oracle_value(rule, policy, "beta1"),
        .beta2 = oracle_value(rule, policy, "beta2"),
        .eps = oracle_value(rule, policy, "eps"),
        .weight_decay = oracle_value(rule, policy, "weight_decay"),
        .unit = setting->unit,
        .tiny = setting->tiny,
    };
    h.bc1 = oracle_correction(h.beta1, setting->t);
    h.root = sqrt(oracle_correction(h.beta2, setting->t));
    bool scaled = oracle_value(rule, policy, "variant") == OPTAX || h.weight_decay != 0 ||
                  oracle_value(rule, policy, "use_nvlamb") != 0;
    struct oracle_span ratio = trust_ratio(&h, tensor);
    if (!scaled)
        ratio = oracle_span_of(1, 0);
    struct oracle_span lr = oracle_span_of(setting->lr, 0);
    struct oracle_span factor =
        oracle_span_widen(oracle_span_multiply(ratio, lr), 3 * h.unit, h.tiny);
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        oracle_subtract(e, oracle_scaled(e->next, factor, h.tiny));
        oracle_set_rate(e, 1, divisor(&h, e->next_state[SECOND]), 6, setting);
        e->rate = oracle_scaled(e->rate, factor, h.tiny);
        e->rate.bound = 8 * h.unit * e->rate.scale + e->rate.carried;
    }
}

const struct oracle_rule oracle_lamb = {
    .name = "lamb",
    .roundings = 16,
    .options = options,
    .states = states,
    .forms = forms,
    .step = step,
    .shaped = true,
    .own_decay = true,
    .diagonal = true,
};
