/* An optimizer's inside: groups over a store, and what happens around a step. */
#ifndef TIK_SRC_OPTIMIZER_H
#define TIK_SRC_OPTIMIZER_H

#include "context.h"
#include "policy.h"
#include "run.h"
#include "store.h"

struct tik_group {
    struct tik_policy policy;
    struct tik_plan plan;
    struct tik_schedule schedule;
    struct tik_program *program;
    struct tik_plan compiled;        /* of the program */
    uint64_t steps;                  /* applied: t of the last step */
    double carried[TIK_MAX_CARRIED]; /* the rule's own scalars, after the last step */
    double coming[TIK_MAX_CARRIED];  /* what the step in hand makes of them */
    size_t active;                   /* tensors that take part */
    struct tik_plan_values values;   /* of the step in hand */
    double lr;                       /* of the last step that was taken */
    bool stepped;                    /* there was one in this process */
    bool warned;
};

struct tik_optimizer {
    struct tik_context *context;
    struct tik_backend *backend; /* of this optimizer alone */
    struct tik_backend *scalar;  /* likewise; for verify and fallback */
    struct tik_optimizer_options options;
    float max_norm; /* of the options, rounded to nearest whatever mode the caller has set */
    struct tik_store store;
    struct tik_group *groups;
    size_t group_count;
    struct tik_program *norm_program;
    struct tik_optimizer_stats stats;
    uint64_t sample; /* counter of sampled blocks */
    bool torn;
};

/* TIK_ERROR_ARGUMENT for NULL, TIK_ERROR_TORN for an optimizer whose tensors are not known. */
enum tik_status tik_optimizer_check(const struct tik_optimizer *optimizer);

/* Returns `status`; an optimizer that is torn stays so. */
enum tik_status tik_optimizer_settle(struct tik_optimizer *optimizer, enum tik_status status);

/* The commands of the step whose values are in the groups; pieces has room for each piece. */
void tik_optimizer_run(const struct tik_optimizer *optimizer, struct tik_apply *pieces,
                       struct tik_run *run);

#endif
