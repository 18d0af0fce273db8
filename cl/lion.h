/* Scalars of one step of Lion, computed on the host in double and rounded once. */
#ifndef TIK_LION_H
#define TIK_LION_H

struct lion_scalars {
    float lr;
    float beta1;
    float one_minus_beta1;
    float beta2;
    float one_minus_beta2;
};

#endif
