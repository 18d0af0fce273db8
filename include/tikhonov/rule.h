/* The tables of rules and penalties, to look at: names, options, states, equations, citations. */
#ifndef TIKHONOV_RULE_H
#define TIKHONOV_RULE_H

#include <tikhonov/base.h>

enum tik_option_type { TIK_OPTION_REAL, TIK_OPTION_INTEGER, TIK_OPTION_FLAG, TIK_OPTION_CHOICE };

/* One option of a rule or a penalty. Values are doubles; a flag is 0 or 1, a choice its index. */
struct tik_option {
    const char *name; /* as PyTorch spells it; tuples are split: beta1, beta2 */
    enum tik_option_type type;
    double value;               /* default */
    const char *range;          /* for people: "[0, 1)" */
    double low, high;           /* bounds of the range */
    bool low_open, high_open;   /* the bound itself is not allowed */
    const char *const *choices; /* NULL-terminated for TIK_OPTION_CHOICE, else NULL */
    const char *doc;            /* one line */
};

#define TIK_MAX_STATES 4

struct tik_rule_info {
    const char *name;
    const char *equation; /* one step, in plain text */
    const char *citation;
    const struct tik_option *options;
    size_t option_count;
    /* Names of all the states that some options of the rule need, in the order of their slots. */
    const char *const *states;
    size_t state_count;
    bool matrices;       /* its tensors are of rank 2, no others */
    const char *bounded; /* where its result is bounded and not exact, and why; NULL: it is exact */
};

/* Applications that a penalty allows, as bits. */
enum tik_application { TIK_COUPLED = 1, TIK_DECOUPLED = 2, TIK_PROXIMAL = 4 };

struct tik_penalty_info {
    const char *name;
    const char *equation;
    const char *citation;
    const struct tik_option *options;
    size_t option_count;
    unsigned applications; /* enum tik_application, or-ed */
};

/* The index-th row, from 0; NULL past the end. Rows live as long as the program. Any thread. */
TIK_API const struct tik_rule_info *tik_rule_at(size_t index);
TIK_API const struct tik_penalty_info *tik_penalty_at(size_t index);

/* The row of that name; NULL when there is none. */
TIK_API const struct tik_rule_info *tik_rule_find(const char *name);
TIK_API const struct tik_penalty_info *tik_penalty_find(const char *name);

#endif
