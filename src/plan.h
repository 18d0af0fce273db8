/*
 * A plan: the stages of one program in their order, by name and by twin. It is what is compiled, and
 * what the scalar path walks through; the numbers of a step are values beside it.
 */
#ifndef TIK_SRC_PLAN_H
#define TIK_SRC_PLAN_H

#include <tikhonov/policy.h>
#include <tikhonov/schedule.h>

#include "copy.h"
#include "table.h"

/* What the gradients of one optimizer go through before the rules, the same for all groups. */
enum tik_clip { TIK_CLIP_NONE, TIK_CLIP_ALL, TIK_CLIP_TENSOR, TIK_CLIP_ADAPTIVE };

struct tik_gather {
    bool mean;    /* of several gradients */
    bool unscale; /* of a loss scale */
    bool limit;   /* by value; */
    bool late;    /* after the coupled penalties instead of before the clip */
    enum tik_clip clip;
    bool guard;     /* a step with gradients that are not finite is skipped */
    bool zero_grad; /* the gradient is cleared in the same pass */
};

/* What a program is for. */
enum tik_program_kind {
    TIK_PROGRAM_STEP,  /* step.cl, or measure.cl for a rule that measures */
    TIK_PROGRAM_NORM,  /* norm.cl */
    TIK_PROGRAM_GROUP, /* group.cl */
};

/* One penalty in its slot; a stage without a name is not used. */
struct tik_plan_penalty {
    struct tik_penalty_stage coupled, proximal, value;
    struct tik_own_stage own;           /* in the place of proximal */
    const struct tik_group_form *group; /* of a penalty on units; NULL: elementwise */
    enum tik_scope scope;               /* of the units */
    bool group_coupled;                 /* before the step, not after it */
    bool sums_norms;                    /* its share of the report is of the norms of its units */
};

struct tik_plan {
    enum tik_program_kind kind;
    struct tik_gather gather;
    const struct tik_rule_row *rule; /* from here on of TIK_PROGRAM_STEP alone */
    const struct tik_variant *variant;
    bool maximize;
    bool decoupled;       /* p - (decay*p + step) instead of p - step */
    bool diagonal;        /* a proximal stage asks for each element's own step, */
    bool cumulative;      /* or for what it has paid */
    enum tik_order order; /* of the decoupled decay */
    bool moved;           /* there is a proximal stage */
    bool ema;
    const struct tik_copy_stage *copy; /* NULL: none */
    bool report;
    uint32_t packed; /* tensors in buffers of their own that one launch takes; 0: of one tensor */
    bool late;       /* what reads the new p comes after penalties on units */
    size_t penalty_count;
    struct tik_plan_penalty penalty[TIK_PENALTY_SLOTS];
    const struct tik_group_form *group; /* of TIK_PROGRAM_GROUP */
};

/* The numbers of one step. */
struct tik_plan_values {
    struct tik_row row; /* row.rule is struct STEM_scalars */
    double lr;
};

/* Lays out a checked policy. */
void tik_plan_make(const struct tik_policy *policy, const struct tik_gather *gather, bool report,
                   struct tik_plan *plan);

/* The program of the norm, and that of a penalty on units. */
void tik_plan_norm(const struct tik_gather *gather, struct tik_plan *plan);
void tik_plan_group(const struct tik_gather *gather, const struct tik_group_form *form,
                    struct tik_plan *plan);

/* Whether a launch that knows elements alone can take its step. */
bool tik_plan_elementwise(const struct tik_plan *plan);

/* Whether a stage of its step asks of which tensor, row or block an element is. */
bool tik_plan_asks_where(const struct tik_plan *plan);

/* Whether there is anything to know of the gradients before a step. */
bool tik_gather_looks(const struct tik_gather *gather);

/* Whether tensors or rows are clipped each by a factor of its own. */
bool tik_gather_units(const struct tik_gather *gather);

/* Whether one launch has to finish what is known of all gradients. */
bool tik_gather_finishes(const struct tik_gather *gather);

/* Whether the sums of many tensors in buffers of their own may share a launch. */
bool tik_gather_packs(const struct tik_gather *gather);

/* The units whose norms clip. */
enum tik_scope tik_gather_scope(const struct tik_gather *gather);

/* The slot of the plan's coupled penalty on units; TIK_PENALTY_SLOTS when there is none. */
size_t tik_plan_coupled_group(const struct tik_plan *plan);

/*
 * Arrays that a tensor under the plan has beside parameter and gradient, in the order in which they
 * are stored: the states, and the low-precision copy, which is none. A vector has none by column.
 * Returns how many.
 */
struct tik_array {
    size_t number;          /* in the kernels, below TIK_ARRAYS */
    size_t size;            /* bytes of a number */
    const char *name;       /* of a state; NULL: it is none */
    const char *of_vector;  /* its name in a vector */
    enum tik_extent extent; /* how many numbers of a tensor it has */
};

size_t tik_plan_arrays(const struct tik_plan *plan, struct tik_array arrays[TIK_ARRAYS]);

/* The name of the index-th scalar that a group carries from step to step; NULL past the end. */
const char *tik_plan_carried(const struct tik_plan *plan, size_t index);

/* The same stages, so that one program serves both. */
bool tik_plan_equal(const struct tik_plan *a, const struct tik_plan *b);

/*
 * The numbers of step t >= 1 at lr * multiplier; row.step.gradient is the caller's to fill.
 * `carried`: what the group carried from the step before, which becomes that of this step.
 */
void tik_plan_values(const struct tik_plan *plan, const struct tik_policy *policy,
                     double multiplier, uint64_t step, double *carried,
                     struct tik_plan_values *values);

/* Room for tik_plan_defines. */
#define TIK_PLAN_TEXT 2048

/* The name of the program among the embedded sources: "adam", "adam_many", "norm". */
#define TIK_SOURCE_NAME 64
void tik_plan_source(const struct tik_plan *plan, char name[static TIK_SOURCE_NAME]);

/* What it is called in messages: the rule's stage, "norm", "group". */
const char *tik_plan_name(const struct tik_plan *plan);

/*
 * The plan as compiler options, "-DRULE=adam -DSTATES=2 ...": also its name in the cache. Returns
 * the length, as snprintf does.
 */
size_t tik_plan_defines(const struct tik_plan *plan, char *text, size_t size);

#endif
