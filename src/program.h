/* A program that was compiled and judged: what every launch goes through. */
#ifndef TIK_SRC_PROGRAM_H
#define TIK_SRC_PROGRAM_H

#include "context.h"

/*
 * Compiles a plan (NULL: the norm) for `backend`, an instance of the context's device, and, where
 * no verdict is remembered with the binary, makes the known-answer run. Where that is not exact, the
 * plan is compiled again with corrected / and sqrt, and the better of the two is taken. A program
 * that computes wrongly is TIK_ERROR_DEVICE. *verdict (may be NULL) is what the run showed, TIK_UNTESTED where it
 * did not come to it.
 */
enum tik_status tik_program_prepare(struct tik_context *context, struct tik_backend *backend,
                                    const struct tik_plan *plan, struct tik_program **program,
                                    enum tik_conformance *verdict);

#endif
