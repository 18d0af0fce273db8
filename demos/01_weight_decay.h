/* The runs of 01_weight_decay, one a lambda, and how they are shown. */
#ifndef DEMOS_01_WEIGHT_DECAY_H
#define DEMOS_01_WEIGHT_DECAY_H

#include "lab.h"

struct run {
    double lambda;
    size_t epochs;
    double *epoch, *train, *validation; /* losses after each epoch; [0]: before the first */
    double half_squared_norm, bias;     /* at the end */
};

/*
 * Draws the figure and prints the table, or prints the JSON object, as the options say. False when
 * the figure could not be drawn.
 */
bool report_runs(const struct lab *lab, const struct run *runs, size_t count);

#endif
