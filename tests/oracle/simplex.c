/*
 * Two sets of the sums of a unit's elements, as constraints: l1_ball, sum |w| <= radius, and simplex,
 * w >= 0 with sum w = radius. The proximal point is the Euclidean projection (Duchi et al., Efficient
 * Projections onto the l1-Ball, ICML 2008, figure 1, by sorting):
 *
 *     simplex   max(w - theta, 0), theta such that these add up to the radius
 *     l1_ball   w where it is inside already, else sign(w) max(|w| - theta, 0) likewise for |w|
 *
 * The bound knows nothing of how theta is found, but that the sum of the k elements above it is
 * taken by a tree of depth d: the sum's residual is (d + 4) u (sum + radius) and moves theta by 1/k
 * of that; the elements' own errors move it by their mean; it is rounded twice. Twice all this, for
 * elements so near to theta that they may be counted or not.
 */
#include "oracle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct oracle_option options[] = {{"radius", 1}, {NULL, 0}};

struct value {
    double size, error;
};

static int fall(const void *one, const void *other)
{
    const struct value *a = one, *b = other;
    return (a->size < b->size) - (a->size > b->size);
}

static struct value *sorted(const struct oracle_tensor *tensor, const struct oracle_slice *slice,
                            bool absolute)
{
    struct value *values = calloc(slice->count + 1, sizeof *values);
    if (!values) {
        fprintf(stderr, "no memory for %zu values\n", slice->count);
        abort();
    }
    for (size_t i = 0; i < slice->count; i++) {
        const struct oracle_number *next = &oracle_slice_at(tensor, slice, i)->next;
        values[i].size = absolute ? fabs(next->value) : next->value;
        values[i].error = next->bound;
    }
    qsort(values, slice->count, sizeof *values, fall);
    return values;
}

struct threshold {
    double value, error;
};

static struct threshold find_threshold(const struct value *values, size_t count, double radius,
                                       double unit)
{
    double sum = 0, size = 0, error = 0, theta = 0;
    size_t k = 0;
    while (k < count && values[k].size * (double)(k + 1) > sum + values[k].size - radius) {
        sum += values[k].size;
        size += fabs(values[k].size);
        error += values[k].error;
        k++;
        theta = (sum - radius) / (double)k;
    }
    double residual = (oracle_tree_depth(count) + 4) * unit * (size + radius);
    return (struct threshold){
        .value = theta,
        .error = 2 * ((residual + error) / (double)(k ? k : 1) + 2 * unit * fabs(theta)),
    };
}

static void take(struct oracle_number *next, struct threshold theta, bool absolute)
{
    double size = (absolute ? fabs(next->value) : next->value) - theta.value;
    double error = next->bound + theta.error;
    next->value = size > 0 ? (absolute ? copysign(size, next->value) : size) : 0;
    next->bound = size > 0 ? error : fmax(size + error, 0);
    if (size > 0)
        oracle_round(next);
    else
        next->rounding = 0;
}

static bool is_inside(const struct value *values, size_t count, double radius, double unit)
{
    double sum = 0, error = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i].size;
        error += values[i].error;
    }
    return sum * (1 + (oracle_tree_depth(count) + 2) * unit) + error <= radius;
}

static void project(const struct oracle_penalty *penalty, bool absolute,
                    const struct oracle_moment *moment, struct oracle_tensor *tensor)
{
    for (size_t u = 0; u < oracle_unit_count(tensor, penalty->unit); u++) {
        struct oracle_slice slice = oracle_unit_at(tensor, penalty->unit, u);
        struct value *values = sorted(tensor, &slice, absolute);
        if (!absolute || !is_inside(values, slice.count, penalty->radius, moment->unit)) {
            struct threshold theta =
                find_threshold(values, slice.count, penalty->radius, moment->unit);
            if (absolute) /* just inside, by the oracle's sum */
                theta.value = fmax(theta.value, 0);
            for (size_t i = 0; i < slice.count; i++)
                take(&oracle_slice_at(tensor, &slice, i)->next, theta, absolute);
        }
        free(values);
    }
}

static void prox_ball(const struct oracle_penalty *penalty, double lr,
                      const struct oracle_moment *moment, struct oracle_tensor *tensor)
{
    (void)lr;
    project(penalty, true, moment, tensor);
}

static void prox_simplex(const struct oracle_penalty *penalty, double lr,
                         const struct oracle_moment *moment, struct oracle_tensor *tensor)
{
    (void)lr;
    project(penalty, false, moment, tensor);
}

/* After the projection the parameters are inside. */
static double measure(const struct oracle_penalty *penalty, const float *p,
                      const struct oracle_tensor *shape)
{
    (void)penalty, (void)p, (void)shape;
    return 0;
}

const struct oracle_penalty_rule oracle_l1_ball = {
    .name = "l1_ball",
    .applications = ORACLE_PROXIMAL,
    .options = options,
    .prox = prox_ball,
    .measure = measure,
    .shaped = true,
};

const struct oracle_penalty_rule oracle_simplex = {
    .name = "simplex",
    .applications = ORACLE_PROXIMAL,
    .options = options,
    .prox = prox_simplex,
    .measure = measure,
    .shaped = true,
};
