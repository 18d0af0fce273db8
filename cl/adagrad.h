/* Scalars of one step of Adagrad, computed on the host in double and rounded once. */
#ifndef TIK_ADAGRAD_H
#define TIK_ADAGRAD_H

struct adagrad_scalars {
    float step_size; /* lr / (1 + (t - 1) lr_decay) */
    float eps;
    float eps_inside; /* the root; eps or this is 0 */
};

#endif
