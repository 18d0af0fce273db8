/* Scalars of one step of NAdam, computed on the host in double and rounded once. */
#ifndef TIK_NADAM_H
#define TIK_NADAM_H

struct nadam_scalars {
    float beta1;
    float one_minus_beta1;
    float beta2;
    float one_minus_beta2;
    float gradient_size; /* lr (1 - mu_t) / (1 - P_t) */
    float moment_size;   /* lr mu_(t+1) / (1 - P_t mu_(t+1)) */
    float inverse_root;  /* 1 / sqrt(1 - beta2^t) */
    float eps;
    float lr;
};

#endif
