/* The row of l2. Equations: cl/penalty.cl. */
#include "../scalar/stages.h"

#include "options.h"

enum { WEIGHT, APPLICATION, CONVENTION, METRIC, ORDER, COUNT };

/* enum tik_order */
static const char *const orders[] = {"beside", "before", "after", NULL};

static const struct tik_option options[COUNT] = {
    [WEIGHT] = OPTION_WEIGHT("lambda of 1/2*lambda*||p||^2"),
    [APPLICATION] = OPTION_ANY_APPLICATION(0, "how it enters the step"),
    [CONVENTION] = OPTION_CONVENTION,
    [METRIC] = OPTION_METRIC,
    [ORDER] = {.name = "order",
               .type = TIK_OPTION_CHOICE,
               .range = "beside, before or after",
               .high = 2,
               .choices = orders,
               .doc = "decoupled: p decays beside the rule's step, in one subtraction with it; "
                      "before the rule sees p (Keras); or after the step (bitsandbytes); all of "
                      "a policy's decays in the same order"},
};

static const struct tik_penalty_form form = {
    .coupled = {"coupled_l2", tik_scalar_coupled_l2},
    .proximal = {"proximal_l2", tik_scalar_proximal_l2},
    .diagonal = {"proximal_l2_diagonal", tik_scalar_proximal_l2_diagonal},
    .value = {"value_l2", tik_scalar_value_l2},
};

static const struct tik_penalty_form *choose(const double *o)
{
    (void)o;
    return &form;
}

static void scalars(const double *o, double lr, struct penalty_scalars *k)
{
    k->l2 = (float)o[WEIGHT];
    tik_penalty_shrink(lr * o[WEIGHT], k);
}

static double decay(const double *o)
{
    return o[WEIGHT];
}

const struct tik_penalty_row tik_penalty_l2 = {
    .info = {.name = "l2",
             .equation = "1/2*weight*||p||^2; coupled g += weight*p; decoupled p -= c*weight*p; "
                         "proximal p /= 1 + lr*weight",
             .citation = "Hoerl and Kennard 1970; decoupled: Loshchilov and Hutter 2019",
             .options = options,
             .option_count = COUNT,
             .applications = TIK_COUPLED | TIK_DECOUPLED | TIK_PROXIMAL},
    .choose = choose,
    .scalars = scalars,
    .decay = decay,
};
