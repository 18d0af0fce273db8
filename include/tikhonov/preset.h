/*
 * Presets: whose weight decay? Libraries that agree on the name of a rule differ in how its penalty
 * enters, what multiplies it, where eps stands, and what is clipped. A preset sets all of that at
 * once, and takes that library's own names for options:
 *
 *     const struct tik_setting settings[] = {{"weight_decay", "1e-2"}, {"global_clipnorm", "1"}};
 *     struct tik_optimizer_options options;
 *     struct tik_policy *policy;
 *     tik_optimizer_defaults(&options);
 *     tik_preset_apply("keras", "adamw", settings, 2, &policy, &options);
 *     tik_optimizer_create(context, &options, &optimizer);
 *     tik_optimizer_add_group(optimizer, policy, &group);
 *
 * docs/weight_decay.md has the equations. Threads: any; what is filled belongs to the caller.
 */
#ifndef TIKHONOV_PRESET_H
#define TIKHONOV_PRESET_H

#include <tikhonov/base.h>
#include <tikhonov/optimizer.h>
#include <tikhonov/policy.h>
#include <tikhonov/status.h>

/* An option and its value, as text. */
struct tik_setting {
    const char *name, *value;
};

/* What an option of the library is called here. */
struct tik_preset_word {
    const char *name;
    const char *ours;                 /* a name that tik_preset_apply takes */
    const char *rule;                 /* of this rule alone; NULL: of every rule */
    const struct tik_setting *values; /* theirs, ours; ends with NULL. NULL: as they are */
};

struct tik_preset_info {
    const char *name;
    const char *differs;  /* in words */
    const char *citation; /* the source that was read, and its version */
    const struct tik_preset_word *words;
    size_t word_count;
};

/* The index-th preset, from 0; NULL past the end. Rows live as long as the program. */
TIK_API const struct tik_preset_info *tik_preset_at(size_t index);

/* The preset of that name; NULL when there is none. */
TIK_API const struct tik_preset_info *tik_preset_find(const char *name);

/* The index-th rule of ours that the library has; "" stands for all others. NULL past the end. */
TIK_API const char *tik_preset_rule(const char *preset, size_t index);

/*
 * Makes the policy of `rule` as the library has it, with its defaults, and sets what belongs to the
 * optimizer in *options, which tik_optimizer_defaults has filled. Settings act in their order, by
 * the library's names (tik_preset_word) or by ours:
 *
 *     every option of the rule
 *     weight_decay        in the library's application, by its convention
 *     l1, l2              regularizers, with the library's factor before the norm; where the rule
 *                         has options of these names, those
 *     l1_ratio            the share of weight_decay that goes to the l1 norm
 *     decay_mult          multiplies weight_decay, for this group alone
 *     max_norm, clip_norm, clip_value, agc, agc_eps, accumulate     see tik_optimizer_options
 *
 * More penalties may be added to the policy afterwards. Groups of one optimizer take their presets
 * one after another with the same *options; they have to agree on the order of clip and penalty.
 * `options` may be NULL where no setting belongs to the optimizer: its clip is then not looked at.
 *
 * TIK_OK: *policy is the caller's. TIK_ERROR_ARGUMENT: there is no such preset, or the library has
 * no such rule; a setting that is unknown, out of its range, or that the library would refuse; a
 * combination that is not here yet, and why. Nothing is changed then. TIK_ERROR_MEMORY.
 */
TIK_API TIK_CHECKED enum tik_status tik_preset_apply(const char *preset, const char *rule,
                                                     const struct tik_setting *settings,
                                                     size_t count, struct tik_policy **policy,
                                                     struct tik_optimizer_options *options);

#endif
