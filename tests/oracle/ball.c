/*
 * The ball |w_u|_2 <= radius for every unit u, as a constraint: max_norm, whose unit is a row unless
 * told, and l2_ball, whose unit is the tensor. Its proximal point, whatever lr, is the projection
 * (Parikh and Boyd, Proximal Algorithms, 2014, section 6.5.1):
 *
 *     w min(1, radius / |w_u|)
 *
 * The radius is rounded once, the quotient once: 2 u and the norm's own error. A unit that is inside
 * by more than that is left as it is.
 */
#include "oracle.h"

#include <math.h>

static const struct oracle_option options[] = {{"radius", 1}, {NULL, 0}};

static void project(const struct oracle_penalty *penalty, const struct oracle_moment *moment,
                    struct oracle_tensor *tensor, const struct oracle_slice *slice)
{
    struct oracle_norm sum = {0};
    for (size_t i = 0; i < slice->count; i++) {
        const struct oracle_number *next = &oracle_slice_at(tensor, slice, i)->next;
        oracle_norm_add(&sum, next->value, next->bound);
    }
    struct oracle_span norm = oracle_norm_take(&sum, moment->unit, moment->tiny);
    if (norm.high <= penalty->radius * (1 - 2 * moment->unit))
        return;
    struct oracle_span by = oracle_span_divide(oracle_span_of(penalty->radius, 0), norm);
    by = oracle_span_at_most(oracle_span_widen(by, 2 * moment->unit, 0), 1);
    for (size_t i = 0; i < slice->count; i++)
        oracle_scale_next(&oracle_slice_at(tensor, slice, i)->next, by, moment);
}

static void prox(const struct oracle_penalty *penalty, double lr,
                 const struct oracle_moment *moment, struct oracle_tensor *tensor)
{
    (void)lr;
    for (size_t u = 0; u < oracle_unit_count(tensor, penalty->unit); u++) {
        struct oracle_slice slice = oracle_unit_at(tensor, penalty->unit, u);
        project(penalty, moment, tensor, &slice);
    }
}

/* After the projection the parameters are inside. */
static double measure(const struct oracle_penalty *penalty, const float *p,
                      const struct oracle_tensor *shape)
{
    (void)penalty, (void)p, (void)shape;
    return 0;
}

const struct oracle_penalty_rule oracle_max_norm = {
    .name = "max_norm",
    .applications = ORACLE_PROXIMAL,
    .options = options,
    .prox = prox,
    .measure = measure,
    .shaped = true,
};

const struct oracle_penalty_rule oracle_l2_ball = {
    .name = "l2_ball",
    .applications = ORACLE_PROXIMAL,
    .options = options,
    .prox = prox,
    .measure = measure,
    .shaped = true,
};
