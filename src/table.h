/* One row a rule, one row a penalty: everything they own, in one place. */
#ifndef TIK_SRC_TABLE_H
#define TIK_SRC_TABLE_H

#include <tikhonov/rule.h>
#include <tikhonov/status.h>

#include "scalar/types.h"

#define TIK_MAX_OPTIONS 16

/* The units of a tensor whose norms a stage asks for. */
enum tik_scope {
    TIK_SCOPE_TENSOR,
    TIK_SCOPE_ROW,
    TIK_SCOPE_COLUMN,
    /* Rows and columns of the matrices of the last two dimensions, and these themselves. */
    TIK_SCOPE_MATRIX_ROW,
    TIK_SCOPE_MATRIX_COLUMN,
    TIK_SCOPE_MATRIX,
    TIK_SCOPES
};

/*
 * How many numbers a state has of a tensor. Rows and columns are those of its last two dimensions; a
 * vector has its elements in the place of rows, and no columns.
 */
enum tik_extent { TIK_EACH_ELEMENT, TIK_EACH_ROW, TIK_EACH_COLUMN, TIK_EXTENTS };

/*
 * The stages of a rule whose state 0 has a number each row and state 1 a number each column:
 * cl/lines.cl.
 */
struct tik_line_form {
    const char *of_vector;    /* the name of state 0 in a vector */
    const char *line;         /* functions in cl/STEM.cl; */
    tik_line_twin *line_twin; /* and their twins */
    const char *mean;
    tik_mean_twin *mean_twin;
};

/* When a decoupled decay acts: with the rule's step, ahead of the rule, or on what its step left. */
enum tik_order { TIK_ORDER_BESIDE, TIK_ORDER_BEFORE, TIK_ORDER_AFTER };

/* The stages of a rule whose step depends on norms of its tensor: cl/measure.cl. */
struct tik_measure {
    const char *measure;            /* functions in cl/STEM.cl; */
    tik_measure_twin *measure_twin; /* and their twins */
    const char *ratio_of;
    tik_ratio_twin *ratio_of_twin;
    const char *ratio_in; /* NULL: the step does not ask for the ratio */
    size_t ratio_index;   /* of the ratio in struct STEM_scalars, in floats */
    size_t reads;         /* states that it reads, of at most 2, */
    size_t states;        /* and those that it updates */
};

/* x <- a*x + (b*A + c*A A) x, A = x x^T, so many times. */
struct tik_polynomial {
    unsigned steps;
    float a, b, c;
};

/* What a rule that iterates on whole matrices has beside its measure: cl/iterate.cl. */
struct tik_iteration {
    const char *adjust; /* function in cl/STEM.cl, and its twin */
    tik_adjust_twin *adjust_twin;
    void (*polynomial)(const double *options, struct tik_polynomial *polynomial);
    /* What of the iterate a step at lr takes from an element of a matrix: lr times its adjustment. */
    double (*share)(const double *options, double lr, double rows, double cols);
};

/* One form of a rule, as its options choose it: the stages that compute it, the states it keeps. */
struct tik_variant {
    const char *stage;     /* function in cl/STEM.cl */
    tik_rule_twin *twin;   /* the same in src/scalar/STEM.c */
    tik_fused_twin *fused; /* with what usually surrounds it; NULL: stage by stage alone */
    const char *const *states;
    size_t state_count;
    const enum tik_extent *extents;    /* of the states; NULL: a number each element */
    const struct tik_line_form *lines; /* NULL: there are no others */
    const struct tik_measure *measure; /* NULL: the step asks for no norm */
    const struct tik_iteration
        *iteration; /* NULL: it does not iterate on matrices; needs measure */
    /*
     * Function that makes p of the iterate, its first state, which the step is taken from and the
     * proximal stages act on. NULL: the step is taken from p.
     */
    const char *follow;
    tik_follow_twin *follow_twin;
    const char *after; /* function that comes after the proximal stages; NULL: none */
    tik_after_twin *after_twin;
    const char *rate; /* function that gives each element's own step; NULL: they have none */
    tik_rate_twin *rate_twin;
};

/* Float64 scalars that a group may carry from step to step: its rule's, then that of a penalty. */
#define TIK_MAX_CARRIED 3

