/* Scalars of one step of Adadelta, computed on the host in double and rounded once. */
#ifndef TIK_ADADELTA_H
#define TIK_ADADELTA_H

struct adadelta_scalars {
    float lr;
    float rho;
    float one_minus_rho;
    float eps;
};

#endif
