/* Scalars of one step of schedule-free AdamW, computed on the host in double and rounded once. */
#ifndef TIK_SCHEDULE_FREE_ADAMW_H
#define TIK_SCHEDULE_FREE_ADAMW_H

struct schedule_free_adamw_scalars {
    float beta2;
    float one_minus_beta2;
    float inverse_root; /* 1 / sqrt(1 - beta2^t) */
    float eps;
    float lr;   /* lr_t: warmed up */
    float c;    /* weight of this iterate in the mean of all */
    float pull; /* 1 - beta1*(1 - c): what y takes of the iterate's move */
};

#endif
