/*
 * The group lasso (Yuan and Lin, 2006): weight sum |w_u|_2 over the units u of a tensor, its rows,
 * its columns, or all of it.
 *
 *     coupled    g += weight w / |w_u|, 0 where |w_u| = 0
 *     proximal   w max(0, 1 - lr weight / |w_u|), 0 where |w_u| = 0
 *                (Parikh and Boyd, Proximal Algorithms, 2014, section 6.5.1)
 */
#include "oracle.h"

#include <math.h>

static const struct oracle_option options[] = {{"weight", 0}, {NULL, 0}};

static struct oracle_span norm_of(const struct oracle_tensor *tensor,
                                  const struct oracle_slice *slice, bool next,
                                  const struct oracle_moment *moment)
{
    struct oracle_norm norm = {0};
    for (size_t i = 0; i < slice->count; i++) {
        const struct oracle_element *e = oracle_slice_at(tensor, slice, i);
        if (next)
            oracle_norm_add(&norm, e->next.value, e->next.bound);
        else
            oracle_norm_add(&norm, e->p, 0);
    }
    return oracle_norm_take(&norm, moment->unit, moment->tiny);
}

/*
 * weight / |w_u|, or w / |w_u|: a quotient and a product, the weight's rounding 1, the sum with g 1:
 * 4 u of the term, 1 u of g, and the norm's error. Where the squares may all underflow, the norm may
 * be 0, and the term anything up to the weight.
 */
static void couple(const struct oracle_penalty *penalty, const struct oracle_moment *moment,
                   struct oracle_tensor *tensor)
{
    for (size_t u = 0; u < oracle_unit_count(tensor, penalty->unit); u++) {
        struct oracle_slice slice = oracle_unit_at(tensor, penalty->unit, u);
        struct oracle_span norm = norm_of(tensor, &slice, false, moment);
        for (size_t i = 0; i < slice.count; i++) {
            struct oracle_element *e = oracle_slice_at(tensor, &slice, i);
            if (e->p == 0 || penalty->weight == 0)
                continue;
            double size = penalty->weight * fabs(e->p), term = size / norm.value;
            double moved =
                fmax(fmin(size / norm.low, 2 * penalty->weight) - term, term - size / norm.high);
            e->g_error += moved + moment->unit * (4 * term + fabs(e->g)) + 2 * moment->tiny;
            e->g += copysign(term, e->p);
        }
    }
}

/* lr, the weight, their product, the quotient, the difference: 4 u of the quotient, 1 u of 1. */
static struct oracle_span factor(double threshold, struct oracle_span norm, double unit)
{
    if (threshold == 0)
        return (struct oracle_span){.low = norm.low > 0 ? 1 : 0, .value = 1, .high = 1};
    struct oracle_span part = oracle_span_divide(oracle_span_of(threshold, 0), norm);
    part = oracle_span_widen(part, 4 * unit, 0);
    if (part.low >= 1)
        return oracle_span_of(0, 0);
    return (struct oracle_span){
        .low = fmax(1 - part.high - unit, 0),
        .value = fmax(1 - part.value, 0),
        .high = fmin(1 - part.low + unit, 1),
    };
}

static void prox(const struct oracle_penalty *penalty, double lr,
                 const struct oracle_moment *moment, struct oracle_tensor *tensor)
{
    double threshold = lr * penalty->weight;
    for (size_t u = 0; u < oracle_unit_count(tensor, penalty->unit); u++) {
        struct oracle_slice slice = oracle_unit_at(tensor, penalty->unit, u);
        struct oracle_span norm = norm_of(tensor, &slice, true, moment);
        if (norm.high == 0)
            continue;
        struct oracle_span by = factor(threshold, norm, moment->unit);
        for (size_t i = 0; i < slice.count; i++)
            oracle_scale_next(&oracle_slice_at(tensor, &slice, i)->next, by, moment);
    }
}

static double measure(const struct oracle_penalty *penalty, const float *p,
                      const struct oracle_tensor *shape)
{
    double sum = 0;
    for (size_t u = 0; u < oracle_unit_count(shape, penalty->unit); u++) {
        struct oracle_slice slice = oracle_unit_at(shape, penalty->unit, u);
        double squares = 0;
        for (size_t i = 0; i < slice.count; i++)
            squares += pow((double)p[slice.first + i * slice.stride], 2);
        sum += sqrt(squares);
    }
    return penalty->weight * sum;
}

const struct oracle_penalty_rule oracle_group_lasso = {
    .name = "group_lasso",
    .applications = ORACLE_COUPLED | ORACLE_PROXIMAL,
    .options = options,
    .couple = couple,
    .prox = prox,
    .measure = measure,
    .shaped = true,
};
