/*
 * The oracles of the rules that look at a whole tensor, judged without the library: against
 * PyTorch's vectors, by identities, and a plain float32 run of each equation, which has to lie
 * within the bounds that the oracle derives. The file of vectors is found in the folder
 * TIKHONOV_TEST_DATA, else in TEST_DATA of the build.
 */
#include "oracle_fixture.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 20261122, ELEMENTS = 40 };

/* ---- PyTorch's vectors: golden/README.md has the metric and the bounds ---- */

static cJSON *golden;

static void read_numbers(const cJSON *array, double numbers[ELEMENTS])
{
    ck_assert_int_eq(cJSON_GetArraySize(array), ELEMENTS);
    const cJSON *number;
    size_t i = 0;
    cJSON_ArrayForEach(number, array) numbers[i++] = number->valuedouble;
}

static const cJSON *find_case(const char *optimizer)
{
    const cJSON *one, *found = NULL;
    cJSON_ArrayForEach(one, cJSON_GetObjectItem(golden, "cases"))
    {
        if (strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(one, "optimizer")), optimizer) == 0)
            found = one;
    }
    ck_assert_msg(found != NULL, "the file has no case of %s", optimizer);
    return found;
}

/* The case's options under the same names; eps1 is the machine epsilon of PyTorch's doubles. */
static struct oracle_policy case_policy(const cJSON *one, const char *rule)
{
    struct oracle_policy policy = {.rule = rule};
    const cJSON *option;
    size_t i = 0;
    cJSON_ArrayForEach(option, cJSON_GetObjectItem(one, "options"))
    {
        ck_assert_uint_lt(i, ORACLE_OPTIONS - 1);
        double value = cJSON_IsBool(option) ? cJSON_IsTrue(option) : option->valuedouble;
        policy.options[i++] = (struct oracle_option){option->string, value};
    }
    if (oracle_has_option(oracle_rule_find(rule), "eps1"))
        policy.options[i] = (struct oracle_option){"eps1", DBL_EPSILON};
    return policy;
}

/* Error in units of the bound at one of the file's steps; `share` of the largest move, or 0. */
static double case_error(const cJSON *one, const char *step, const struct oracle_tensor *tensor,
                         double share)
{
    double exact[ELEMENTS], start[ELEMENTS], worst = 0, move = 0;
    read_numbers(cJSON_GetObjectItem(cJSON_GetObjectItem(one, "after"), step), exact);
    read_numbers(cJSON_GetObjectItem(golden, "params"), start);
    double own = cJSON_GetObjectItem(cJSON_GetObjectItem(one, "float32_error"), step)->valuedouble;
    for (size_t i = 0; i < ELEMENTS; i++)
        move = fmax(move, fabs(exact[i] - start[i]));
    for (size_t i = 0; i < ELEMENTS; i++) {
        double scale = fmax(fabs(exact[i]), fabs(exact[i] - start[i]));
        double bound = share > 0 ? share * move : fmax(10 * own, 5e-6) * scale;
        double error = fabs(tensor->elements[i].p - exact[i]);
        worst = fmax(worst, error == 0 ? 0 : error / bound);
    }
    return worst;
}

static void judge_case(const char *optimizer, const char *rule, double share)
{
    const cJSON *one = find_case(optimizer), *grad;
    struct oracle_policy policy = case_policy(one, rule);
    struct oracle_tensor tensor = fixture_create(5, 8);
    struct oracle_moment moment = fixture_double(1);
    double numbers[ELEMENTS], worst = 0;
    size_t steps = 0;
    read_numbers(cJSON_GetObjectItem(golden, "params"), numbers);
    for (size_t i = 0; i < ELEMENTS; i++)
        tensor.elements[i].p = numbers[i];
    cJSON_ArrayForEach(grad, cJSON_GetObjectItem(golden, "grads"))
    {
        char step[24];
        snprintf(step, sizeof step, "%g", moment.t);
        read_numbers(grad, numbers);
        for (size_t i = 0; i < ELEMENTS; i++) {
            tensor.elements[i].g = numbers[i];
            tensor.elements[i].g_error = 0;
        }
        fixture_step(&policy, &moment, &tensor);
        if (!cJSON_GetObjectItem(cJSON_GetObjectItem(one, "after"), step))
            continue;
        worst = fmax(worst, case_error(one, step, &tensor, share));
        steps++;
    }
    fixture_destroy(&tensor);
    printf("the oracle of %s against PyTorch: worst %.3g of the bound over %zu steps\n", rule,
           worst, steps);
    ck_assert_uint_eq(steps, 4);
    ck_assert_msg(worst <= 1, "%s: %.3g of the bound", rule, worst);
}

