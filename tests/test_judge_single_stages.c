/*
 * Float32 runs of the penalties and clips that look at units of a tensor, or carry something, and
 * their mutants: single.h. Each follows a step of sgd.
 */
#include "single.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static void descend(const struct single_trial *trial, struct single *x)
{
    float lr = single_option(trial, "lr");
    for (size_t i = 0; i < x->count; i++)
        x->p[i] -= lr * x->g[i];
}

static float threshold_of(const struct single_trial *trial)
{
    return (float)(oracle_value(oracle_rule_find("sgd"), &trial->policy, "lr") *
                   trial->policy.penalties[0].weight);
}

/* ---- group lasso ---- */

static const char *const lasso_mutants[] = {"columns for rows",
                                            "no lr",
                                            "squared norm",
                                            "root of the size",
                                            "weight +0.1 %",
                                            "never below 0 left out",
                                            "the last element left out",
                                            NULL};

static void run_group_lasso(const struct single_trial *trial, struct single *x, int mutant)
{
    enum { RIGHT, COLUMNS, NO_LR, SQUARED, SIZE, WEIGHT, NEGATIVE, LAST };
    const struct oracle_penalty *penalty = &trial->policy.penalties[0];
    enum oracle_unit unit = mutant == COLUMNS ? ORACLE_COLUMN : penalty->unit;
    float threshold = mutant == NO_LR ? (float)penalty->weight : threshold_of(trial);
    threshold *= mutant == WEIGHT ? 1.001F : 1;
    descend(trial, x);
    for (size_t u = 0; u < single_units(x, unit); u++) {
        struct oracle_slice s = single_slice(x, unit, u);
        float norm = single_norm(x->p, s.first, s.stride, mutant == LAST ? s.count - 1 : s.count);
        float size = mutant == SIZE ? sqrtf((float)s.count) : 1;
        float part = threshold * size / (mutant == SQUARED ? norm * norm : norm);
        float factor = mutant == NEGATIVE ? 1 - part : fmaxf(0, 1 - part);
        for (size_t i = 0; i < s.count; i++)
            x->p[s.first + i * s.stride] *= factor;
    }
}

static const char *const coupled_mutants[] = {"columns for rows", "of l1", "no norm", "after sgd",
                                              NULL};

static void run_coupled_lasso(const struct single_trial *trial, struct single *x, int mutant)
{
    enum { RIGHT, COLUMNS, SIGN, NO_NORM, AFTER };
    const struct oracle_penalty *penalty = &trial->policy.penalties[0];
    enum oracle_unit unit = mutant == COLUMNS ? ORACLE_COLUMN : penalty->unit;
    float weight = (float)penalty->weight;
    if (mutant == AFTER)
        descend(trial, x);
    for (size_t u = 0; u < single_units(x, unit); u++) {
        struct oracle_slice s = single_slice(x, unit, u);
        float norm = single_norm(x->p, s.first, s.stride, s.count);
        float factor = mutant == NO_NORM ? weight : norm > 0 ? weight / norm : 0;
        for (size_t i = 0; i < s.count; i++) {
            size_t at = s.first + i * s.stride;
            float added = mutant == SIGN ? copysignf(weight, x->p[at]) : factor * x->p[at];
            if (mutant == AFTER)
                x->p[at] -= single_option(trial, "lr") * added;
            x->g[at] += added;
        }
    }
    if (mutant != AFTER)
        descend(trial, x);
}

/* ---- balls ---- */

static const char *const ball_mutants[] = {"scaled always",        "every element clipped",
                                           "the other unit",       "radius +0.1 %",
                                           "of p before the step", NULL};

