/*
 * Rules whose step depends on norms of their tensor, in two launches before the step itself:
 *
 *     measure    MEASURE updates the states and names two numbers of each element; their squares
 *                are summed over one block. Where the rule iterates on matrices (iterate.cl), the
 *                second number is the matrix's element
 *     ratios     ratio[unit] <- RATIO_OF(sums of the tensor, its elements)
 *
 * The step then has the ratio among its scalars (RATIO_IN). No host waits for a norm, and there are
 * as many launches for one tensor as for many. Scalar twin: in src/scalar/step.c.
 */
#include "step.cl"

/* For a form of such a rule that asks for no norm: its program has these kernels too. */
void measure_none(const float p, const float g, float *s, const struct SCALARS rule, float *pair)
{
    pair[0] = pair[1] = 0.0f;
}

float ratio_of_none(const float first, const float second, const float count,
                    const struct SCALARS rule)
{
    return 1.0f;
}

__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_measure(__global const struct tik_span *restrict spans,
                 const uint span_count,
                 __global const float *restrict param,
                 __global const float *restrict grad,
                 __global float *restrict state0,
                 __global float *restrict state1,
                 __global const float *restrict sum,
                 const struct tik_offsets offsets,
                 __global const struct tik_control *restrict control,
                 __global const float *restrict clips,
                 __global const float *restrict factors,
                 __global const struct tik_matrices *restrict matrices,
                 __global const float *restrict means,
                 __global const struct tik_row *restrict rows,
                 __global const struct tik_progress *restrict progress,
                 const uint group,
                 const struct step_scalars step_values,
                 const struct SCALARS rule_values,
                 __global float *restrict sums,
                 const uint plane,
                 __global float *restrict iterate)
{
    __local float scratch[LOCAL_SIZE];
    const struct tik_offsets at = offsets;
    const struct step_scalars step = pick_step(step_values, rows, progress, group);
    const struct SCALARS rule = pick_rule(rule_values, rows, progress, group);
    const struct surroundings around = {control, clips, factors};
    const struct tik_place place = find_place(spans, span_count, 0, (uint)get_group_id(0));
    if (GUARD && control->skip)
        return;

    const struct tik_matrices shape = pick_matrices(matrices, place);
    const struct tik_cross cross = find_cross(shape, place);
    float first[ITEMS], second[ITEMS];
    for (uint n = 0; n < ITEMS; n++)
        first[n] = second[n] = 0.0f;
    for (uint j = get_local_id(0); j < place.length; j += LOCAL_SIZE) {
        const ulong i = place.first + j;
        float s[3], pair[2];
        if (MEASURES > 0)
            s[0] = state0[at.state[0] + i];
        if (MEASURES > 1)
            s[1] = state1[at.state[1] + i];
        if (LINES)
            read_lines(shape, cross, j, state0 + at.state[0], state1 + at.state[1], means, s);
        const float p = param[at.param + i];
        const float before = SUM ? sum[at.state[TIK_SUM] + i] : 0.0f;
        const float g = prepare(p, grad[at.grad + i], before, around, place, j, step);
        MEASURE(BEFORE(p, step.decay), g, s, rule, pair);
        if (MEASURED > 0)
            state0[at.state[0] + i] = s[0];
        if (MEASURED > 1)
            state1[at.state[1] + i] = s[1];
        if (ITERATED)
            iterate[element_of_matrix(place, j)] = pair[1];
        first[j / LOCAL_SIZE] = pair[0] * pair[0];
        second[j / LOCAL_SIZE] = pair[1] * pair[1];
    }
    const float first_sum = block_sum(first, scratch);
    const float second_sum = block_sum(second, scratch);
    if (get_local_id(0) == 0) {
        sums[place.slot] = first_sum;
        sums[plane + place.slot] = second_sum;
    }
}

__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_ratios(__global const struct tik_span *restrict spans,
                const uint span_count,
                __global const struct tik_row *restrict rows,
                __global const struct tik_progress *restrict progress,
                const uint group,
                const struct SCALARS rule_values,
                __global float *sums,
                const uint plane,
                __global float *restrict ratios)
{
    __local float scratch[LOCAL_SIZE];
    const struct SCALARS rule = pick_rule(rule_values, rows, progress, group);
    const struct tik_span span = spans[get_group_id(0)];
    const uint blocks = (uint)((span.length + TIK_BLOCK - 1) / TIK_BLOCK);
    row_sum(sums + span.slot, blocks, scratch);
    row_sum(sums + plane + span.slot, blocks, scratch);
    if (get_local_id(0) == 0)
        ratios[span.unit] =
            RATIO_OF(sums[span.slot], sums[plane + span.slot], (float)span.length, rule);
}
