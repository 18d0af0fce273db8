/*
 * The library against trajectories of PyTorch in float64: golden/README.md has the metric and the
 * bound. Argument: a device ("scalar"). The file is found in the folder TIKHONOV_TEST_DATA, else
 * in TEST_DATA of the build.
 */
#include "judge.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_LENGTH = 64, ELEMENTS = 40 };

static cJSON *golden;

/* torch.optim's name in lower case is the rule's. */
static void rule_name(const cJSON *one, char name[NAME_MAX_LENGTH])
{
    const char *optimizer = cJSON_GetStringValue(cJSON_GetObjectItem(one, "optimizer"));
    ck_assert_msg(optimizer != NULL && strlen(optimizer) < NAME_MAX_LENGTH,
                  "a case has no optimizer, or one with a long name");
    size_t i = 0;
    for (; optimizer[i]; i++)
        name[i] = (char)tolower((unsigned char)optimizer[i]);
    name[i] = '\0';
}

/* Options that are tuples in torch.optim are two options here. */
static const struct {
    const char *tuple, *first, *second;
} tuples[] = {
    {"betas", "beta1", "beta2"},
    {"etas", "eta_minus", "eta_plus"},
    {"step_sizes", "step_min", "step_max"},
    {"eps", "eps1", "eps2"},
};

static void set_tuple(struct tik_policy *policy, const cJSON *option)
{
    for (size_t i = 0; i < sizeof tuples / sizeof tuples[0]; i++) {
        if (strcmp(option->string, tuples[i].tuple) != 0)
            continue;
        const cJSON *first = cJSON_GetArrayItem(option, 0);
        judge_ok(tik_policy_set(policy, tuples[i].first, first->valuedouble));
        judge_ok(tik_policy_set(policy, tuples[i].second, first->next->valuedouble));
        return;
    }
    ck_abort_msg("the tuple %s has no options here", option->string);
}

static struct tik_policy *make_policy(const cJSON *one)
{
    char name[NAME_MAX_LENGTH];
    struct tik_policy *policy;
    const cJSON *option;
    rule_name(one, name);
    judge_ok(tik_policy_create(name, &policy));
    cJSON_ArrayForEach(option, cJSON_GetObjectItem(one, "options"))
    {
        if (cJSON_IsArray(option))
            set_tuple(policy, option);
        else if (cJSON_IsBool(option))
            judge_ok(tik_policy_set(policy, option->string, cJSON_IsTrue(option)));
        else
            judge_ok(tik_policy_set(policy, option->string, option->valuedouble));
    }
    return policy;
}

static void read_numbers(const cJSON *array, double numbers[ELEMENTS])
{
    ck_assert_int_eq(cJSON_GetArraySize(array), ELEMENTS);
    const cJSON *number;
    size_t i = 0;
    cJSON_ArrayForEach(number, array)
    {
        ck_assert(cJSON_IsNumber(number));
        numbers[i++] = number->valuedouble;
    }
}

static void read_floats(const cJSON *array, float values[ELEMENTS])
{
    double numbers[ELEMENTS];
    read_numbers(array, numbers);
    for (size_t i = 0; i < ELEMENTS; i++) {
        values[i] = (float)numbers[i];
        ck_assert_msg((double)values[i] == numbers[i], "input %zu is no float32: %.17g", i,
                      numbers[i]);
    }
}

struct score {
    double worst;   /* error in units of the bound */
    double pytorch; /* the largest of PyTorch's own float32, in the same unit */
    size_t values, failures;
    char first[256];
};

/*
 * Of PyTorch's Muon, which rounds its iteration to bf16, every element is allowed this share of the
 * largest move from the start; 0: of all else nothing, but an error relative to the element.
 */
static double share_of_move(const cJSON *one)
{
    char name[NAME_MAX_LENGTH];
    rule_name(one, name);
    return strcmp(name, "muon") == 0 ? 0.08 : 0;
}

static void compare(const cJSON *one, size_t number, const char *step, const float p[ELEMENTS],
                    struct score *score)
{
    double exact[ELEMENTS], start[ELEMENTS];
    read_numbers(cJSON_GetObjectItem(cJSON_GetObjectItem(one, "after"), step), exact);
    read_numbers(cJSON_GetObjectItem(golden, "params"), start);
    double own = cJSON_GetObjectItem(cJSON_GetObjectItem(one, "float32_error"), step)->valuedouble;
    double share = share_of_move(one), move = 0;
    double bound = share > 0 ? share : fmax(10 * own, 5e-6);
    score->pytorch = fmax(score->pytorch, own / bound);
    for (size_t i = 0; i < ELEMENTS; i++)
        move = fmax(move, fabs(exact[i] - start[i]));
    for (size_t i = 0; i < ELEMENTS; i++) {
        double scale = share > 0 ? move : fmax(fabs(exact[i]), fabs(exact[i] - start[i]));
        double error = fabs((double)p[i] - exact[i]);
        double ratio = scale > 0 ? error / scale / bound : (error > 0 ? INFINITY : 0);
        if (!isfinite(p[i]))
            ratio = INFINITY;
        score->values++;
        score->worst = fmax(score->worst, ratio);
        if (ratio > 1 && score->failures++ == 0)
            snprintf(score->first, sizeof score->first,
                     "case %zu after step %s on %s, element %zu: got %.9g, should be %.17g: %.3g "
                     "of the bound",
                     number, step, judge_device(), i, (double)p[i], exact[i], ratio);
    }
}

