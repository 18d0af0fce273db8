/* Scalar twin of cl/numeric.cl, and the floating-point state that the contract needs. */
#ifndef TIK_SRC_SCALAR_NUMERIC_H
#define TIK_SRC_SCALAR_NUMERIC_H

#include <fenv.h>
#include <float.h>
#include <math.h>

/* x87 would round twice. */
_Static_assert(FLT_EVAL_METHOD == 0, "float expressions must be evaluated in float");

/*
 * Saves the calling thread's floating-point state and sets the contract's: round to nearest even,
 * subnormals kept, no traps. Whatever the caller had set comes back with leave.
 */
void tik_numeric_enter(fenv_t *saved);
void tik_numeric_leave(const fenv_t *saved);

static inline float sign_of(const float x)
{
    return fabsf(x) > 0.0f ? copysignf(1.0f, x) : x;
}

/*
 * The hardware's own: IEEE 754, and Annex F for C, round / and sqrt correctly. cl/correction.cl, for
 * devices that do not, has no twin: these are the bits that it has to end with.
 */
static inline float divide(const float x, const float y)
{
    return x / y;
}

static inline float square_root(const float x)
{
    return sqrtf(x);
}

#endif
