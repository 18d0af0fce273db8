/* Scalars of one step of AdaBelief, computed on the host in double and rounded once. */
#ifndef TIK_ADABELIEF_H
#define TIK_ADABELIEF_H

struct adabelief_scalars {
    float beta1;
    float one_minus_beta1;
    float beta2;
    float one_minus_beta2;
    float step_size;    /* lr / (1 - beta1^t) */
    float inverse_root; /* 1 / sqrt(1 - beta2^t) */
    float eps;
    float eps_root;
    float lr;
};

#endif
