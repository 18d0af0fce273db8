/* The penalties that the judges add to every form of every rule. */
#include "judge.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

enum { FORMS_MAX = 96 };

static struct judge_form forms[FORMS_MAX];
static size_t form_count;

static void add_form(const char *label, double weight_decay, const struct oracle_penalty *first,
                     const struct oracle_penalty *second)
{
    ck_assert_uint_lt(form_count, FORMS_MAX);
    struct judge_form *form = &forms[form_count++];
    snprintf(form->label, sizeof form->label, "%s", label);
    form->weight_decay = weight_decay;
    if (first)
        form->penalties[0] = *first;
    if (second)
        form->penalties[1] = *second;
}

/* One form for each application that a row of the library's table has, and for each convention. */
static void add_applications(const struct tik_penalty_info *info, struct oracle_penalty penalty,
                             const char *values, double limit)
{
    static const struct {
        enum tik_application bit;
        const char *application, *convention;
    } ways[] = {
        {TIK_COUPLED, "coupled", NULL},       {TIK_DECOUPLED, "decoupled", "lr"},
        {TIK_DECOUPLED, "decoupled", "none"}, {TIK_DECOUPLED, "decoupled", "schedule"},
        {TIK_PROXIMAL, "proximal", NULL},
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if ((info->applications & (unsigned)ways[i].bit) == 0)
            continue;
        penalty.application = ways[i].application;
        penalty.convention = ways[i].convention;
        char label[64];
        snprintf(label, sizeof label, "%s%s %s %s", penalty.name, values, penalty.application,
                 penalty.convention ? penalty.convention : "");
        add_form(label, 0, &penalty, NULL);
        forms[form_count - 1].limit = limit;
    }
}

/*
 * Bounds that many parameters are beyond: with 0 inside and outside, on one side only, and equal.
 * The last are no float32 values.
 */
static void add_boxes(const struct tik_penalty_info *info)
{
    static const double bounds[][2] = {{-0.3, 0.02}, {0, FLT_MAX}, {1e-4, 2}, {-0.7, -0.7}};
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        char values[32];
        snprintf(values, sizeof values, " %g to %g", bounds[i][0], bounds[i][1]);
        add_applications(
            info,
            (struct oracle_penalty){.name = info->name, .low = bounds[i][0], .high = bounds[i][1]},
            values, 0);
    }
}

/*
 * Exponents without a closed form: below and above 2, and the ends of the range; so limited that
 * |p|^(p - 1) and its square do not overflow.
 */
static void add_general_powers(const char *name)
{
    static const struct {
        double p, limit;
    } powers[] = {{1.1, 0}, {4.0 / 3, 0}, {2.7, 1e4}, {7, 5}, {20, 1.2}};
    for (size_t i = 0; i < sizeof powers / sizeof powers[0]; i++) {
        const struct oracle_penalty penalty = {
            .name = name, .application = "coupled", .weight = 0.31, .p = powers[i].p};
        char label[64];
        snprintf(label, sizeof label, "%s %.3g coupled", name, powers[i].p);
        add_form(label, 0, &penalty, NULL);
        forms[form_count - 1].limit = powers[i].limit;
    }
}

/* The exponents that have a closed form, then others. */
static void add_powers(const struct tik_penalty_info *info)
{
    static const double powers[] = {1, 1.5, 2, 3};
    for (size_t i = 0; i < sizeof powers / sizeof powers[0]; i++) {
        char values[32];
        snprintf(values, sizeof values, " %g", powers[i]);
        add_applications(
            info, (struct oracle_penalty){.name = info->name, .weight = 0.31, .p = powers[i]},
            values, powers[i] == 3 ? 1e4 : 0);
    }
    add_general_powers(info->name);
}

/* Rows, columns and the tensor, those that the row's option takes. */
static void add_units(const struct tik_penalty_info *info, const struct tik_option *unit,
                      struct oracle_penalty penalty, const char *values, double limit)
{
    static const char *const names[] = {"row", "column", "tensor"};
    for (int i = ORACLE_ROW; i <= ORACLE_TENSOR; i++) {
        char label[48];
        bool allowed = false;
        for (size_t k = 0; unit->choices[k]; k++)
            allowed |= strcmp(unit->choices[k], names[i]) == 0;
        if (!allowed)
            continue;
        penalty.unit = (enum oracle_unit)i;
        snprintf(label, sizeof label, "%s by %s", values, names[i]);
        add_applications(info, penalty, label, limit);
    }
}

