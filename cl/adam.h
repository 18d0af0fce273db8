/* Scalars of one step of Adam, computed on the host in double and rounded once. */
#ifndef TIK_ADAM_H
#define TIK_ADAM_H

struct adam_scalars {
    float beta1;
    float one_minus_beta1;
    float beta2;
    float one_minus_beta2;
    float step_size;    /* lr / (1 - beta1^t) */
    float inverse_root; /* 1 / sqrt(1 - beta2^t) */
    float eps;
    float eps_inside; /* the root; eps or this is 0 */
    float lr;
};

#endif
