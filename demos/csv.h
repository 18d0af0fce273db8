/* Comma-separated numbers without a header line, as demos/data/digits.csv has them. */
#ifndef DEMOS_CSV_H
#define DEMOS_CSV_H

#include <stddef.h>

struct csv {
    size_t rows, cols;
    double *values; /* row by row; line number = row + 1 */
};

/*
 * Reads a file whose every line has `cols` finite numbers. Ends the program with 2 when it cannot
 * be read or is not that; the message names the file, the line and the field.
 */
void csv_read(const char *path, size_t cols, struct csv *csv);
void csv_free(struct csv *csv);

#endif
