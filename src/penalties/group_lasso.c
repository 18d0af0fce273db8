/* The row of group_lasso. Equations: cl/group.cl. */
#include "../scalar/stages.h"

#include "options.h"

enum { WEIGHT, UNIT, APPLICATION, COUNT };

static const struct tik_option options[COUNT] = {
    [WEIGHT] = OPTION_WEIGHT("lambda of lambda*(sum of ||p_unit||)"),
    [UNIT] = OPTION_UNIT_OF(TIK_SCOPE_ROW, "whose norms are summed"),
    [APPLICATION] =
        OPTION_SMOOTH_APPLICATION(1, "coupled: subgradient; proximal: units that are exactly 0"),
};

static const struct tik_group_form coupled = {.factor = "factor_coupled_lasso",
                                              .factor_twin = tik_scalar_factor_coupled_lasso};
static const struct tik_group_form proximal = {.factor = "factor_lasso",
                                               .factor_twin = tik_scalar_factor_lasso};
static const struct tik_penalty_form form = {
    .group_coupled = &coupled, .group_proximal = &proximal, .sums_norms = true};

static const struct tik_penalty_form *choose(const double *o)
{
    (void)o;
    return &form;
}

static void scalars(const double *o, double lr, struct penalty_scalars *k)
{
    k->weight = (float)o[WEIGHT];
    k->threshold = (float)(lr * o[WEIGHT]);
}

static enum tik_scope scope(const double *o)
{
    return (enum tik_scope)o[UNIT];
}

const struct tik_penalty_row tik_penalty_group_lasso = {
    .info = {.name = "group_lasso",
             .equation = "weight*sum ||p_unit||; coupled g += weight*p/||p_unit||, 0 where the "
                         "norm is; proximal p *= max(0, 1 - lr*weight/||p_unit||)",
             .citation = "Yuan and Lin 2006; proximal: Parikh and Boyd 2014, section 6.5.1",
             .options = options,
             .option_count = COUNT,
             .applications = TIK_COUPLED | TIK_PROXIMAL},
    .not_decoupled = tik_no_share,
    .not_diagonal = tik_no_form,
    .choose = choose,
    .scalars = scalars,
    .scope = scope,
};
