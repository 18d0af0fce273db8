/* Scalars of one step of LAMB, computed on the host in double and rounded once. */
#ifndef TIK_LAMB_H
#define TIK_LAMB_H

struct lamb_scalars {
    float beta1;
    float one_minus_beta1;
    float beta2;
    float one_minus_beta2;
    float inverse_correction; /* 1 / (1 - beta1^t) */
    float inverse_root;       /* 1 / sqrt(1 - beta2^t) */
    float eps;
    float weight_decay;
    float lr;
    float ratio; /* ||p|| / ||u|| of the tensor, from measure.cl */
};

#endif