/* In a ball and out of it. Sums that are to be 2 have no digits left beside 1e4 of them. */
static void add_sets(const struct tik_penalty_info *info, const struct tik_option *unit)
{
    bool ball = strcmp(info->name, "max_norm") == 0 || strcmp(info->name, "l2_ball") == 0;
    const double radii[] = {2, ball ? 1e18 : 300};
    for (size_t i = 0; i < sizeof radii / sizeof radii[0]; i++) {
        char values[32];
        snprintf(values, sizeof values, " %g", radii[i]);
        add_units(info, unit, (struct oracle_penalty){.name = info->name, .radius = radii[i]},
                  values, ball ? 0 : 100);
    }
}

static const struct tik_option *find_option(const struct tik_penalty_info *info, const char *name)
{
    for (size_t i = 0; i < info->option_count; i++)
        if (strcmp(info->options[i].name, name) == 0)
            return &info->options[i];
    return NULL;
}

/* The proximal forms once more, with each element's own step. */
static void add_diagonal(const struct tik_penalty_info *info, size_t first)
{
    const size_t end = form_count;
    if (!find_option(info, "metric") || !oracle_penalty_find(info->name)->separable)
        return;
    for (size_t i = first; i < end; i++) {
        if (strcmp(forms[i].penalties[0].application, "proximal") != 0)
            continue;
        ck_assert_uint_lt(form_count, FORMS_MAX);
        struct judge_form *form = &forms[form_count++];
        *form = forms[i];
        form->penalties[0].diagonal = true;
        snprintf(form->label, sizeof form->label, "diagonal %.40s", forms[i].label);
    }
}

static void add_penalty_forms(const struct tik_penalty_info *info)
{
    const struct tik_option *unit = find_option(info, "unit");
    const struct oracle_penalty penalty = {.name = info->name, .weight = 0.31, .l1_ratio = 0.3};
    const size_t first = form_count;
    if (strcmp(info->name, "box") == 0) {
        add_boxes(info);
    } else if (strcmp(info->name, "lp") == 0) {
        add_powers(info);
    } else if (unit && find_option(info, "radius")) {
        add_sets(info, unit);
    } else if (unit) {
        add_units(info, unit, penalty, "", 0);
    } else {
        add_applications(info, penalty, "", 0);
    }
    add_diagonal(info, first);
}

/* Divisors 1 + lr*l2 next to 1, and far from it. */
static void add_shrinking_forms(void)
{
    static const double weights[] = {3e-6, 40};
    for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++) {
        struct oracle_penalty penalty = {
            .name = "l2", .application = "proximal", .weight = weights[i], .l1_ratio = 0.3};
        char label[64];
        snprintf(label, sizeof label, "l2 %g proximal", weights[i]);
        add_form(label, 0, &penalty, NULL);
        penalty.name = "elastic_net";
        snprintf(label, sizeof label, "elastic_net %g proximal", weights[i]);
        add_form(label, 0, &penalty, NULL);
    }
}

size_t judge_forms(const struct judge_form **all)
{
    const struct oracle_penalty soft = {.name = "l1", .application = "proximal", .weight = 0.2};
    const struct oracle_penalty shrink = {.name = "l2", .application = "proximal", .weight = 0.7};
    const struct oracle_penalty sign = {.name = "l1", .application = "coupled", .weight = 0.2};
    const struct oracle_penalty box = {
        .name = "box", .application = "proximal", .low = -0.5, .high = 0.1};
    form_count = 0;
    add_form("no penalty", 0, NULL, NULL);
    add_form("weight_decay", 0.27, NULL, NULL);
    add_form("weight_decay, l1 proximal", 0.27, &soft, NULL);
    add_form("default weight_decay", -1, NULL, NULL);
    add_form("small weight_decay", 3e-6, NULL, NULL);
    add_form("l1 then l2 proximal", 0, &soft, &shrink);
    add_form("l2 then l1 proximal", 0, &shrink, &soft);
    add_form("l1 coupled, l1 proximal", 0, &sign, &soft);
    add_form("weight_decay, l1 then box", 0.27, &soft, &box);
    add_shrinking_forms();
    for (size_t i = 0; tik_penalty_at(i); i++)
        add_penalty_forms(tik_penalty_at(i));
    *all = forms;
    return form_count;
}
