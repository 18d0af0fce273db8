/* Runs float32 trials beside the oracle. */
#include "single.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 20261122, TIME = 7 };

float single_option(const struct single_trial *trial, const char *name)
{
    return (float)oracle_value(oracle_rule_find(trial->policy.rule), &trial->policy, name);
}

static float sum_squares(const float *x, size_t first, size_t stride, size_t count)
{
    if (count == 0)
        return 0;
    if (count == 1)
        return x[first] * x[first];
    size_t half = count / 2;
    return sum_squares(x, first, stride, half) +
           sum_squares(x, first + half * stride, stride, count - half);
}

float single_norm(const float *x, size_t first, size_t stride, size_t count)
{
    return sqrtf(sum_squares(x, first, stride, count));
}

static struct oracle_tensor shape_of(const struct single *x)
{
    return (struct oracle_tensor){
        .count = x->count, .depth = x->depth, .rows = x->rows, .cols = x->cols};
}

struct oracle_slice single_slice(const struct single *x, enum oracle_unit unit, size_t index)
{
    struct oracle_tensor shape = shape_of(x);
    return oracle_unit_at(&shape, unit, index);
}

size_t single_units(const struct single *x, enum oracle_unit unit)
{
    struct oracle_tensor shape = shape_of(x);
    return oracle_unit_count(&shape, unit);
}

static float *allocate(size_t count)
{
    float *values = calloc(count + 1, sizeof *values);
    ck_assert_ptr_nonnull(values);
    return values;
}

static struct single create(const struct oracle_tensor *tensor)
{
    struct single x = {
        .count = tensor->count,
        .depth = tensor->depth,
        .rows = tensor->rows,
        .cols = tensor->cols,
        .t = TIME,
    };
    x.p = allocate(x.count);
    x.g = allocate(x.count);
    for (size_t s = 0; s < ORACLE_STATES; s++)
        x.state[s] = allocate(x.count);
    return x;
}

static void load(struct single *x, const struct oracle_tensor *tensor,
                 const struct oracle_moment *moment)
{
    for (size_t i = 0; i < x->count; i++) {
        x->p[i] = (float)tensor->elements[i].p;
        x->g[i] = (float)tensor->elements[i].g;
        for (size_t s = 0; s < ORACLE_STATES; s++)
            x->state[s][i] = (float)tensor->elements[i].state[s];
    }
    memcpy(x->carried, moment->carried, sizeof x->carried);
}

static void destroy(struct single *x)
{
    free(x->p);
    free(x->g);
    for (size_t s = 0; s < ORACLE_STATES; s++)
        free(x->state[s]);
}

static void fill(const struct single_trial *trial, struct oracle_tensor *tensor,
                 struct oracle_moment *moment)
{
    struct oracle_state states[ORACLE_STATES + 1];
    struct oracle_scalar scalars[ORACLE_CARRIED + 1];
    uint64_t seed = SEED + 5;
    oracle_state_list(&trial->policy, states);
    oracle_scalar_list(&trial->policy, scalars);
    fixture_fill(tensor, SEED, trial->low, trial->high);
    for (size_t i = 0; i < tensor->count; i++)
        for (size_t s = 0; states[s].name; s++) {
            float value = fixture_spread(&seed, trial->low, trial->high);
            value = states[s].positive ? value * value : value;
            if (states[s].limit > 0)
                value = (float)fixture_uniform(&seed, -states[s].limit, states[s].limit);
            tensor->elements[i].state[s] = value;
        }
    *moment = fixture_single(TIME);
    for (size_t k = 0; scalars[k].name; k++)
        moment->carried[k] = scalars[k].later;
}

/*
 * Pairs of edge values first, then many decades with zeros: what judge_fixture.c gives to rules. No
 * value beyond the rule's own limit.
 */
