/* Scalars of one step of FTRL, computed on the host in double and rounded once. */
#ifndef TIK_FTRL_H
#define TIK_FTRL_H

struct ftrl_scalars {
    float inverse_lr;
    float beta_over_lr;
    float l1;
    float two_l2;
    float two_shrinkage;
    float power; /* -lr_power: 12 bits of it, and the rest; see power.cl */
    float power_tail;
    float hold; /* 1 in a step whose lr is 0: there is nothing to divide by */
};

#endif
