/*
 * A policy: a rule, its options, and the penalties that go with it.
 *
 *     struct tik_policy *policy;
 *     size_t l1;
 *     tik_policy_create("adamw", &policy);
 *     tik_policy_set(policy, "lr", 1e-3);
 *     tik_policy_add_penalty(policy, "l1", &l1);
 *     tik_policy_set_penalty(policy, l1, "weight", 1e-4);
 *     tik_policy_set_penalty_text(policy, l1, "application", "proximal");
 *
 * The option `weight_decay` of a rule is short for the penalty l2 in the rule's own application:
 * coupled for sgd and adam, decoupled for adamw.
 *
 * Threads: a policy belongs to one thread at a time. It is copied by whoever takes it.
 */
#ifndef TIKHONOV_POLICY_H
#define TIKHONOV_POLICY_H

#include <tikhonov/base.h>
#include <tikhonov/status.h>

#define TIK_MAX_PENALTIES 4

/*
 * A policy of the rule `name` with its default options and no penalty.
 * TIK_OK; TIK_ERROR_ARGUMENT when there is no such rule; TIK_ERROR_MEMORY.
 */
TIK_API TIK_CHECKED enum tik_status tik_policy_create(const char *name, struct tik_policy **policy);
TIK_API TIK_CHECKED enum tik_status tik_policy_copy(const struct tik_policy *policy,
                                                    struct tik_policy **copy);
TIK_API void tik_policy_destroy(struct tik_policy *policy);

/* The rule's name. Lives as long as the program. */
TIK_API const char *tik_policy_rule(const struct tik_policy *policy);

/*
 * Sets an option by name. The text form takes numbers, true and false, and the names of choices.
 * TIK_OK; TIK_ERROR_ARGUMENT when the rule has no such option or the value is out of its range:
 * the policy is then as before.
 */
TIK_API TIK_CHECKED enum tik_status tik_policy_set(struct tik_policy *policy, const char *option,
                                                   double value);
TIK_API TIK_CHECKED enum tik_status tik_policy_set_text(struct tik_policy *policy,
                                                        const char *option, const char *value);
TIK_API TIK_CHECKED enum tik_status tik_policy_get(const struct tik_policy *policy,
                                                   const char *option, double *value);

/*
 * Adds the penalty `name` with its default options; *index (may be NULL) then names it. Penalties
 * act in the order in which they were added.
 * TIK_OK; TIK_ERROR_ARGUMENT: no such penalty, or TIK_MAX_PENALTIES are there already.
 */
TIK_API TIK_CHECKED enum tik_status tik_policy_add_penalty(struct tik_policy *policy,
                                                           const char *name, size_t *index);
TIK_API TIK_CHECKED enum tik_status tik_policy_set_penalty(struct tik_policy *policy, size_t index,
                                                           const char *option, double value);
TIK_API TIK_CHECKED enum tik_status tik_policy_set_penalty_text(struct tik_policy *policy,
                                                                size_t index, const char *option,
                                                                const char *value);

/* Takes all penalties away, `weight_decay` too: the policy of biases. */
TIK_API void tik_policy_clear_penalties(struct tik_policy *policy);

/*
 * A moving average of the parameters, ema <- decay*ema + (1 - decay)*p after each step, in the same
 * pass; read by tik_optimizer_read_ema. It starts at the parameters, or, debiased, at 0 and is read
 * as ema/(1 - decay^n). decay 0: none.
 * TIK_OK; TIK_ERROR_ARGUMENT: decay is not in [0, 1).
 */
TIK_API TIK_CHECKED enum tik_status tik_policy_set_ema(struct tik_policy *policy, double decay,
                                                       bool debias);

/*
 * A copy of the parameters in 16 bits, for the forward pass of mixed precision: after each step
 * copy <- round(p), in the same pass, with the p that penalties leave. Arithmetic stays in float32:
 * the copy is only written. Read by tik_optimizer_read, or where it lies: TIK_COPY.
 *
 * NEAREST rounds to the nearest representable number, ties to even. STOCHASTIC rounds p, between two
 * of them, to the upper one with probability (p - lower)/(upper - lower), in steps of 2^-16: a
 * function of the seed, the count of applied steps and the element (docs/numerics.md), so that the
 * same bits come from every device and split. Beyond the largest number is infinity; NaN stays NaN.
 */
enum tik_copy_format { TIK_COPY_NONE, TIK_COPY_BF16, TIK_COPY_FP16 };
enum tik_copy_rounding { TIK_COPY_NEAREST, TIK_COPY_STOCHASTIC };

/* `seed` is for STOCHASTIC alone. TIK_OK; TIK_ERROR_ARGUMENT: no such format or rounding. */
TIK_API TIK_CHECKED enum tik_status tik_policy_set_copy(struct tik_policy *policy,
                                                        enum tik_copy_format format,
                                                        enum tik_copy_rounding rounding,
                                                        uint64_t seed);

/*
 * Whether the options fit each other (nesterov needs momentum, a penalty its application).
 * TIK_OK; TIK_ERROR_ARGUMENT. Whatever takes a policy checks it too.
 */
TIK_API TIK_CHECKED enum tik_status tik_policy_check(const struct tik_policy *policy);

/*
 * Where the model is evaluated that is trained by a rule with an iterate: x = p + weight*(z - p), z
 * its first state; 1 - 1/beta1 for schedule_free_adamw. tik_optimizer_read_eval computes it.
 * TIK_OK; TIK_ERROR_ARGUMENT: the rule is evaluated at its parameters, or beta1 is 0.
 */
TIK_API TIK_CHECKED enum tik_status tik_policy_eval_weight(const struct tik_policy *policy,
                                                           double *weight);

#endif
