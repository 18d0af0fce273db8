/* The table of presets from inside: what each library makes of a rule and of its penalties. */
#ifndef TIK_SRC_PRESET_H
#define TIK_SRC_PRESET_H

#include <tikhonov/preset.h>

/* How a weight enters. */
struct tik_preset_form {
    const char *penalty;               /* NULL: as the rule's own weight_decay */
    const struct tik_setting *options; /* of the penalty; ends with NULL */
    double factor;                     /* of the weight: 2 where the norm has no 1/2 */
};

/* One rule of the library. A form that is NULL: the library has no such weight. */
struct tik_preset_rule {
    const char *rule;                   /* NULL: every other rule */
    const struct tik_setting *settings; /* what is there before the caller's; ends with NULL */
    const struct tik_preset_form *decay, *l1, *l2;
    bool clip_late; /* clip_value acts on the sum of gradient and penalty */
};

struct tik_preset_row {
    struct tik_preset_info info;
    const struct tik_preset_rule *rules;
    size_t rule_count;
    double clip_eps;
    bool one_clip;    /* of max_norm, clip_norm and clip_value only one may be given */
    bool sum_clip;    /* max_norm is of the sum of the accumulated gradients, not of their mean */
    bool loss_clip;   /* l1 and l2 are in the loss: clipped together with the gradient */
    bool decay_clamp; /* the factor 1 - lr*weight_decay is kept from falling below 0 */
};

const struct tik_preset_row *tik_preset_row_find(const char *name);

#endif
