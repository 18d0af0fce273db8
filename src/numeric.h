/* What the host computes in double for the scalars of a step. */
#ifndef TIK_SRC_NUMERIC_H
#define TIK_SRC_NUMERIC_H

#include <math.h>
#include <stdint.h>

/*
 * x^n by binary powering: in * alone, so that every host gives the same double (pow is not
 * correctly rounded everywhere).
 */
static inline double tik_power(double x, uint64_t n)
{
    double result = 1.0;
    for (; n > 0; n >>= 1, x *= x)
        if (n & 1)
            result *= x;
    return result;
}

/* An exponent in two floats, as power.cl wants it: 12 bits, and the rest. */
static inline void tik_split_exponent(double exponent, float *head, float *tail)
{
    int digits;
    const double leading = rint(ldexp(frexp(exponent, &digits), 12));
    *head = (float)ldexp(leading, digits - 12);
    *tail = (float)(exponent - (double)*head);
}

#endif
