/*
 * Training to the end on diabetes.csv by full gradients, against scikit-learn's Lasso, ElasticNet
 * and Ridge: the coefficients, and which of them are exactly 0. The loss is 1/(2n) ||y - X w||^2,
 * columns and y centred, columns scaled to variance 1. Argument: a device ("scalar").
 *
 * The bound. In exact arithmetic a step with lr <= 1/(L + l2) brings w nearer to the solution by a
 * factor q; L and mu are the largest and smallest eigenvalues of X'X/n, and
 *
 *     1 - q = lr (mu + l2)                    coupled and decoupled l2
 *     1 - q = lr (mu + l2) / (1 + lr l2)      proximal l2
 *
 * because soft thresholding never moves two points apart. A step in float32 is that step and an
 * error e; training ends with a step of size d. So w ends within (||e|| + ||d||) / (1 - q) of the
 * solution. Of an element e and d are at most
 *
 *     e: 2^-24 (4 |w| + 4 lr (|g| + l2 |w| + l1)),    |g| <= l1 + l2 |w| at the solution
 *     d: 2^-24 2 (|w| + lr l1), a unit in the last place of w before the threshold: float32 may
 *        end in a cycle of such steps
 *
 * (w: the differences with the step and with the threshold, the divisor, the quotient; the step:
 * the gradient, lr, their product, the sum with l2 w; l1: the threshold twice). And where that
 * allows more, 1e-4 of the largest coefficient.
 *
 * Adaptive rules are not here: at rest adam's step is lr sign(g), not lr g, so that a euclidean
 * prox with the threshold lr l1 rests elsewhere than at the lasso.
 */
#include "foreign.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENTS = 442, COLUMNS = 10, STEPS_MAX = 50000 };

static cJSON *file;
static double gram[COLUMNS][COLUMNS], target[COLUMNS]; /* X'X/n and X'y/n */
static double largest, smallest;                       /* eigenvalues of gram */

/* ---- the problem ---- */

static void read_table(double table[PATIENTS][COLUMNS + 1])
{
    char path[FOREIGN_PATH], line[256];
    foreign_path(path, "data/diabetes.csv");
    FILE *csv = fopen(path, "r");
    ck_assert_msg(csv != NULL, "cannot open %s", path);
    ck_assert(fgets(line, sizeof line, csv) != NULL);
    for (size_t i = 0; i < PATIENTS; i++) {
        ck_assert_msg(fgets(line, sizeof line, csv) != NULL, "%s ends after %zu patients", path, i);
        char *next = line;
        for (size_t j = 0; j <= COLUMNS; j++) {
            char *end;
            table[i][j] = strtod(next, &end);
            ck_assert_msg(end != next, "%s, patient %zu: column %zu is no number", path, i, j);
            next = end + 1;
        }
    }
    ck_assert_msg(fgets(line, sizeof line, csv) == NULL, "%s has more than %d patients", path,
                  PATIENTS);
    fclose(csv);
}

/* Mean 0, and variance 1 where `scale`. */
static void standardise(double table[PATIENTS][COLUMNS + 1], size_t column, bool scale)
{
    double mean = 0, variance = 0;
    for (size_t i = 0; i < PATIENTS; i++)
        mean += table[i][column] / PATIENTS;
    for (size_t i = 0; i < PATIENTS; i++) {
        table[i][column] -= mean;
        variance += table[i][column] * table[i][column] / PATIENTS;
    }
    for (size_t i = 0; scale && i < PATIENTS; i++)
        table[i][column] /= sqrt(variance);
}

/* The largest eigenvalue of shift*I + sign*gram, by powers. */
static double eigenvalue(double shift, double sign)
{
    double v[COLUMNS] = {1}, value = 0;
    for (int round = 0; round < 20000; round++) {
        double next[COLUMNS], norm = 0;
        for (size_t i = 0; i < COLUMNS; i++) {
            next[i] = shift * v[i];
            for (size_t j = 0; j < COLUMNS; j++)
                next[i] += sign * gram[i][j] * v[j];
            norm += next[i] * next[i];
        }
        value = sqrt(norm);
        for (size_t i = 0; i < COLUMNS; i++)
            v[i] = next[i] / value;
    }
    return value;
}

