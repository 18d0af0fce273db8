/* The row of box. Equations: cl/penalty.cl. */
#include "../error.h"
#include "../scalar/stages.h"

#include "options.h"

enum { LOW, HIGH, APPLICATION, METRIC, COUNT };

/* The default is the non-negative orthant, as far as float32 goes. */
static const struct tik_option options[COUNT] = {
    [LOW] = {.name = "low",
             .type = TIK_OPTION_REAL,
             .range = "(-inf, inf)",
             .low = -INFINITY,
             .high = INFINITY,
             .doc = "smallest value of a parameter"},
    [HIGH] = {.name = "high",
              .type = TIK_OPTION_REAL,
              .value = 0x1.fffffep+127,
              .range = "(-inf, inf)",
              .low = -INFINITY,
              .high = INFINITY,
              .doc = "largest value of a parameter"},
    [APPLICATION] = {.name = "application",
                     .type = TIK_OPTION_CHOICE,
                     .range = "proximal",
                     .choices = tik_proximal_only,
                     .doc = "the projection after the step"},
    [METRIC] = OPTION_METRIC,
};

/* Its value is 0 inside and infinite outside, where p never is. */
static const struct tik_penalty_form form = {
    .proximal = {"proximal_box", tik_scalar_proximal_box},
};

static const struct tik_penalty_form *choose(const double *o)
{
    if (o[LOW] <= o[HIGH])
        return &form;
    tik_error_set(TIK_ERROR_ARGUMENT, "penalty box: low is %g; allowed is at most high, %g", o[LOW],
                  o[HIGH]);
    return NULL;
}

static void scalars(const double *o, double lr, struct penalty_scalars *k)
{
    (void)lr;
    k->low = (float)o[LOW];
    k->high = (float)o[HIGH];
}

const struct tik_penalty_row tik_penalty_box = {
    .info = {.name = "box",
             .equation = "low <= p <= high; proximal p = min(max(p, low), high)",
             .citation = "projected gradient: Goldstein 1964; Levitin and Polyak 1966",
             .options = options,
             .option_count = COUNT,
             .applications = TIK_PROXIMAL},
    .not_coupled = tik_no_gradient,
    .not_decoupled = tik_no_gradient,
    .choose = choose,
    .scalars = scalars,
};
