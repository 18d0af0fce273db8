/* The rows of l1_ball and simplex, whose projections are one algorithm. Equations: cl/group.cl. */
#include "../scalar/stages.h"

#include "options.h"

enum { RADIUS, UNIT, APPLICATION, COUNT };

#define SUM(text)                                                                                  \
    {                                                                                              \
        [RADIUS] = OPTION_RADIUS(text),                                                            \
        [UNIT] = OPTION_UNIT_OF(TIK_SCOPE_TENSOR, "what is summed"),                               \
        [APPLICATION] = OPTION_PROJECTION                                                          \
    }

static const struct tik_option ball_options[COUNT] = SUM("largest sum of |p| over a unit");
static const struct tik_option simplex_options[COUNT] = SUM("sum of p over a unit");

/* Their value is 0 inside and infinite outside, where p never is. */
static const struct tik_group_form ball = {.shape = "l1_ball", .shape_twin = &tik_scalar_l1_ball};
static const struct tik_group_form simplex = {.shape = "simplex",
                                              .shape_twin = &tik_scalar_simplex};
static const struct tik_penalty_form ball_form = {.group_proximal = &ball};
static const struct tik_penalty_form simplex_form = {.group_proximal = &simplex};

static const struct tik_penalty_form *choose_ball(const double *o)
{
    (void)o;
    return &ball_form;
}

static const struct tik_penalty_form *choose_simplex(const double *o)
{
    (void)o;
    return &simplex_form;
}

static void scalars(const double *o, double lr, struct penalty_scalars *k)
{
    (void)lr;
    k->radius = (float)o[RADIUS];
}

static enum tik_scope scope(const double *o)
{
    return (enum tik_scope)o[UNIT];
}

#define CITATION                                                                                   \
    "Duchi, Shalev-Shwartz, Singer, Chandra 2008; the level by Newton's iteration: Condat 2016, "  \
    "section 2"

const struct tik_penalty_row tik_penalty_l1_ball = {
    .info = {.name = "l1_ball",
             .equation = "sum |p_unit| <= radius; proximal: p where it is inside, else p = "
                         "sign(p)*max(|p| - level, 0), the level such that sum |p_unit| = radius",
             .citation = CITATION,
             .options = ball_options,
             .option_count = COUNT,
             .applications = TIK_PROXIMAL},
    .not_coupled = tik_no_gradient,
    .not_decoupled = tik_no_gradient,
    .not_diagonal = tik_no_form,
    .choose = choose_ball,
    .scalars = scalars,
    .scope = scope,
};

const struct tik_penalty_row tik_penalty_simplex = {
    .info = {.name = "simplex",
             .equation = "p >= 0, sum p_unit = radius; proximal p = max(p - level, 0), the level "
                         "such that sum p_unit = radius",
             .citation = CITATION,
             .options = simplex_options,
             .option_count = COUNT,
             .applications = TIK_PROXIMAL},
    .not_coupled = tik_no_gradient,
    .not_decoupled = tik_no_gradient,
    .not_diagonal = tik_no_form,
    .choose = choose_simplex,
    .scalars = scalars,
    .scope = scope,
};
