/* A policy's inside: which rows, which option values. */
#ifndef TIK_SRC_POLICY_H
#define TIK_SRC_POLICY_H

#include <tikhonov/policy.h>

#include "table.h"

#define TIK_MAX_PENALTY_OPTIONS 8

struct tik_policy_penalty {
    const struct tik_penalty_row *row;
    double option[TIK_MAX_PENALTY_OPTIONS];
};

struct tik_policy {
    const struct tik_rule_row *rule;
    double option[TIK_MAX_OPTIONS];
    size_t penalty_count;
    struct tik_policy_penalty penalty[TIK_MAX_PENALTIES];
    double ema_decay; /* 0: no average */
    bool ema_debias;
    enum tik_copy_format copy_format;
    enum tik_copy_rounding copy_rounding;
    uint64_t copy_seed;
};

/* The value of an option that the rule may not have: 0 then. */
double tik_policy_option(const struct tik_policy *policy, const char *name);

/* Where the states start, rounded to nearest whatever rounding mode the caller has set. */
void tik_policy_initial(const struct tik_policy *policy, float values[TIK_MAX_STATES]);

/* A penalty with its default options. */
void tik_policy_make_penalty(struct tik_policy_penalty *penalty, const struct tik_penalty_row *row);

/* The penalty that the rule's weight_decay is short for. */
void tik_policy_make_decay(struct tik_policy_penalty *penalty, double weight);

/* The index among tik_conventions; 0 for a penalty that has none. */
double tik_policy_convention(const struct tik_policy_penalty *penalty);

/* Whether its proximal stage takes each element's own step. */
bool tik_policy_is_diagonal(const struct tik_policy_penalty *penalty);

/* When it acts; TIK_ORDER_BESIDE for one that is not decoupled. */
enum tik_order tik_policy_order(const struct tik_policy_penalty *penalty);

enum tik_application tik_policy_application(const struct tik_policy_penalty *penalty);

#endif