static void run_ball(const struct single_trial *trial, struct single *x, int mutant)
{
    enum { RIGHT, ALWAYS, CLIPPED, UNIT, RADIUS, BEFORE };
    const struct oracle_penalty *penalty = &trial->policy.penalties[0];
    enum oracle_unit unit = penalty->unit;
    float radius = (float)penalty->radius * (mutant == RADIUS ? 1.001F : 1);
    if (mutant == UNIT)
        unit = unit == ORACLE_ROW ? ORACLE_TENSOR : ORACLE_ROW;
    if (mutant != BEFORE)
        descend(trial, x);
    for (size_t u = 0; u < single_units(x, unit); u++) {
        struct oracle_slice s = single_slice(x, unit, u);
        float norm = single_norm(x->p, s.first, s.stride, s.count);
        float factor = mutant == ALWAYS ? radius / norm : fminf(1, radius / norm);
        for (size_t i = 0; i < s.count; i++) {
            float *p = &x->p[s.first + i * s.stride];
            *p = mutant == CLIPPED ? fminf(fmaxf(*p, -radius), radius) : *p * factor;
        }
    }
    if (mutant == BEFORE)
        descend(trial, x);
}

/* ---- l1 ball and simplex: theta by Michelot's repeated means, from all elements down ---- */

static float add_above(const struct single *x, const struct oracle_slice *s, size_t first,
                       size_t count, float theta, bool absolute, size_t *above)
{
    if (count == 1) {
        float p = x->p[s->first + first * s->stride];
        p = absolute ? fabsf(p) : p;
        *above += p > theta;
        return p > theta ? p : 0;
    }
    size_t half = count / 2;
    return add_above(x, s, first, half, theta, absolute, above) +
           add_above(x, s, first + half, count - half, theta, absolute, above);
}

static const char *const simplex_mutants[] = {"one mean alone",
                                              "all elements counted",
                                              "radius +0.2 %",
                                              "the other set",
                                              "scaled by a sum",
                                              "the other unit",
                                              NULL};

static void run_simplex(const struct single_trial *trial, struct single *x, int mutant)
{
    enum { RIGHT, ONCE, ALL, RADIUS, OTHER, SCALED, UNIT };
    const struct oracle_penalty *penalty = &trial->policy.penalties[0];
    enum oracle_unit unit = penalty->unit;
    bool absolute = (penalty->name[0] == 'l') != (mutant == OTHER);
    float radius = (float)penalty->radius * (mutant == RADIUS ? 1.002F : 1);
    if (mutant == UNIT)
        unit = unit == ORACLE_ROW ? ORACLE_TENSOR : ORACLE_ROW;
    descend(trial, x);
    for (size_t u = 0; u < single_units(x, unit); u++) {
        struct oracle_slice s = single_slice(x, unit, u);
        float theta = -INFINITY, sum = 0;
        for (int pass = 0; pass < (mutant == ONCE ? 1 : 60); pass++) {
            size_t above = 0;
            sum = add_above(x, &s, 0, s.count, theta, absolute, &above);
            float next = (sum - radius) / (float)(mutant == ALL ? s.count : above);
            if (next <= theta)
                break;
            theta = next;
            if (absolute && pass == 0 && sum <= radius)
                theta = 0;
        }
        for (size_t i = 0; i < s.count; i++) {
            float *p = &x->p[s.first + i * s.stride];
            float size = fmaxf((absolute ? fabsf(*p) : *p) - theta, 0);
            size = mutant == SCALED ? *p * radius / sum : size;
            *p = absolute ? copysignf(size, *p) : size;
        }
    }
}

/* ---- cumulative l1 ---- */

static const char *const cumulative_mutants[] = {
    "u of the step before", "no q", "q of the other sign", "q stays", "u +0.1 %", "no clamp", NULL};

static void run_cumulative(const struct single_trial *trial, struct single *x, int mutant)
{
    enum { RIGHT, BEFORE, NO_Q, SIGN, STAYS, U, NO_CLAMP };
    double lr = oracle_value(oracle_rule_find("sgd"), &trial->policy, "lr");
    double step = mutant == BEFORE ? 0 : lr * trial->policy.penalties[0].weight;
    float u = (float)((x->carried[0] + step) * (mutant == U ? 1.001 : 1));
    descend(trial, x);
    for (size_t i = 0; i < x->count; i++) {
        float w = x->p[i], q = x->state[1][i], used = mutant == NO_Q ? 0 : q;
        used = mutant == SIGN ? -q : used;
        float floor = mutant == NO_CLAMP ? -INFINITY : 0;
        x->p[i] = w > 0 ? fmaxf(floor, w - (u + used)) : fminf(-floor, w + (u - used));
        x->state[1][i] = mutant == STAYS ? q : q + (x->p[i] - w);
    }
}

