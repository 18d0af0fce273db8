/* The row of elastic_net. Equations: cl/penalty.cl. */
#include "../scalar/stages.h"

#include "options.h"

enum { WEIGHT, APPLICATION, CONVENTION, L1_RATIO, METRIC, COUNT };

static const struct tik_option options[COUNT] = {
    [WEIGHT] = OPTION_WEIGHT("lambda of lambda*(l1_ratio*||p||_1 + (1 - l1_ratio)/2*||p||^2)"),
    [APPLICATION] = OPTION_ANY_APPLICATION(2, "decoupled: the l2 part decays by the convention, "
                                              "the l1 part is proximal"),
    [CONVENTION] = OPTION_CONVENTION,
    [L1_RATIO] = {.name = "l1_ratio",
                  .type = TIK_OPTION_REAL,
                  .value = 0.5,
                  .range = "[0, 1]",
                  .high = 1,
                  .doc = "share of the l1 part"},
    [METRIC] = OPTION_METRIC,
};

static const struct tik_penalty_form form = {
    .coupled = {"coupled_elastic_net", tik_scalar_coupled_elastic_net},
    .proximal = {"proximal_elastic_net", tik_scalar_proximal_elastic_net},
    .diagonal = {"proximal_elastic_net_diagonal", tik_scalar_proximal_elastic_net_diagonal},
    .value = {"value_elastic_net", tik_scalar_value_elastic_net},
    .decoupled_rest = {"proximal_l1", tik_scalar_proximal_l1},
};

static const struct tik_penalty_form *choose(const double *o)
{
    (void)o;
    return &form;
}

static double decay(const double *o)
{
    return o[WEIGHT] * (1 - o[L1_RATIO]);
}

static void scalars(const double *o, double lr, struct penalty_scalars *k)
{
    const double l1 = o[WEIGHT] * o[L1_RATIO], l2 = decay(o);
    k->l1 = (float)l1;
    k->l2 = (float)l2;
    k->threshold = (float)(lr * l1);
    tik_penalty_shrink(lr * l2, k);
}

const struct tik_penalty_row tik_penalty_elastic_net = {
    .info = {.name = "elastic_net",
             .equation = "weight*(l1_ratio*||p||_1 + (1 - l1_ratio)/2*||p||^2); proximal p = "
                         "sign(p)*max(|p| - lr*l1, 0)/(1 + lr*l2)",
             .citation = "Zou and Hastie 2005; l1_ratio as in scikit-learn",
             .options = options,
             .option_count = COUNT,
             .applications = TIK_COUPLED | TIK_DECOUPLED | TIK_PROXIMAL},
    .choose = choose,
    .scalars = scalars,
    .decay = decay,
};
