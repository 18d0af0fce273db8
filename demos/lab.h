/*
 * What an experiment works with: the context, the matrix products, and the account of what the
 * library did, which every demo ends with.
 */
#ifndef DEMOS_LAB_H
#define DEMOS_LAB_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "options.h"
#include "product.h"

struct lab {
    const struct options *options;
    struct tik_context *context;
    struct products products;
    uint64_t steps, verified_steps, mismatches; /* over all runs */
    enum tik_conformance conformance;           /* the weakest seen; TIK_UNTESTED before a run */
};

/* Opens the device of --device. Ends the program with 2 when there is none of that name. */
void lab_open(struct lab *lab, const struct options *options);
void lab_close(struct lab *lab);

/*
 * An optimizer with two groups under one rule: the weights, with the penalty at `lambda`, and the
 * biases, without. Tensors are the caller's to add, then lab_prepare() compiles what their steps
 * need.
 */
struct groups {
    size_t weights, biases;
};
struct tik_optimizer *lab_optimizer(struct lab *lab, double lambda, struct groups *groups);
void lab_prepare(struct tik_optimizer *optimizer);

/* One step of the optimizer, waited for. */
void lab_step(struct tik_optimizer *optimizer);

/* Adds a finished run to the account. */
void lab_account(struct lab *lab, const struct tik_optimizer *optimizer);

/* The first lines of the report, and the last ones. */
void lab_print_device(const struct lab *lab);
void lab_print_account(const struct lab *lab);
/* A JSON object with the device and the account. The caller adds its runs. */
cJSON *lab_json(const struct lab *lab);
/* The value, but a NaN without its sign, which means nothing and would be printed. */
double unsigned_nan(double value);
/* A number, or null where JSON has no word for it. */
void json_add(cJSON *object, const char *key, double value);
/* Prints the object on stdout and frees it. */
void json_print(cJSON *object);

/* EXIT_SUCCESS, or EXIT_FAILED after a warning when a step differed from the scalar path's. */
int lab_verdict(const struct lab *lab);

#endif
