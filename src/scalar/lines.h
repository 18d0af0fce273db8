/* Scalar twin of cl/lines.cl: the launches, by the number of their group. */
#ifndef TIK_SRC_SCALAR_LINES_H
#define TIK_SRC_SCALAR_LINES_H

#include "launch.h"
#include "step.h"

void tik_scalar_row_sums(const struct tik_launch *launch, uint64_t b);
void tik_scalar_column_sums(const struct tik_launch *launch, uint64_t b);
void tik_scalar_line_ends(const struct tik_launch *launch, uint64_t u);
void tik_scalar_means(const struct tik_launch *launch, uint64_t b);

/* What a rule sees of each element's row, column and matrix. */
#define TIK_LINE_VALUES 3

/*
 * Spreads them over the elements of a block, which then has them as its states; leaves a rule alone
 * that has no such states.
 */
void tik_scalar_read_lines(const struct tik_launch *launch, struct tik_block *block,
                           float values[TIK_LINE_VALUES][TIK_BLOCK]);

#endif
