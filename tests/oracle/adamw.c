/*
 * AdamW (Loshchilov and Hutter, 2019, algorithm 2, in PyTorch's convention): the step of Adam, and
 * its weight_decay, 1e-2 unless told, leaves the gradient alone: p' = p - lr weight_decay p - step.
 * K and the carried part are Adam's: the frame adds the decay's term and its rounding.
 */
#include "oracle.h"

static const struct oracle_option options[] = {
    {"lr", 1e-3},   {"beta1", 0.9},  {"beta2", 0.999},     {"eps", 1e-8}, {"weight_decay", 1e-2},
    {"amsgrad", 0}, {"maximize", 0}, {"eps_placement", 0}, {NULL, 0},
};

const struct oracle_rule oracle_adamw = {
    .name = "adamw",
    .roundings = 13,
    .decay = "decoupled",
    .options = options,
    .states = oracle_adam_states,
    .forms = oracle_adam_forms,
    .step = oracle_adam_step,
    .diagonal = true,
};
