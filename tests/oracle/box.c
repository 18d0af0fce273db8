/*
 * The box low <= p <= high as a penalty: 0 inside, infinite outside. Its proximal point, whatever
 * lr, is the projection (Parikh and Boyd, Proximal Algorithms, 2014, section 1.2):
 *
 *     p = min(max(p, low), high)
 *
 * low and high are rounded to float32 once; the clamp itself rounds nothing. Where p with its error
 * is beyond a bound, the result is that bound exactly.
 */
#include "oracle.h"

#include <float.h>
#include <math.h>

static const struct oracle_option options[] = {{"low", 0}, {"high", FLT_MAX}, {NULL, 0}};

static double clamp(double x, const void *setting)
{
    const struct oracle_penalty *box = setting;
    return fmin(fmax(x, (float)box->low), (float)box->high);
}

static void prox(const struct oracle_penalty *penalty, double lr,
                 const struct oracle_moment *moment, struct oracle_tensor *tensor)
{
    (void)lr, (void)moment;
    for (size_t i = 0; i < tensor->count; i++)
        oracle_map(&tensor->elements[i].next, clamp, penalty);
}

/* After the projection the parameters are inside. */
static double measure(const struct oracle_penalty *penalty, const float *p,
                      const struct oracle_tensor *shape)
{
    (void)penalty, (void)p, (void)shape;
    return 0;
}

const struct oracle_penalty_rule oracle_box = {
    .name = "box",
    .applications = ORACLE_PROXIMAL,
    .options = options,
    .prox = prox,
    .measure = measure,
    .separable = true,
};
