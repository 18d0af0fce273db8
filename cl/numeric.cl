/*
 * The arithmetic that every kernel may use: float32, round to nearest even, one rounding for each
 * operation that is written. Nothing here may be fused or approximated; docs/numerics.md says why.
 * Scalar twin: src/scalar/numeric.h.
 */
#pragma OPENCL FP_CONTRACT OFF

#include "correction.cl"

/* Whose quotient and root: the device's, or corrected_quotient and corrected_root. */
#ifndef QUOTIENT
#define QUOTIENT device_quotient
#endif
#ifndef ROOT
#define ROOT device_root
#endif

/* -1, 0 or 1; a zero and a NaN stay what they are. */
float sign_of(const float x)
{
    return fabs(x) > 0.0f ? copysign(1.0f, x) : x;
}

/* x / y, correctly rounded: the program's known-answer run shows whether the device does it. */
float divide(const float x, const float y)
{
    return QUOTIENT(x, y);
}

/* sqrt(x), correctly rounded, likewise. */
float square_root(const float x)
{
    return ROOT(x);
}
