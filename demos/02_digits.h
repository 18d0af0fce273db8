/* The runs of 02_digits: settings, lambdas, seeds, and how they are shown. */
#ifndef DEMOS_02_DIGITS_H
#define DEMOS_02_DIGITS_H

#include "lab.h"

struct run {
    uint64_t seed;
    double train_loss, val_loss, val_accuracy, half_squared_norm; /* at the end */
    double *accuracy; /* of the validation set after each epoch, from the first */
};

/* All the runs of one setting at one lambda: one a seed. */
struct series {
    const char *setting; /* "clean" or "noisy" */
    double lambda;
    size_t seeds, epochs;
    struct run *runs;
};

struct results {
    size_t count;
    struct series series[2 * MAX_LAMBDAS];
};

/*
 * Draws the figure and prints the tables, or prints the JSON object, as the options say. False when
 * the figure could not be drawn.
 */
bool report_results(const struct lab *lab, const struct results *results, bool kernels_on_device);

#endif
