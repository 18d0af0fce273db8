/* Scalars of one step of SGD, computed on the host in double and rounded once. */
#ifndef TIK_SGD_H
#define TIK_SGD_H

struct sgd_scalars {
    float lr;
    float momentum;
    float carry; /* momentum, but 0 in the first step: the buffer starts as the gradient */
    float gain;  /* 1 - dampening, but 1 in the first step */
    float pace;  /* lr * gain */
};

#endif
