/* The frame of a step around any rule, and the table of the rules' oracles. */
#include "oracle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct oracle_rule *const rules[] = {
    &oracle_sgd,       &oracle_adam,      &oracle_adamw,
    &oracle_nadam,     &oracle_radam,     &oracle_adamax,
    &oracle_adagrad,   &oracle_adadelta,  &oracle_rmsprop,
    &oracle_rprop,     &oracle_asgd,      &oracle_lion,
    &oracle_ftrl,      &oracle_adabelief, &oracle_ademamix,
    &oracle_lamb,      &oracle_lars,      &oracle_schedule_free_adamw,
    &oracle_adafactor, &oracle_muon,
};

const struct oracle_rule *oracle_rule_find(const char *name)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (strcmp(rules[i]->name, name) == 0)
            return rules[i];
    return NULL;
}

static const struct oracle_option *find_option(const struct oracle_option *options, size_t limit,
                                               const char *name)
{
    for (size_t i = 0; i < limit && options[i].name; i++)
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

bool oracle_has_option(const struct oracle_rule *rule, const char *option)
{
    return find_option(rule->options, ORACLE_OPTIONS, option) != NULL;
}

double oracle_value(const struct oracle_rule *rule, const struct oracle_policy *policy,
                    const char *option)
{
    const struct oracle_option *found = find_option(policy->options, ORACLE_OPTIONS, option);
    if (!found)
        found = find_option(rule->options, ORACLE_OPTIONS, option);
    if (!found) {
        fprintf(stderr, "the oracle of %s knows no option %s\n", rule->name, option);
        abort();
    }
    return found->value;
}

bool oracle_state_used(const struct oracle_policy *policy, const struct oracle_state *state,
                       const struct oracle_tensor *tensor)
{
    const struct oracle_rule *rule = oracle_rule_find(policy->rule);
    bool of_matrix = state->extent == ORACLE_EACH_ROW || state->extent == ORACLE_EACH_COLUMN;
    if (tensor->rows > 0 ? state->extent == ORACLE_EACH_OF_VECTOR : of_matrix)
        return false;
    return !state->when || oracle_value(rule, policy, state->when) != 0;
}

double oracle_state_start(const struct oracle_policy *policy, const struct oracle_state *state)
{
    const struct oracle_rule *rule = oracle_rule_find(policy->rule);
    return state->start ? oracle_value(rule, policy, state->start) : 0;
}

static void require_room(const struct oracle_rule *rule, size_t count, size_t limit)
{
    if (count < limit)
        return;
    fprintf(stderr, "the oracle of %s has no room for a penalty's state or scalar\n", rule->name);
    abort();
}

void oracle_state_list(const struct oracle_policy *policy,
                       struct oracle_state list[ORACLE_STATES + 1])
{
    const struct oracle_rule *rule = oracle_rule_find(policy->rule);
    size_t count = 0;
    for (; rule->states[count].name; count++)
        list[count] = rule->states[count];
    for (size_t i = 0; i < ORACLE_PENALTIES && policy->penalties[i].name; i++) {
        const struct oracle_state *own = oracle_penalty_find(policy->penalties[i].name)->states;
        require_room(rule, count, own ? ORACLE_STATES : count + 1);
        if (own)
            list[count++] = *own;
    }
    list[count].name = NULL;
}

void oracle_scalar_list(const struct oracle_policy *policy,
                        struct oracle_scalar list[ORACLE_CARRIED + 1])
{
    const struct oracle_rule *rule = oracle_rule_find(policy->rule);
    size_t count = 0;
    for (; rule->carried && rule->carried[count].name; count++)
        list[count] = rule->carried[count];
    for (size_t i = 0; i < ORACLE_PENALTIES && policy->penalties[i].name; i++) {
        const struct oracle_scalar *own = oracle_penalty_find(policy->penalties[i].name)->carried;
        require_room(rule, count, own ? ORACLE_CARRIED : count + 1);
        if (own)
            list[count++] = *own;
    }
    list[count].name = NULL;
}

size_t oracle_state_count(const struct oracle_state *state, const struct oracle_tensor *tensor)
{
    size_t depth = tensor->depth > 0 ? tensor->depth : 1;
    if (state->extent == ORACLE_EACH_ROW)
        return depth * tensor->rows;
    if (state->extent == ORACLE_EACH_COLUMN)
        return depth * tensor->cols;
    return tensor->count;
}

double oracle_ulp(double x)
{
    int exponent = x == 0 ? -126 : ilogb(x);
    return ldexp(1.0, (exponent < -126 ? -126 : exponent) - 23);
}

void oracle_round(struct oracle_number *number)
{
    double half = oracle_ulp(fabs(number->value) + number->bound) / 2;
    number->rounding += half;
    number->bound += half;
}

/* Gradients are finite, but in float32 the sum of their squares may not be. */
static bool overflows(double square_sum)
{
    return square_sum >= ldexp(1.0, 128);
}

/*
 * The sum of squares by a tree: one rounding a square and one a level. A block's tree and the tree
 * over blocks and tensors have fewer than 24 levels at the sizes tested, so the sum is within
 * 25 u of itself and its root within 13.5 u. The divisor adds the constant's rounding and a sum
 * (2), the factor max_norm's rounding and the division (2): 18 u.
 */
struct oracle_clip oracle_clip_compute(double max_norm, const struct oracle_tensor *tensors,
                                       size_t count, const struct oracle_moment *moment)
{
    const double norm_roundings = 13.5, factor_roundings = 18;
    struct oracle_clip clip = {0};
    double sum = 0, slack = 0, elements = 0;
    for (size_t i = 0; i < count; i++) {
        elements += (double)tensors[i].count;
        for (size_t j = 0; j < tensors[i].count; j++) {
            const struct oracle_element *e = &tensors[i].elements[j];
            sum += e->g * e->g;
            slack += (2 * fabs(e->g) + e->g_error) * e->g_error;
        }
    }
    if (overflows(sum)) {
        clip.norm = INFINITY;
        return clip;
    }
    clip.norm = sqrt(sum);
    double lost = elements * moment->tiny + slack; /* squares that underflow; what g errs by */
    double underflow = sum > lost ? lost / clip.norm : sqrt(lost);
    clip.norm_error = norm_roundings * moment->unit * clip.norm + underflow;
    double factor = max_norm / (clip.norm + 1e-6);
    clip.error = factor * (factor_roundings * moment->unit + underflow / (clip.norm + 1e-6));
    clip.factor = fmin(1, factor);
    if (factor - clip.error >= 1)
        clip.error = 0;
    return clip;
}

/* Steps 2 and 3 of the order: g * clip, then the sign. */
static void prepare_gradient(const struct oracle_moment *moment, bool maximize,
                             struct oracle_tensor *tensor)
{
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        if (moment->clip && e->g != 0) {
            double raw = fabs(e->g) + e->g_error;
            e->g *= moment->clip->factor;
            e->g_error = e->g_error * moment->clip->factor + raw * moment->clip->error +
                         moment->unit * fabs(e->g) + moment->tiny;
        }
        if (maximize)
            e->g = -e->g;
    }
}

