/* Options that many penalties share. */
#ifndef TIK_SRC_PENALTIES_OPTIONS_H
#define TIK_SRC_PENALTIES_OPTIONS_H

#include <math.h>

#include "../table.h"

/* Why an application is not allowed. */
extern const char tik_no_share[], tik_no_gradient[], tik_no_form[];

/* The names of choices, in the order of their values. */
extern const char *const tik_all_applications[];
extern const char *const tik_smooth_applications[];
extern const char *const tik_proximal_only[];
extern const char *const tik_conventions[];
extern const char *const tik_metrics[];
extern const char *const tik_units[]; /* enum tik_scope */

/*
 * keep and shrink of the proximal x/(1 + c), c >= 0: keep is the power of two for which
 * |shrink| <= 1/3 of 1/(1 + c), so that the rounding of shrink and of its product is below one of x.
 */
void tik_penalty_shrink(double c, struct penalty_scalars *out);

#define OPTION_WEIGHT(text)                                                                        \
    {                                                                                              \
        .name = "weight", .type = TIK_OPTION_REAL, .range = "[0, inf)", .high = INFINITY,          \
        .doc = text                                                                                \
    }
/* Coupled, decoupled or proximal; the first is the default unless a value is given. */
#define OPTION_ANY_APPLICATION(default_value, text)                                                \
    {                                                                                              \
        .name = "application", .type = TIK_OPTION_CHOICE, .value = default_value,                  \
        .range = "coupled, decoupled or proximal", .high = 2, .choices = tik_all_applications,     \
        .doc = text                                                                                \
    }
#define OPTION_SMOOTH_APPLICATION(default_value, text)                                             \
    {                                                                                              \
        .name = "application", .type = TIK_OPTION_CHOICE, .value = default_value,                  \
        .range = "coupled or proximal", .high = 1, .choices = tik_smooth_applications, .doc = text \
    }
#define OPTION_CONVENTION                                                                          \
    {                                                                                              \
        .name = "convention", .type = TIK_OPTION_CHOICE, .range = "lr, schedule or none",          \
        .high = 2, .choices = tik_conventions,                                                     \
        .doc = "what multiplies a decoupled decay: lr with its schedule, the schedule's "          \
               "multiplier alone, or nothing"                                                      \
    }
/* Rows, columns or the whole of a tensor. */
#define OPTION_UNIT_OF(default_value, text)                                                        \
    {                                                                                              \
        .name = "unit", .type = TIK_OPTION_CHOICE, .value = default_value,                         \
        .range = "tensor, row or column", .high = 2, .choices = tik_units, .doc = text             \
    }
#define OPTION_METRIC                                                                              \
    {                                                                                              \
        .name = "metric", .type = TIK_OPTION_CHOICE, .range = "euclidean or diagonal", .high = 1,  \
        .choices = tik_metrics,                                                                    \
        .doc = "proximal: the step is lr, or, of an adaptive rule, each element's own"             \
    }
/* As far as float32 and its squares go. */
#define OPTION_RADIUS(text)                                                                        \
    {                                                                                              \
        .name = "radius", .type = TIK_OPTION_REAL, .value = 1, .range = "[1e-30, 1e30]",           \
        .low = 1e-30, .high = 1e30, .doc = text                                                    \
    }
#define OPTION_PROJECTION                                                                          \
    {                                                                                              \
        .name = "application", .type = TIK_OPTION_CHOICE, .range = "proximal",                     \
        .choices = tik_proximal_only, .doc = "the projection after the step"                       \
    }

#endif
