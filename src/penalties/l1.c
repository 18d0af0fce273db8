/* The row of l1. Equations: cl/penalty.cl. */
#include "../scalar/stages.h"

#include "options.h"

enum { WEIGHT, APPLICATION, METRIC, COUNT };

static const struct tik_option options[COUNT] = {
    [WEIGHT] = OPTION_WEIGHT("lambda of lambda*||p||_1"),
    [APPLICATION] = OPTION_SMOOTH_APPLICATION(1, "coupled: subgradient; proximal: exact zeros"),
    [METRIC] = OPTION_METRIC,
};

static const struct tik_penalty_form form = {
    .coupled = {"coupled_l1", tik_scalar_coupled_l1},
    .proximal = {"proximal_l1", tik_scalar_proximal_l1},
    .diagonal = {"proximal_l1_diagonal", tik_scalar_proximal_l1_diagonal},
    .value = {"value_l1", tik_scalar_value_l1},
};

static const struct tik_penalty_form *choose(const double *o)
{
    (void)o;
    return &form;
}

static void scalars(const double *o, double lr, struct penalty_scalars *k)
{
    k->l1 = (float)o[WEIGHT];
    k->threshold = (float)(lr * o[WEIGHT]);
}

const struct tik_penalty_row tik_penalty_l1 = {
    .info = {.name = "l1",
             .equation = "weight*||p||_1; coupled g += weight*sign(p), sign(0) = 0; proximal p = "
                         "sign(p)*max(|p| - lr*weight, 0)",
             .citation = "Tibshirani 1996; proximal: Daubechies, Defrise, De Mol 2004; Duchi and "
                         "Singer 2009 (FOBOS)",
             .options = options,
             .option_count = COUNT,
             .applications = TIK_COUPLED | TIK_PROXIMAL},
    .not_decoupled = tik_no_share,
    .choose = choose,
    .scalars = scalars,
};
