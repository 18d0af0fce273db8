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
#define OPTION_MAXIMIZE OPTION_FLAG("maximize", "ascend instead of descend")
#define OPTION_DECOUPLED                                                                           \
    OPTION_FLAG("decoupled_weight_decay", "weight_decay is decoupled: p -= lr*weight_decay*p")

#endif
