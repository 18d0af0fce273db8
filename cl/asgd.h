/* Scalars of one step of ASGD, computed on the host in double and rounded once. */
#ifndef TIK_ASGD_H
#define TIK_ASGD_H

struct asgd_scalars {
    float eta;
    float pull; /* lambd * eta */
    float mu;   /* weight of p in the average; 1: the average is p */
};

#endif
