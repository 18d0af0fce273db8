/* The bare call's inside: a policy, compiled, and the numbers of its steps. */
#ifndef TIK_SRC_UPDATE_H
#define TIK_SRC_UPDATE_H

#include <tikhonov/update.h>

#include "context.h"
#include "policy.h"

struct tik_update {
    struct tik_context *context;
    struct tik_backend *backend; /* of this handle alone */
    struct tik_backend *scalar;
    struct tik_policy policy;
    struct tik_plan plan;
    struct tik_program *program, *twin;
    struct tik_program *packed; /* of lists; NULL until there is one */
};

bool tik_update_is_clipped(const struct tik_update *update);

/* Work-groups of `count` elements. */
uint64_t tik_update_blocks(size_t count);

/* The names of the states in messages: "state[0]". */
extern const char *const tik_update_state_labels[TIK_MAX_STATES];

/* The numbers of the step; `coming` is what becomes of the carried scalars when it is taken. */
enum tik_status tik_update_compute(const struct tik_update *update, uint64_t step,
                                   const struct tik_schedule *schedule, const double *carried,
                                   double *coming, struct tik_plan_values *values);
void tik_update_advance(const struct tik_update *update, double *carried, const double *coming);

#endif
