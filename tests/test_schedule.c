/*
 * Schedules against the multipliers that PyTorch's schedulers computed (golden/schedules.json), in
 * double; the warm-up before each of them; the checks of their fields.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <cjson/cJSON.h>
#include <tikhonov/tikhonov.h>

static const char *const kinds[] = {"constant",   "step",        "cosine",    "linear",
                                    "polynomial", "exponential", "piecewise", "cosine_restarts",
                                    "one_cycle",  "inverse"};
enum { KINDS = sizeof kinds / sizeof *kinds };

static cJSON *read_cases(void)
{
    FILE *file = fopen(TEST_DATA "/golden/schedules.json", "rb");
    ck_assert_msg(file != NULL, "no file " TEST_DATA "/golden/schedules.json");
    static char text[1 << 20];
    const size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    cJSON *root = cJSON_Parse(text);
    ck_assert_ptr_nonnull(root);
    return root;
}

static int find_kind(const char *name)
{
    int kind = 0;
    while (kind < KINDS && strcmp(kinds[kind], name) != 0)
        kind++;
    ck_assert_msg(kind < KINDS, "schedules.json has an unknown kind %s", name);
    return kind;
}

static double number(const cJSON *fields, const char *name, double otherwise)
{
    const cJSON *item = cJSON_GetObjectItem(fields, name);
    return item != NULL ? item->valuedouble : otherwise;
}

static void read_schedule(const cJSON *test, struct tik_schedule *s)
{
    const cJSON *fields = cJSON_GetObjectItem(test, "fields"), *item;
    tik_schedule_defaults(s);
    s->kind = (enum tik_schedule_kind)find_kind(cJSON_GetObjectItem(test, "kind")->valuestring);
    s->step_size = (uint64_t)number(fields, "step_size", (double)s->step_size);
    s->total_steps = (uint64_t)number(fields, "total_steps", (double)s->total_steps);
    s->cycle_mult = (uint64_t)number(fields, "cycle_mult", (double)s->cycle_mult);
    s->gamma = number(fields, "gamma", s->gamma);
    s->final = number(fields, "final", s->final);
    s->power = number(fields, "power", s->power);
    s->pct_start = number(fields, "pct_start", s->pct_start);
    s->div_factor = number(fields, "div_factor", s->div_factor);
    s->final_div_factor = number(fields, "final_div_factor", s->final_div_factor);
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(fields, "milestones"))
        s->milestones[s->milestone_count++] = (uint64_t)item->valuedouble;
}

/* PyTorch multiplies lr step by step where we compute it anew: it may drift by some ulp a step. */
static void compare(const struct tik_schedule *s, const char *name, const cJSON *after,
                    double *worst)
{
    const cJSON *item;
    uint64_t t = s->warmup_steps;
    cJSON_ArrayForEach(item, after)
    {
        const double got = tik_schedule_at(s, ++t), error = fabs(got - item->valuedouble);
        ck_assert_msg(error <= 1e-12, "%s, warm-up %d, step %d: %.17g, PyTorch has %.17g", name,
                      (int)s->warmup_steps, (int)t, got, item->valuedouble);
        *worst = fmax(*worst, error);
    }
}

START_TEST(pytorch_agrees)
{
    cJSON *root = read_cases();
    const cJSON *test;
    double worst = 0;
    int count = 0;
    bool seen[KINDS] = {false};
    cJSON_ArrayForEach(test, cJSON_GetObjectItem(root, "cases"))
    {
        struct tik_schedule s;
        read_schedule(test, &s);
        seen[s.kind] = true;
        const cJSON *after = cJSON_GetObjectItem(test, "after");
        for (uint64_t warmup = 0; warmup <= 9; warmup += 9, count++) {
            s.warmup_steps = warmup;
            s.total_steps += warmup;
            ck_assert_int_eq(tik_schedule_check(&s), TIK_OK);
            compare(&s, kinds[s.kind], after, &worst);
        }
    }
    for (int kind = 0; kind < TIK_SCHEDULE_INVERSE; kind++)
        ck_assert_msg(seen[kind], "no case of %s", kinds[kind]);
    printf("%d traces of PyTorch's schedulers, worst difference %.2g\n", count, worst);
    cJSON_Delete(root);
}
END_TEST

/* scikit-learn: eta = eta0 / t^power_t. */
START_TEST(inverse_scaling)
{
    struct tik_schedule s;
    tik_schedule_defaults(&s);
    s.kind = TIK_SCHEDULE_INVERSE;
    s.power = 0.25;
    for (uint64_t t = 1; t < 100; t++)
        ck_assert_double_eq_tol(tik_schedule_at(&s, t), 1 / sqrt(sqrt((double)t)), 1e-15);
}
END_TEST

START_TEST(warmup_is_linear)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct tik_schedule s;
        tik_schedule_defaults(&s);
        s.kind = (enum tik_schedule_kind)kind;
        s.warmup_steps = 8;
        s.warmup_start = 0.2;
        s.total_steps = 50;
        for (uint64_t t = 1; t <= 8; t++)
            ck_assert_double_eq_tol(tik_schedule_at(&s, t), 0.2 + 0.1 * (double)t, 1e-15);
    }
}
END_TEST

/* The field that is out of range is named. */
static void refused(struct tik_schedule s, const char *field)
{
    ck_assert_int_eq(tik_schedule_check(&s), TIK_ERROR_ARGUMENT);
    ck_assert_msg(strstr(tik_last_error(), field) != NULL, "'%s' does not name %s",
                  tik_last_error(), field);
}

START_TEST(bad_fields_are_refused)
{
    struct tik_schedule d;
    tik_schedule_defaults(&d);
    d.total_steps = 10;
#define WITH(k, field, value)                                                                      \
    do {                                                                                           \
        struct tik_schedule s = d;                                                                 \
        s.kind = (k);                                                                              \
        s.field = (value);                                                                         \
        refused(s, #field);                                                                        \
    } while (0)
    WITH(TIK_SCHEDULE_STEP, gamma, 0);
    WITH(TIK_SCHEDULE_STEP, step_size, 0);
    WITH(TIK_SCHEDULE_EXPONENTIAL, gamma, 1.5);
    WITH(TIK_SCHEDULE_LINEAR, final, -0.1);
    WITH(TIK_SCHEDULE_LINEAR, total_steps, 0);
    WITH(TIK_SCHEDULE_POLYNOMIAL, power, -1);
    WITH(TIK_SCHEDULE_POLYNOMIAL, power, NAN);
    WITH(TIK_SCHEDULE_COSINE_RESTARTS, cycle_mult, 0);
    WITH(TIK_SCHEDULE_ONE_CYCLE, pct_start, 1);
    WITH(TIK_SCHEDULE_ONE_CYCLE, div_factor, 0.5);
    WITH(TIK_SCHEDULE_ONE_CYCLE, final_div_factor, INFINITY);
    WITH(TIK_SCHEDULE_PIECEWISE, milestone_count, TIK_MAX_MILESTONES + 1);
    WITH(TIK_SCHEDULE_CONSTANT, warmup_start, 2);
    d.milestones[0] = 5;
    d.milestones[1] = 4;
    d.milestone_count = 2;
    d.kind = TIK_SCHEDULE_PIECEWISE;
    refused(d, "milestones[1] is 4");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("schedule");
    TCase *tests = tcase_create("schedule");
    tcase_add_test(tests, pytorch_agrees);
    tcase_add_test(tests, inverse_scaling);
    tcase_add_test(tests, warmup_is_linear);
    tcase_add_test(tests, bad_fields_are_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
