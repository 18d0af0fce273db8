/*
 * LARS (You, Gitman and Ginsburg, Large Batch Training of Convolutional Networks, 2017) in three
 * libraries' forms, the norms over one tensor, g as it is before weight_decay; c the
 * trust_coefficient:
 *
 *     mxnet   r = c |p| / (|g| + weight_decay |p| + eps),  d = lr r (g + weight_decay p)
 *             buf' = momentum buf + d,  p' = p - buf'                  (python/mxnet/optimizer/lars.py)
 *     optax   r = c |p| / (|g + weight_decay p| + eps), the rest likewise   (optax.lars)
 *     apex    r = min(mxnet's / lr, 1),  d = r (g + weight_decay p)
 *             buf' = momentum buf + d,  p' = p - lr buf'    (apex/parallel/LARC.py, clip, around SGD)
 *
 * Where |p| or |g| (optax: |g + weight_decay p|) is 0, r = 1; with apex then d = g, without the
 * decay. With momentum = 0 there is no buffer and buf' = d. Biases, which MXNet tells by their
 * names, are a group under another rule.
 *
 * K. g + weight_decay p: a scalar, a product, a sum: 3. Times lr r: 1, and 1 for the products of
 * the errors. buf': the sum, 6 (momentum's own two are fewer). apex: lr and its product: 8.
 * lr r is an interval: of the norms; 2 u for weight_decay and its product, 2 for the sums, 2 for c
 * and its product, 1 for the quotient, 2 for lr and its product or quotient: 9.
 * carried. g's error times lr r; lr r's error times the terms of d; one product that underflows
 * at each of weight_decay p, d, momentum buf and lr buf'.
 */
#include "oracle.h"

#include <math.h>

enum { BUFFER };
enum { MXNET, OPTAX, APEX };

static const struct oracle_option options[] = {
    {"lr", 0.1},         {"trust_coefficient", 1e-3}, {"eps", 1e-8},   {"momentum", 0},
    {"weight_decay", 0}, {"variant", MXNET},          {"maximize", 0}, {NULL, 0},
};

static const struct oracle_state states[] = {
    {.name = "momentum_buffer", .when = "momentum", .roundings = 6},
    {.name = NULL},
};

static const struct oracle_form forms[] = {
    {"visible", {{"lr", 0.37}, {"trust_coefficient", 0.7}, {"eps", 1e-3}, {"weight_decay", 0.2}}},
    {"momentum",
     {{"lr", 0.37}, {"trust_coefficient", 0.4}, {"momentum", 0.85}, {"weight_decay", 0.2}}},
    {"optax",
     {{"lr", 0.37},
      {"trust_coefficient", 0.6},
      {"eps", 0.5},
      {"momentum", 0.85},
      {"weight_decay", 0.3},
      {"variant", OPTAX}}},
    {"apex",
     {{"lr", 0.37},
      {"trust_coefficient", 0.02},
      {"momentum", 0.85},
      {"weight_decay", 0.2},
      {"variant", APEX}}},
    {"apex, clipped",
     {{"lr", 1e-5}, {"trust_coefficient", 0.6}, {"weight_decay", 0.2}, {"variant", APEX}}},
    {"maximize", {{"lr", 0.37}, {"trust_coefficient", 0.5}, {"eps", 1}, {"maximize", 1}}},
    {"defaults", {{NULL, 0}}},
    {NULL, {{NULL, 0}}},
};

struct hyper {
    double lr, coefficient, eps, momentum, weight_decay, unit, tiny;
    int variant;
};

/* g + weight_decay p */
static struct oracle_number decayed(const struct hyper *h, const struct oracle_element *e)
{
    double decay = h->weight_decay * e->p;
    return (struct oracle_number){
        .value = e->g + decay,
        .scale = fabs(e->g) + fabs(decay),
        .carried = e->g_error + (decay != 0 ? h->tiny : 0),
    };
}

static struct oracle_span norm_of_decayed(const struct hyper *h, const struct oracle_tensor *tensor)
{
    const double roundings = 3;
    struct oracle_norm norm = {0};
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_number d = decayed(h, &tensor->elements[i]);
        oracle_norm_add(&norm, d.value, roundings * h->unit * d.scale + d.carried);
    }
    return oracle_norm_take(&norm, h->unit, h->tiny);
}

/* What multiplies g + weight_decay p; `still` says that a norm is 0. */
static struct oracle_span factor(const struct hyper *h, const struct oracle_tensor *tensor,
                                 bool *still)
{
    struct oracle_span p = oracle_norm_of_p(tensor, h->unit, h->tiny);
    struct oracle_span g = h->variant == OPTAX ? norm_of_decayed(h, tensor)
                                               : oracle_norm_of_g(tensor, h->unit, h->tiny);
    struct oracle_span lr = oracle_span_of(h->lr, 0);
    *still = p.value == 0 || g.value == 0;
    if (*still)
        return h->variant == APEX ? oracle_span_of(1, 0) : oracle_span_widen(lr, h->unit, 0);
    struct oracle_span divisor = oracle_span_add(g, oracle_span_of(h->eps, 0));
    if (h->variant != OPTAX)
        divisor =
            oracle_span_add(divisor, oracle_span_multiply(p, oracle_span_of(h->weight_decay, 0)));
    struct oracle_span ratio =
        oracle_span_divide(oracle_span_multiply(p, oracle_span_of(h->coefficient, 0)), divisor);
    if (h->variant != APEX)
        return oracle_span_widen(oracle_span_multiply(ratio, lr), 9 * h->unit, h->tiny);
    if (h->lr == 0)
        return oracle_span_of(1, 0);
    ratio = oracle_span_widen(oracle_span_divide(ratio, lr), 9 * h->unit, h->tiny);
    return oracle_span_at_most(ratio, 1);
}

static void step(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    const struct oracle_rule *rule = setting->rule;
    const struct oracle_policy *policy = setting->policy;
    struct hyper h = {
        .lr = setting->lr,
        .coefficient = oracle_value(rule, policy, "trust_coefficient"),
        .eps = oracle_value(rule, policy, "eps"),
        .momentum = oracle_value(rule, policy, "momentum"),
        .weight_decay = oracle_value(rule, policy, "weight_decay"),
        .unit = setting->unit,
        .tiny = setting->tiny,
        .variant = (int)oracle_value(rule, policy, "variant"),
    };
    bool still;
    struct oracle_span local = factor(&h, tensor, &still);
    if (still && h.variant == APEX)
        h.weight_decay = 0;
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        struct oracle_number d = oracle_scaled(decayed(&h, e), local, h.tiny);
        if (h.momentum != 0) {
            double old = h.momentum * e->state[BUFFER];
            d = oracle_plus(
                d, (struct oracle_number){.value = old, .scale = fabs(old), .carried = h.tiny});
            e->next_state[BUFFER] = d;
        }
        oracle_subtract(e, h.variant == APEX ? oracle_times(d, h.lr, h.tiny) : d);
    }
}

const struct oracle_rule oracle_lars = {
    .name = "lars",
    .roundings = 8,
    .options = options,
    .states = states,
    .forms = forms,
    .step = step,
    .shaped = true,
    .own_decay = true,
};
