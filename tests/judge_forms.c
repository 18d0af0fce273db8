/* The penalties that the judges add to every form of every rule. */
#include "judge.h"

#include <stdio.h>

enum { FORMS_MAX = 32 };

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

/* One form for each application of a row of the library's table, and for each convention. */
static void add_penalty_forms(const struct tik_penalty_info *info)
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
        struct oracle_penalty penalty = {
            .name = info->name,
            .application = ways[i].application,
            .convention = ways[i].convention,
            .weight = 0.31,
            .l1_ratio = 0.3,
        };
        char label[64];
        snprintf(label, sizeof label, "%s %s %s", penalty.name, penalty.application,
                 penalty.convention ? penalty.convention : "");
        add_form(label, 0, &penalty, NULL);
    }
}

size_t judge_forms(const struct judge_form **all)
{
    const struct oracle_penalty soft = {.name = "l1", .application = "proximal", .weight = 0.2};
    const struct oracle_penalty shrink = {.name = "l2", .application = "proximal", .weight = 0.7};
    const struct oracle_penalty sign = {.name = "l1", .application = "coupled", .weight = 0.2};
    form_count = 0;
    add_form("no penalty", 0, NULL, NULL);
    add_form("weight_decay", 0.27, NULL, NULL);
    add_form("weight_decay, l1 proximal", 0.27, &soft, NULL);
    add_form("default weight_decay", -1, NULL, NULL);
    add_form("small weight_decay", 3e-6, NULL, NULL);
    add_form("l1 then l2 proximal", 0, &soft, &shrink);
    add_form("l2 then l1 proximal", 0, &shrink, &soft);
    add_form("l1 coupled, l1 proximal", 0, &sign, &soft);
    for (size_t i = 0; tik_penalty_at(i); i++)
        add_penalty_forms(tik_penalty_at(i));
    *all = forms;
    return form_count;
}
