/*
 * The bridge penalty (Frank and Friedman, 1993) weight/p sum |w|^p, p >= 1:
 *
 *     coupled    g += weight sign(w) |w|^(p-1), sign(0) = 0
 *     proximal   with c = lr weight, a = |w|: sign(w) times the root of x + c x^(p-1) = a, which is
 *                where the derivative of (x - a)^2 / 2 + c/p x^p is 0 (for p = 1: or 0)
 *
 * The proximal point is there for p = 1, 3/2, 2 and 3. The root is found here by Newton's method, not by the closed forms
 *
 *     p = 3/2   (2a / (c + sqrt(c^2 + 4a)))^2
 *     p = 2     a / (1 + c)
 *     p = 3     2a / (1 + sqrt(1 + 4ca))
 *
 * whose roundings are what the bounds count.
 */
#include "oracle.h"

#include <math.h>

static const struct oracle_option options[] = {{"weight", 0}, {"p", 1.5}, {NULL, 0}};

/* Whether |w|^(p-1) is w, its root, its square or its sign, and not a power in general. */
static bool is_plain(double p)
{
    return p == 1 || p == 1.5 || p == 2 || p == 3;
}

/*
 * |w|^(p-1) has a root (p = 3/2) or a square (p = 3): 1; the weight and its product 2, the sum with
 * g 1: 4 u of the term, 1 u of g. A square that underflows is multiplied by the weight. In general
 * the power may be wrong by 2 ulp, which are 4 u at most, or 4 times 2^-150: 3 more.
 */
static void couple(const struct oracle_penalty *penalty, const struct oracle_moment *moment,
                   struct oracle_tensor *tensor)
{
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        if (e->p == 0 || penalty->weight == 0)
            continue;
        double term = penalty->weight * pow(fabs(e->p), penalty->p - 1);
        double more = is_plain(penalty->p) ? 0 : 3;
        e->g_error += moment->unit * ((4 + more) * term + fabs(e->g)) +
                      moment->tiny * (1 + (1 + more) * penalty->weight);
        e->g += copysign(term, e->p);
    }
}

struct point {
    double c, p;
};

/*
 * With y = x^(1/2) for p = 3/2 and y = x for p = 3 the equation is square y^2 + linear y = a.
 * Newton's method falls to its root from any point above, and stops falling when it is there.
 */
static double solve(double a, const struct point *point)
{
    if (point->p == 2)
        return a / (1 + point->c);
    double square = point->p == 3 ? point->c : 1, linear = point->p == 3 ? 1 : point->c;
    double y = fmin(a / linear, sqrt(a / square));
    for (;;) {
        double lower = y - ((square * y + linear) * y - a) / (2 * square * y + linear);
        if (!(lower < y))
            break;
        y = lower;
    }
    return point->p == 3 ? y : y * y;
}

static double proximal_point(double w, const void *setting)
{
    const struct point *point = setting;
    double a = fabs(w);
    if (point->c == 0 || a == 0)
        return w;
    if (point->p == 1)
        return copysign(fmax(a - point->c, 0), w);
    return copysign(solve(a, point), w);
}

/*
 * Roundings of the closed form, c and a taken as they are; multiples of 2 and 4 round nothing.
 * 3/2: c^2 and the sum 2, halved by the root 1, the root and the sum with c 2, the division 1: 4,
 * doubled by the square 8, and the square 1: 9. 3: the product and the sum 2, halved 1, the root,
 * the sum and the division 3: 4. 1: the difference, half an ulp. 2: c alone, and half an ulp; its
 * bound is that of l2, which a rounded 1 + c is beyond.
 */
static double closed_form_roundings(double p)
{
    return p == 1.5 ? 9 : p == 3 ? 4 : 0;
}

/*
 * c is lr, the weight and their product: 3 u; the root x moves by -x^(p-1) / (1 + c (p-1) x^(p-2))
 * for each unit of c. For p = 3/2 a c^2 that underflows, or
 * c^2/4 where the 4 is taken out of the root, moves the root R by 2 tiny / R at most.
 */
static double point_error(const struct point *point, double x, const struct oracle_moment *moment)
{
    double unit = moment->unit, c = point->c, p = point->p;
    if (x == 0)
        return p == 1 ? 0 : moment->tiny;
    double slope = 1 / (1 + c * (p - 1) * pow(x, p - 2));
    double error = 3 * unit * c * pow(x, p - 1) * slope;
    error += closed_form_roundings(p) * unit * x + moment->tiny;
    if (p == 1.5) {
        double root = c + 2 * sqrt(x);
        error += 4 * x * moment->tiny / (root * (c + root));
    }
    return error;
}

/* How far an error of c, of an element's own step, moves the point. */
static double span_of_points(double a, const struct point *point, double moved)
{
    if (moved == 0)
        return 0;
    struct point low = {.c = fmax(point->c - moved, 0), .p = point->p};
    struct point high = {.c = point->c + moved, .p = point->p};
    return proximal_point(a, &low) - proximal_point(a, &high);
}

/* As the soft threshold of l1: a value below c by more than all errors must become 0 exactly. */
static void threshold(struct oracle_number *next, const struct point *point, double moved,
                      const struct oracle_moment *moment)
{
    next->bound += 3 * moment->unit * point->c + moved;
    oracle_map(next, proximal_point, point);
    if (next->value != 0)
        oracle_round(next);
    else
        next->rounding = 0;
}

static void prox(const struct oracle_penalty *penalty, double lr,
                 const struct oracle_moment *moment, struct oracle_tensor *tensor)
{
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_number *next = &tensor->elements[i].next;
        struct oracle_span rate = oracle_prox_rate(penalty, lr, &tensor->elements[i]);
        const struct point point = {.c = rate.value * penalty->weight, .p = penalty->p};
        double moved = oracle_span_error(rate) * penalty->weight;
        if (point.c == 0 || (next->value == 0 && next->bound == 0))
            continue;
        if (point.p == 1) {
            threshold(next, &point, moved, moment);
            continue;
        }
        double apart = span_of_points(fabs(next->value) + next->bound, &point, moved);
        oracle_map(next, proximal_point, &point);
        next->bound += apart + point_error(&point, fabs(next->value) + next->bound, moment);
        if (point.p == 2)
            oracle_round(next);
    }
}

static double measure(const struct oracle_penalty *penalty, const float *p,
                      const struct oracle_tensor *shape)
{
    double sum = 0;
    for (size_t i = 0; i < shape->count; i++)
        sum += pow(fabs((double)p[i]), penalty->p);
    return penalty->weight / penalty->p * sum;
}

const struct oracle_penalty_rule oracle_lp = {
    .name = "lp",
    .applications = ORACLE_COUPLED | ORACLE_PROXIMAL,
    .options = options,
    .couple = couple,
    .prox = prox,
    .measure = measure,
    .separable = true,
};
