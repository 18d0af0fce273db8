/*
 * The table of the penalties' oracles; l2, l1 and the elastic net in their applications. All three
 * are an l1 weight and an l2 weight:
 *
 *     l1 |p|_1 + l2/2 |p|_2^2        elastic net: l1 = weight l1_ratio, l2 = weight (1 - l1_ratio)
 *
 * coupled     g += l1 sign(p) + l2 p, sign(0) = 0
 * decoupled   p -= c l2 p, and the l1 part as below
 * proximal    p = sign(p) max(|p| - lr l1, 0) / (1 + lr l2)
 *             (Parikh and Boyd, Proximal Algorithms, 2014, sections 6.5.2 and 2.2)
 */
#include "oracle.h"

#include <math.h>
#include <string.h>

struct weights {
    double l1, l2;
};

static struct weights split(const struct oracle_penalty *penalty)
{
    if (strcmp(penalty->name, "l1") == 0)
        return (struct weights){.l1 = penalty->weight};
    if (strcmp(penalty->name, "l2") == 0)
        return (struct weights){.l2 = penalty->weight};
    return (struct weights){.l1 = penalty->weight * penalty->l1_ratio,
                            .l2 = penalty->weight * (1 - penalty->l1_ratio)};
}

static double sign(double x)
{
    return (x > 0) - (x < 0);
}

/*
 * A weight's rounding and a product, then a sum for each part, with g or with the other part: 4 u
 * of the parts, 1 or 2 u of g. At p = 0 nothing is added, and nothing rounded.
 */
static void couple(const struct oracle_penalty *penalty, const struct oracle_moment *moment,
                   struct oracle_tensor *tensor)
{
    struct weights w = split(penalty);
    int sums = (w.l1 > 0) + (w.l2 > 0);
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        double size = w.l1 * fabs(sign(e->p)) + w.l2 * fabs(e->p);
        if (size == 0)
            continue;
        e->g_error += moment->unit * (4 * size + sums * fabs(e->g)) + moment->tiny;
        e->g += w.l1 * sign(e->p) + w.l2 * e->p;
    }
}

static double decay(const struct oracle_penalty *penalty)
{
    return split(penalty).l2;
}

/*
 * The soft threshold moves an error on, never enlarges it; the threshold lr*l1 has its own of at
 * most 3 u (two scalars and a product, or one scalar), and `moved` by an element's own step. Where |p| is below the threshold by more
 * than both errors, float32 must give 0 exactly: then the bound is 0.
 */
static void soft_threshold(struct oracle_number *next, double threshold, double moved,
                           const struct oracle_moment *moment)
{
    double error = next->bound + 3 * moment->unit * threshold + moved;
    double size = fabs(next->value) - threshold;
    next->value = size > 0 ? copysign(size, next->value) : 0;
    next->bound = size > 0 ? error : fmax(size + error, 0);
    if (size > 0)
        oracle_round(next);
    else
        next->rounding = 0;
}

/*
 * With a step of each element's own: 1 + rate*l2 is within 4 u of itself, and `moved` as above; the
 * division adds one.
 */
static void divide(struct oracle_number *next, double divisor, double moved,
                   const struct oracle_moment *moment)
{
    double low = fmax(divisor - moved, 1);
    next->value /= divisor;
    if (next->bound == 0)
        return;
    next->rounding /= divisor;
    next->bound = next->bound / low + fabs(next->value) * (divisor / low - 1) +
                  5 * moment->unit * fabs(next->value) + moment->tiny;
}

/*
 * p/(1 + c), c = lr*l2, is away from p by a decay of c/(1 + c)*p, a term of a scalar and a product:
 * 2 u of it, which are 2 u c of the result; a large c is a factor, 2 u at most. What remains is a
 * rounding of p itself. A divisor 1 + c that is rounded is wrong by u, however small c is, and
 * loses a decay below it: that is what this bound must not leave room for.
 */
static void shrink(struct oracle_number *next, double c, double moved,
                   const struct oracle_moment *moment)
{
    if (moved > 0) {
        divide(next, 1 + c, moved, moment);
        return;
    }
    next->value /= 1 + c;
    if (next->bound == 0)
        return;
    next->rounding /= 1 + c;
    next->bound /= 1 + c;
    next->bound += 2 * moment->unit * fmin(c, 1) * fabs(next->value) + 2 * moment->tiny;
    oracle_round(next);
}

static void prox(const struct oracle_penalty *penalty, double lr,
                 const struct oracle_moment *moment, struct oracle_tensor *tensor)
{
    struct weights w = split(penalty);
    bool whole = strcmp(penalty->application, "proximal") == 0;
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_number *next = &tensor->elements[i].next;
        struct oracle_span rate = oracle_prox_rate(penalty, lr, &tensor->elements[i]);
        double error = oracle_span_error(rate);
        if (w.l1 > 0)
            soft_threshold(next, rate.value * w.l1, error * w.l1, moment);
        if (whole && w.l2 > 0)
            shrink(next, rate.value * w.l2, error * w.l2, moment);
    }
}

