/* Scalars of one step of RAdam, computed on the host in double and rounded once. */
#ifndef TIK_RADAM_H
#define TIK_RADAM_H

struct radam_scalars {
    float beta1;
    float one_minus_beta1;
    float beta2;
    float one_minus_beta2;
    float step_size; /* lr r sqrt(1 - beta2^t) / (1 - beta1^t), or lr / (1 - beta1^t) */
    float rectified; /* 1 when the variance is tractable (rho_t > 5), else 0 */
    float eps;
    float eps_inside; /* the root; eps or this is 0 */
    float rate;       /* step_size without the correction of m */
};

#endif
