/* Scalars of one step of AdEMAMix, computed on the host in double and rounded once. */
#ifndef TIK_ADEMAMIX_H
#define TIK_ADEMAMIX_H

struct ademamix_scalars {
    float lr;
    float beta1;
    float one_minus_beta1;
    float beta2;
    float one_minus_beta2;
    float beta3; /* of step t, warmed up */
    float one_minus_beta3;
    float alpha;        /* of step t, warmed up */
    float inverse_bias; /* 1 / (1 - beta1^t) */
    float inverse_root; /* 1 / sqrt(1 - beta2^t) */
    float eps;
};

#endif
