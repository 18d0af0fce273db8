/* The table of penalties: a row a file in penalties/. */
#include <string.h>

#include "penalties/options.h"

const char tik_no_share[] =
    "a decoupled decay takes the same share of every parameter, which is the "
    "l2 penalty's alone; decoupled from the rule, this one is proximal";
const char tik_no_gradient[] =
    "a set has no gradient and takes no share: parameters are projected into it after the step";
const char tik_no_form[] =
    "where each element has its own step, the proximal point of a whole row, "
    "column or tensor has no closed form";

const char *const tik_all_applications[] = {"coupled", "decoupled", "proximal", NULL};
const char *const tik_smooth_applications[] = {"coupled", "proximal", NULL};
const char *const tik_proximal_only[] = {"proximal", NULL};
const char *const tik_conventions[] = {"lr", "schedule", "none", NULL};
const char *const tik_metrics[] = {"euclidean", "diagonal", NULL};
const char *const tik_units[] = {"tensor", "row", "column", NULL};

extern const struct tik_penalty_row tik_penalty_l2, tik_penalty_l1, tik_penalty_elastic_net,
    tik_penalty_lp, tik_penalty_box, tik_penalty_group_lasso, tik_penalty_max_norm,
    tik_penalty_l2_ball, tik_penalty_l1_ball, tik_penalty_simplex, tik_penalty_l1_cumulative;

static const struct tik_penalty_row *const rows[] = {
    &tik_penalty_l2,
    &tik_penalty_l1,
    &tik_penalty_elastic_net,
    &tik_penalty_lp,
    &tik_penalty_box,
    &tik_penalty_group_lasso,
    &tik_penalty_max_norm,
    &tik_penalty_l2_ball,
    &tik_penalty_l1_ball,
    &tik_penalty_simplex,
    &tik_penalty_l1_cumulative,
};

static const size_t row_count = sizeof rows / sizeof *rows;

void tik_penalty_shrink(double c, struct penalty_scalars *out)
{
    int exponent;
    const double digits = frexp(1 / (1 + c), &exponent);
    const double keep = ldexp(1, digits >= 0.75 ? exponent : exponent - 1);
    out->keep = (float)keep;
    out->shrink = (float)((keep - 1 + keep * c) / (1 + c)); /* c/(1 + c), where keep is 1 */
}

const struct tik_penalty_row *tik_penalty_row_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < row_count; i++)
        if (strcmp(rows[i]->info.name, name) == 0)
            return rows[i];
    return NULL;
}

const struct tik_penalty_info *tik_penalty_at(size_t index)
{
    return index < row_count ? &rows[index]->info : NULL;
}

const struct tik_penalty_info *tik_penalty_find(const char *name)
{
    const struct tik_penalty_row *row = tik_penalty_row_find(name);
    return row != NULL ? &row->info : NULL;
}
