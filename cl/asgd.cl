/*
 * Averaged stochastic gradient descent (Polyak and Juditsky, 1992), as in PyTorch.
 *
 *     p  <- p - (lambd*eta_t*p + eta_t*g)
 *     ax <- ax + mu_t*(p - ax)                    of the new p; ax <- p while mu_t = 1
 *
 * State: s[0] = ax. asgd returns what the step takes from p; asgd_average comes after the proximal
 * stages. Scalar twin: src/scalar/asgd.c.
 */
#include "numeric.cl"
#include "asgd.h"

float asgd(const float p, const float g, float *s, const struct asgd_scalars k)
{
    return k.pull * p + k.eta * g;
}

void asgd_average(const float p, float *s, const struct asgd_scalars k)
{
    s[0] = k.mu == 1.0f ? p : s[0] + k.mu * (p - s[0]);
}
