/* Scalars of one step of Rprop, computed on the host in double and rounded once. */
#ifndef TIK_RPROP_H
#define TIK_RPROP_H

struct rprop_scalars {
    float eta_minus;
    float eta_plus;
    float step_min;
    float step_max;
};

#endif