struct tik_rule_row {
    struct tik_rule_info info;
    const char *stem;    /* cl/STEM.cl, src/scalar/STEM.c, struct STEM_scalars */
    size_t scalars_size; /* of struct STEM_scalars */
    enum tik_application
        decay;                 /* how weight_decay is applied, unless decoupled_weight_decay says */
    unsigned follows;          /* states, as bits, that start at the parameter */
    bool replaces;             /* the stage returns the new p, not what is taken from it */
    const char *own_penalties; /* not NULL: no others go with the rule, and this says why */
    const char *own_decay;     /* not NULL: weight_decay is the rule's alone, and this says why */
    const char *no_metric;     /* why a rule without rates has none; NULL: all elements share one */
    const char *const *carried; /* names, NULL-terminated; NULL: none */
    size_t carried_count;
    double carried_initial[TIK_MAX_CARRIED];
    /* Which form these options ask for. */
    const struct tik_variant *(*choose)(const double *options);
    /* What the ranges cannot say: options that must fit each other. NULL: nothing. */
    enum tik_status (*check)(const double *options);
    /* Where the states start, by slot. NULL: at 0. */
    void (*initial)(const double *options, float *values);
    /*
     * The scalars of step t (from 1) at learning rate lr, in double, rounded once into *out;
     * advances the carried scalars.
     */
    void (*scalars)(const double *options, double lr, uint64_t step, double *carried, void *out);
    /* The lr that decoupled and proximal penalties answer to. NULL: lr itself. */
    double (*effective_lr)(const double *options, double lr, uint64_t step);
    /* The model is evaluated at p + weight*(s[0] - p), of a rule with an iterate. NULL: at p. */
    double (*eval_weight)(const double *options);
};

/* A stage of a penalty: the function's name in cl/penalty.cl and its twin. */
struct tik_penalty_stage {
    const char *name;
    tik_penalty_twin *twin;
};

/* A proximal one of cl/diagonal.cl or cl/cumulative.cl. */
struct tik_own_stage {
    const char *name;
    tik_own_twin *twin;
};

/* A penalty on whole units: its stages in cl/group.cl and their twins. */
struct tik_group_form {
    const char *factor; /* of the unit's elements; NULL: a projection */
    tik_factor_twin *factor_twin;
    const char *shape; /* "l1_ball" or "simplex": the names' ending; NULL: a factor */
    const struct tik_shape_twin *shape_twin;
};

/* One form of a penalty, as its options choose it. */
struct tik_penalty_form {
    struct tik_penalty_stage coupled, proximal, value;
    struct tik_penalty_stage decoupled_rest; /* proximal, beside a decoupled l2 part */
    struct tik_own_stage diagonal;   /* proximal, with each element's own step, if that differs */
    struct tik_own_stage cumulative; /* proximal, with what each element has paid */
    const struct tik_group_form *group_coupled, *group_proximal; /* NULL: elementwise */
    bool sums_norms; /* its value is weight times the sum of the norms of its units */
};

struct tik_penalty_row {
    struct tik_penalty_info info;
    const char *not_coupled, *not_decoupled; /* why, where the application is not allowed */
    const char *not_diagonal;                /* why there is no option metric; NULL: there is */
    /* Which form these options ask for; NULL, and the error set, when there is none. */
    const struct tik_penalty_form *(*choose)(const double *options);
    /* The scalars of a step whose own learning rate is lr, in double, rounded once into *out. */
    void (*scalars)(const double *options, double lr, struct penalty_scalars *out);
    /* The weight that a decoupled application shrinks by. NULL: it has none. */
    double (*decay)(const double *options);
    /* Which units it is on. NULL: it is elementwise. */
    enum tik_scope (*scope)(const double *options);
    /*
     * What a cumulative penalty carries on from a step whose own learning rate is lr, which its
     * proximal stage gets as `total`. NULL: it is not cumulative.
     */
    double (*carry)(const double *options, double lr, double carried);
};

const struct tik_rule_row *tik_rule_row_find(const char *name);
const struct tik_penalty_row *tik_penalty_row_find(const char *name);

/* The index of an option; count when there is none of that name. */
size_t tik_option_find(const struct tik_option *options, size_t count, const char *name);

/* Numbers as text in the C locale's spelling, whatever the program's locale is; %.17g. */
bool tik_number_parse(const char *text, double *value);
void tik_number_print(double value, char *text, size_t size);

/* Checks a value against the option's type and range. `owner`: "rule sgd", for the message. */
enum tik_status tik_option_check(const struct tik_option *option, const char *owner, double value);
/* Reads a number, a flag or the name of a choice, and checks it. */
enum tik_status tik_option_parse(const struct tik_option *option, const char *owner,
                                 const char *text, double *value);
/* The message for an option that is not there: lists those that are. */
enum tik_status tik_option_unknown(const struct tik_option *options, size_t count,
                                   const char *owner, const char *name);

#endif