static void make_problem(void)
{
    static double table[PATIENTS][COLUMNS + 1];
    read_table(table);
    for (size_t j = 0; j <= COLUMNS; j++)
        standardise(table, j, j < COLUMNS);
    for (size_t i = 0; i < PATIENTS; i++)
        for (size_t j = 0; j < COLUMNS; j++) {
            target[j] += table[i][j] * table[i][COLUMNS] / PATIENTS;
            for (size_t k = 0; k < COLUMNS; k++)
                gram[j][k] += table[i][j] * table[i][k] / PATIENTS;
        }
    largest = eigenvalue(0, 1);
    smallest = largest - eigenvalue(largest, -1);
    printf("lasso: eigenvalues of X'X/n from %.4g to %.4g\n", smallest, largest);
}

static void loss_gradient(const float w[COLUMNS], float g[COLUMNS])
{
    for (size_t i = 0; i < COLUMNS; i++) {
        double sum = -target[i];
        for (size_t j = 0; j < COLUMNS; j++)
            sum += gram[i][j] * (double)w[j];
        g[i] = (float)sum;
    }
}

/* ---- training ---- */

static const struct way {
    const char *model, *penalty, *application;
} ways[] = {
    {"Lasso", "l1", "proximal"},
    {"ElasticNet", "elastic_net", "proximal"},
    {"ElasticNet", "elastic_net", "decoupled"},
    {"Ridge", "l2", "coupled"},
    {"Ridge", "l2", "decoupled"},
    {"Ridge", "l2", "proximal"},
};
enum { WAYS = sizeof ways / sizeof *ways };

struct run {
    const struct way *way;
    struct tik_optimizer *optimizer;
    size_t tensor;
    float w[COLUMNS];
    double l1_ratio;
    /* of the point in hand */
    double lr, l1, l2;
};

static void open_run(struct run *run, const struct way *way, double l1_ratio)
{
    struct tik_policy *policy;
    struct tik_optimizer_options options;
    *run = (struct run){.way = way, .l1_ratio = l1_ratio};
    judge_ok(tik_policy_create("sgd", &policy));
    judge_ok(tik_policy_add_penalty(policy, way->penalty, NULL));
    judge_ok(tik_policy_set_penalty_text(policy, 0, "application", way->application));
    judge_ok(tik_policy_set_penalty(policy, 0, "weight", 1));
    if (l1_ratio > 0 && l1_ratio < 1)
        judge_ok(tik_policy_set_penalty(policy, 0, "l1_ratio", l1_ratio));
    tik_optimizer_defaults(&options);
    options.report = true;
    judge_ok(tik_optimizer_create(judge_context(), &options, &run->optimizer));
    judge_ok(tik_optimizer_add_group(run->optimizer, policy, NULL));
    const struct tik_tensor tensor = {.name = "w",
                                      .rank = 1,
                                      .shape = (size_t[]){COLUMNS},
                                      .memory = TIK_MEMORY_LIBRARY,
                                      .param = run->w};
    judge_ok(tik_optimizer_add_tensor(run->optimizer, 0, &tensor, &run->tensor));
    tik_policy_destroy(policy);
}

/* Whether no coefficient has moved by more than the d above. */
static bool at_rest(const struct run *run, const float before[COLUMNS])
{
    for (size_t i = 0; i < COLUMNS; i++) {
        const double moved = fabs((double)run->w[i] - (double)before[i]);
        if (moved > ldexp(fabs((double)before[i]) + run->lr * run->l1, -23))
            return false;
    }
    return true;
}

/* Steps from where the last point ended until all is at rest; returns their number. */
static int train(struct run *run, double weight)
{
    run->l1 = weight * run->l1_ratio;
    run->l2 = weight * (1 - run->l1_ratio);
    run->lr = 1 / (largest + run->l2);
    judge_ok(tik_optimizer_set(run->optimizer, 0, "lr", run->lr));
    judge_ok(tik_optimizer_set_penalty(run->optimizer, 0, 0, "weight", weight));
    for (int step = 1; step <= STEPS_MAX; step++) {
        float g[COLUMNS], before[COLUMNS];
        memcpy(before, run->w, sizeof before);
        loss_gradient(run->w, g);
        judge_ok(tik_optimizer_write(run->optimizer, run->tensor, TIK_GRAD, g));
        judge_ok(tik_optimizer_step(run->optimizer));
        judge_ok(tik_optimizer_read(run->optimizer, run->tensor, TIK_PARAM, run->w));
        if (at_rest(run, before))
            return step;
    }
    ck_abort_msg("%s, %s, weight %g: still moving after %d steps", run->way->model,
                 run->way->application, weight, STEPS_MAX);
}