START_TEST(test_golden_adafactor)
{
    judge_case("Adafactor", "adafactor", 0);
}
END_TEST

START_TEST(test_golden_muon)
{
    judge_case("Muon", "muon", 0.08);
}
END_TEST

/* ---- identities, in double ---- */

static double norm_of_step(const struct oracle_tensor *tensor)
{
    double sum = 0;
    for (size_t i = 0; i < tensor->count; i++)
        sum += pow(tensor->elements[i].next.value - tensor->elements[i].p, 2);
    return sqrt(sum);
}

static double norm_of_p(const struct oracle_tensor *tensor)
{
    double sum = 0;
    for (size_t i = 0; i < tensor->count; i++)
        sum += pow(tensor->elements[i].p, 2);
    return sqrt(sum);
}

/* Without a ratio LAMB is AdamW; with one, its step is lr |p| long. */
START_TEST(test_lamb)
{
    const struct oracle_policy adamw = {
        .rule = "adamw", .options = {{"lr", 0.1}, {"eps", 1e-3}, {"weight_decay", 0}}};
    const struct oracle_policy plain = {
        .rule = "lamb", .options = {{"lr", 0.1}, {"eps", 1e-3}, {"weight_decay", 0}}};
    const struct oracle_policy optax = {.rule = "lamb",
                                        .options = {{"lr", 0.1}, {"eps", 1e-3}, {"variant", 1}}};
    struct oracle_tensor one = fixture_create(0, 100), other = fixture_create(0, 100);
    fixture_fill(&one, SEED, -3, 2);
    fixture_fill(&other, SEED, -3, 2);
    struct oracle_moment first = fixture_double(1), second = first;
    for (uint64_t t = 1; t <= 5; t++) {
        fixture_gradients(&one, SEED + t, -3, 2);
        fixture_gradients(&other, SEED + t, -3, 2);
        fixture_step(&adamw, &first, &one);
        fixture_step(&plain, &second, &other);
        for (size_t i = 0; i < one.count; i++)
            fixture_near("lamb, adamw", i, other.elements[i].p, one.elements[i].p, 1e-14);
    }
    oracle_step(&optax, &second, &other);
    fixture_near("step of lamb", 0, norm_of_step(&other), 0.1 * norm_of_p(&other), 1e-13);
    for (size_t i = 0; i < one.count; i++)
        one.elements[i].p = 0;
    oracle_step(&optax, &first, &one);
    ck_assert_msg(norm_of_step(&one) > 0.1, "lamb does not leave p = 0");
    fixture_destroy(&one);
    fixture_destroy(&other);
}
END_TEST

/*
 * MXNet's step without momentum is lr c |p| |d| / (|g| + weight_decay |p| + eps) long, Optax's lr c
 * |p| |d| / (|d| + eps), d = g + weight_decay p; Apex's is MXNet's with c in the place of lr c, and
 * sgd's where it is clipped.
 */
START_TEST(test_lars)
{
    const double lr = 0.3, c = 0.02, decay = 0.2, eps = 0.5;
    const struct oracle_policy sgd = {.rule = "sgd",
                                      .options = {{"lr", lr}, {"weight_decay", decay}}};
    struct oracle_tensor tensor = fixture_create(0, 100);
    struct oracle_moment moment = fixture_double(3);
    double norm_g = 0, norm_d = 0;
    fixture_fill(&tensor, SEED, -3, 2);
    for (size_t i = 0; i < tensor.count; i++) {
        norm_g += pow(tensor.elements[i].g, 2);
        norm_d += pow(tensor.elements[i].g + decay * tensor.elements[i].p, 2);
    }
    norm_g = sqrt(norm_g);
    norm_d = sqrt(norm_d);
    double norm_p = norm_of_p(&tensor);
    const double lengths[] = {lr * c * norm_p * norm_d / (norm_g + decay * norm_p + eps),
                              lr * c * norm_p * norm_d / (norm_d + eps),
                              c * norm_p * norm_d / (norm_g + decay * norm_p + eps)};
    for (int variant = 0; variant < 3; variant++) {
        const struct oracle_policy lars = {.rule = "lars",
                                           .options = {{"lr", lr},
                                                       {"trust_coefficient", c},
                                                       {"weight_decay", decay},
                                                       {"eps", eps},
                                                       {"variant", variant}}};
        oracle_step(&lars, &moment, &tensor);
        fixture_near("step of lars", (size_t)variant, norm_of_step(&tensor), lengths[variant],
                     1e-13);
    }
    const struct oracle_policy clipped = {
        .rule = "lars",
        .options = {
            {"lr", lr}, {"trust_coefficient", 1e6}, {"weight_decay", decay}, {"variant", 2}}};
    struct oracle_tensor other = fixture_create(0, 100);
    fixture_fill(&other, SEED, -3, 2);
    oracle_step(&clipped, &moment, &tensor);
    oracle_step(&sgd, &moment, &other);
    for (size_t i = 0; i < tensor.count; i++)
        fixture_near("clipped lars, sgd", i, tensor.elements[i].next.value,
                     other.elements[i].next.value, 1e-14);
    fixture_destroy(&tensor);
    fixture_destroy(&other);
}
END_TEST

