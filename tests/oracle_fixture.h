/*
 * Tensors for tests of the oracles themselves: no library, steps in double (unit and tiny are 0),
 * or beside a plain float32 run of the same equations, which must lie within the oracle's bounds.
 */
#ifndef ORACLE_FIXTURE_H
#define ORACLE_FIXTURE_H

#include "oracle/oracle.h"

#include <stdint.h>

/* rows 0: a vector of cols. Everything is 0; stops the program where there is no memory. */
struct oracle_tensor fixture_create(size_t rows, size_t cols);
/* Of three dimensions. */
struct oracle_tensor fixture_create_deep(size_t depth, size_t rows, size_t cols);
void fixture_destroy(struct oracle_tensor *tensor);

double fixture_uniform(uint64_t *seed, double low, double high);
/* A float32 value of either sign, its size uniform in the exponent. */
float fixture_spread(uint64_t *seed, double low, double high);

/* Parameters and gradients over the decades 10^low to 10^high, float32 values; no errors. */
void fixture_fill(struct oracle_tensor *tensor, uint64_t seed, double low, double high);
void fixture_gradients(struct oracle_tensor *tensor, uint64_t seed, double low, double high);

/* A step t in double, or with the bounds of float32. */
struct oracle_moment fixture_double(double t);
struct oracle_moment fixture_single(double t);

/* One step, whose results become the next step's parameters, states and carried scalars. */
void fixture_step(const struct oracle_policy *policy, struct oracle_moment *moment,
                  struct oracle_tensor *tensor);

/* Fails the running test unless |got - value| <= tolerance * (|value| + 1). */
void fixture_near(const char *what, size_t index, double got, double value, double tolerance);

/* The largest |got - value| in units of its bound; more than 1 fails the running test. */
struct fixture_score {
    const char *what;
    double worst;
    size_t values;
};
void fixture_score_add(struct fixture_score *score, size_t index, double got,
                       const struct oracle_number *number);
/* Prints it, and fails the test when nothing was added. */
void fixture_score_end(const struct fixture_score *score);

#endif
