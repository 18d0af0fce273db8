/* Scalars of one step of Muon, computed on the host in double and rounded once. */
#ifndef TIK_MUON_H
#define TIK_MUON_H

struct muon_scalars {
    float momentum;
    float one_minus_momentum;
    float eps;
    float lr;
    float adjust; /* of lr, by the shape of the tensor */
};

#endif