/* The paper's three sequences, z, x and y, beside the oracle's two; with a soft threshold on z. */
static void check_schedule_free(double l1)
{
    const double lr = 0.1, beta1 = 0.7, beta2 = 0.9, eps = 1e-3, decay = 0.1;
    struct oracle_policy policy = {.rule = "schedule_free_adamw",
                                   .options = {{"lr", lr},
                                               {"beta1", beta1},
                                               {"beta2", beta2},
                                               {"eps", eps},
                                               {"weight_decay", decay},
                                               {"warmup_steps", 4},
                                               {"r", 0.5}}};
    if (l1 > 0)
        policy.penalties[0] =
            (struct oracle_penalty){.name = "l1", .application = "proximal", .weight = l1};
    enum { COUNT = 50, Z = 0 };
    struct oracle_tensor tensor = fixture_create(0, COUNT);
    struct oracle_moment moment = fixture_double(1);
    double z[COUNT], x[COUNT], v[COUNT] = {0}, sum = 0;
    fixture_fill(&tensor, SEED, -2, 1);
    for (size_t i = 0; i < COUNT; i++)
        z[i] = x[i] = tensor.elements[i].state[Z] = tensor.elements[i].p;
    for (int t = 1; t <= 8; t++) {
        double rate = lr * fmin(1, t / 4.0), weight = sqrt(t) * rate * rate;
        fixture_gradients(&tensor, SEED + (uint64_t)t, -2, 1);
        sum += weight;
        for (size_t i = 0; i < COUNT; i++) {
            double g = tensor.elements[i].g, y = (1 - beta1) * z[i] + beta1 * x[i];
            v[i] = beta2 * v[i] + (1 - beta2) * g * g;
            double d = g / (sqrt(v[i] / (1 - pow(beta2, t))) + eps) + decay * y;
            double moved = z[i] - rate * d;
            z[i] = copysign(fmax(fabs(moved) - rate * l1, 0), moved);
            x[i] += weight / sum * (z[i] - x[i]);
        }
        fixture_step(&policy, &moment, &tensor);
        for (size_t i = 0; i < COUNT; i++) {
            fixture_near("z", i, tensor.elements[i].state[Z], z[i], 1e-13);
            fixture_near("y", i, tensor.elements[i].p, (1 - beta1) * z[i] + beta1 * x[i], 1e-13);
        }
    }
    fixture_destroy(&tensor);
}

START_TEST(test_schedule_free)
{
    check_schedule_free(0);
    check_schedule_free(0.8);
}
END_TEST

/* Where g^2 is a product of a row's and a column's number, a matrix's step is a vector's. */
START_TEST(test_adafactor)
{
    const struct oracle_policy policy = {.rule = "adafactor", .options = {{"lr", 0.05}}};
    struct oracle_tensor matrix = fixture_create(6, 9), vector = fixture_create(0, 54);
    struct oracle_moment first = fixture_double(1), second = first;
    fixture_fill(&matrix, SEED, -1, 1);
    for (size_t i = 0; i < matrix.count; i++) {
        double row = (double)(1 + i / 9), col = (double)(2 + i % 9);
        matrix.elements[i].g = (i % 2 ? 1 : -1) * sqrt(row) / col;
        vector.elements[i].p = matrix.elements[i].p;
        vector.elements[i].g = matrix.elements[i].g;
    }
    double size = norm_of_p(&matrix) / sqrt(54.0);
    oracle_step(&policy, &first, &matrix);
    oracle_step(&policy, &second, &vector);
    for (size_t i = 0; i < matrix.count; i++) {
        fixture_near("matrix, vector", i, matrix.elements[i].next.value,
                     vector.elements[i].next.value, 1e-14);
        /* and at t = 1 |U| = 1 everywhere */
        fixture_near("first step", i, fabs(vector.elements[i].next.value - vector.elements[i].p),
                     0.05 * size, 1e-14);
    }
    fixture_destroy(&matrix);
    fixture_destroy(&vector);
}
END_TEST

