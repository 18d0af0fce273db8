/* An optimizer's inside: groups over a store, and what happens around a step. */
#ifndef TIK_SRC_OPTIMIZER_H
#define TIK_SRC_OPTIMIZER_H

#include "context.h"
#include "policy.h"
#include "run.h"
#include "store.h"

/* Steps under way whose fate the host need not know; then it waits once. */
#define TIK_UNREAD (TIK_ROWS - 1)

struct tik_group {
    struct tik_policy policy;
    struct tik_plan plan;
    /* Of the arrays that a vector and a matrix have under the plan beside param and grad. */
    const char *names[2][TIK_ARRAYS + 1];
    struct tik_schedule schedule;
    struct tik_program *program;
    struct tik_plan compiled;                     /* of the program */
    struct tik_program *units[TIK_PENALTY_SLOTS]; /* of penalties on units */
    struct tik_plan units_compiled[TIK_PENALTY_SLOTS];
    size_t alone;                /* tensors that are pieces of their own */
    struct tik_program *packed;  /* steps several of them a launch; NULL: one alone */
    struct tik_plan packed_plan; /* what was asked for, and how many a launch takes */
    uint64_t steps;              /* applied: t of the last step that the host knows of */
    /*
     * The rule's own scalars after so many further steps: [0] are those of `steps`, the others
     * those of steps under way.
     */
    double carried[TIK_ROWS][TIK_MAX_CARRIED];
    double coming[TIK_MAX_CARRIED]; /* what the step in hand makes of them, without a guard */
    size_t active;                  /* tensors that take part */
    struct tik_plan_values values;  /* of the step in hand; with a guard, if none was skipped */
    double lrs[TIK_ROWS];           /* of the step in hand, for every count; */
    double last_lrs[TIK_ROWS];      /* of the last step that was enqueued; */
    double lr;                      /* of that step, with a guard once its count is known */
    bool stepped;                   /* there was one in this process */
    bool warned;
};

/* Steps that may be skipped by the device: guard.c. */
struct tik_guard {
    struct tik_buffer *control, *progress, *rows;
    size_t groups;                      /* that the buffers have room for */
    unsigned unread;                    /* steps whose fate is not known */
    struct tik_row *posted[TIK_UNREAD]; /* what was sent with them; kept until it is known */
    struct tik_control seen;            /* when the host last looked */
    bool pending;                       /* a halt that was not told yet */
};

struct tik_optimizer {
    struct tik_context *context;
    struct tik_backend *backend; /* of this optimizer alone */
    struct tik_backend *scalar;  /* likewise; for verify and fallback */
    struct tik_optimizer_options options;
    struct tik_gather gather;
    struct gradient_scalars gradient; /* rounded to nearest whatever mode the caller has set */
    struct guard_scalars scaling;
    struct tik_store store;
    struct tik_guard guard;
    struct tik_group *groups;
    size_t group_count;
    struct tik_program *norm_program;
    struct tik_program *norm_packed; /* over several pieces a launch; NULL: over one */
    size_t norm_packs;               /* how many; 0 also before it was asked for */
    bool norm_asked;
    struct tik_launch *launches; /* of the step in hand */
    size_t launch_capacity;
    struct tik_many *many; /* of those that take several pieces */
    size_t many_capacity;
    unsigned gathered; /* gradients accumulated since the last step */
    struct tik_optimizer_stats stats;
    uint64_t sample;    /* counter of sampled blocks */
    bool blas_prepared; /* or found wanting */
    bool torn;
};

/* TIK_ERROR_ARGUMENT for NULL, TIK_ERROR_TORN for an optimizer whose tensors are not known. */
enum tik_status tik_optimizer_check(const struct tik_optimizer *optimizer);

/* TIK_ERROR_ARGUMENT when the optimizer is NULL, or has no such group or tensor. */
enum tik_status tik_optimizer_check_group(const struct tik_optimizer *optimizer, size_t group);
enum tik_status tik_optimizer_check_tensor(const struct tik_optimizer *optimizer, size_t tensor);

/* Returns `status`; an optimizer that is torn stays so. */
enum tik_status tik_optimizer_settle(struct tik_optimizer *optimizer, enum tik_status status);

/* Whether the gradients in hand are only added to those before them. */
bool tik_optimizer_accumulates(const struct tik_optimizer *optimizer);

/* Room for the launches of a step, as many as it has. */
enum tik_status tik_optimizer_reserve(struct tik_optimizer *optimizer, bool accumulates);

/* What the groups' plans and the options ask of the store. */
void tik_optimizer_needs(const struct tik_optimizer *optimizer, struct tik_needs *needs);

/* The store, committed for them; and control and rows, where they are used. */
enum tik_status tik_optimizer_commit(struct tik_optimizer *optimizer);

/* ---- copies.c ---- */

/* The words of a group's copies with the steps that it has taken. */
struct copy_scalars tik_copies_scalars(const struct tik_group *group);

/* The copy of a tensor's parameters becomes that of `param`; nothing where it has none. */
enum tik_status tik_copies_write(struct tik_optimizer *optimizer, const struct tik_entry *entry,
                                 const float *param);

/* The group's copies become those of the steps that it has now, where the steps decide. */
enum tik_status tik_copies_restore(struct tik_optimizer *optimizer, size_t group);

/* ---- guard.c ---- */

/* The numbers of the coming step, and with a guard those of every count it may turn out to have. */
void tik_guard_compute(struct tik_optimizer *optimizer);

/* Makes or enlarges the buffers. What was known of the loss scale stays. */
enum tik_status tik_guard_commit(struct tik_optimizer *optimizer);

/* Sends the rows; one of the commands of the step. */
enum tik_status tik_guard_post(struct tik_optimizer *optimizer);

/* A step was enqueued, or taken by the scalar path. */
void tik_guard_count(struct tik_optimizer *optimizer);

/*
 * Waits for the steps under way and learns how many were applied. A halt that they ran into is kept
 * for tik_guard_tell. On an error nothing is known that was not before, and it can be tried again.
 */
enum tik_status tik_guard_learn(struct tik_optimizer *optimizer);

/* TIK_ERROR_NONFINITE, once, when steps were halted; the next one is free to go on. */
enum tik_status tik_guard_tell(struct tik_optimizer *optimizer);

/* The loss scale and its counts, from a checkpoint. */
enum tik_status tik_guard_restore(struct tik_optimizer *optimizer,
                                  const struct tik_scaling *scaling);

void tik_guard_destroy(struct tik_optimizer *optimizer);

#endif
