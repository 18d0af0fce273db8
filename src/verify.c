#include "verify.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store.h"

bool tik_verify_same(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

/* How far two finite results may be apart; `before` as in tik_verify_compare. */
static float bound_of(float a, float b, float before)
{
    const float own = fmaxf(fabsf(a), fabsf(b));
    const float largest = isfinite(before) ? fmaxf(fabsf(before), own) : own;
    return TIK_BOUND_ULPS * FLT_EPSILON * largest + FLT_MIN;
}

/* A NaN is matched by a NaN alone, an infinity also by what a few ulp keep from overflowing. */
static bool within_bound(float a, float b, float before, double slack)
{
    const float most = FLT_MAX * (1 - TIK_BOUND_ULPS * FLT_EPSILON);
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    if (isinf(a) || isinf(b))
        return (a > most && b > most) || (a < -most && b < -most);
    return fabs((double)a - (double)b) <= (double)bound_of(a, b, before) + slack;
}

uint64_t tik_verify_compare(const float *a, const float *b, const float *before, size_t n,
                            bool bounded, double slack)
{
    uint64_t wrong = 0;
    for (size_t i = 0; i < n; i++) {
        const bool right =
            tik_verify_same(a[i], b[i]) ||
            (bounded && within_bound(a[i], b[i], before != NULL ? before[i] : 0.0f, slack));
        wrong += !right;
    }
    return wrong;
}

/* Words of a 16-bit format in the order of what they stand for. */
static int order_of(uint16_t word)
{
    const int magnitude = word & 0x7fff;
    return (word & 0x8000) != 0 ? -magnitude : magnitude;
}

static bool copies_within_bound(const struct tik_copy_stage *stage, uint16_t a, uint16_t b,
                                float before, double slack)
{
    const float one = stage->widen(a), other = stage->widen(b);
    if (isnan(one) || isnan(other))
        return false; /* both: they were the same */
    if (abs(order_of(a) - order_of(b)) <= 1)
        return true;
    if (isinf(one) || isinf(other))
        return false;
    const bool first = (a & 0x7fff) > (b & 0x7fff);
    const uint16_t larger = (first ? a : b) & 0x7fff;
    const float step = stage->widen(larger) - stage->widen((uint16_t)(larger - 1));
    return fabs((double)one - (double)other) <=
           (double)bound_of(one, other, before) + (double)step + slack;
}

uint64_t tik_verify_copy(const struct tik_copy_stage *stage, const uint16_t *a, const uint16_t *b,
                         const float *before, size_t n, bool bounded, double slack)
{
    uint64_t wrong = 0;
    for (size_t i = 0; i < n; i++) {
        const bool same = a[i] == b[i] || (isnan(stage->widen(a[i])) && isnan(stage->widen(b[i])));
        wrong +=
            !same && !(bounded && copies_within_bound(stage, a[i], b[i],
                                                      before != NULL ? before[i] : 0.0f, slack));
    }
    return wrong;
}

uint64_t tik_verify_array(const struct tik_layout *layout, size_t array, const void *a,
                          const void *b, size_t n, bool bounded, double slack)
{
    const struct tik_copy_stage *stage = array < 2 ? NULL : layout->start[array - 2].copy;
    return stage != NULL ? tik_verify_copy(stage, a, b, NULL, n, bounded, slack)
                         : tik_verify_compare(a, b, NULL, n, bounded, slack);
}
