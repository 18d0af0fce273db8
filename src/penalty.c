/* The table of penalties: options, applications, stages, citations. */
#include "table.h"

#include <math.h>
#include <string.h>

#include "scalar/stages.h"

/* Order of enum tik_application's bits; see tik_penalty_application in policy.c. */
static const char *const all_applications[] = {"coupled", "decoupled", "proximal", NULL};
static const char *const l1_applications[] = {"coupled", "proximal", NULL};
static const char *const conventions[] = {"lr", "schedule", "none", NULL};

#define WEIGHT(text)                                                                               \
    [TIK_PENALTY_WEIGHT] = {.name = "weight",                                                      \
                            .type = TIK_OPTION_REAL,                                               \
                            .range = "[0, inf)",                                                   \
                            .high = INFINITY,                                                      \
                            .doc = text}
#define CONVENTION                                                                                 \
    [TIK_PENALTY_CONVENTION] = {.name = "convention",                                              \
                                .type = TIK_OPTION_CHOICE,                                         \
                                .range = "lr, schedule or none",                                   \
                                .high = 2,                                                         \
                                .choices = conventions,                                            \
                                .doc = "what multiplies a decoupled decay: lr with its schedule, " \
                                       "the schedule's multiplier alone, or nothing"}

static const struct tik_option l2_options[] = {
    WEIGHT("lambda of 1/2*lambda*||p||^2"),
    [TIK_PENALTY_APPLICATION] = {.name = "application",
                                 .type = TIK_OPTION_CHOICE,
                                 .range = "coupled, decoupled or proximal",
                                 .high = 2,
                                 .choices = all_applications,
                                 .doc = "how it enters the step"},
    CONVENTION,
};

static const struct tik_option l1_options[] = {
    WEIGHT("lambda of lambda*||p||_1"),
    [TIK_PENALTY_APPLICATION] = {.name = "application",
                                 .type = TIK_OPTION_CHOICE,
                                 .range = "coupled or proximal",
                                 .value = 1,
                                 .high = 1,
                                 .choices = l1_applications,
                                 .doc = "coupled: subgradient; proximal: exact zeros"},
};

static const struct tik_option elastic_net_options[] = {
    WEIGHT("lambda of lambda*(l1_ratio*||p||_1 + (1 - l1_ratio)/2*||p||^2)"),
    [TIK_PENALTY_APPLICATION] = {.name = "application",
                                 .type = TIK_OPTION_CHOICE,
                                 .range = "coupled, decoupled or proximal",
                                 .value = 2,
                                 .high = 2,
                                 .choices = all_applications,
                                 .doc = "decoupled: the l2 part decays by the convention, the l1 "
                                        "part is proximal"},
    CONVENTION,
    [TIK_PENALTY_L1_RATIO] = {.name = "l1_ratio",
                              .type = TIK_OPTION_REAL,
                              .value = 0.5,
                              .range = "[0, 1]",
                              .high = 1,
                              .doc = "share of the l1 part"},
};

static void l2_weights(const double *o, double *l1, double *l2)
{
    *l1 = 0;
    *l2 = o[TIK_PENALTY_WEIGHT];
}

static void l1_weights(const double *o, double *l1, double *l2)
{
    *l1 = o[TIK_PENALTY_WEIGHT];
    *l2 = 0;
}

static void elastic_net_weights(const double *o, double *l1, double *l2)
{
    *l1 = o[TIK_PENALTY_WEIGHT] * o[TIK_PENALTY_L1_RATIO];
    *l2 = o[TIK_PENALTY_WEIGHT] * (1.0 - o[TIK_PENALTY_L1_RATIO]);
}

#define OPTIONS(array) .options = array, .option_count = sizeof array / sizeof *array

static const struct tik_penalty_row rows[] = {
    {.info = {.name = "l2",
              .equation = "1/2*weight*||p||^2; coupled g += weight*p; decoupled p -= c*weight*p; "
                          "proximal p /= 1 + lr*weight",
              .citation = "Hoerl and Kennard 1970; decoupled: Loshchilov and Hutter 2019",
              OPTIONS(l2_options),
              .applications = TIK_COUPLED | TIK_DECOUPLED | TIK_PROXIMAL},
     .coupled = {"coupled_l2", tik_scalar_coupled_l2},
     .proximal = {"proximal_l2", tik_scalar_proximal_l2},
     .value = {"value_l2", tik_scalar_value_l2},
     .weights = l2_weights},
    {.info = {.name = "l1",
              .equation = "weight*||p||_1; coupled g += weight*sign(p), sign(0) = 0; proximal p = "
                          "sign(p)*max(|p| - lr*weight, 0)",
              .citation = "Tibshirani 1996; proximal: Daubechies, Defrise, De Mol 2004; Duchi and "
                          "Singer 2009 (FOBOS)",
              OPTIONS(l1_options),
              .applications = TIK_COUPLED | TIK_PROXIMAL},
     .coupled = {"coupled_l1", tik_scalar_coupled_l1},
     .proximal = {"proximal_l1", tik_scalar_proximal_l1},
     .value = {"value_l1", tik_scalar_value_l1},
     .weights = l1_weights},
    {.info = {.name = "elastic_net",
              .equation = "weight*(l1_ratio*||p||_1 + (1 - l1_ratio)/2*||p||^2); proximal p = "
                          "sign(p)*max(|p| - lr*l1, 0)/(1 + lr*l2)",
              .citation = "Zou and Hastie 2005; l1_ratio as in scikit-learn",
              OPTIONS(elastic_net_options),
              .applications = TIK_COUPLED | TIK_DECOUPLED | TIK_PROXIMAL},
     .coupled = {"coupled_elastic_net", tik_scalar_coupled_elastic_net},
     .proximal = {"proximal_elastic_net", tik_scalar_proximal_elastic_net},
     .decoupled_rest = {"proximal_l1", tik_scalar_proximal_l1},
     .value = {"value_elastic_net", tik_scalar_value_elastic_net},
     .weights = elastic_net_weights},
};

static const size_t row_count = sizeof rows / sizeof *rows;

const struct tik_penalty_row *tik_penalty_row_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < row_count; i++)
        if (strcmp(rows[i].info.name, name) == 0)
            return &rows[i];
    return NULL;
}

const struct tik_penalty_info *tik_penalty_at(size_t index)
{
    return index < row_count ? &rows[index].info : NULL;
}

const struct tik_penalty_info *tik_penalty_find(const char *name)
{
    const struct tik_penalty_row *row = tik_penalty_row_find(name);
    return row != NULL ? &row->info : NULL;
}
