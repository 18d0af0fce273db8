/*
 * What is done around a step, to gradients before it and to parameters after it.
 *
 *     gradient accumulation   g = (g_1 + ... + g_n) / n
 *     loss scale              g <- inverse_scale g
 *     clip by value           g <- min(max(g, -clip_value), clip_value)
 *     clip by tensor norm     g <- g min(1, clip_norm / (|g| + 1e-6)), each tensor by its own norm
 *     adaptive clipping       g <- g where |g_u| < m, m = agc max(|p_u|, agc_eps), else
 *                             g <- g m / max(|g_u|, 1e-6); u a row, of a vector all of it
 *                             (Brock et al., High-Performance Large-Scale Image Recognition Without
 *                             Normalization, 2021, equation 3, in the authors' and Optax' form)
 *     EMA of parameters       ema <- d ema + (1 - d) p'; with debias it starts at 0 and is read as
 *                             ema / (1 - d^n), n the steps taken, else it starts at the parameters
 *
 * in this order, before the clip by the global norm. The adaptive form's comparison makes a
 * difference to min(1, m / max(|g_u|, 1e-6)) where m and |g_u| both are below 1e-6: g stays.
 */
#include "oracle.h"

#include <math.h>

/* n - 1 sums in any order, 1/n and its product. */
void oracle_accumulate(struct oracle_tensor *tensor, const float *const *gradients, size_t count,
                       const struct oracle_moment *moment)
{
    double part = 1 / (double)count;
    for (size_t i = 0; i < tensor->count; i++) {
        double sum = 0, size = 0;
        for (size_t k = 0; k < count; k++) {
            sum += (double)gradients[k][i];
            size += fabs((double)gradients[k][i]);
        }
        tensor->elements[i].g = part * sum;
        tensor->elements[i].g_error =
            moment->unit * part * (((double)count - 1) * size + 2 * fabs(sum)) + moment->tiny;
    }
}

/* The scale's rounding and the product; a power of 2 rounds nothing that does not underflow. */
static void unscale(double scale, const struct oracle_moment *moment, struct oracle_tensor *tensor)
{
    int exponent;
    double roundings = frexp(scale, &exponent) == 0.5 ? 0 : 2;
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        e->g *= scale;
        e->g_error = e->g_error * scale + roundings * moment->unit * fabs(e->g) + moment->tiny;
    }
}

/* clip_value is rounded once, and what it clips is that float32 exactly. */
static void clip_value(double limit, struct oracle_tensor *tensor)
{
    double high = (double)(float)limit;
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        double beyond = fmax(fabs(e->g) - high, 0);
        e->g = fmin(fmax(e->g, -high), high);
        e->g_error = fmax(e->g_error - beyond, 0);
    }
}

/* g times a factor within [0, 1]: one rounding, none where the factor is 1 exactly. */
static void scale_gradient(struct oracle_element *e, struct oracle_span factor,
                           const struct oracle_moment *moment)
{
    double size = fabs(e->g);
    if (factor.low == 1 || (e->g == 0 && e->g_error == 0))
        return;
    e->g *= factor.value;
    e->g_error = e->g_error * factor.high + size * oracle_span_error(factor) +
                 moment->unit * size * factor.high + moment->tiny;
}

static void clip_norm(double max_norm, const struct oracle_moment *moment,
                      struct oracle_tensor *tensor)
{
    struct oracle_clip clip = oracle_clip_compute(max_norm, tensor, 1, moment);
    struct oracle_span factor = oracle_span_at_most(oracle_span_of(clip.factor, clip.error), 1);
    for (size_t i = 0; i < tensor->count; i++)
        scale_gradient(&tensor->elements[i], factor, moment);
}

/* m: agc, agc_eps and a product, 3 u and the norm's own; its quotient 1. */
static struct oracle_span adaptive_factor(const struct oracle_around *around,
                                          const struct oracle_moment *moment,
                                          const struct oracle_tensor *tensor,
                                          const struct oracle_slice *slice)
{
    struct oracle_norm p = {0}, g = {0};
    for (size_t i = 0; i < slice->count; i++) {
        const struct oracle_element *e = oracle_slice_at(tensor, slice, i);
        oracle_norm_add(&p, e->p, 0);
        oracle_norm_add(&g, e->g, e->g_error);
    }
    struct oracle_span norm = oracle_norm_take(&g, moment->unit, moment->tiny);
    struct oracle_span limit = oracle_norm_take(&p, moment->unit, moment->tiny);
    limit = oracle_span_at_least(limit, around->agc_eps);
    limit = oracle_span_multiply(limit, oracle_span_of(around->agc, 0));
    limit = oracle_span_widen(limit, 3 * moment->unit, 0);
    if (norm.high < limit.low)
        return oracle_span_of(1, 0);
    struct oracle_span factor = oracle_span_divide(limit, oracle_span_at_least(norm, 1e-6));
    factor = oracle_span_at_most(oracle_span_widen(factor, 2 * moment->unit, 0), 1);
    if (norm.low < limit.high) /* either way */
        factor.high = 1;
    if (norm.value < limit.value)
        factor.value = 1;
    return factor;
}

static void clip_adaptively(const struct oracle_around *around, const struct oracle_moment *moment,
                            struct oracle_tensor *tensor)
{
    for (size_t u = 0; u < oracle_unit_count(tensor, ORACLE_ROW); u++) {
        struct oracle_slice slice = oracle_unit_at(tensor, ORACLE_ROW, u);
        struct oracle_span factor = adaptive_factor(around, moment, tensor, &slice);
        for (size_t i = 0; i < slice.count; i++)
            scale_gradient(oracle_slice_at(tensor, &slice, i), factor, moment);
    }
}

void oracle_around_apply(const struct oracle_around *around, const struct oracle_moment *moment,
                         struct oracle_tensor *tensor)
{
    if (around->inverse_scale > 0)
        unscale(around->inverse_scale, moment, tensor);
    if (around->clip_value > 0)
        clip_value(around->clip_value, tensor);
    if (around->clip_norm > 0)
        clip_norm(around->clip_norm, moment, tensor);
    if (around->agc > 0)
        clip_adaptively(around, moment, tensor);
}

/* A scalar's rounding, a product, a sum; two products that underflow. */
struct oracle_number oracle_ema(double decay, double old, const struct oracle_number *p,
                                const struct oracle_moment *moment)
{
    double keep = decay * old, take = (1 - decay) * p->value;
    return (struct oracle_number){
        .value = keep + take,
        .bound = (1 - decay) * p->bound + 3 * moment->unit * (fabs(keep) + fabs(take)) +
                 2 * moment->tiny,
    };
}

/* The divisor's rounding and the quotient, or one product with its inverse: 2. */
struct oracle_number oracle_ema_read(const struct oracle_ema_options *options, double ema,
                                     double steps, const struct oracle_moment *moment)
{
    if (!options->debias || steps == 0)
        return (struct oracle_number){.value = ema};
    double value = ema / oracle_correction(options->decay, steps);
    return (struct oracle_number){.value = value,
                                  .bound = 2 * moment->unit * fabs(value) + moment->tiny};
}
