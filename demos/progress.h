/*
 * A line on stderr for whoever waits: shown only when something takes longer than a second, and
 * only where stderr is a terminal or TIKHONOV_PROGRESS=1.
 *
 *     progress_start("building kernels");
 *     …                                      after 1 s: "building kernels … 1 s"
 *     progress_stop();                       the line is gone
 *
 * Threads: start, note and stop from one thread. A second thread does the printing.
 */
#ifndef DEMOS_PROGRESS_H
#define DEMOS_PROGRESS_H

#include "common.h"

/* Starts the clock of a new line; stops that of the line before. */
void progress_start(const char *format, ...) TIK_PRINTF(1, 2);
/* Changes the words, the clock goes on. Nothing when no line is under way. */
void progress_note(const char *format, ...) TIK_PRINTF(1, 2);
/* Takes the line away. Nothing when there is none. */
void progress_stop(void);

#endif
