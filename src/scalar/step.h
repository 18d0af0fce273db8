/* Scalar twin of cl/step.cl and cl/norm.cl: one block. */
#ifndef TIK_SRC_SCALAR_STEP_H
#define TIK_SRC_SCALAR_STEP_H

#include "../plan.h"

/*
 * Steps n <= TIK_BLOCK elements through the stages of the plan. `factor` is read when the plan
 * clips, `partial` written when it reports.
 */
void tik_scalar_step(const struct tik_plan *plan, const struct tik_plan_values *values, size_t n,
                     float *p, const float *g, float *const *s, const float *factor,
                     struct tik_partial *partial);

/* The sum of squares of n <= TIK_BLOCK values, by the fixed tree. */
float tik_scalar_squares(size_t n, const float *g);

/* factor[0] = min(1, max_norm / (norm + 1e-6)), factor[1] = norm = sqrt(total). */
void tik_scalar_clip(float total, float max_norm, float *factor);

#endif
