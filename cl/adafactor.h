/* Scalars of one step of Adafactor, computed on the host in double and rounded once. */
#ifndef TIK_ADAFACTOR_H
#define TIK_ADAFACTOR_H

struct adafactor_scalars {
    float weight; /* t^beta2_decay: of the new mean square */
    float eps1;   /* least mean of the rows, and least root of the second moment */
    float eps2;   /* least RMS(p) */
    float d;      /* RMS(U) that is not clipped yet */
    float rho;    /* min(lr, 1/sqrt(t)) */
    float ratio;  /* alpha / max(1, RMS(U)/d) of the tensor, from measure.cl */
};

#endif