/* ---- an element's own step, and a general power ---- */

static const char *const diagonal_mutants[] = {"lr for the own step", "bc1 in the own step",
                                               "no bc2", "v of the step before", NULL};

static void run_diagonal(const struct single_trial *trial, struct single *x, int mutant)
{
    enum { RIGHT, EUCLIDEAN, BC1, NO_BC2, BEFORE };
    const struct oracle_rule *rule = oracle_rule_find("adam");
    const struct oracle_penalty *net = &trial->policy.penalties[0];
    double lr = oracle_value(rule, &trial->policy, "lr");
    double beta1 = oracle_value(rule, &trial->policy, "beta1");
    double beta2 = oracle_value(rule, &trial->policy, "beta2");
    double bc1 = 1 - pow(beta1, x->t), bc2 = 1 - pow(beta2, x->t);
    float eps = single_option(trial, "eps"), size = (float)(lr / bc1), root = (float)sqrt(bc2);
    float l1 = (float)(net->weight * net->l1_ratio),
          l2 = (float)(net->weight * (1 - net->l1_ratio));
    for (size_t i = 0; i < x->count; i++) {
        float g = x->g[i], old = x->state[1][i];
        float m = x->state[0][i] = (float)beta1 * x->state[0][i] + (float)(1 - beta1) * g;
        float v = x->state[1][i] = (float)beta2 * old + (float)(1 - beta2) * g * g;
        float p = x->p[i] - size * m / (sqrtf(v) / root + eps);
        float divisor = sqrtf(mutant == BEFORE ? old : v) / (mutant == NO_BC2 ? 1 : root) + eps;
        float rate = mutant == EUCLIDEAN ? (float)lr : (mutant == BC1 ? size : (float)lr) / divisor;
        x->p[i] = copysignf(fmaxf(fabsf(p) - rate * l1, 0), p) / (1 + rate * l2);
    }
}

static const char *const power_mutants[] = {"p for p - 1", "no sign", "weight / p", "p +0.01 %",
                                            NULL};

static void run_power(const struct single_trial *trial, struct single *x, int mutant)
{
    enum { RIGHT, WHOLE, NO_SIGN, DIVIDED, P };
    const struct oracle_penalty *lp = &trial->policy.penalties[0];
    double p = lp->p * (mutant == P ? 1.0001 : 1);
    float weight = (float)(mutant == DIVIDED ? lp->weight / p : lp->weight);
    for (size_t i = 0; i < x->count; i++) {
        /* The power of the true exponent, rounded once: a float32 exponent would be another. */
        double power = pow(fabs((double)x->p[i]), mutant == WHOLE ? p : p - 1);
        float term = weight * (float)power;
        x->g[i] += x->p[i] < 0 && mutant != NO_SIGN ? -term : term;
    }
    descend(trial, x);
}

/* ---- the soft threshold of schedule-free AdamW, which acts on z ---- */

static const char *const free_mutants[] = {"on y", "y does not follow", "x moved instead", NULL};