/* Where neither RMS counts, each matrix of three dimensions is as it would be alone. */
START_TEST(test_adafactor_of_matrices)
{
    enum { DEPTH = 3, SIZE = 20 };
    const struct oracle_policy policy = {.rule = "adafactor",
                                         .options = {{"lr", 0.05}, {"eps2", 40}, {"d", 1e6}}};
    struct oracle_tensor deep = fixture_create_deep(DEPTH, 4, 5);
    struct oracle_moment moment = fixture_double(1);
    fixture_fill(&deep, SEED, -1, 1);
    double p[DEPTH * SIZE];
    for (size_t i = 0; i < deep.count; i++)
        p[i] = deep.elements[i].p;
    fixture_step(&policy, &moment, &deep);
    oracle_step(&policy, &moment, &deep);
    for (size_t m = 0; m < DEPTH; m++) {
        struct oracle_tensor one = fixture_create(4, 5);
        moment = fixture_double(1);
        for (size_t i = 0; i < SIZE; i++) {
            one.elements[i].p = p[m * SIZE + i];
            one.elements[i].g = deep.elements[m * SIZE + i].g;
        }
        fixture_step(&policy, &moment, &one);
        oracle_step(&policy, &moment, &one);
        for (size_t i = 0; i < SIZE; i++)
            fixture_near("matrix alone", i, deep.elements[m * SIZE + i].next.value,
                         one.elements[i].next.value, 1e-14);
        fixture_destroy(&one);
    }
    fixture_destroy(&deep);
}
END_TEST

/* Of a multiple of the identity, the iteration is that of one number; a transposed gradient gives a
 * transposed step, but for k. */
START_TEST(test_muon)
{
    const struct oracle_policy policy = {
        .rule = "muon", .options = {{"lr", 1}, {"weight_decay", 0}, {"momentum", 0}}};
    struct oracle_tensor square = fixture_create(7, 7), wide = fixture_create(3, 12);
    struct oracle_tensor tall = fixture_create(12, 3);
    struct oracle_moment moment = fixture_double(1);
    double x = 1 / sqrt(7.0);
    for (size_t i = 0; i < 7; i++)
        square.elements[8 * i].g = 4;
    oracle_step(&policy, &moment, &square);
    for (int step = 0; step < 5; step++)
        x = 3.4445 * x - 4.7750 * pow(x, 3) + 2.0315 * pow(x, 5);
    for (size_t i = 0; i < square.count; i++)
        fixture_near("muon of the identity", i, -square.elements[i].next.value, i % 8 == 0 ? x : 0,
                     1e-13);
    fixture_gradients(&wide, SEED, -2, 1);
    for (size_t i = 0; i < wide.count; i++)
        tall.elements[i % 12 * 3 + i / 12].g = wide.elements[i].g;
    oracle_step(&policy, &moment, &wide);
    oracle_step(&policy, &moment, &tall);
    for (size_t i = 0; i < wide.count; i++)
        fixture_near("muon, transposed", i, tall.elements[i % 12 * 3 + i / 12].next.value,
                     2 * wide.elements[i].next.value, 1e-13);
    fixture_destroy(&square);
    fixture_destroy(&wide);
    fixture_destroy(&tall);
}
END_TEST

static cJSON *load_file(void)
{
    const char *folder = getenv("TIKHONOV_TEST_DATA");
    char path[4096];
    snprintf(path, sizeof path, "%s/golden/pytorch.json", folder ? folder : TEST_DATA);
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "cannot open %s: set TIKHONOV_TEST_DATA to the folder tests/\n", path);
        return NULL;
    }
    const size_t limit = (size_t)1 << 20;
    char *text = calloc(limit, 1);
    size_t size = text ? fread(text, 1, limit - 1, file) : 0;
    fclose(file);
    cJSON *parsed = size ? cJSON_ParseWithLength(text, size) : NULL;
    free(text);
    if (!parsed)
        fprintf(stderr, "%s is no JSON of less than %zu bytes\n", path, limit);
    return parsed;
}

int main(void)
{
    golden = load_file();
    if (!golden)
        return EXIT_FAILURE;
    Suite *suite = suite_create("judge rules");
    TCase *rules = tcase_create("rules");
    tcase_add_test(rules, test_golden_adafactor);
    tcase_add_test(rules, test_golden_muon);
    tcase_add_test(rules, test_lamb);
    tcase_add_test(rules, test_lars);
    tcase_add_test(rules, test_schedule_free);
    tcase_add_test(rules, test_adafactor);
    tcase_add_test(rules, test_adafactor_of_matrices);
    tcase_add_test(rules, test_muon);
    suite_add_tcase(suite, rules);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    cJSON_Delete(golden);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
