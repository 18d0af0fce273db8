/* From the JSON of a case to a policy; golden/README.md has the fields. */
#include "foreign.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- files and numbers ---- */

void foreign_path(char path[FOREIGN_PATH], const char *name)
{
    const char *folder = getenv("TIKHONOV_TEST_DATA");
    snprintf(path, FOREIGN_PATH, "%s/%s", folder ? folder : TEST_DATA, name);
}

cJSON *foreign_load(const char *name)
{
    char local[64], path[FOREIGN_PATH];
    snprintf(local, sizeof local, "golden/%s", name);
    foreign_path(path, local);
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "cannot open %s: set TIKHONOV_TEST_DATA to the folder tests/\n", path);
        return NULL;
    }
    const size_t limit = (size_t)1 << 20;
    char *text = calloc(limit, 1);
    const size_t size = text ? fread(text, 1, limit - 1, file) : 0;
    fclose(file);
    cJSON *parsed = size > 0 ? cJSON_ParseWithLength(text, size) : NULL;
    free(text);
    if (!parsed)
        fprintf(stderr, "%s is no JSON of less than %zu bytes\n", path, limit);
    return parsed;
}

void foreign_numbers(const cJSON *array, double *numbers, size_t count)
{
    ck_assert_int_eq(cJSON_GetArraySize(array), (int)count);
    const cJSON *number;
    cJSON_ArrayForEach(number, array)
    {
        ck_assert(cJSON_IsNumber(number));
        *numbers++ = number->valuedouble;
    }
}

void foreign_floats(const cJSON *array, float *values, size_t count)
{
    double numbers[FOREIGN_ELEMENTS];
    ck_assert_uint_le(count, FOREIGN_ELEMENTS);
    foreign_numbers(array, numbers, count);
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)numbers[i];
        ck_assert_msg((double)values[i] == numbers[i], "input %zu is no float32: %.17g", i,
                      numbers[i]);
    }
}

const cJSON *foreign_inputs(const struct foreign_case *one, const char *name)
{
    const cJSON *own = cJSON_GetObjectItem(one->json, name);
    return own ? own : cJSON_GetObjectItem(one->file, name);
}

static void poison(const struct foreign_case *one, size_t t, float g[FOREIGN_ELEMENTS])
{
    const cJSON *entry;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItem(one->json, "poison"))
    {
        const size_t element = (size_t)cJSON_GetArrayItem(entry, 1)->valuedouble;
        ck_assert_uint_lt(element, one->count);
        if (cJSON_GetArrayItem(entry, 0)->valuedouble == (double)t)
            g[element] = strtof(cJSON_GetStringValue(cJSON_GetArrayItem(entry, 2)), NULL);
    }
}

void foreign_gradient(const struct foreign_case *one, size_t t, float g[FOREIGN_ELEMENTS])
{
    foreign_floats(cJSON_GetArrayItem(foreign_inputs(one, "grads"), (int)t - 1), g, one->count);
    poison(one, t, g);
}

/* ---- what the library has ---- */

/* Keeps the first thing that is missing. */
static void miss(struct foreign_case *one, const char *format, ...)
{
    va_list arguments;
    if (one->missing[0])
        return;
    va_start(arguments, format);
    vsnprintf(one->missing, sizeof one->missing, format, arguments);
    va_end(arguments);
}

static const struct tik_option *find_option(const struct tik_option *options, size_t count,
                                            const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

static bool has_choice(const struct tik_option *option, const char *value)
{
    for (const char *const *choice = option->choices; choice && *choice; choice++)
        if (strcmp(*choice, value) == 0)
            return true;
    return false;
}

/* Whether an option with the value of `json` is there; if not, it is what the case misses. */
static bool has_option(struct foreign_case *one, const char *owner, const struct tik_option *option,
                       const cJSON *json)
{
    if (!option)
        miss(one, "%s: option %s", owner, json->string);
    else if (cJSON_IsString(json) && !has_choice(option, json->valuestring))
        miss(one, "%s: %s = %s", owner, json->string, json->valuestring);
    else
        return true;
    return false;
}

static double number_of(const cJSON *json)
{
    ck_assert_msg(cJSON_IsNumber(json) || cJSON_IsBool(json), "the option %s is no number",
                  json->string);
    return cJSON_IsBool(json) ? cJSON_IsTrue(json) : json->valuedouble;
}

static void set_rule(struct foreign_case *one)
{
    const struct tik_rule_info *info = tik_rule_find(one->rule);
    const cJSON *json;
    char owner[48];
    snprintf(owner, sizeof owner, "rule %s", one->rule);
    if (!info) {
        miss(one, "%s", owner);
        return;
    }
    judge_ok(tik_policy_create(one->rule, &one->policy));
    cJSON_ArrayForEach(json, cJSON_GetObjectItem(one->json, "options"))
    {
        if (!has_option(one, owner, find_option(info->options, info->option_count, json->string),
                        json))
            continue;
        if (cJSON_IsString(json))
            judge_ok(tik_policy_set_text(one->policy, json->string, json->valuestring));
        else
            judge_ok(tik_policy_set(one->policy, json->string, number_of(json)));
    }
}

static void add_penalty(struct foreign_case *one, const cJSON *penalty)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(penalty, "name"));
    ck_assert_msg(name != NULL, "%s: a penalty has no name", one->name);
    const struct tik_penalty_info *info = tik_penalty_find(name);
    const cJSON *json;
    size_t index;
    char owner[48];
    snprintf(owner, sizeof owner, "penalty %s", name);
    if (!info || !one->policy) {
        miss(one, "%s", owner);
        return;
    }
    judge_ok(tik_policy_add_penalty(one->policy, name, &index));
    cJSON_ArrayForEach(json, penalty)
    {
        if (strcmp(json->string, "name") == 0 ||
            !has_option(one, owner, find_option(info->options, info->option_count, json->string),
                        json))
            continue;
        if (cJSON_IsString(json))
            judge_ok(
                tik_policy_set_penalty_text(one->policy, index, json->string, json->valuestring));
        else
            judge_ok(tik_policy_set_penalty(one->policy, index, json->string, number_of(json)));
    }
}

