/* Between priors and penalties: include/tikhonov/prior.h has the equations. */
#include <tikhonov/prior.h>

#include <inttypes.h>
#include <math.h>

#include "error.h"

void tik_prior_defaults(struct tik_prior_convention *convention)
{
    if (convention == NULL)
        return;
    *convention = (struct tik_prior_convention){
        .noise = 1,
        .mean_loss = true,
        .half_loss = true,
        .half_l2 = true,
    };
}

/* A NaN is not. */
static bool is_positive(double x)
{
    return x > 0 && isfinite(x);
}

static enum tik_status check(enum tik_prior prior, const char *name, double value,
                             const struct tik_prior_convention *c, const double *result)
{
    if (c == NULL || result == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "prior: %s is NULL",
                             c == NULL ? "the convention" : "the result");
    if (prior != TIK_PRIOR_GAUSSIAN && prior != TIK_PRIOR_LAPLACE)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "prior: there is no prior %d; there are TIK_PRIOR_GAUSSIAN and "
                             "TIK_PRIOR_LAPLACE",
                             (int)prior);
    if (!is_positive(value))
        return tik_error_set(TIK_ERROR_ARGUMENT, "prior: %s is %.17g; allowed is (0, inf)", name,
                             value);
    if (!is_positive(c->noise))
        return tik_error_set(TIK_ERROR_ARGUMENT, "prior: noise is %.17g; allowed is (0, inf)",
                             c->noise);
    if (c->mean_loss && c->samples == 0)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "prior: samples is %" PRIu64
                             "; the loss is a mean over them: allowed is at least 1",
                             c->samples);
    return TIK_OK;
}

/* K sigma of the equations: times sigma, over tau^2 or b, it is lambda. */
static double loss_factor(enum tik_prior prior, const struct tik_prior_convention *c)
{
    double factor = c->noise;
    if (c->mean_loss)
        factor /= (double)c->samples;
    if (!c->half_loss)
        factor *= 2;
    if (prior == TIK_PRIOR_GAUSSIAN && !c->half_l2)
        factor /= 2;
    return factor;
}

static enum tik_status give(const char *name, double value, double *result)
{
    if (!is_positive(value))
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "prior: %s would be %g; allowed is what double can hold", name, value);
    *result = value;
    return TIK_OK;
}

/* The ratio of noise and scale first: their squares could overflow where it does not. */
enum tik_status tik_prior_to_lambda(enum tik_prior prior, double scale,
                                    const struct tik_prior_convention *c, double *lambda)
{
    const bool gaussian = prior == TIK_PRIOR_GAUSSIAN;
    const enum tik_status status = check(prior, gaussian ? "tau" : "b", scale, c, lambda);
    if (status != TIK_OK)
        return status;
    const double factor = loss_factor(prior, c) / scale;
    return give("lambda", factor * (gaussian ? c->noise / scale : c->noise), lambda);
}

enum tik_status tik_prior_from_lambda(enum tik_prior prior, double lambda,
                                      const struct tik_prior_convention *c, double *scale)
{
    const bool gaussian = prior == TIK_PRIOR_GAUSSIAN;
    const enum tik_status status = check(prior, "lambda", lambda, c, scale);
    if (status != TIK_OK)
        return status;
    const double factor = loss_factor(prior, c);
    if (gaussian)
        return give("tau", sqrt(factor) * sqrt(c->noise) / sqrt(lambda), scale);
    return give("b", factor / lambda * c->noise, scale);
}
