/* Options that many rules share, with PyTorch's names, defaults and ranges. */
#ifndef TIK_SRC_RULES_OPTIONS_H
#define TIK_SRC_RULES_OPTIONS_H

#include <math.h>

#define OPTION_LR(default_value)                                                                   \
    {                                                                                              \
        .name = "lr", .type = TIK_OPTION_REAL, .value = default_value, .range = "[0, inf)",        \
        .high = INFINITY, .doc = "learning rate"                                                   \
    }
#define OPTION_WEIGHT_DECAY(default_value, text)                                                   \
    {                                                                                              \
        .name = "weight_decay", .type = TIK_OPTION_REAL, .value = default_value,                   \
        .range = "[0, inf)", .high = INFINITY, .doc = text                                         \
    }
#define OPTION_UNIT(option_name, default_value, text)                                              \
    {                                                                                              \
        .name = option_name, .type = TIK_OPTION_REAL, .value = default_value, .range = "[0, 1)",   \
        .high = 1, .high_open = true, .doc = text                                                  \
    }
#define OPTION_EPS(default_value, text)                                                            \
    {                                                                                              \
        .name = "eps", .type = TIK_OPTION_REAL, .value = default_value, .range = "[0, inf)",       \
        .high = INFINITY, .doc = text                                                              \
    }
#define OPTION_POSITIVE(option_name, default_value, text)                                          \
    {                                                                                              \
        .name = option_name, .type = TIK_OPTION_REAL, .value = default_value, .range = "[0, inf)", \
        .high = INFINITY, .doc = text                                                              \
    }
#define OPTION_FLAG(option_name, text)                                                             \
    {                                                                                              \
        .name = option_name, .type = TIK_OPTION_FLAG, .range = "true or false", .high = 1,         \
        .doc = text                                                                                \
    }
/*
 * Where eps stands: after a correction of the root, before it, or inside the root. A rule that
 * corrects nothing has no before.
 */
enum { EPS_AFTER, EPS_BEFORE, EPS_INSIDE };
#define OPTION_EPS_PLACEMENT(default_value)                                                        \
    {                                                                                              \
        .name = "eps_placement", .type = TIK_OPTION_CHOICE, .value = default_value,                \
        .range = "after, before or inside", .high = EPS_INSIDE,                                    \
        .choices = (const char *const[]){"after", "before", "inside", NULL},                       \
        .doc = "after: sqrt(v/bc) + eps, bc = 1 - beta2^t; before: (sqrt(v) + eps)/sqrt(bc); "     \
               "inside: sqrt(v/bc + eps)"                                                          \
    }
enum { EPS_ROOT_AFTER, EPS_ROOT_INSIDE };
#define OPTION_EPS_ROOT_PLACEMENT                                                                  \
    {                                                                                              \
        .name = "eps_placement", .type = TIK_OPTION_CHOICE, .value = EPS_ROOT_AFTER,               \
        .range = "after or inside", .high = EPS_ROOT_INSIDE,                                       \
        .choices = (const char *const[]){"after", "inside", NULL},                                 \
        .doc = "after: sqrt(v) + eps; inside: sqrt(v + eps)"                                       \
    }
#define OPTION_MAXIMIZE OPTION_FLAG("maximize", "ascend instead of descend")
#define OPTION_DECOUPLED                                                                           \
    OPTION_FLAG("decoupled_weight_decay", "weight_decay is decoupled: p -= lr*weight_decay*p")

#endif
