/* Scalars of one step of LARS, computed on the host in double and rounded once. */
#ifndef TIK_LARS_H
#define TIK_LARS_H

struct lars_scalars {
    float lr;
    float trust_coefficient;
    float eps;
    float momentum;
    float weight_decay;
    float ratio; /* of the tensor, from measure.cl */
};

#endif
