/*
 * Plain float32 runs of the equations whose oracles have bounds that are not a matter of one element
 * alone: each must lie within its bound, and each of its mutants, a wrong formula, must not. So a
 * bound is neither too small for float32 nor so large that it sees nothing.
 */
#ifndef SINGLE_H
#define SINGLE_H

#include "oracle_fixture.h"

/* A tensor in float32; its states are named by the rule's own numbers. */
struct single {
    size_t count, depth, rows, cols;
    double t;
    float *p, *g, *state[ORACLE_STATES];
    double carried[ORACLE_CARRIED];
};

enum single_shape { SINGLE_VECTOR = 1, SINGLE_WIDE = 2, SINGLE_TALL = 4, SINGLE_DEEP = 8 };

struct single_trial {
    const char *name;
    struct oracle_policy policy;
    struct oracle_around around;
    unsigned shapes;            /* enum single_shape, or-ed */
    double low, high;           /* decades of parameters and gradients */
    bool edges;                 /* also with zeros, subnormals and values up to 1e15 */
    const char *const *mutants; /* mutant 1 is the first; NULL ends */
    /* Takes the step; mutant 0 is the right formula. */
    void (*run)(const struct single_trial *trial, struct single *x, int mutant);
};

/* Runs one trial in all of its shapes, with all of its mutants. */
void single_judge(const struct single_trial *trial);

/* An option of the trial's rule, as a float. */
float single_option(const struct single_trial *trial, const char *name);

/* The root of the sum of x[first + i stride]^2, i < count, by halves. */
float single_norm(const float *x, size_t first, size_t stride, size_t count);

/* The same units as the oracle's. */
struct oracle_slice single_slice(const struct single *x, enum oracle_unit unit, size_t index);
size_t single_units(const struct single *x, enum oracle_unit unit);

#endif
