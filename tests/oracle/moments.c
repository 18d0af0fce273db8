/* Means, roots and quotients with their scales and carried errors, for the adaptive rules. */
#include "oracle.h"

#include <math.h>

double oracle_correction(double beta, double t)
{
    return -expm1(t * log(beta));
}

/* A scalar's rounding, a product, a sum. Both products may underflow. */
struct oracle_number oracle_mean(double beta, double old, const struct oracle_element *e,
                                 double tiny)
{
    double keep = beta * old, take = (1 - beta) * e->g;
    return (struct oracle_number){
        .value = keep + take,
        .scale = fabs(keep) + fabs(take),
        .carried = (1 - beta) * e->g_error + 2 * tiny,
    };
}

/* A scalar's rounding, two products, a sum. An error d of g is one of 2 |g| d + d^2 in g^2. */
struct oracle_number oracle_mean_square(double beta, double old, const struct oracle_element *e,
                                        double tiny)
{
    double value = beta * old + (1 - beta) * e->g * e->g;
    double g_error = (2 * fabs(e->g) + e->g_error) * e->g_error;
    return (struct oracle_number){
        .value = value,
        .scale = value,
        .carried = (1 - beta) * g_error + 3 * tiny,
    };
}

/* Where an error is as large as x itself the root's is as large as the root, so both ends are
 * taken, not the derivative. */
struct oracle_span oracle_root(double x, double error, double factor, double offset)
{
    return (struct oracle_span){
        .low = factor * sqrt(fmax(x - error, 0)) + offset,
        .value = factor * sqrt(fmax(x, 0)) + offset,
        .high = factor * sqrt(fmax(x + error, 0)) + offset,
    };
}

struct oracle_span oracle_divisor(struct oracle_number x, double correction, double placement,
                                  double eps)
{
    double root = sqrt(correction);
    if (placement == ORACLE_EPS_AFTER)
        return oracle_root(x.value, x.carried, 1 / root, eps);
    if (placement == ORACLE_EPS_BEFORE)
        return oracle_root(x.value, x.carried, 1 / root, eps / root);
    return oracle_root(x.value / correction + eps, x.carried / correction, 1, 0);
}

struct oracle_number oracle_times(struct oracle_number number, double factor, double tiny)
{
    number.value *= factor;
    number.scale *= fabs(factor);
    number.carried = number.carried * fabs(factor) + tiny;
    return number;
}

struct oracle_number oracle_quotient(struct oracle_number number, struct oracle_span divisor,
                                     double tiny)
{
    double d = divisor.value;
    double moved = fmax(d / divisor.low - 1, 1 - d / divisor.high);
    number.value /= d;
    number.scale /= d;
    number.carried = number.carried / divisor.low + number.scale * moved + tiny;
    return number;
}

struct oracle_number oracle_plus(struct oracle_number one, struct oracle_number other)
{
    return (struct oracle_number){
        .value = one.value + other.value,
        .scale = one.scale + other.scale,
        .carried = one.carried + other.carried,
    };
}

void oracle_subtract(struct oracle_element *e, struct oracle_number step)
{
    e->next.value = e->p - step.value;
    e->next.scale = step.scale;
    e->next.carried = step.carried;
}

void oracle_set_rate(struct oracle_element *e, double factor, struct oracle_span divisor,
                     double roundings, const struct oracle_setting *setting)
{
    struct oracle_number whole = {.value = factor, .scale = fabs(factor)};
    e->rate = oracle_quotient(whole, divisor, setting->tiny);
    e->rate.bound = (roundings + 2) * setting->unit * e->rate.scale + e->rate.carried;
}