static double measure(const struct oracle_penalty *penalty, const float *p,
                      const struct oracle_tensor *shape)
{
    struct weights w = split(penalty);
    double sum = 0;
    for (size_t i = 0; i < shape->count; i++)
        sum += w.l1 * fabs((double)p[i]) + w.l2 / 2 * (double)p[i] * (double)p[i];
    return sum;
}

static const struct oracle_penalty_rule l2 = {
    .name = "l2",
    .applications = ORACLE_COUPLED | ORACLE_DECOUPLED | ORACLE_PROXIMAL,
    .couple = couple,
    .decay = decay,
    .prox = prox,
    .measure = measure,
    .separable = true,
};

static const struct oracle_penalty_rule l1 = {
    .name = "l1",
    .applications = ORACLE_COUPLED | ORACLE_PROXIMAL,
    .couple = couple,
    .prox = prox,
    .measure = measure,
    .separable = true,
};

static const struct oracle_penalty_rule elastic_net = {
    .name = "elastic_net",
    .applications = ORACLE_COUPLED | ORACLE_DECOUPLED | ORACLE_PROXIMAL,
    .couple = couple,
    .decay = decay,
    .prox = prox,
    .measure = measure,
    .separable = true,
};

static const struct oracle_penalty_rule *const penalties[] = {
    &l2,
    &l1,
    &elastic_net,
    &oracle_lp,
    &oracle_box,
    &oracle_group_lasso,
    &oracle_max_norm,
    &oracle_l2_ball,
    &oracle_l1_ball,
    &oracle_simplex,
    &oracle_l1_cumulative,
};

const struct oracle_penalty_rule *oracle_penalty_find(const char *name)
{
    for (size_t i = 0; i < sizeof penalties / sizeof penalties[0]; i++)
        if (strcmp(penalties[i]->name, name) == 0)
            return penalties[i];
    return NULL;
}

void oracle_scale_next(struct oracle_number *next, struct oracle_span factor,
                       const struct oracle_moment *moment)
{
    double size = fabs(next->value);
    if (factor.low == 1)
        return;
    if (factor.high == 0) {
        *next = (struct oracle_number){0};
        return;
    }
    next->value *= factor.value;
    next->rounding *= factor.value;
    next->bound = next->bound * factor.high + size * oracle_span_error(factor) +
                  moment->unit * size * factor.high + moment->tiny;
}

struct oracle_span oracle_prox_rate(const struct oracle_penalty *penalty, double lr,
                                    const struct oracle_element *e)
{
    if (!penalty->diagonal)
        return oracle_span_of(lr, 0);
    return oracle_span_of(e->rate.value, e->rate.bound);
}

static double spread(double (*map)(double x, const void *setting), const void *setting, double x,
                     double error)
{
    double at = map(x, setting);
    return fmax(map(x + error, setting) - at, at - map(x - error, setting));
}

void oracle_map(struct oracle_number *number, double (*map)(double x, const void *setting),
                const void *setting)
{
    number->bound = spread(map, setting, number->value, number->bound);
    number->rounding = spread(map, setting, number->value, number->rounding);
    number->value = map(number->value, setting);
}

size_t oracle_penalty_list(const struct oracle_policy *policy,
                           struct oracle_penalty list[ORACLE_PENALTIES + 1])
{
    const struct oracle_rule *rule = oracle_rule_find(policy->rule);
    size_t count = 0;
    double weight_decay =
        oracle_has_option(rule, "weight_decay") ? oracle_value(rule, policy, "weight_decay") : 0;
    bool decoupled = rule->decoupled_by && oracle_value(rule, policy, rule->decoupled_by) != 0;
    if (weight_decay != 0 && rule->decay)
        list[count++] =
            (struct oracle_penalty){.name = "l2",
                                    .application = decoupled ? "decoupled" : rule->decay,
                                    .convention = "lr",
                                    .weight = weight_decay};
    size_t state = 0, scalar = 0;
    while (rule->states[state].name)
        state++;
    while (rule->carried && rule->carried[scalar].name)
        scalar++;
    for (size_t i = 0; i < ORACLE_PENALTIES && policy->penalties[i].name; i++) {
        const struct oracle_penalty_rule *row = oracle_penalty_find(policy->penalties[i].name);
        struct oracle_penalty *penalty = &list[count++];
        *penalty = policy->penalties[i];
        if (row->states)
            penalty->state = state++;
        if (row->carried)
            penalty->scalar = scalar++;
    }
    return count;
}
