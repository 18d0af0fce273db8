/*
 * What the suites of bits, properties, misuse and environment share, beside judge.h: values of all
 * kinds, comparison by bits, and the check of a refusal.
 */
#ifndef TIK_TESTS_SUITE_H
#define TIK_TESTS_SUITE_H

#include "judge.h"

/* TIKHONOV_TEST_SIZES=small, or single: for runtimes that are a thousand times slower. */
bool suite_small(void);
/* TIKHONOV_TEST_SIZES=single: likewise, and one tensor a group, at the beginning of its buffer. */
bool suite_single(void);
/* TIKHONOV_TEST_SIZES=whole: all combinations, where else a sample is taken. For slow suites. */
bool suite_whole(void);

/* Runs a suite without a device; main's exit status. */
int suite_main(Suite *suite);

/* A context on the scalar path. threads 0: as many as OpenMP takes. */
struct tik_context *suite_scalar(int threads);

/* ---- values ---- */

uint64_t suite_word(uint64_t *seed);
double suite_uniform(uint64_t *seed, double low, double high);

enum suite_values {
    SUITE_LEVEL,    /* in [-2, 2], one in 16 a zero */
    SUITE_EDGES,    /* many decades, zeros of both signs, subnormals; |x| <= 1e5 */
    SUITE_HUGE,     /* likewise, and some up to 1e17, whose squares can still be added */
    SUITE_OVERFLOW, /* finite, but the squares of some are not */
    SUITE_WILD,     /* with infinities and NaN */
};
void suite_fill(float *values, size_t count, enum suite_values kind, uint64_t *seed);

/* Calls calloc, or stops the program. */
void *suite_allocate(size_t count, size_t size);

/* ---- comparison ---- */

uint32_t suite_bits(float x);
/* The same bits, or both NaN. */
bool suite_same(float a, float b);
/* Fails the test at the first word that differs. */
void suite_check_words(const char *what, const float *a, const float *b, size_t count);

/* ---- refusals ---- */

/*
 * Fails the test unless `status` is `expected` and the message holds every one of the words, so
 * that it names the thing, the value and what would be right.
 */
#define suite_refused(expected, call, ...)                                                         \
    suite_check_refusal((expected), (call), #call, __FILE__, __LINE__,                             \
                        (const char *const[]){__VA_ARGS__, NULL})
void suite_check_refusal(enum tik_status expected, enum tik_status status, const char *call,
                         const char *file, int line, const char *const *words);

/* ---- small optimizers ---- */

/* A group's policy from the rule's name and pairs of option and value; a name NULL ends. */
struct tik_policy *suite_policy(const char *rule, const struct oracle_option *options);

/*
 * Whether a penalty fits the rule. Only ftrl refuses them all: it takes its own l1 and l2. Fails
 * the test when another rule refuses, or ftrl does not.
 */
bool suite_takes_penalties(const char *rule);

/*
 * The same with weight_decay, momentum and what else the rule has of them, and l1 by soft
 * threshold: as the penalty 0, or as ftrl's own.
 */
struct tik_policy *suite_rich_policy(const char *rule);
bool suite_has_option(const struct tik_rule_info *rule, const char *option);

/*
 * The shape of `count` elements for a tensor of the rule: a vector or, where the rule takes matrices
 * alone, one with as many rows as divide them, up to 31 and so few that no BLAS multiplies. Returns
 * the rank.
 */
size_t suite_shape(const char *rule, size_t count, size_t shape[2]);

/* Adds a tensor of that shape in the library's memory. */
size_t suite_add(struct tik_optimizer *optimizer, size_t group, const char *name, size_t count,
                 const float *param);

/* One vector under one policy, cut into one to seven tensors of uneven lengths. */
enum { SUITE_PARTS = 7 };
struct suite_run {
    struct tik_optimizer *optimizer;
    size_t parts, tensor[SUITE_PARTS], first[SUITE_PARTS + 1];
};
void suite_run_open(struct suite_run *run, struct tik_context *context,
                    const struct tik_optimizer_options *options, const struct tik_policy *policy,
                    size_t parts, const float *param, size_t count);
void suite_run_close(struct suite_run *run);
/* Writes the whole gradient and steps. */
void suite_run_step(struct suite_run *run, const float *grad);
void suite_run_read(struct suite_run *run, int part, float *values);
void suite_run_write(struct suite_run *run, int part, const float *values);
size_t suite_run_states(const struct suite_run *run);
/* Fails the test unless parameters and states have the same bits. */
void suite_run_check_same(const char *what, struct suite_run *a, struct suite_run *b);

#endif
