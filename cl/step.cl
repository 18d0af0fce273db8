/*
 * The frame of a step: one pass over memory, one launch, every stage of the policy in its place.
 *
 * The program is built from the policy's own stages, named on the compiler's command line:
 *
 *     SCALE       scale_none, scale_by_factor               the clip factor of norm.cl
 *     DIRECTION   descend, ascend                           maximize
 *     COUPLED_k   coupled_none, coupled_l1, ...             penalty.cl, slot k
 *     RULE        sgd, adam, ...                            a rule's file, with SCALARS and STATES
 *     SUBTRACT    subtract_step, subtract_decay_and_step    decoupled decay
 *                 replace                                   a rule that computes p itself
 *     PROXIMAL_k  proximal_none, proximal_l1, ...           penalty.cl, slot k
 *     AFTER       after_none, asgd_average                  a rule's last word, with the new p
 *     VALUE_k     value_none, value_l1, ...                 penalty.cl, slot k, when REPORT is 1
 *
 * What a policy does not use is not in its kernel. The numbers of the step are arguments, never
 * macros: changing them builds nothing. Scalar twin: src/scalar/step.c.
 */
#include "numeric.cl"
#include "penalty.cl"
#include "reduce.cl"

float scale_none(const float g, __global const float *factor)
{
    return g;
}

float scale_by_factor(const float g, __global const float *factor)
{
    return g * factor[0];
}

float descend(const float g)
{
    return g;
}

float ascend(const float g)
{
    return -g;
}

float subtract_step(const float p, const float step, const float decay)
{
    return p - step;
}

/* One subtraction from p: 1 - decay, rounded, would lose a small decay entirely. */
float subtract_decay_and_step(const float p, const float step, const float decay)
{
    return p - (decay * p + step);
}

/* FTRL has no step from p: its result is the new p. */
float replace(const float p, const float next, const float decay)
{
    return next;
}

void after_none(const float p, float *s, const struct SCALARS rule)
{
}

/* One element: docs/design.md, "The step", 1 to 5. Updates the states s, returns the new p. */
float step_element(float p, float g, float *s, __global const float *factor,
                   const struct step_scalars step, const struct SCALARS rule)
{
    g = SCALE(g, factor);
    g = DIRECTION(g);
    g = COUPLED_0(p, g, step.penalty[0]);
    g = COUPLED_1(p, g, step.penalty[1]);
    g = COUPLED_2(p, g, step.penalty[2]);
    g = COUPLED_3(p, g, step.penalty[3]);
    g = COUPLED_4(p, g, step.penalty[4]);
    p = SUBTRACT(p, RULE(p, g, s, rule), step.decay);
    p = PROXIMAL_0(p, step.penalty[0]);
    p = PROXIMAL_1(p, step.penalty[1]);
    p = PROXIMAL_2(p, step.penalty[2]);
    p = PROXIMAL_3(p, step.penalty[3]);
    p = PROXIMAL_4(p, step.penalty[4]);
    AFTER(p, s, rule);
    return p;
}

/* The penalties' value at one element. */
float value_element(const float p, const struct step_scalars step)
{
    float value = 0.0f;
    value = VALUE_0(p, value, step.penalty[0]);
    value = VALUE_1(p, value, step.penalty[1]);
    value = VALUE_2(p, value, step.penalty[2]);
    value = VALUE_3(p, value, step.penalty[3]);
    value = VALUE_4(p, value, step.penalty[4]);
    return value;
}

/*
 * Work-group b takes block b: of the table, or, without one, of `count` elements in a row. Its
 * items take every LOCAL_SIZE-th element, so that neighbours read neighbours. States that the rule
 * does not have are NULL, and so is a factor or a table of partial sums that the policy does not
 * use.
 */
__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_step(const ulong count,
              __global const struct tik_block *restrict blocks,
              __global float *restrict param,
              __global const float *restrict grad,
              __global float *restrict state0,
              __global float *restrict state1,
              __global float *restrict state2,
              __global float *restrict state3,
              const struct tik_offsets offsets,
              __global const float *restrict factor,
              const struct step_scalars step_values,
              const struct SCALARS rule_values,
              __global struct tik_partial *restrict partials)
{
    __local float scratch[REPORT ? LOCAL_SIZE : 1];
    /* Copied, since Mesa warns of wrong results where a loop reads a struct argument in place. */
    const struct tik_offsets at = offsets;
    const struct step_scalars step = step_values;
    const struct SCALARS rule = rule_values;

    const ulong b = get_group_id(0);
    const ulong first = blocks ? blocks[b].first : b * TIK_BLOCK;
    const uint length = blocks ? blocks[b].length : (uint)min((ulong)TIK_BLOCK, count - first);

    float penalty[REPORT ? ITEMS : 1], squares[REPORT ? ITEMS : 1], zeros[REPORT ? ITEMS : 1];
    if (REPORT)
        for (uint k = 0; k < ITEMS; k++)
            penalty[k] = squares[k] = zeros[k] = 0.0f;

    for (uint j = get_local_id(0); j < length; j += LOCAL_SIZE) {
        const ulong i = first + j;
        float s[4];
        if (STATES > 0)
            s[0] = state0[at.state[0] + i];
        if (STATES > 1)
            s[1] = state1[at.state[1] + i];
        if (STATES > 2)
            s[2] = state2[at.state[2] + i];
        if (STATES > 3)
            s[3] = state3[at.state[3] + i];

        const float p =
            step_element(param[at.param + i], grad[at.grad + i], s, factor, step, rule);

        param[at.param + i] = p;
        if (STATES > 0)
            state0[at.state[0] + i] = s[0];
        if (STATES > 1)
            state1[at.state[1] + i] = s[1];
        if (STATES > 2)
            state2[at.state[2] + i] = s[2];
        if (STATES > 3)
            state3[at.state[3] + i] = s[3];

        if (REPORT) {
            penalty[j / LOCAL_SIZE] = value_element(p, step);
            squares[j / LOCAL_SIZE] = p * p;
            zeros[j / LOCAL_SIZE] = p == 0.0f ? 1.0f : 0.0f;
        }
    }

    if (REPORT) {
        const float penalty_sum = block_sum(penalty, scratch);
        const float squares_sum = block_sum(squares, scratch);
        const float zeros_sum = block_sum(zeros, scratch); /* exact: at most TIK_BLOCK */
        if (get_local_id(0) == 0) {
            const uint slot = blocks ? blocks[b].slot : (uint)b;
            partials[slot].penalty = penalty_sum;
            partials[slot].squares = squares_sum;
            partials[slot].zeros = (uint)zeros_sum;
        }
    }
}
