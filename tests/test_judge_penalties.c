/*
 * The oracles of the penalties, judged without the library: projections satisfy their variational
 * inequality, proximal points minimise, gradients are those of the value; and a plain float32 run of
 * each lies within the bounds.
 */
#include "oracle_fixture.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 20261122, ROWS = 6, COLS = 8, COUNT = ROWS * COLS };

static const double lr = 0.3;

/* sgd, whose gradient is 0: a step is the penalty's alone. */
static struct oracle_policy make_policy(const struct oracle_penalty *penalty)
{
    return (struct oracle_policy){.rule = "sgd", .options = {{"lr", lr}}, .penalties = {*penalty}};
}

static struct oracle_tensor make_tensor(uint64_t seed, double low, double high)
{
    struct oracle_tensor tensor = fixture_create(ROWS, COLS);
    fixture_fill(&tensor, seed, low, high);
    for (size_t i = 0; i < COUNT; i++)
        tensor.elements[i].g = 0;
    return tensor;
}

static void take_prox(const struct oracle_penalty *penalty, struct oracle_tensor *tensor)
{
    struct oracle_policy policy = make_policy(penalty);
    struct oracle_moment moment = fixture_double(1);
    oracle_step(&policy, &moment, tensor);
}

static double value_of(const struct oracle_penalty *penalty, const double *p)
{
    static const struct oracle_tensor shape = {.count = COUNT, .rows = ROWS, .cols = COLS};
    float values[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        values[i] = (float)p[i];
    return oracle_penalty_find(penalty->name)->measure(penalty, values, &shape);
}

/* ---- sets ---- */

static const struct oracle_penalty sets[] = {
    {.name = "max_norm", .application = "proximal", .unit = ORACLE_ROW, .radius = 1.5},
    {.name = "max_norm", .application = "proximal", .unit = ORACLE_TENSOR, .radius = 4},
    {.name = "l2_ball", .application = "proximal", .unit = ORACLE_TENSOR, .radius = 2},
    {.name = "l2_ball", .application = "proximal", .unit = ORACLE_ROW, .radius = 0.7},
    {.name = "l1_ball", .application = "proximal", .unit = ORACLE_TENSOR, .radius = 3},
    {.name = "l1_ball", .application = "proximal", .unit = ORACLE_ROW, .radius = 1.1},
    {.name = "simplex", .application = "proximal", .unit = ORACLE_TENSOR, .radius = 1},
    {.name = "simplex", .application = "proximal", .unit = ORACLE_ROW, .radius = 2.5},
};
enum { SETS = sizeof sets / sizeof *sets };

static bool is_ball(const struct oracle_penalty *set)
{
    return strcmp(set->name, "max_norm") == 0 || strcmp(set->name, "l2_ball") == 0;
}

/* How large a unit of y is, where the set's elements have the radius at most. */
static double gauge(const struct oracle_penalty *set, const struct oracle_slice *slice,
                    const double *y)
{
    double sum = 0;
    for (size_t i = 0; i < slice->count; i++) {
        double x = y[slice->first + i * slice->stride];
        sum += is_ball(set) ? x * x : fabs(x);
    }
    return is_ball(set) ? sqrt(sum) : sum;
}

/* A point of the set: of an even `number` inside or random on its surface, else a corner. */
static void choose_point(const struct oracle_penalty *set, const struct oracle_tensor *tensor,
                         unsigned number, uint64_t *seed, double y[COUNT])
{
    bool simplex = strcmp(set->name, "simplex") == 0;
    for (size_t u = 0; u < oracle_unit_count(tensor, set->unit); u++) {
        struct oracle_slice slice = oracle_unit_at(tensor, set->unit, u);
        size_t corner = (size_t)fixture_uniform(seed, 0, (double)slice.count);
        for (size_t i = 0; i < slice.count; i++) {
            double x = fixture_uniform(seed, simplex ? 0 : -1, 1);
            if (number % 2 == 1)
                x = i != corner ? 0 : simplex || x > 0 ? 1 : -1;
            y[slice.first + i * slice.stride] = x;
        }
        double size = gauge(set, &slice, y);
        double part = simplex || number % 4 != 0 ? 1 : fixture_uniform(seed, 0, 1);
        for (size_t i = 0; i < slice.count; i++)
            y[slice.first + i * slice.stride] *= part * set->radius / size;
    }
}

/* x is in the set, and (v - x).(y - x) <= 0 for every y of it: then x is the projection of v. */
START_TEST(test_projection)
{
    const struct oracle_penalty *set = &sets[_i];
    uint64_t seed = SEED;
    size_t moved = 0;
    for (uint64_t trial = 0; trial < 20; trial++) {
        struct oracle_tensor tensor = make_tensor(SEED + 7 * trial, -2, 0.1 * (double)trial - 0.5);
        double x[COUNT], y[COUNT];
        take_prox(set, &tensor);
        for (size_t i = 0; i < COUNT; i++) {
            x[i] = tensor.elements[i].next.value;
            moved += x[i] != tensor.elements[i].p;
        }
        for (size_t u = 0; u < oracle_unit_count(&tensor, set->unit); u++) {
            struct oracle_slice slice = oracle_unit_at(&tensor, set->unit, u);
            double size = gauge(set, &slice, x);
            ck_assert_msg(size <= set->radius * (1 + 1e-12), "%s: size %.17g", set->name, size);
            if (strcmp(set->name, "simplex") == 0)
                fixture_near("sum of the simplex", u, size, set->radius, 1e-12);
        }
        for (unsigned number = 0; number < 60; number++) {
            double angle = 0;
            choose_point(set, &tensor, number, &seed, y);
            for (size_t i = 0; i < COUNT; i++)
                angle += (tensor.elements[i].p - x[i]) * (y[i] - x[i]);
            ck_assert_msg(angle <= 1e-11, "%s, trial %u, point %u: (v - x).(y - x) = %g", set->name,
                          (unsigned)trial, number, angle);
        }
        fixture_destroy(&tensor);
    }
    ck_assert_uint_gt(moved, COUNT);
}
END_TEST

/* ---- functions ---- */

static const struct oracle_penalty functions[] = {
    {.name = "group_lasso", .unit = ORACLE_ROW, .weight = 0.9},
    {.name = "group_lasso", .unit = ORACLE_COLUMN, .weight = 2},
    {.name = "group_lasso", .unit = ORACLE_TENSOR, .weight = 6},
    {.name = "l1", .weight = 0.7},
    {.name = "elastic_net", .weight = 0.7, .l1_ratio = 0.4},
    {.name = "lp", .weight = 0.7, .p = 1.5},
    {.name = "lp", .weight = 0.7, .p = 2.7},
    {.name = "lp", .weight = 0.2, .p = 3.5},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions, PROXIMAL = 6 };

static double objective(const struct oracle_penalty *penalty, const struct oracle_tensor *tensor,
                        const double x[COUNT])
{
    double sum = 0;
    for (size_t i = 0; i < COUNT; i++)
        sum += pow(x[i] - tensor->elements[i].p, 2) / 2;
    return sum + lr * value_of(penalty, x);
}

/* No step of any size into any direction, along the point itself or towards v, goes lower. */
START_TEST(test_minimum)
{
    struct oracle_penalty penalty = functions[_i];
    uint64_t seed = SEED;
    size_t zeros = 0;
    penalty.application = "proximal";
    for (uint64_t trial = 0; trial < 12; trial++) {
        struct oracle_tensor tensor = make_tensor(SEED + 7 * trial, -2, 0.1 * (double)trial - 0.5);
        double x[COUNT], y[COUNT];
        take_prox(&penalty, &tensor);
        for (size_t i = 0; i < COUNT; i++) {
            x[i] = tensor.elements[i].next.value;
            zeros += x[i] == 0;
        }
        double least = objective(&penalty, &tensor, x);
        for (int k = 0; k < 200; k++) {
            double size = (k % 2 ? 1 : -1) * pow(10, -(k / 4) % 4);
            for (size_t i = 0; i < COUNT; i++) {
                double random =
                    fixture_uniform(&seed, -1, 1) * (k % 8 < 4 || i == (size_t)k % COUNT);
                y[i] = x[i] + size * (k % 4 < 2 ? random : k % 3 ? x[i] : tensor.elements[i].p);
            }
            /* value_of rounds to float32: 1e-7 of the value */
            ck_assert_msg(objective(&penalty, &tensor, y) >= least * (1 - 3e-7),
                          "%s, trial %u, %d: %.17g is lower than %.17g", penalty.name,
                          (unsigned)trial, k, objective(&penalty, &tensor, y), least);
        }
        fixture_destroy(&tensor);
    }
    ck_assert_msg(strcmp(penalty.name, "lp") == 0 || zeros > 0, "%s makes no zeros", penalty.name);
}
END_TEST

/* Moved by lr weight towards 0 in each unit, or to 0: what is left of every norm is known. */
START_TEST(test_group_lasso_norms)
{
    struct oracle_penalty penalty = functions[_i];
    struct oracle_tensor tensor = make_tensor(SEED, -1, 0.5);
    penalty.application = "proximal";
    take_prox(&penalty, &tensor);
    for (size_t u = 0; u < oracle_unit_count(&tensor, penalty.unit); u++) {
        struct oracle_slice slice = oracle_unit_at(&tensor, penalty.unit, u);
        double before = 0, after = 0;
        for (size_t i = 0; i < slice.count; i++) {
            before += pow(oracle_slice_at(&tensor, &slice, i)->p, 2);
            after += pow(oracle_slice_at(&tensor, &slice, i)->next.value, 2);
        }
        fixture_near("norm", u, sqrt(after), fmax(sqrt(before) - lr * penalty.weight, 0), 1e-14);
    }
    fixture_destroy(&tensor);
}
END_TEST

/* Columns of one element each: the soft threshold of l1, in both applications. */
START_TEST(test_group_of_one)
{
    static const char *const applications[] = {"coupled", "proximal"};
    for (size_t a = 0; a < 2; a++) {
        const struct oracle_penalty lasso = {.name = "group_lasso",
                                             .application = applications[a],
                                             .unit = ORACLE_COLUMN,
                                             .weight = 0.6};
        const struct oracle_penalty l1 = {
            .name = "l1", .application = applications[a], .weight = 0.6};
        struct oracle_tensor one = fixture_create(1, COUNT), other = fixture_create(1, COUNT);
        fixture_fill(&one, SEED, -3, 1);
        fixture_fill(&other, SEED, -3, 1);
        take_prox(&lasso, &one);
        take_prox(&l1, &other);
        for (size_t i = 0; i < COUNT; i++)
            fixture_near("group of one", i, one.elements[i].next.value,
                         other.elements[i].next.value, 1e-15);
        fixture_destroy(&one);
        fixture_destroy(&other);
    }
}
END_TEST

/* What is added to the gradient is the derivative of the value. */
START_TEST(test_gradient)
{
    struct oracle_penalty penalty = functions[_i];
    struct oracle_tensor tensor = make_tensor(SEED, -0.5, 0.5);
    double x[COUNT];
    penalty.application = "coupled";
    take_prox(&penalty, &tensor);
    for (size_t i = 0; i < COUNT; i++)
        x[i] = tensor.elements[i].p;
    for (size_t i = 0; i < COUNT; i++) {
        const double apart = 1.0 / 64; /* added to float32 values, with few bits lost */
        double gradient = (tensor.elements[i].p - tensor.elements[i].next.value) / lr;
        x[i] += apart;
        double above = value_of(&penalty, x);
        x[i] -= 2 * apart;
        double below = value_of(&penalty, x);
        x[i] += apart;
        fixture_near("derivative", i, gradient, (above - below) / (2 * apart), 2e-3);
    }
    fixture_destroy(&tensor);
}
END_TEST

/* At p = 0 nothing is added, and nothing else is done. */
START_TEST(test_zero)
{
    struct oracle_penalty penalty = functions[_i];
    for (int a = 0; a < 2; a++) {
        struct oracle_tensor tensor = fixture_create(ROWS, COLS);
        penalty.application = a == 0 || _i >= PROXIMAL ? "coupled" : "proximal";
        take_prox(&penalty, &tensor);
        for (size_t i = 0; i < COUNT; i++)
            ck_assert_double_eq(tensor.elements[i].next.value, 0);
        fixture_destroy(&tensor);
    }
}
END_TEST

/* ---- cumulative l1 ---- */

/*
 * A weight far from 0 under constant steps is charged the whole sum of lr weight, one that starts
 * new the soft threshold of that step; and none is charged more than u.
 */
START_TEST(test_cumulative)
{
    const struct oracle_penalty cumulative = {
        .name = "l1_cumulative", .application = "proximal", .weight = 0.2};
    struct oracle_policy policy = make_policy(&cumulative);
    struct oracle_tensor tensor = fixture_create(0, 30);
    struct oracle_moment moment = fixture_double(1);
    fixture_fill(&tensor, SEED, -2, 1);
    double start[30];
    for (size_t i = 0; i < tensor.count; i++) {
        tensor.elements[i].g = 0;
        start[i] = tensor.elements[i].p;
    }
    for (int t = 1; t <= 9; t++) {
        double u = t * lr * 0.2;
        fixture_step(&policy, &moment, &tensor);
        fixture_near("u", 0, moment.carried[0], u, 1e-14);
        for (size_t i = 0; i < tensor.count; i++) {
            double size = fmax(fabs(start[i]) - u, 0),
                   q = tensor.elements[i].state[1]; /* after sgd's */
            fixture_near("charged weight", i, tensor.elements[i].p, copysign(size, start[i]),
                         1e-14);
            fixture_near("q", i, q, tensor.elements[i].p - start[i], 1e-14);
            ck_assert_msg(fabs(q) <= u * (1 + 1e-14), "element %zu: q %g beyond u %g", i, q, u);
        }
    }
    fixture_destroy(&tensor);
}
END_TEST

/* ---- the diagonal metric ---- */

/* Adaptive rules without memory, whose own step is a function of the gradient. */
static double of_adam(double g)
{
    return lr / (fabs(g) + 0.01);
}

static double of_radam(double g)
{
    (void)g;
    return lr; /* at t = 1 not yet rectified */
}

static double of_adadelta(double g)
{
    return lr * sqrt(0.01) / sqrt(g * g + 0.01);
}

static double of_adabelief(double g)
{
    (void)g;
    return lr / (sqrt(1e-4) + 0.01); /* m' = g */
}

static const struct {
    struct oracle_policy policy;
    double (*own_step)(double g);
} diagonal[] = {
    {{.rule = "adam", .options = {{"lr", 0.3}, {"beta2", 0}, {"eps", 0.01}}}, of_adam},
    {{.rule = "adamw", .options = {{"lr", 0.3}, {"beta2", 0}, {"eps", 0.01}, {"weight_decay", 0}}},
     of_adam},
    {{.rule = "adam", .options = {{"lr", 0.3}, {"beta2", 0}, {"eps", 0.01}, {"amsgrad", 1}}},
     of_adam},
    {{.rule = "nadam", .options = {{"lr", 0.3}, {"beta2", 0}, {"eps", 0.01}}}, of_adam},
    {{.rule = "adamax", .options = {{"lr", 0.3}, {"eps", 0.01}}}, of_adam},
    {{.rule = "adagrad", .options = {{"lr", 0.3}, {"eps", 0.01}}}, of_adam},
    {{.rule = "rmsprop", .options = {{"lr", 0.3}, {"alpha", 0}, {"eps", 0.01}, {"momentum", 0.5}}},
     of_adam},
    {{.rule = "ademamix",
      .options = {{"lr", 0.3}, {"beta2", 0}, {"eps", 0.01}, {"weight_decay", 0}}},
     of_adam},
    {{.rule = "radam", .options = {{"lr", 0.3}, {"eps", 0.01}}}, of_radam},
    {{.rule = "adadelta", .options = {{"lr", 0.3}, {"rho", 0}, {"eps", 0.01}}}, of_adadelta},
    {{.rule = "adabelief",
      .options = {{"lr", 0.3}, {"beta1", 0}, {"beta2", 0}, {"eps", 0.01}, {"eps_root", 1e-4}}},
     of_adabelief},
};
enum { DIAGONAL = sizeof diagonal / sizeof *diagonal };

/* The step without penalty, then with it. */
static void step_twice(const struct oracle_policy *plain, const struct oracle_penalty *penalty,
                       struct oracle_tensor *before, struct oracle_tensor *after)
{
    struct oracle_policy policy = *plain;
    struct oracle_moment moment = fixture_double(1);
    *before = fixture_create(0, COUNT);
    *after = fixture_create(0, COUNT);
    fixture_fill(before, SEED, -2, 1);
    fixture_fill(after, SEED, -2, 1);
    moment.carried[0] = 1; /* nadam's product */
    oracle_step(&policy, &moment, before);
    policy.penalties[0] = *penalty;
    oracle_step(&policy, &moment, after);
}

/* Soft threshold and shrinkage with each element's own step. */
START_TEST(test_diagonal)
{
    const struct oracle_policy *policy = &diagonal[_i].policy;
    const struct oracle_penalty net = {.name = "elastic_net",
                                       .application = "proximal",
                                       .weight = 0.8,
                                       .l1_ratio = 0.25,
                                       .diagonal = true};
    struct oracle_tensor plain, own;
    ck_assert(oracle_rule_find(policy->rule)->diagonal);
    step_twice(policy, &net, &plain, &own);
    for (size_t i = 0; i < COUNT; i++) {
        double p = plain.elements[i].next.value, rate = diagonal[_i].own_step(plain.elements[i].g);
        double point = copysign(fmax(fabs(p) - rate * 0.2, 0), p) / (1 + rate * 0.6);
        fixture_near(policy->rule, i, own.elements[i].next.value, point, 1e-13);
    }
    fixture_destroy(&plain);
    fixture_destroy(&own);
}
END_TEST

/* Of lp, the equation of its minimum; a box does not know the step. */
START_TEST(test_diagonal_lp_and_box)
{
    static const double powers[] = {1.5, 2, 3};
    const struct oracle_policy *policy = &diagonal[_i].policy;
    struct oracle_tensor plain, own;
    for (size_t k = 0; k < 3; k++) {
        const struct oracle_penalty lp = {.name = "lp",
                                          .application = "proximal",
                                          .weight = 0.8,
                                          .p = powers[k],
                                          .diagonal = true};
        step_twice(policy, &lp, &plain, &own);
        for (size_t i = 0; i < COUNT; i++) {
            double x = fabs(own.elements[i].next.value);
            double c = 0.8 * diagonal[_i].own_step(plain.elements[i].g);
            fixture_near("lp", i, x + c * pow(x, powers[k] - 1), fabs(plain.elements[i].next.value),
                         1e-12);
        }
        fixture_destroy(&plain);
        fixture_destroy(&own);
    }
    const struct oracle_penalty box = {
        .name = "box", .application = "proximal", .low = -0.25, .high = 0.5, .diagonal = true};
    step_twice(policy, &box, &plain, &own);
    for (size_t i = 0; i < COUNT; i++)
        fixture_near("box", i, own.elements[i].next.value,
                     fmin(fmax(plain.elements[i].next.value, -0.25), 0.5), 1e-15);
    fixture_destroy(&plain);
    fixture_destroy(&own);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("judge penalties");
    TCase *penalties = tcase_create("penalties");
    tcase_add_loop_test(penalties, test_projection, 0, SETS);
    tcase_add_loop_test(penalties, test_minimum, 0, PROXIMAL);
    tcase_add_loop_test(penalties, test_group_lasso_norms, 0, 3);
    tcase_add_test(penalties, test_group_of_one);
    tcase_add_loop_test(penalties, test_gradient, 0, FUNCTIONS);
    tcase_add_loop_test(penalties, test_zero, 0, FUNCTIONS);
    tcase_add_test(penalties, test_cumulative);
    tcase_add_loop_test(penalties, test_diagonal, 0, DIAGONAL);
    tcase_add_loop_test(penalties, test_diagonal_lp_and_box, 0, DIAGONAL);
    suite_add_tcase(suite, penalties);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
