/*
 * Scalar twin of cl/step.cl: the frame of a step over one block, which stays in the first-level
 * cache while the stages, each a plain loop, go over it.
 */
#include "step.h"

#include <string.h>

#include "numeric.h"
#include "reduce.h"

static void scale_by_factor(size_t n, const float *restrict g, float factor, float *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = g[i] * factor;
}

static void ascend(size_t n, float *g)
{
    for (size_t i = 0; i < n; i++)
        g[i] = -g[i];
}

static void subtract_step(size_t n, float *restrict p, const float *restrict step)
{
    for (size_t i = 0; i < n; i++)
        p[i] = p[i] - step[i];
}

static void subtract_decay_and_step(size_t n, float *restrict p, const float *restrict step,
                                    float decay)
{
    for (size_t i = 0; i < n; i++)
        p[i] = p[i] - (decay * p[i] + step[i]);
}

static void replace(size_t n, float *restrict p, const float *restrict next)
{
    memcpy(p, next, n * sizeof *p);
}

/* The gradient as the rule sees it: `out` or, where no stage changes it, g itself. */
static const float *prepare_gradient(const struct tik_plan *plan,
                                     const struct tik_plan_values *values, size_t n, const float *p,
                                     const float *g, const float *factor, float *out)
{
    bool changed = plan->clipped || plan->maximize;
    for (size_t i = 0; i < plan->penalty_count; i++)
        changed |= plan->penalty[i].coupled.twin != NULL;
    if (!changed)
        return g;

    if (plan->clipped)
        scale_by_factor(n, g, factor[0], out);
    else
        memcpy(out, g, n * sizeof *g);
    if (plan->maximize)
        ascend(n, out);
    for (size_t i = 0; i < plan->penalty_count; i++)
        if (plan->penalty[i].coupled.twin != NULL)
            plan->penalty[i].coupled.twin(n, p, &values->step.penalty[i], out);
    return out;
}

static void report(const struct tik_plan *plan, const struct tik_plan_values *values, size_t n,
                   const float *p, struct tik_partial *partial)
{
    float terms[TIK_BLOCK] = {0};
    for (size_t i = 0; i < plan->penalty_count; i++)
        if (plan->penalty[i].value.twin != NULL)
            plan->penalty[i].value.twin(n, p, &values->step.penalty[i], terms);
    partial->penalty = tik_block_sum(terms);
    partial->squares = tik_scalar_squares(n, p);

    uint32_t zeros = 0;
    for (size_t i = 0; i < n; i++)
        zeros += p[i] == 0.0f;
    partial->zeros = zeros;
}

void tik_scalar_step(const struct tik_plan *plan, const struct tik_plan_values *values, size_t n,
                     float *p, const float *g, float *const *s, const float *factor,
                     struct tik_partial *partial)
{
    float gradient[TIK_BLOCK], step[TIK_BLOCK];
    g = prepare_gradient(plan, values, n, p, g, factor, gradient);
    plan->variant->twin(n, p, g, s, values->rule, step);
    if (plan->rule->replaces)
        replace(n, p, step);
    else if (plan->decoupled)
        subtract_decay_and_step(n, p, step, values->step.decay);
    else
        subtract_step(n, p, step);
    for (size_t i = 0; i < plan->penalty_count; i++)
        if (plan->penalty[i].proximal.twin != NULL)
            plan->penalty[i].proximal.twin(n, NULL, &values->step.penalty[i], p);
    if (plan->variant->after_twin != NULL)
        plan->variant->after_twin(n, p, s, values->rule);
    if (plan->report)
        report(plan, values, n, p, partial);
}

float tik_scalar_squares(size_t n, const float *g)
{
    float squares[TIK_BLOCK];
    for (size_t i = 0; i < n; i++)
        squares[i] = g[i] * g[i];
    memset(squares + n, 0, (TIK_BLOCK - n) * sizeof *squares);
    return tik_block_sum(squares);
}

void tik_scalar_clip(float total, float max_norm, float *factor)
{
    const float norm = square_root(total);
    const float clip = divide(max_norm, norm + 1e-6f);
    factor[0] = clip >= 1.0f ? 1.0f : clip; /* a NaN stays one */
    factor[1] = norm;
}
