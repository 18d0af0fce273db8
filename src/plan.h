/*
 * A plan: the stages of one policy in their order, by name and by twin. It is what is compiled, and
 * what the scalar path walks through; the numbers of a step are values beside it.
 */
#ifndef TIK_SRC_PLAN_H
#define TIK_SRC_PLAN_H

#include <tikhonov/policy.h>
#include <tikhonov/schedule.h>

#include "table.h"

/* One penalty in its slot; a stage without a name is not used. */
struct tik_plan_penalty {
    struct tik_penalty_stage coupled, proximal, value;
};

struct tik_plan {
    const struct tik_rule_row *rule;
    const struct tik_variant *variant;
    bool clipped;   /* g is multiplied by a factor first */
    bool maximize;  /* then negated */
    bool decoupled; /* p - (decay*p + step) instead of p - step */
    bool report;
    size_t penalty_count;
    struct tik_plan_penalty penalty[TIK_PENALTY_SLOTS];
};

/* The numbers of one step. */
struct tik_plan_values {
    struct step_scalars step;
    float rule[TIK_RULE_SCALARS]; /* struct STEM_scalars */
    double lr;
};

/* Lays out a checked policy. */
void tik_plan_make(const struct tik_policy *policy, bool clipped, bool report,
                   struct tik_plan *plan);

/* The same stages, so that one program serves both. */
bool tik_plan_equal(const struct tik_plan *a, const struct tik_plan *b);

/*
 * The numbers of step t >= 1 at lr * multiplier. `carried`: the rule's own of the step before,
 * which become those of this step.
 */
void tik_plan_values(const struct tik_plan *plan, const struct tik_policy *policy,
                     double multiplier, uint64_t step, double *carried,
                     struct tik_plan_values *values);

/* Room for tik_plan_defines. */
#define TIK_PLAN_TEXT 2048

/*
 * The plan as compiler options, "-DRULE=adam -DSTATES=2 ...": also its name in the cache. Returns
 * the length, as snprintf does.
 */
size_t tik_plan_defines(const struct tik_plan *plan, char *text, size_t size);

#endif
