/* The rows of max_norm and l2_ball, which differ in what they are taken over. Equations: cl/group.cl. */
#include "../scalar/stages.h"

#include "options.h"

enum { RADIUS, UNIT, APPLICATION, COUNT };

#define BALL(unit, text)                                                                           \
    {                                                                                              \
        [RADIUS] = OPTION_RADIUS("largest norm of a unit"), [UNIT] = OPTION_UNIT_OF(unit, text),   \
        [APPLICATION] = OPTION_PROJECTION                                                          \
    }

static const struct tik_option max_norm_options[COUNT] =
    BALL(TIK_SCOPE_ROW, "what has a norm: the weights into one neuron");
static const struct tik_option l2_ball_options[COUNT] = BALL(TIK_SCOPE_TENSOR, "what has a norm");

/* Its value is 0 inside and infinite outside, where p never is. */
static const struct tik_group_form ball = {.factor = "factor_ball",
                                           .factor_twin = tik_scalar_factor_ball};
static const struct tik_penalty_form form = {.group_proximal = &ball};

static const struct tik_penalty_form *choose(const double *o)
{
    (void)o;
    return &form;
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

#define EQUATION "||p_unit|| <= radius; proximal p *= min(1, radius/||p_unit||)"

const struct tik_penalty_row tik_penalty_max_norm = {
    .info = {.name = "max_norm",
             .equation = EQUATION,
             .citation = "Srebro, Rennie, Jaakkola 2005; Srivastava et al. 2014, section 5.1",
             .options = max_norm_options,
             .option_count = COUNT,
             .applications = TIK_PROXIMAL},
    .not_coupled = tik_no_gradient,
    .not_decoupled = tik_no_gradient,
    .not_diagonal = tik_no_form,
    .choose = choose,
    .scalars = scalars,
    .scope = scope,
};

const struct tik_penalty_row tik_penalty_l2_ball = {
    .info = {.name = "l2_ball",
             .equation = EQUATION,
             .citation =
                 "Parikh and Boyd 2014, section 6.5.1; optax.projections.projection_l2_ball",
             .options = l2_ball_options,
             .option_count = COUNT,
             .applications = TIK_PROXIMAL},
    .not_coupled = tik_no_gradient,
    .not_decoupled = tik_no_gradient,
    .not_diagonal = tik_no_form,
    .choose = choose,
    .scalars = scalars,
    .scope = scope,
};
