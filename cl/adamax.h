/* Scalars of one step of Adamax, computed on the host in double and rounded once. */
#ifndef TIK_ADAMAX_H
#define TIK_ADAMAX_H

struct adamax_scalars {
    float beta1;
    float one_minus_beta1;
    float beta2;
    float step_size; /* lr / (1 - beta1^t) */
    float eps;
    float lr;
};

#endif