static double convention_factor(const struct oracle_penalty *penalty, double lr,
                                const struct oracle_moment *moment)
{
    if (strcmp(penalty->convention, "lr") == 0)
        return lr;
    if (strcmp(penalty->convention, "schedule") == 0)
        return moment->multiplier;
    return 1;
}

/* p <- p - (decay*p + step), with the p from before the step: one more term of the step. */
static void decay_parameters(double decay, const struct oracle_moment *moment,
                             struct oracle_tensor *tensor)
{
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        e->next.value -= decay * e->p;
        e->next.scale += fabs(decay * e->p);
        e->next.carried += moment->tiny;
    }
}

/*
 * `bound` is a running error from here to the last prox. One rounding more than the rule's own:
 * the decay is added to the step. (The decay's own three, of its factor, product and this sum, are
 * no more than any rule's, whose K is 2 at least.) A state's last sum is among its K, so it needs
 * no ulp beside them.
 */
static void bound_step(const struct oracle_rule *rule, const struct oracle_moment *moment,
                       struct oracle_tensor *tensor)
{
    double factor = (rule->roundings + 1) * moment->unit;
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        e->next.bound = factor * e->next.scale + e->next.carried;
        e->next.rounding = 0;
        oracle_round(&e->next);
        for (size_t s = 0; rule->states[s].name; s++) {
            struct oracle_number *state = &e->next_state[s];
            state->bound = rule->states[s].roundings * moment->unit * state->scale + state->carried;
        }
    }
}