/*
 * What is around the step, by the names of golden/README.md: one line for each that the library
 * has. Returns whether it has this one.
 */
static bool set_around(struct foreign_case *one, const char *name, const cJSON *value)
{
    const char *text = cJSON_GetStringValue(value);
    if (strcmp(name, "max_norm") == 0)
        one->options.max_norm = number_of(value);
    else if (strcmp(name, "clip_norm") == 0)
        one->options.clip_norm = number_of(value);
    else if (strcmp(name, "clip_value") == 0)
        one->options.clip_value = number_of(value);
    else if (strcmp(name, "agc") == 0)
        one->options.agc = number_of(value);
    else if (strcmp(name, "agc_eps") == 0)
        one->options.agc_eps = number_of(value);
    else if (strcmp(name, "accumulate") == 0)
        one->options.accumulate = (unsigned)number_of(value);
    else if (strcmp(name, "nonfinite") == 0 && text != NULL && strcmp(text, "skip") == 0)
        one->options.nonfinite = TIK_NONFINITE_SKIP;
    else if (strcmp(name, "ema") == 0)
        one->ema = number_of(value);
    else if (strcmp(name, "debias") == 0)
        one->debias = number_of(value) != 0;
    else if (strcmp(name, "ema_start") == 0 && text != NULL && strcmp(text, "first") == 0)
        one->ema_first = true;
    else
        return false;
    return true;
}

/* What can be compared. */
static bool can_read(const struct foreign_case *one, const char *what)
{
    return strcmp(what, "param") == 0 || (strcmp(what, "ema") == 0 && one->ema > 0);
}

void foreign_stepped(const struct foreign_case *one, struct tik_optimizer *optimizer, size_t tensor,
                     size_t t)
{
    struct tik_tensor_info info;
    float p[FOREIGN_ELEMENTS];
    if (!one->ema_first || t > 1)
        return;
    judge_ok(tik_optimizer_tensor(optimizer, tensor, &info));
    const int last = (int)info.state_count - 1;
    ck_assert_str_eq(info.states[last], "ema");
    judge_ok(tik_optimizer_read(optimizer, tensor, TIK_PARAM, p));
    judge_ok(tik_optimizer_write(optimizer, tensor, TIK_STATE + last, p));
}

void foreign_read(const struct foreign_case *one, struct tik_optimizer *optimizer, size_t tensor,
                  float values[FOREIGN_ELEMENTS])
{
    ck_assert_msg(one->missing[0] == '\0', "%s: %s is missing", one->name, one->missing);
    if (one->reads_ema)
        judge_ok(tik_optimizer_read_ema(optimizer, tensor, values));
    else
        judge_ok(tik_optimizer_read(optimizer, tensor, TIK_PARAM, values));
}

/* ---- a case ---- */

static void read_shape(struct foreign_case *one)
{
    const cJSON *size, *shape = cJSON_GetObjectItem(one->json, "shape");
    ck_assert_int_le(cJSON_GetArraySize(shape), FOREIGN_RANK);
    one->count = 1;
    cJSON_ArrayForEach(size, shape)
    {
        one->shape[one->rank++] = (size_t)size->valuedouble;
        one->count *= (size_t)size->valuedouble;
    }
    ck_assert_uint_le(one->count, FOREIGN_ELEMENTS);
}

void foreign_case_open(struct foreign_case *one, const cJSON *file, const cJSON *json)
{
    const cJSON *item, *reads = cJSON_GetObjectItem(json, "reads");
    *one = (struct foreign_case){.file = file, .json = json};
    one->name = cJSON_GetStringValue(cJSON_GetObjectItem(json, "foreign"));
    one->rule = cJSON_GetStringValue(cJSON_GetObjectItem(json, "rule"));
    ck_assert_msg(one->name && one->rule, "a case has no foreign name, or no rule");
    read_shape(one);
    tik_optimizer_defaults(&one->options);
    set_rule(one);
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(json, "penalties")) add_penalty(one, item);
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(json, "around"))
    {
        if (!set_around(one, item->string, item))
            miss(one, "around the step: %s", item->string);
    }
    if (reads && !can_read(one, cJSON_GetStringValue(reads)))
        miss(one, "reads %s", cJSON_GetStringValue(reads));
    one->reads_ema = reads && strcmp(cJSON_GetStringValue(reads), "ema") == 0;
    if (one->policy && one->ema > 0)
        judge_ok(tik_policy_set_ema(one->policy, one->ema, one->debias));
    if (one->missing[0]) {
        tik_policy_destroy(one->policy);
        one->policy = NULL;
    }
}

void foreign_case_close(struct foreign_case *one)
{
    tik_policy_destroy(one->policy);
}
