#include "verify.h"

#include <float.h>
#include <math.h>
#include <string.h>

bool tik_verify_same(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

/* A NaN is matched by a NaN alone, an infinity also by what a few ulp keep from overflowing. */
static bool within_bound(float a, float b, float before)
{
    const float most = FLT_MAX * (1 - TIK_BOUND_ULPS * FLT_EPSILON);
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    if (isinf(a) || isinf(b))
        return (a > most && b > most) || (a < -most && b < -most);
    const float own = fmaxf(fabsf(a), fabsf(b));
    const float largest = isfinite(before) ? fmaxf(fabsf(before), own) : own;
    return fabsf(a - b) <= TIK_BOUND_ULPS * FLT_EPSILON * largest + FLT_MIN;
}

uint64_t tik_verify_compare(const float *a, const float *b, const float *before, size_t n,
                            bool bounded)
{
    uint64_t wrong = 0;
    for (size_t i = 0; i < n; i++) {
        const bool right = tik_verify_same(a[i], b[i]) ||
                           (bounded && within_bound(a[i], b[i], before != NULL ? before[i] : 0.0f));
        wrong += !right;
    }
    return wrong;
}
