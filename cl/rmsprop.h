/* Scalars of one step of RMSprop, computed on the host in double and rounded once. */
#ifndef TIK_RMSPROP_H
#define TIK_RMSPROP_H

struct rmsprop_scalars {
    float lr;
    float alpha;
    float one_minus_alpha;
    float momentum;
    float eps;
    float eps_inside; /* the root; eps or this is 0 */
};

#endif
