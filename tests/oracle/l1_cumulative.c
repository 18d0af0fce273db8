/*
 * Cumulative l1 (Tsuruoka, Tsujii and Ananiadou, Stochastic Gradient Descent Training for
 * L1-regularized Log-linear Models with Cumulative Penalty, ACL 2009, section 3.2), as scikit-learn's
 * SGD takes it. u is what every weight could have been charged so far, q what one has been:
 *
 *     u' = u + lr weight
 *     w > 0:  w' = max(0, w - (u' + q)),  w < 0:  w' = min(0, w + (u' - q)),  w = 0:  w' = 0
 *     q' = q + (w' - w)
 *
 * -u' <= q <= u', so that w' nowhere falls in w.
 *
 * u' is carried in double and rounded once; the sum with q is one rounding: 1 u of u' and 1 u of the
 * charge u' +- q; w' one more, half an ulp. Where w' = 0 surely, float32 gives 0. Then w' - w = -w,
 * which has w's error; elsewhere w' - w is the charge again, with its error, the rounding of w', and
 * one of the difference; the sum with q is the last.
 */
#include "oracle.h"

#include <math.h>

static const struct oracle_option options[] = {{"weight", 0}, {NULL, 0}};

static const struct oracle_state states[] = {
    {.name = "q", .limit = 0.05},
    {.name = NULL},
};

static const struct oracle_scalar carried[] = {
    {.name = "u", .start = 0, .later = 0.0625},
    {.name = NULL},
};

static double carry(const struct oracle_penalty *penalty, double rate, double old)
{
    return old + rate * penalty->weight;
}

/* w > 0; for w < 0 all signs change. */
static void charge(struct oracle_number *w, double u, double q, struct oracle_number *total,
                   const struct oracle_moment *moment)
{
    double due = u + q, error = moment->unit * (fabs(u) + fabs(due));
    double start = w->value, start_bound = w->bound, size = start - due, unit = moment->unit;
    w->value = fmax(size, 0);
    w->bound = size > 0 ? start_bound + error : fmax(size + start_bound + error, 0);
    bool kept = size > start_bound + error;
    if (size > 0)
        oracle_round(w);
    else
        w->rounding = 0;
    double change = w->value - start;
    double change_error = kept ? error + oracle_ulp(start) / 2 : error + start_bound;
    *total = (struct oracle_number){
        .value = q + change,
        .bound = change_error + unit * (fabs(change) + fabs(q + change)) + moment->tiny,
    };
}

static void prox(const struct oracle_penalty *penalty, double lr,
                 const struct oracle_moment *moment, struct oracle_tensor *tensor)
{
    double u = carry(penalty, lr, moment->carried[penalty->scalar]);
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        struct oracle_number *total = &e->next_state[penalty->state];
        double q = e->state[penalty->state];
        *total = (struct oracle_number){.value = q, .bound = e->next.bound};
        if (e->next.value > 0) {
            charge(&e->next, u, q, total, moment);
        } else if (e->next.value < 0) {
            e->next.value = -e->next.value;
            charge(&e->next, u, -q, total, moment);
            e->next.value = -e->next.value;
            total->value = -total->value;
        }
    }
}

static double measure(const struct oracle_penalty *penalty, const float *p,
                      const struct oracle_tensor *shape)
{
    double sum = 0;
    for (size_t i = 0; i < shape->count; i++)
        sum += fabs((double)p[i]);
    return penalty->weight * sum;
}

const struct oracle_penalty_rule oracle_l1_cumulative = {
    .name = "l1_cumulative",
    .applications = ORACLE_PROXIMAL,
    .options = options,
    .prox = prox,
    .measure = measure,
    .states = states,
    .carried = carried,
    .carry = carry,
};
