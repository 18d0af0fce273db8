/* Handwritten digits: the file, and the sets that a run trains and validates on. */
#ifndef DEMOS_DIGITS_H
#define DEMOS_DIGITS_H

#include <stddef.h>
#include <stdint.h>

#include "array.h"
#include "csv.h"

enum { PIXELS = 64, CLASSES = 10, VALIDATION_ROWS = 360, CLEAN_ROWS = 1437, NOISY_ROWS = 600 };

/* Images as rows of x, their digits as rows of target: 1 at the digit, 0 elsewhere. */
struct digit_set {
    size_t rows;
    struct array x, target;
    unsigned char *labels;
};

/* Reads and checks demos/data/digits.csv. Ends the program with 2 when a row is not as it should
 * be. */
void digits_read(const char *path, struct csv *csv);

/*
 * Shuffles the rows by the seed; the first 360 validate, the next ones train: all 1437 others, or,
 * `noisy`, 600 of them, each with probability 0.3 given a label drawn from the ten. The labels of
 * the validation set stay true.
 */
void digits_split(const struct csv *csv, struct tik_context *context, uint64_t seed, bool noisy,
                  struct digit_set *train, struct digit_set *validation);
void digits_free(struct digit_set *set);

#endif
