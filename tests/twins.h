/*
 * Twins: two optimizers with the same tensors, groups, values and steps, one on the OpenCL device
 * and one on the scalar path, compared word by word. Tensors lie in the library's memory, in the
 * host's and in OpenCL buffers; what lies around them must keep its values.
 */
#ifndef TIK_TESTS_TWINS_H
#define TIK_TESTS_TWINS_H

#include "suite.h"

enum { TWINS_GROUPS = 2, TWINS_MAX_TENSORS = 24 };

struct twins_tally {
    size_t combinations;
    uint64_t words, different;
    enum tik_conformance conformance; /* the weakest of all programs */
    char first[640];                  /* the first difference, in full */
};

struct twins_tensor {
    size_t group, count;
    enum tik_memory memory;
    size_t rows, middle; /* of rows * count/rows elements, or of three dimensions; 0: a vector */
};

struct twins_spec {
    const char *rule, *policy; /* for messages */
    uint64_t seed;
    const struct tik_policy *policies[TWINS_GROUPS];
    const struct twins_tensor *tensors;
    size_t tensor_count;
    double max_norm;
    bool report;
    const struct tik_optimizer_options
        *around; /* instead of these two; matrices among the tensors */
    /* Group 0 has finite parameters and states, group 1 infinities and NaN among them. */
    const enum suite_values *grads;      /* of group 0, a kind a step; */
    const enum suite_values *wild_grads; /* and of group 1 */
    bool tame;                           /* group 1 has parameters like those of group 0 */
    size_t steps;
};

/* Runs all steps on both and adds to the tally; a difference is counted, not fatal. */
void twins_run(struct tik_context *device, struct tik_context *scalar,
               const struct twins_spec *spec, struct twins_tally *tally);

#endif