static void fill_edges(const struct single_trial *trial, struct oracle_tensor *tensor)
{
    static const float edges[] = {0.0F,   -0.0F,  1e-45F, -1e-40F, 1e-38F, -1e-30F,
                                  1e-20F, -1e-8F, 1.0F,   -1.0F,   1e4F,   -1e15F};
    enum { EDGES = sizeof edges / sizeof *edges };
    double limit = oracle_rule_find(trial->policy.rule)->limit;
    uint64_t seed = SEED + 9;
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        e->p = i < EDGES * EDGES ? edges[i / EDGES] : fixture_spread(&seed, -10, 3);
        e->g = i < EDGES * EDGES ? edges[i % EDGES] : fixture_spread(&seed, -9, 5);
        if (i > EDGES * EDGES && i % 16 == 0)
            e->p = 0;
        if (i > EDGES * EDGES && i % 17 == 0)
            e->g = 0;
        if (limit > 0) {
            e->p = fmin(fmax(e->p, -limit), limit);
            e->g = fmin(fmax(e->g, -limit), limit);
        }
        for (size_t s = 0; s < ORACLE_STATES; s++)
            if (i % 19 == s)
                e->state[s] = 0;
    }
}

/* Adds every value to the score; returns how many are beyond their bounds, if there is no score. */
static size_t compare(const struct single_trial *trial, const struct single *x,
                      const struct oracle_tensor *tensor, struct fixture_score *score)
{
    struct oracle_state states[ORACLE_STATES + 1];
    size_t beyond = 0;
    oracle_state_list(&trial->policy, states);
    states[ORACLE_STATES].name = NULL;
    for (size_t i = 0; i < x->count; i++) {
        const struct oracle_element *e = &tensor->elements[i];
        if (score)
            fixture_score_add(score, i, (double)x->p[i], &e->next);
        beyond += !(fabs((double)x->p[i] - e->next.value) <= e->next.bound);
        for (size_t s = 0; states[s].name; s++) {
            if (!oracle_state_used(&trial->policy, &states[s], tensor) ||
                i >= oracle_state_count(&states[s], tensor))
                continue;
            if (score)
                fixture_score_add(score, i, (double)x->state[s][i], &e->next_state[s]);
            beyond +=
                !(fabs((double)x->state[s][i] - e->next_state[s].value) <= e->next_state[s].bound);
        }
    }
    return beyond;
}

static struct oracle_tensor create_shape(enum single_shape shape)
{
    switch (shape) {
    case SINGLE_WIDE:
        return fixture_create(3, 700);
    case SINGLE_TALL:
        return fixture_create(40, 25);
    case SINGLE_DEEP:
        return fixture_create_deep(4, 9, 30);
    default:
        return fixture_create(0, 1030);
    }
}

/* Counts the mutants that are seen in this shape; `seen` NULL: of edge values, without mutants. */
static void judge_shape(const struct single_trial *trial, enum single_shape shape,
                        struct fixture_score *score, size_t *seen)
{
    struct oracle_tensor before = create_shape(shape), after = create_shape(shape);
    struct oracle_moment moment;
    struct single x = create(&before);
    fill(trial, &before, &moment);
    if (!seen)
        fill_edges(trial, &before);
    memcpy(after.elements, before.elements, before.count * sizeof *before.elements);
    oracle_around_apply(&trial->around, &moment, &after);
    oracle_step(&trial->policy, &moment, &after);
    load(&x, &before, &moment);
    trial->run(trial, &x, 0);
    compare(trial, &x, &after, score);
    for (int m = 0; seen && trial->mutants[m]; m++) {
        load(&x, &before, &moment);
        trial->run(trial, &x, m + 1);
        seen[m] += compare(trial, &x, &after, NULL);
    }
    destroy(&x);
    fixture_destroy(&before);
    fixture_destroy(&after);
}

void single_judge(const struct single_trial *trial)
{
    struct fixture_score score = {.what = trial->name};
    size_t seen[16] = {0};
    for (unsigned shape = SINGLE_VECTOR; shape <= SINGLE_DEEP; shape *= 2) {
        if ((trial->shapes & shape) == 0)
            continue;
        judge_shape(trial, (enum single_shape)shape, &score, seen);
        if (trial->edges)
            judge_shape(trial, (enum single_shape)shape, &score, NULL);
    }
    fixture_score_end(&score);
    for (size_t m = 0; trial->mutants[m]; m++)
        ck_assert_msg(seen[m] > 0, "%s: the bound does not see: %s", trial->name,
                      trial->mutants[m]);
}
