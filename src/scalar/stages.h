/* The scalar twins of the stages in cl/, each under its kernel's name. */
#ifndef TIK_SRC_SCALAR_STAGES_H
#define TIK_SRC_SCALAR_STAGES_H

#include "types.h"

tik_rule_twin tik_scalar_sgd, tik_scalar_sgd_momentum, tik_scalar_sgd_nesterov;
tik_rule_twin tik_scalar_adam, tik_scalar_adam_amsgrad;
tik_rule_twin tik_scalar_nadam, tik_scalar_radam, tik_scalar_adamax, tik_scalar_adabelief;
tik_rule_twin tik_scalar_ademamix, tik_scalar_adagrad, tik_scalar_adadelta, tik_scalar_lion;
tik_rule_twin tik_scalar_rmsprop, tik_scalar_rmsprop_momentum, tik_scalar_rmsprop_centered;
tik_rule_twin tik_scalar_rmsprop_centered_momentum, tik_scalar_rprop, tik_scalar_asgd;
tik_rule_twin tik_scalar_ftrl;

tik_after_twin tik_scalar_asgd_average;

tik_penalty_twin tik_scalar_coupled_l1, tik_scalar_coupled_l2, tik_scalar_coupled_elastic_net;
tik_penalty_twin tik_scalar_proximal_l1, tik_scalar_proximal_l2, tik_scalar_proximal_elastic_net;
tik_penalty_twin tik_scalar_value_l1, tik_scalar_value_l2, tik_scalar_value_elastic_net;
tik_penalty_twin tik_scalar_coupled_lp_three_halves, tik_scalar_coupled_lp_cubic;
tik_penalty_twin tik_scalar_proximal_lp_three_halves, tik_scalar_proximal_lp_cubic;
tik_penalty_twin tik_scalar_value_lp_three_halves, tik_scalar_value_lp_cubic;
tik_penalty_twin tik_scalar_proximal_box;

#endif