static void run_schedule_free(const struct single_trial *trial, struct single *x, int mutant)
{
    enum { RIGHT, ON_Y, STAYS, OF_X };
    const struct oracle_rule *rule = oracle_rule_find("schedule_free_adamw");
    double lr = oracle_value(rule, &trial->policy, "lr"), largest = fmax(lr, x->carried[1]);
    double beta1 = oracle_value(rule, &trial->policy, "beta1");
    double beta2 = oracle_value(rule, &trial->policy, "beta2");
    double c = largest * largest / (x->carried[0] + largest * largest);
    float rate = (float)lr, part = (float)c, k = (float)(1 - beta1 * (1 - c));
    float eps = single_option(trial, "eps"), root = (float)sqrt(1 - pow(beta2, x->t));
    float threshold = (float)(lr * trial->policy.penalties[0].weight);
    for (size_t i = 0; i < x->count; i++) {
        float g = x->g[i], y = x->p[i], z = x->state[0][i];
        float v = x->state[1][i] = (float)beta2 * x->state[1][i] + (float)(1 - beta2) * g * g;
        float moved = z - rate * (g / (sqrtf(v) / root + eps));
        float point = copysignf(fmaxf(fabsf(moved) - threshold, 0), moved);
        x->state[0][i] = mutant == ON_Y ? moved : point;
        float step = z - (mutant == ON_Y || mutant == STAYS ? moved : point);
        x->p[i] = y - (part * (y - z) + (mutant == OF_X ? part : k) * step);
        if (mutant == ON_Y)
            x->p[i] = copysignf(fmaxf(fabsf(x->p[i]) - threshold, 0), x->p[i]);
    }
}

/* ---- clips ---- */

static const char *const norm_mutants[] = {"no 1e-6", "of the parameters", "scaled up too",
                                           "the last 6 left out", NULL};

static void run_clip_norm(const struct single_trial *trial, struct single *x, int mutant)
{
    enum { RIGHT, NO_EPS, PARAMETERS, UP, LAST };
    size_t count = mutant == LAST ? x->count - 6 : x->count;
    float norm = single_norm(mutant == PARAMETERS ? x->p : x->g, 0, 1, count);
    float factor = (float)trial->around.clip_norm / (norm + (mutant == NO_EPS ? 0 : 1e-6F));
    for (size_t i = 0; i < x->count; i++)
        x->g[i] *= mutant == UP ? factor : fminf(factor, 1);
    descend(trial, x);
}

static const char *const agc_mutants[] = {"of the tensor", "of columns",    "no eps",
                                          "agc +0.1 %",    "scaled up too", NULL};

static void run_agc(const struct single_trial *trial, struct single *x, int mutant)
{
    enum { RIGHT, TENSOR, COLUMNS, NO_EPS, AGC, UP };
    enum oracle_unit unit = mutant == TENSOR    ? ORACLE_TENSOR
                            : mutant == COLUMNS ? ORACLE_COLUMN
                                                : ORACLE_ROW;
    float agc = (float)trial->around.agc * (mutant == AGC ? 1.001F : 1);
    float eps = mutant == NO_EPS ? 0 : (float)trial->around.agc_eps;
    for (size_t u = 0; u < single_units(x, unit); u++) {
        struct oracle_slice s = single_slice(x, unit, u);
        float g = single_norm(x->g, s.first, s.stride, s.count);
        float limit = agc * fmaxf(single_norm(x->p, s.first, s.stride, s.count), eps);
        float factor = g < limit && mutant != UP ? 1 : limit / fmaxf(g, 1e-6F);
        for (size_t i = 0; i < s.count; i++)
            x->g[s.first + i * s.stride] *= factor;
    }
    descend(trial, x);
}

/* ---- all of them ---- */

enum { EVERY = SINGLE_VECTOR | SINGLE_WIDE | SINGLE_TALL | SINGLE_DEEP };

