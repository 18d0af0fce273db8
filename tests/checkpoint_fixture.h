/* Small optimizers on the scalar path, for the tests of checkpoints. */
#ifndef TIK_TESTS_CHECKPOINT_FIXTURE_H
#define TIK_TESTS_CHECKPOINT_FIXTURE_H

#include <tikhonov/checkpoint.h>

enum { FIXTURE_TENSORS = 3, FIXTURE_LONGEST = 24 };

extern const char *const fixture_names[FIXTURE_TENSORS];
extern const size_t fixture_ranks[FIXTURE_TENSORS];
extern const size_t fixture_counts[FIXTURE_TENSORS];

/* A scratch folder and a context of the scalar path, before and after each test. */
void fixture_start(void);
void fixture_stop(void);

void fixture_ok(enum tik_status status);

/* A policy with one option (NULL: none) away from its default; NULL where that does not check. */
struct tik_policy *fixture_policy(const char *rule, const char *option, double value);

/* The tensors above: the first in group 0, the others in the last; `second` may be NULL. */
struct tik_optimizer *fixture_optimizer(const struct tik_policy *first,
                                        const struct tik_policy *second);

/* The same, with options of the optimizer's. */
struct tik_optimizer *fixture_around(const struct tik_optimizer_options *options,
                                     const struct tik_policy *first,
                                     const struct tik_policy *second);

/* Both in one, with one group. */
struct tik_optimizer *fixture_make(const char *rule, const char *option, double value);

/* Takes steps first .. last with gradients that the step's number decides. */
void fixture_steps(struct tik_optimizer *optimizer, unsigned first, unsigned last);

void fixture_copy_params(struct tik_optimizer *from, struct tik_optimizer *to);

/* Parameters, states and step counts, bit for bit. */
void fixture_assert_same(struct tik_optimizer *a, struct tik_optimizer *b);

/* The state, by way of a file. */
struct tik_tensors *fixture_state(struct tik_optimizer *optimizer);

#endif
