/*
 * The library against trajectories of Optax, Keras, TensorFlow and scikit-learn in float64:
 * golden/README.md has the metric and the bound. Argument: a device ("scalar"). A case that needs
 * what the library does not have is named and counted, not judged.
 */
#include "foreign.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether a case that cannot be judged fails the suite. */
enum { MISSING_FAILS = 0 };

/* With the number of cases, so that none is lost unseen. */
static struct file {
    const char *name;
    int cases;
    cJSON *json;
} files[] = {
    {"optax.json", 54, NULL},
    {"keras.json", 55, NULL},
    {"sklearn.json", 8, NULL},
};
enum { FILES = sizeof files / sizeof *files };

static const cJSON *cases_of(const struct file *file)
{
    return cJSON_GetObjectItem(file->json, "cases");
}

struct score {
    double worst; /* error in units of the bound */
    double own;   /* the largest of the other library's own float32, in the same unit */
    size_t cases, values, failures;
    char first[512];
};

static void compare(const struct foreign_case *one, const cJSON *after, const float *p,
                    struct score *score)
{
    double exact[FOREIGN_ELEMENTS], start[FOREIGN_ELEMENTS];
    foreign_numbers(after, exact, one->count);
    foreign_numbers(foreign_inputs(one, "params"), start, one->count);
    const cJSON *errors = cJSON_GetObjectItem(one->json, "float32_error");
    const cJSON *error32 = cJSON_GetObjectItem(errors, after->string);
    ck_assert_msg(cJSON_IsNumber(error32), "%s: no float32_error of step %s", one->name,
                  after->string);
    const double bound = fmax(10 * error32->valuedouble, 5e-6);
    score->own = fmax(score->own, error32->valuedouble / bound);
    for (size_t i = 0; i < one->count; i++) {
        const double scale = fmax(fabs(exact[i]), fabs(exact[i] - start[i]));
        const double error = fabs((double)p[i] - exact[i]);
        double ratio = scale > 0 ? error / scale / bound : (error > 0 ? INFINITY : 0);
        if (!isfinite(p[i]))
            ratio = INFINITY;
        score->values++;
        score->worst = fmax(score->worst, ratio);
        if (ratio > 1 && score->failures++ == 0)
            snprintf(score->first, sizeof score->first,
                     "%s after step %s on %s, element %zu: got %.9g, should be %.17g: %.3g of the "
                     "bound",
                     one->name, after->string, judge_device(), i, (double)p[i], exact[i], ratio);
    }
}

/* Takes the file's steps without a restart, in the case's own shape. */
static void run_case(const struct foreign_case *one, struct score *score)
{
    struct tik_optimizer *optimizer;
    float p[FOREIGN_ELEMENTS], g[FOREIGN_ELEMENTS];
    size_t group, index, compared = 0;
    foreign_floats(foreign_inputs(one, "params"), p, one->count);
    judge_ok(tik_optimizer_create(judge_context(), &one->options, &optimizer));
    judge_ok(tik_optimizer_add_group(optimizer, one->policy, &group));
    const struct tik_tensor tensor = {.name = "p",
                                      .rank = one->rank,
                                      .shape = one->shape,
                                      .memory = TIK_MEMORY_LIBRARY,
                                      .param = p};
    judge_ok(tik_optimizer_add_tensor(optimizer, group, &tensor, &index));
    const cJSON *after = cJSON_GetObjectItem(one->json, "after");
    const size_t steps = (size_t)cJSON_GetArraySize(foreign_inputs(one, "grads"));
    for (size_t t = 1; t <= steps; t++) {
        char step[24];
        snprintf(step, sizeof step, "%zu", t);
        foreign_gradient(one, t, g);
        judge_ok(tik_optimizer_write(optimizer, index, TIK_GRAD, g));
        judge_ok(tik_optimizer_step(optimizer));
        foreign_stepped(one, optimizer, index, t);
        if (!cJSON_GetObjectItem(after, step))
            continue;
        foreign_read(one, optimizer, index, p);
        compare(one, cJSON_GetObjectItem(after, step), p, score);
        compared++;
    }
    ck_assert_msg(compared == (size_t)cJSON_GetArraySize(after) && compared >= 4,
                  "%s: %zu steps compared", one->name, compared);
    score->cases++;
    tik_optimizer_destroy(optimizer);
}

/* All the cases of one file that are of one rule of the table. */
START_TEST(test_rule_cases)
{
    const struct file *file = &files[_i % FILES];
    const char *rule = tik_rule_at((size_t)_i / FILES)->name;
    struct score score = {0};
    const cJSON *json;
    cJSON_ArrayForEach(json, cases_of(file))
    {
        struct foreign_case one;
        foreign_case_open(&one, file->json, json);
        if (strcmp(one.rule, rule) == 0 && !one.missing[0])
            run_case(&one, &score);
        foreign_case_close(&one);
    }
    if (score.cases == 0)
        return; /* test_coverage tells what this file has */
    printf("foreign %s, %s: worst %.2f of the bound over %zu cases and %zu values (its own float32 "
           "%.2f), %s\n",
           file->name, rule, score.worst, score.cases, score.values, score.own, judge_device());
    fflush(stdout);
    ck_assert_msg(score.failures == 0, "%s: %zu of %zu values beyond the bound; first: %s", rule,
                  score.failures, score.values, score.first);
}
END_TEST

/* Whether a case before this one misses the same, whose name is then printed already. */
static bool missed_before(const struct file *file, const cJSON *json, const char *missing)
{
    const cJSON *earlier;
    cJSON_ArrayForEach(earlier, cases_of(file))
    {
        struct foreign_case one;
        if (earlier == json)
            break;
        foreign_case_open(&one, file->json, earlier);
        const bool same = strcmp(one.missing, missing) == 0;
        foreign_case_close(&one);
        if (same)
            return true;
    }
    return false;
}

/* The file is what it should be, and something in it is judged; what is not is named. */
START_TEST(test_coverage)
{
    const struct file *file = &files[_i];
    int judged = 0, missing = 0;
    const cJSON *json;
    ck_assert_int_eq(cJSON_GetArraySize(cases_of(file)), file->cases);
    cJSON_ArrayForEach(json, cases_of(file))
    {
        struct foreign_case one;
        foreign_case_open(&one, file->json, json);
        if (!one.missing[0])
            judged++;
        else if (missing++, !missed_before(file, json, one.missing))
            printf("foreign %s: not judged: %s\n", file->name, one.missing);
        foreign_case_close(&one);
    }
    printf("foreign %s: %d cases judged, %d not\n", file->name, judged, missing);
    fflush(stdout);
    ck_assert_msg(judged > 0, "no case of %s can be judged", file->name);
    ck_assert_msg(!MISSING_FAILS || missing == 0, "%d cases of %s are not judged", missing,
                  file->name);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("foreign");
    TCase *cases = tcase_create("cases");
    int rules = 0;
    while (tik_rule_at((size_t)rules))
        rules++;
    tcase_set_timeout(cases, 300);
    tcase_add_loop_test(cases, test_coverage, 0, FILES);
    tcase_add_loop_test(cases, test_rule_cases, 0, rules * FILES);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(int argc, char **argv)
{
    bool loaded = true;
    for (size_t i = 0; i < FILES; i++) {
        files[i].json = foreign_load(files[i].name);
        loaded = loaded && files[i].json != NULL;
    }
    const int status = loaded ? judge_main(argc, argv, make_suite) : EXIT_FAILURE;
    for (size_t i = 0; i < FILES; i++)
        cJSON_Delete(files[i].json);
    return status;
}