static struct oracle_setting make_setting(const struct oracle_policy *policy,
                                          const struct oracle_moment *moment)
{
    const struct oracle_rule *rule = oracle_rule_find(policy->rule);
    return (struct oracle_setting){
        .rule = rule,
        .policy = policy,
        .t = moment->t,
        .lr = oracle_value(rule, policy, "lr") * moment->multiplier,
        .unit = moment->unit,
        .tiny = moment->tiny,
        .carried = moment->carried,
    };
}

static double rate_of(const struct oracle_setting *setting)
{
    return setting->rule->rate ? setting->rule->rate(setting) : setting->lr;
}

void oracle_carry(const struct oracle_policy *policy, const struct oracle_moment *moment,
                  double next[ORACLE_CARRIED])
{
    struct oracle_setting setting = make_setting(policy, moment);
    struct oracle_penalty penalties[ORACLE_PENALTIES + 1];
    size_t count = oracle_penalty_list(policy, penalties);
    if (setting.rule->carry)
        setting.rule->carry(&setting, next);
    for (size_t i = 0; i < count; i++) {
        const struct oracle_penalty_rule *own = oracle_penalty_find(penalties[i].name);
        size_t scalar = penalties[i].scalar;
        if (own->carry)
            next[scalar] = own->carry(&penalties[i], rate_of(&setting), moment->carried[scalar]);
    }
}

void oracle_step(const struct oracle_policy *policy, const struct oracle_moment *moment,
                 struct oracle_tensor *tensor)
{
    struct oracle_setting setting = make_setting(policy, moment);
    const struct oracle_rule *rule = setting.rule;
    double rate = rate_of(&setting);
    bool maximize =
        oracle_has_option(rule, "maximize") && oracle_value(rule, policy, "maximize") != 0;
    struct oracle_penalty penalties[ORACLE_PENALTIES + 1];
    size_t count = oracle_penalty_list(policy, penalties);

    prepare_gradient(moment, maximize, tensor);
    for (size_t i = 0; i < count; i++)
        if (strcmp(penalties[i].application, "coupled") == 0)
            oracle_penalty_find(penalties[i].name)->couple(&penalties[i], moment, tensor);
    rule->step(&setting, tensor);
    for (size_t i = 0; i < count; i++)
        if (strcmp(penalties[i].application, "decoupled") == 0)
            decay_parameters(convention_factor(&penalties[i], rate, moment) *
                                 oracle_penalty_find(penalties[i].name)->decay(&penalties[i]),
                             moment, tensor);
    bound_step(rule, moment, tensor);
    for (size_t i = 0; i < count; i++)
        if (strcmp(penalties[i].application, "coupled") != 0)
            oracle_penalty_find(penalties[i].name)->prox(&penalties[i], rate, moment, tensor);
    if (rule->finish)
        rule->finish(&setting, tensor);
    for (size_t i = 0; i < tensor->count && policy->ema.decay > 0; i++) {
        struct oracle_element *e = &tensor->elements[i];
        e->next_ema = oracle_ema(policy->ema.decay, e->ema, &e->next, moment);
    }
}
