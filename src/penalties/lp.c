/* The row of lp. Equations: cl/penalty.cl. */
#include "../error.h"
#include "../numeric.h"
#include "../scalar/stages.h"

#include "options.h"

enum { WEIGHT, EXPONENT, APPLICATION, METRIC, COUNT };
enum { COUPLED, PROXIMAL }; /* the choices of application */

static const struct tik_option options[COUNT] = {
    [WEIGHT] = OPTION_WEIGHT("lambda of lambda/p*sum |w|^p"),
    [EXPONENT] = {.name = "p",
                  .type = TIK_OPTION_REAL,
                  .value = 1.5,
                  .range = "[1, 20]",
                  .low = 1,
                  .high = 20,
                  .doc = "the exponent; proximal: 1, 1.5, 2 or 3, which have a closed form"},
    [APPLICATION] = OPTION_SMOOTH_APPLICATION(PROXIMAL, "proximal: the exact proximal point"),
    [METRIC] = OPTION_METRIC,
};

/* With p = 1 and p = 2 it is l1 and l2, by other weights. */
static const struct tik_penalty_form absolute = {
    .coupled = {"coupled_l1", tik_scalar_coupled_l1},
    .proximal = {"proximal_l1", tik_scalar_proximal_l1},
    .diagonal = {"proximal_l1_diagonal", tik_scalar_proximal_l1_diagonal},
    .value = {"value_l1", tik_scalar_value_l1},
};
static const struct tik_penalty_form square = {
    .coupled = {"coupled_l2", tik_scalar_coupled_l2},
    .proximal = {"proximal_l2", tik_scalar_proximal_l2},
    .diagonal = {"proximal_l2_diagonal", tik_scalar_proximal_l2_diagonal},
    .value = {"value_l2", tik_scalar_value_l2},
};
static const struct tik_penalty_form three_halves = {
    .coupled = {"coupled_lp_three_halves", tik_scalar_coupled_lp_three_halves},
    .proximal = {"proximal_lp_three_halves", tik_scalar_proximal_lp_three_halves},
    .diagonal = {"proximal_lp_three_halves_diagonal", tik_scalar_proximal_lp_three_halves_diagonal},
    .value = {"value_lp_three_halves", tik_scalar_value_lp_three_halves},
};
static const struct tik_penalty_form cubic = {
    .coupled = {"coupled_lp_cubic", tik_scalar_coupled_lp_cubic},
    .proximal = {"proximal_lp_cubic", tik_scalar_proximal_lp_cubic},
    .diagonal = {"proximal_lp_cubic_diagonal", tik_scalar_proximal_lp_cubic_diagonal},
    .value = {"value_lp_cubic", tik_scalar_value_lp_cubic},
};

static const struct tik_penalty_form power = {
    .coupled = {"coupled_lp_power", tik_scalar_coupled_lp_power},
    .value = {"value_lp_power", tik_scalar_value_lp_power},
};

static const struct tik_penalty_form *choose(const double *o)
{
    if (o[EXPONENT] == 1.0)
        return &absolute;
    if (o[EXPONENT] == 1.5)
        return &three_halves;
    if (o[EXPONENT] == 2.0)
        return &square;
    if (o[EXPONENT] == 3.0)
        return &cubic;
    if (o[APPLICATION] == COUPLED)
        return &power;
    tik_error_set(TIK_ERROR_ARGUMENT,
                  "penalty lp: p is %.17g; allowed with application proximal is 1, 1.5, 2 or 3, "
                  "whose proximal points have closed forms; coupled takes any p",
                  o[EXPONENT]);
    return NULL;
}

static void scalars(const double *o, double lr, struct penalty_scalars *k)
{
    k->l1 = (float)o[WEIGHT];
    k->l2 = (float)o[WEIGHT];
    k->threshold = (float)(lr * o[WEIGHT]);
    tik_penalty_shrink(lr * o[WEIGHT], k);
    k->weight = (float)o[WEIGHT];
    k->share = (float)(o[WEIGHT] / o[EXPONENT]);
    tik_split_exponent(o[EXPONENT] - 1, &k->exponent, &k->exponent_tail);
    /* With p = 3/2 the closed form has c/2. */
    k->pull = (float)(lr * o[WEIGHT] * (o[EXPONENT] == 1.5 ? 0.5 : 1.0));
}

const struct tik_penalty_row tik_penalty_lp = {
    .info = {.name = "lp",
             .equation = "weight/p*sum |w|^p; coupled g += weight*sign(w)*|w|^(p - 1); proximal "
                         "with c = lr*weight, a = |w|: p = 3/2: (2a/(c + sqrt(c^2 + 4a)))^2, p = "
                         "3: 2a/(1 + sqrt(1 + 4ca)), times sign(w)",
             .citation = "Frank and Friedman 1993 (bridge); proximal points: Chaux, Combettes, "
                         "Pesquet, Wajs 2007; the power itself: cl/power.cl",
             .options = options,
             .option_count = COUNT,
             .applications = TIK_COUPLED | TIK_PROXIMAL},
    .not_decoupled = tik_no_share,
    .choose = choose,
    .scalars = scalars,
};
