/*
 * SGD with momentum as PyTorch writes it (Sutskever, Martens, Dahl and Hinton, 2013, in the form
 * that keeps lr out of the buffer):
 *
 *     momentum = 0:  d = g, whatever the dampening
 *     momentum > 0:  buf = g at t = 1, else momentum buf + (1 - dampening) g
 *                    d = g + momentum buf (nesterov), else buf
 *     p' = p - lr d
 *
 * lr_in_buffer (Caffe's SGDSolver, MXNet's sgd_mom_update, Loshchilov and Hutter 2019, algorithm 1;
 * what nesterov then takes from p is Caffe's (1 + momentum) buf - momentum old):
 *
 *     buf = lr g at t = 1, else momentum buf + lr (1 - dampening) g
 *     p' = p - (lr g + momentum buf) (nesterov), else p - buf
 *
 * K. buf: a scalar's rounding, a product, a sum: 3. nesterov: the scalar, the product and the sum
 * again: 3 more. lr and its product: 2. In all 8. With lr in the buffer there are no more than that.
 * carried. Every path from g to p' is linear, so g's error takes the factors that |g| takes in
 * `scale`; each product may underflow: two in buf, one in nesterov, one in lr d.
 */
#include "oracle.h"

#include <math.h>

enum { BUFFER };

static const struct oracle_option options[] = {
    {"lr", 1e-3},    {"momentum", 0}, {"dampening", 0},    {"weight_decay", 0},
    {"nesterov", 0}, {"maximize", 0}, {"lr_in_buffer", 0}, {NULL, 0},
};

static const struct oracle_state states[] = {
    {.name = "momentum_buffer", .when = "momentum", .roundings = 3},
    {.name = NULL},
};

static const struct oracle_form forms[] = {
    {"plain", {{"lr", 0.37}}},
    {"maximize", {{"lr", 0.37}, {"maximize", 1}}},
    {"momentum", {{"lr", 0.37}, {"momentum", 0.85}}},
    {"dampening", {{"lr", 0.37}, {"momentum", 0.85}, {"dampening", 0.3}}},
    {"nesterov", {{"lr", 0.37}, {"momentum", 0.85}, {"nesterov", 1}}},
    {"nesterov maximize", {{"lr", 0.37}, {"momentum", 0.6}, {"nesterov", 1}, {"maximize", 1}}},
    {"dampening alone", {{"lr", 0.37}, {"dampening", 0.3}}},
    {"lr in buffer", {{"lr", 0.37}, {"momentum", 0.85}, {"dampening", 0.3}, {"lr_in_buffer", 1}}},
    {"lr in buffer, nesterov",
     {{"lr", 0.37}, {"momentum", 0.85}, {"nesterov", 1}, {"lr_in_buffer", 1}}},
    {"lr in buffer alone", {{"lr", 0.37}, {"lr_in_buffer", 1}}},
    {NULL, {{NULL, 0}}},
};

struct hyper {
    double lr, momentum, keep, tiny; /* keep: what multiplies g on its way into the buffer */
    bool nesterov, inside, first;    /* inside: lr is in the buffer */
};

static struct oracle_number buffer(const struct hyper *h, const struct oracle_element *e)
{
    struct oracle_number buf = {.value = e->g, .scale = fabs(e->g), .carried = e->g_error};
    if (h->first)
        return buf;
    double old = e->state[BUFFER];
    buf.value = h->momentum * old + h->keep * e->g;
    buf.scale = h->momentum * fabs(old) + fabs(h->keep * e->g);
    buf.carried = fabs(h->keep) * e->g_error + 2 * h->tiny;
    return buf;
}

/* v' = momentum v + lr (1 - dampening) g; p' = p - v', or p - (lr g + momentum v'). */
static void step_inside(const struct hyper *h, struct oracle_element *e)
{
    double rate = h->first ? h->lr : h->lr * h->keep;
    double old = h->first ? 0 : e->state[BUFFER];
    struct oracle_number v = {
        .value = h->momentum * old + rate * e->g,
        .scale = fabs(h->momentum * old) + fabs(rate * e->g),
        .carried = fabs(rate) * e->g_error + 2 * h->tiny,
    };
    e->next_state[BUFFER] = v;
    struct oracle_number d = v;
    if (h->nesterov) {
        d.value = h->lr * e->g + h->momentum * v.value;
        d.scale = h->lr * fabs(e->g) + h->momentum * v.scale;
        d.carried = h->lr * e->g_error + h->momentum * v.carried + 2 * h->tiny;
    }
    e->next.value = e->p - d.value;
    e->next.scale = d.scale;
    e->next.carried = d.carried;
}

static void step_element(const struct hyper *h, struct oracle_element *e)
{
    struct oracle_number d = {.value = e->g, .scale = fabs(e->g), .carried = e->g_error};
    if (h->momentum != 0) {
        struct oracle_number buf = buffer(h, e);
        e->next_state[BUFFER] = buf;
        if (h->nesterov) {
            d.value += h->momentum * buf.value;
            d.scale += h->momentum * buf.scale;
            d.carried += h->momentum * buf.carried + h->tiny;
        } else {
            d = buf;
        }
    }
    e->next.value = e->p - h->lr * d.value;
    e->next.scale = h->lr * d.scale;
    e->next.carried = h->lr * d.carried + h->tiny;
}

static void step(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    const struct oracle_rule *rule = setting->rule;
    const struct oracle_policy *policy = setting->policy;
    struct hyper h = {
        .lr = setting->lr,
        .momentum = oracle_value(rule, policy, "momentum"),
        .keep = 1 - oracle_value(rule, policy, "dampening"),
        .tiny = setting->tiny,
        .nesterov = oracle_value(rule, policy, "nesterov") != 0,
        .first = setting->t == 1,
    };
    h.inside = h.momentum != 0 && oracle_value(rule, policy, "lr_in_buffer") != 0;
    for (size_t i = 0; i < tensor->count; i++)
        if (h.inside)
            step_inside(&h, &tensor->elements[i]);
        else
            step_element(&h, &tensor->elements[i]);
}

const struct oracle_rule oracle_sgd = {
    .name = "sgd",
    .roundings = 8,
    .decay = "coupled",
    .options = options,
    .states = states,
    .forms = forms,
    .step = step,
};