/* Registers the tensor in the case's own shape, and takes the file's steps without a restart. */
static void run_case(const cJSON *one, size_t number, struct score *score)
{
    struct tik_policy *policy = make_policy(one);
    struct tik_optimizer *optimizer;
    float p[ELEMENTS], g[ELEMENTS];
    const cJSON *sizes = cJSON_GetObjectItem(one, "shape"), *grad;
    size_t group, index, shape[8], rank = (size_t)cJSON_GetArraySize(sizes);
    ck_assert_uint_le(rank, 8);
    for (size_t i = 0; i < rank; i++)
        shape[i] = (size_t)cJSON_GetArrayItem(sizes, (int)i)->valuedouble;
    read_floats(cJSON_GetObjectItem(golden, "params"), p);
    judge_ok(tik_optimizer_create(judge_context(), NULL, &optimizer));
    judge_ok(tik_optimizer_add_group(optimizer, policy, &group));
    struct tik_tensor tensor = {
        .name = "p", .rank = rank, .shape = shape, .memory = TIK_MEMORY_LIBRARY, .param = p};
    judge_ok(tik_optimizer_add_tensor(optimizer, group, &tensor, &index));
    size_t t = 0;
    cJSON_ArrayForEach(grad, cJSON_GetObjectItem(golden, "grads"))
    {
        char step[24];
        snprintf(step, sizeof step, "%zu", ++t);
        read_floats(grad, g);
        judge_ok(tik_optimizer_write(optimizer, index, TIK_GRAD, g));
        judge_ok(tik_optimizer_step(optimizer));
        judge_ok(tik_optimizer_read(optimizer, index, TIK_PARAM, p));
        if (cJSON_GetObjectItem(cJSON_GetObjectItem(one, "after"), step))
            compare(one, number, step, p, score);
    }
    struct tik_optimizer_stats stats;
    tik_optimizer_stats(optimizer, &stats);
    ck_assert_msg(stats.fallbacks == 0, "case %zu fell back to the scalar path", number);
    tik_optimizer_destroy(optimizer);
    tik_policy_destroy(policy);
}

/* All the cases of one rule of the table; a rule that the file does not know is named. */
START_TEST(test_rule_cases)
{
    const char *rule = tik_rule_at((size_t)_i)->name;
    struct score score = {0};
    size_t cases = 0, number = 0;
    const cJSON *one;
    cJSON_ArrayForEach(one, cJSON_GetObjectItem(golden, "cases"))
    {
        char name[NAME_MAX_LENGTH];
        rule_name(one, name);
        if (strcmp(name, rule) == 0) {
            run_case(one, number, &score);
            cases++;
        }
        number++;
    }
    if (cases == 0) {
        printf("golden %s: no case in the file, not judged here\n", rule);
        return;
    }
    printf("golden %s: worst %.2f of the bound over %zu cases and %zu values (PyTorch float32 "
           "%.2f), %s\n",
           rule, score.worst, cases, score.values, score.pytorch, judge_device());
    fflush(stdout);
    ck_assert_msg(score.failures == 0, "%s: %zu of %zu values beyond the bound; first: %s", rule,
                  score.failures, score.values, score.first);
    ck_assert_msg(score.values >= cases * ELEMENTS * 4, "%s: only %zu values compared", rule,
                  score.values);
}
END_TEST

static bool named_before(const cJSON *cases, int index, const char *name)
{
    for (int i = 0; i < index; i++) {
        char earlier[NAME_MAX_LENGTH];
        rule_name(cJSON_GetArrayItem(cases, i), earlier);
        if (strcmp(earlier, name) == 0)
            return true;
    }
    return false;
}

/* The file is what it should be, and something in it is judged; what is not is named. */
START_TEST(test_coverage)
{
    int judged = 0, others = 0;
    const cJSON *cases = cJSON_GetObjectItem(golden, "cases");
    ck_assert_int_eq(cJSON_GetArraySize(cases), 41);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(golden, "grads")), 12);
    printf("golden cases of rules that are not in the table:");
    for (int i = 0; i < cJSON_GetArraySize(cases); i++) {
        char name[NAME_MAX_LENGTH];
        rule_name(cJSON_GetArrayItem(cases, i), name);
        if (tik_rule_find(name)) {
            judged++;
            continue;
        }
        others++;
        if (!named_before(cases, i, name))
            printf(" %s", name);
    }
    printf(": %d of %d not applicable\n", others, judged + others);
    ck_assert_msg(judged > 0, "no case of the file belongs to a rule of the table");
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

static Suite *make_suite(void)
{
    Suite *suite = suite_create("golden");
    TCase *cases = tcase_create("cases");
    int rules = 0;
    while (tik_rule_at((size_t)rules))
        rules++;
    tcase_set_timeout(cases, 300);
    tcase_add_test(cases, test_coverage);
    tcase_add_loop_test(cases, test_rule_cases, 0, rules);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(int argc, char **argv)
{
    golden = load_file();
    if (!golden)
        return EXIT_FAILURE;
    int status = judge_main(argc, argv, make_suite);
    cJSON_Delete(golden);
    return status;
}
