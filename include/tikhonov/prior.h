/*
 * A penalty is a prior: the weight lambda that belongs to a prior belief about the parameters, and
 * back.
 *
 *     struct tik_prior_convention convention;
 *     tik_prior_defaults(&convention);
 *     convention.noise = 0.3;
 *     convention.samples = 200;
 *     double lambda;
 *     if (tik_prior_to_lambda(TIK_PRIOR_GAUSSIAN, 0.5, &convention, &lambda) != TIK_OK)
 *         fprintf(stderr, "%s\n", tik_last_error());
 *
 * With targets y that are f(p) and Gaussian noise of variance sigma^2, n of them, the most probable
 * parameters given the data (MAP) minimise
 *
 *     1/(2 sigma^2) sum (y - f)^2 + 1/(2 tau^2) ||p||^2     prior N(0, tau^2) of each parameter
 *     1/(2 sigma^2) sum (y - f)^2 + 1/b ||p||_1             prior Laplace(b): exp(-|p|/b)/(2b)
 *
 * and a loss that is K/2 sum (y - f)^2 is this times K sigma^2, so that its penalty is
 *
 *     lambda/2 ||p||^2,   lambda = K sigma^2 / tau^2        penalty l2
 *     lambda ||p||_1,     lambda = K sigma^2 / b            penalty l1
 *
 * K is 1/n for a mean and 1 for a sum, twice that for a loss written without the 1/2. An l2 that is
 * written lambda ||p||^2 has half the lambda. For a mean negative log-likelihood (cross-entropy)
 * sigma is 1. The product of both priors is the elastic net: weight = l2 + l1, l1_ratio =
 * l1/weight. Source: Bishop, Pattern Recognition and Machine Learning, 2006, section 3.3.1; for
 * Laplace: Tibshirani 1996, section 5.
 *
 * Both functions are pure, for any thread, and compute in double.
 */
#ifndef TIKHONOV_PRIOR_H
#define TIKHONOV_PRIOR_H

#include <tikhonov/base.h>
#include <tikhonov/status.h>

enum tik_prior {
    TIK_PRIOR_GAUSSIAN, /* its scale is tau, the standard deviation; its penalty l2 */
    TIK_PRIOR_LAPLACE,  /* its scale is b, the mean of |p|; its penalty l1 */
};

/* How the loss and the l2 are written; defaults as most frameworks do. */
struct tik_prior_convention {
    double noise;     /* 1; sigma, the standard deviation of the noise, in (0, inf) */
    uint64_t samples; /* 0, which is an error for a mean: n, at least 1 */
    bool mean_loss;   /* true: the loss is the mean over the samples; false: their sum */
    bool half_loss;   /* true: 1/2 (y - f)^2; false: (y - f)^2, as MSELoss of PyTorch is */
    bool half_l2;     /* true: 1/2 lambda ||p||^2, as here; false: lambda ||p||^2, as Keras' l2 */
};

TIK_API void tik_prior_defaults(struct tik_prior_convention *convention);

/*
 * *lambda = the weight of the penalty for a prior of this scale, in (0, inf). TIK_OK;
 * TIK_ERROR_ARGUMENT names what is out of its range, or NULL, or a result that double cannot hold;
 * *lambda is then as it was.
 */
TIK_API TIK_CHECKED enum tik_status tik_prior_to_lambda(enum tik_prior prior, double scale,
                                                        const struct tik_prior_convention *c,
                                                        double *lambda);

/*
 * The way back: *scale = the scale of the prior behind a weight in (0, inf); a weight of 0 is no
 * belief at all, which has no scale. Results as above.
 */
TIK_API TIK_CHECKED enum tik_status tik_prior_from_lambda(enum tik_prior prior, double lambda,
                                                          const struct tik_prior_convention *c,
                                                          double *scale);

#endif
