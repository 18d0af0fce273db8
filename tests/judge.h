/*
 * What the judges share: a context on the device that the command line names, runs of the library
 * beside the oracle through the public API, and the tally of errors in units of their bounds.
 */
#ifndef JUDGE_H
#define JUDGE_H

#include "oracle/oracle.h"

#include <check.h>
#include <stdint.h>
#include <tikhonov/tikhonov.h>

enum { JUDGE_PARTS = 5, JUDGE_SKIP = 77 };

/* Fails the running test with the library's own words. */
#define judge_ok(call) judge_require((call), #call, __FILE__, __LINE__)
void judge_require(enum tik_status status, const char *call, const char *file, int line);

/*
 * Runs the suite on the device argv[1]: "scalar" (also without one) or what --device takes;
 * of its cases, argv[2] or all. Returns main's exit status: 0; 1 when a test failed; JUDGE_SKIP
 * when there is no such device.
 */
int judge_main(int argc, char **argv, Suite *(*make_suite)(void));

/* The context of the run, and what it runs on, for messages. */
struct tik_context *judge_context(void);
const char *judge_device(void);
bool judge_on_scalar(void);
/* Whether a policy of this label is to be judged: all are, or those whose label holds argv[3]. */
bool judge_wanted(const char *label);
bool judge_narrowed(void); /* there is an argv[3] */

/*
 * Errors of one subject (a rule, a kind of value), each in units of its bound: first the roundings
 * of p itself are taken from both, since half an ulp of p is always used up somewhere, and would
 * hide how much of the rest is. So the unit is what the step's own roundings may add.
 */
struct judge_tally {
    const char *subject;
    double worst;
    size_t values, failures;
    char first[512]; /* the first failure, in full */
    /* TIK_BOUNDED when a program of the runs was: their bounds were then wider. */
    enum tik_conformance conformance;
};

/* Adds one value: `got` against number->value +- number->bound. The rest goes into the message. */
void judge_number(struct judge_tally *tally, const char *where, size_t index, double got,
                  const struct oracle_number *number);
void judge_value(struct judge_tally *tally, const char *where, size_t index, double got,
                 double value, double bound);
/* Prints the tally's line, and fails the test when a value was out of its bound, or none came. */
void judge_finish(const struct judge_tally *tally);

struct judge_run;

/* One tensor, in a group of its own or in the group of the part before. */
struct judge_part {
    struct oracle_policy policy;
    size_t count;
    size_t rows, cols; /* of a matrix of rows * cols = count; 0: a vector */
    size_t depth;      /* matrices: depth * rows * cols = count; 0: rank 2 or 1 */
    bool joins;        /* the group of the part before, whose policy this one's must be */
    bool idle;         /* not active in the next step: left out of it and of the norm */
    /* from here on the judge's own */
    size_t group, tensor;
    int slot[ORACLE_STATES]; /* the library's slot of the oracle's state; -1: there is none */
    float *p, *g, *ema, *state[ORACLE_STATES];
    struct oracle_tensor exact;
    double carried[ORACLE_CARRIED]; /* before the next step, in the order of oracle_scalar_list */
    struct oracle_state states[ORACLE_STATES + 1]; /* of oracle_state_list */
};

/*
 * What a library needs to be told, and asked, for the options around a step and the EMA: whoever sets
 * those of a run sets these too.
 */
struct judge_around {
    void (*set_options)(const struct judge_run *run, struct tik_optimizer_options *options);
    void (*set_ema)(struct tik_policy *policy, const struct oracle_ema_options *ema);
    /* Writes a part's mean, or reads it as it is stored. */
    void (*write_ema)(struct tik_optimizer *optimizer, size_t tensor, const float *values);
    void (*read_ema)(struct tik_optimizer *optimizer, size_t tensor, float *values);
};

struct judge_run {
    const char *label;                   /* for messages */
    const struct tik_schedule *schedule; /* NULL: constant; of every part */
    double max_norm;                     /* 0: no clipping */
    struct oracle_around around;         /* 0: nothing */
    const struct judge_around *api;      /* NULL: nothing around the step, and no EMA */
    bool report;                         /* check the report too */
    struct judge_part parts[JUDGE_PARTS];
    size_t part_count;
    struct judge_tally *tally;
    /* from here on the judge's own */
    struct tik_optimizer *optimizer;
};

/* A policy without its rule: what is added to each form of each rule. */
struct judge_form {
    char label[64];
    double weight_decay; /* below 0: the rule's default */
    struct oracle_penalty penalties[ORACLE_PENALTIES];
    double limit; /* of |p| and |g|, where the penalty's cube would overflow; 0: none */
};

/* No penalty first, then weight_decay, then the rest: every row of the table in every way. */
size_t judge_forms(const struct judge_form **forms);

/* Makes the library's policy of an oracle's policy. */
struct tik_policy *judge_policy(const struct oracle_policy *policy);

void judge_run_create(struct judge_run *run);
void judge_run_destroy(struct judge_run *run);

/* Fills every part by judge_fixture; states are where they start when `fresh`. */
void judge_run_fill(struct judge_run *run, uint64_t seed, bool fresh);
/* New gradients alone, from the same fixture. */
void judge_run_gradients(struct judge_run *run, uint64_t seed);
/* Uniform gradients in [-size, size]. */
void judge_run_uniform(struct judge_run *run, uint64_t seed, double size);
/* Brings parameters and gradients beyond +-limit back to it; limit 0: leaves them. */
void judge_run_limit(struct judge_run *run, double limit);
/* Parameters of one size, so that no term of a sum hides another: in [-2, 2], one in 16 is 0. */
void judge_run_level(struct judge_run *run, uint64_t seed);

/*
 * One step t of library and oracle from the same float32 values, tallied; then the values are the
 * oracle's, rounded to float32.
 */
void judge_run_step(struct judge_run *run, uint64_t t);

/* The report of a part's group after that step; judge_run_step asks for it, with `report` set. */
void judge_run_report(struct judge_run *run, const struct judge_part *part,
                      const struct oracle_moment *moment, const char *label);

#endif
