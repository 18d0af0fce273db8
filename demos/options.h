/* What the command line of both demos says. Numbers are read in the C locale. */
#ifndef DEMOS_OPTIONS_H
#define DEMOS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common.h"
#include "product.h"

#define MAX_LAMBDAS 16

struct options {
    double lambdas[MAX_LAMBDAS];
    size_t lambda_count; /* 0: the demo's own */
    const char *penalty; /* NAME[,key=value…] */
    const char *rule;
    const char *preset; /* NULL: as the library has the rule by itself */
    double lr;
    size_t epochs;
    uint64_t seed;
    const char *device; /* NULL: TIKHONOV_DEVICE, else the library's choice */
    enum tik_verify verify;
    enum product_choice blas;
    const char *out; /* folder of the figures */
    bool json, plot, text;
    /* 02_digits only */
    bool clean, noisy;
    size_t seeds;
    const char *data;
};

/* What differs between the demos. */
struct options_about {
    const char *summary; /* first lines of --help */
    /* What --help calls the default of --data; NULL: no --setting, --seeds and --data here. */
    const char *data;
};

/*
 * Reads the arguments into `options`, which holds the demo's defaults. --help prints and ends the
 * program with 0; a bad option or value ends it with 2 and a message that names the option, the
 * value and what would be right.
 */
void options_parse(int argc, char **argv, const struct options_about *about,
                   struct options *options);

/*
 * The policy of the weights: the rule at `lambda`, and of the biases: the rule without a penalty.
 * `lambda` is the weight of --penalty. l2 without keys goes in as the rule's own weight_decay:
 * added to the gradient by sgd and adam, taken from the parameter by adamw. That is the difference
 * between "L2" and "weight decay", which for sgd is none up to rounding (learners ask). With
 * --preset it goes in as that library's weight_decay.
 *
 * What the library does not accept ends the program with 2 and the library's words.
 */
struct tik_policy *options_weight_policy(const struct options *options, double lambda);
struct tik_policy *options_bias_policy(const struct options *options);

/* Makes both policies at every lambda, so that a mistake shows before any work is done. */
void options_check(const struct options *options);

#endif