static const struct single_trial trials[] = {
    {.name = "group lasso",
     .policy = {.rule = "sgd",
                .options = {{"lr", 0.37}},
                .penalties = {{.name = "group_lasso", .application = "proximal", .weight = 19}}},
     .shapes = EVERY,
     .low = -3,
     .high = 0.3,
     .edges = true,
     .mutants = lasso_mutants,
     .run = run_group_lasso},
    {.name = "coupled group lasso",
     .policy = {.rule = "sgd",
                .options = {{"lr", 0.37}},
                .penalties = {{.name = "group_lasso", .application = "coupled", .weight = 2}}},
     .shapes = EVERY,
     .low = -3,
     .high = 1,
     .edges = true,
     .mutants = coupled_mutants,
     .run = run_coupled_lasso},
    {.name = "max_norm",
     .policy = {.rule = "sgd",
                .options = {{"lr", 0.37}},
                .penalties = {{.name = "max_norm", .application = "proximal", .radius = 19}}},
     .shapes = EVERY,
     .low = -3,
     .high = 1,
     .edges = true,
     .mutants = ball_mutants,
     .run = run_ball},
    {.name = "l1_ball",
     .policy = {.rule = "sgd",
                .options = {{"lr", 0.37}},
                .penalties = {{.name = "l1_ball", .application = "proximal", .radius = 20}}},
     .shapes = EVERY,
     .low = -3,
     .high = 1,
     .edges = true,
     .mutants = simplex_mutants,
     .run = run_simplex},
    {.name = "simplex",
     .policy = {.rule = "sgd",
                .options = {{"lr", 0.37}},
                .penalties = {{.name = "simplex", .application = "proximal", .radius = 3}}},
     .shapes = EVERY,
     .low = -3,
     .high = 1,
     .edges = true,
     .mutants = simplex_mutants,
     .run = run_simplex},
    {.name = "l1_cumulative",
     .policy = {.rule = "sgd",
                .options = {{"lr", 0.37}},
                .penalties = {{.name = "l1_cumulative", .application = "proximal", .weight = 0.2}}},
     .shapes = SINGLE_VECTOR,
     .low = -3,
     .high = 1,
     .edges = true,
     .mutants = cumulative_mutants,
     .run = run_cumulative},
    {.name = "diagonal elastic net",
     .policy = {.rule = "adam",
                .options = {{"lr", 0.37}, {"beta1", 0.85}, {"beta2", 0.97}, {"eps", 1e-3}},
                .penalties = {{.name = "elastic_net",
                               .application = "proximal",
                               .weight = 0.8,
                               .l1_ratio = 0.25,
                               .diagonal = true}}},
     .shapes = SINGLE_VECTOR,
     .low = -3,
     .high = 1,
     .edges = true,
     .mutants = diagonal_mutants,
     .run = run_diagonal},
    {.name = "coupled lp of 2.7",
     .policy = {.rule = "sgd",
                .options = {{"lr", 0.37}},
                .penalties = {{.name = "lp", .application = "coupled", .weight = 0.8, .p = 2.7}}},
     .shapes = SINGLE_VECTOR,
     .low = -6,
     .high = 2,
     .edges = true,
     .mutants = power_mutants,
     .run = run_power},
    {.name = "schedule_free_adamw, l1",
     .policy = {.rule = "schedule_free_adamw",
                .options = {{"lr", 0.37}, {"beta1", 0.85}, {"beta2", 0.97}, {"eps", 1e-3}},
                .penalties = {{.name = "l1", .application = "proximal", .weight = 0.8}}},
     .shapes = SINGLE_VECTOR,
     .low = -3,
     .high = 1,
     .edges = true,
     .mutants = free_mutants,
     .run = run_schedule_free},
    {.name = "clip_norm",
     .policy = {.rule = "sgd", .options = {{"lr", 0.37}}},
     .around = {.clip_norm = 4.5e-6},
     .shapes = EVERY,
     .low = -9,
     .high = -6.5,
     .edges = true,
     .mutants = norm_mutants,
     .run = run_clip_norm},
    {.name = "agc",
     .policy = {.rule = "sgd", .options = {{"lr", 0.37}}},
     .around = {.agc = 0.9, .agc_eps = 16},
     .shapes = EVERY,
     .low = -3,
     .high = 1,
     .edges = true,
     .mutants = agc_mutants,
     .run = run_agc},
};
enum { TRIALS = sizeof trials / sizeof *trials };

START_TEST(test_trial)
{
    single_judge(&trials[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("judge single stages");
    TCase *stages = tcase_create("stages");
    tcase_set_timeout(stages, 60);
    tcase_add_loop_test(stages, test_trial, 0, TRIALS);
    suite_add_tcase(suite, stages);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
