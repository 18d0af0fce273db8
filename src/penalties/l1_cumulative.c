/* The row of l1_cumulative. Equations: cl/cumulative.cl. */
#include "../scalar/stages.h"

#include "options.h"

enum { WEIGHT, APPLICATION, COUNT };

static const struct tik_option options[COUNT] = {
    [WEIGHT] = OPTION_WEIGHT("lambda of lambda*||p||_1"),
    [APPLICATION] = {.name = "application",
                     .type = TIK_OPTION_CHOICE,
                     .range = "proximal",
                     .choices = tik_proximal_only,
                     .doc = "after the step"},
};

static const char after[] = "each element pays what it owes after the step, and owes what it could "
                            "not pay: that is proximal";

static const struct tik_penalty_form form = {
    .cumulative = {"proximal_l1_cumulative", tik_scalar_proximal_l1_cumulative},
    .value = {"value_l1", tik_scalar_value_l1},
};

static const struct tik_penalty_form *choose(const double *o)
{
    (void)o;
    return &form;
}

static void scalars(const double *o, double lr, struct penalty_scalars *k)
{
    (void)lr;
    k->l1 = (float)o[WEIGHT];
}

static double carry(const double *o, double lr, double carried)
{
    return carried + lr * o[WEIGHT];
}

const struct tik_penalty_row tik_penalty_l1_cumulative = {
    .info = {.name = "l1_cumulative",
             .equation = "weight*||p||_1; proximal u += lr*weight (from 0), then p > 0: p' = "
                         "max(0, p - (u + q)), p < 0: p' = min(0, p + (u - q)); q += p' - p (from "
                         "0, an element each)",
             .citation = "Tsuruoka, Tsujii, Ananiadou 2009, section 3.2; scikit-learn, "
                         "SGDClassifier, SGDRegressor",
             .options = options,
             .option_count = COUNT,
             .applications = TIK_PROXIMAL},
    .not_coupled = after,
    .not_decoupled = after,
    .not_diagonal = "what is due so far is one sum for all elements, of steps that they share",
    .choose = choose,
    .scalars = scalars,
    .carry = carry,
};