static double bound_of(const struct run *run, const double w[COLUMNS])
{
    double errors = 0, moves = 0;
    for (size_t i = 0; i < COLUMNS; i++) {
        const double pull = run->l1 + run->l2 * fabs(w[i]);
        const double error = ldexp(4 * fabs(w[i]) + 8 * run->lr * pull, -24);
        const double last = ldexp(fabs(w[i]) + run->lr * run->l1, -23);
        errors += error * error;
        moves += last * last;
    }
    double nearer = run->lr * (smallest + run->l2);
    if (strcmp(run->way->application, "proximal") == 0)
        nearer /= 1 + run->lr * run->l2;
    return (sqrt(errors) + sqrt(moves)) / nearer;
}

/* ---- the comparison ---- */

struct score {
    double difference, relative, of_bound; /* the largest */
    size_t zeros;
    int points, steps;
};

static void compare(const struct run *run, double weight, const double exact[COLUMNS],
                    struct score *score)
{
    double size = 0, difference = 0;
    uint64_t zeros = 0;
    struct tik_report report;
    for (size_t i = 0; i < COLUMNS; i++) {
        size = fmax(size, fabs(exact[i]));
        difference = fmax(difference, fabs((double)run->w[i] - exact[i]));
        zeros += exact[i] == 0;
        ck_assert_msg((run->w[i] == 0) == (exact[i] == 0),
                      "%s, %s, weight %g: coefficient %zu is %.9g, should be %.17g",
                      run->way->model, run->way->application, weight, i, (double)run->w[i],
                      exact[i]);
    }
    const double bound = fmin(bound_of(run, exact), 1e-4 * size);
    judge_ok(tik_optimizer_report(run->optimizer, 0, &report));
    ck_assert_msg(report.zeros == zeros, "%s, weight %g: the report has %llu zeros, not %llu",
                  run->way->model, weight, (unsigned long long)report.zeros,
                  (unsigned long long)zeros);
    ck_assert_msg(difference <= bound,
                  "%s, %s, weight %g: a coefficient is off by %.3g, the bound is %.3g",
                  run->way->model, run->way->application, weight, difference, bound);
    score->difference = fmax(score->difference, difference);
    score->relative = fmax(score->relative, difference / size);
    score->of_bound = fmax(score->of_bound, difference / bound);
    score->zeros += zeros;
}

static const cJSON *find_path(const char *model)
{
    const cJSON *path;
    cJSON_ArrayForEach(path, cJSON_GetObjectItem(file, "paths"))
    {
        if (strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(path, "model")), model) == 0)
            return path;
    }
    ck_abort_msg("sklearn.json has no path of %s", model);
}

START_TEST(test_path)
{
    const struct way *way = &ways[_i];
    const cJSON *point, *path = find_path(way->model);
    struct score score = {0};
    struct run run;
    open_run(&run, way, cJSON_GetObjectItem(path, "l1_ratio")->valuedouble);
    cJSON_ArrayForEach(point, cJSON_GetObjectItem(path, "points"))
    {
        double exact[COLUMNS];
        const double weight = cJSON_GetObjectItem(point, "weight")->valuedouble;
        foreign_numbers(cJSON_GetObjectItem(point, "coefficients"), exact, COLUMNS);
        score.steps += train(&run, weight);
        score.points++;
        compare(&run, weight, exact, &score);
    }
    tik_optimizer_destroy(run.optimizer);
    printf("lasso: %s by %s %s: largest difference %.2g, relative to the largest coefficient %.2g, "
           "%.2f of the bound; %zu zeros, all equal; %d weights, %d steps, %s\n",
           way->model, way->application, way->penalty, score.difference, score.relative,
           score.of_bound, score.zeros, score.points, score.steps, judge_device());
    fflush(stdout);
    ck_assert_int_ge(score.points, 5);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("lasso");
    TCase *paths = tcase_create("paths");
    tcase_set_timeout(paths, 120);
    tcase_add_unchecked_fixture(paths, make_problem, NULL);
    tcase_add_loop_test(paths, test_path, 0, WAYS);
    suite_add_tcase(suite, paths);
    return suite;
}

int main(int argc, char **argv)
{
    file = foreign_load("sklearn.json");
    if (!file)
        return EXIT_FAILURE;
    const int status = judge_main(argc, argv, make_suite);
    cJSON_Delete(file);
    return status;
}
