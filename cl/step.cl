/*
 * The frame of a step: one pass over memory, one launch, every stage of the policy in its place.
 *
 * The program is built from the policy's own stages, named on the compiler's command line:
 *
 *     GATHER      gather_alone, gather_mean                 gradient.cl
 *     UNSCALE     unscale_none, unscale_by_control
 *     LIMIT       limit_none, limit_by_value; LIMIT_LATE the same, after the coupled penalties
 *     CLIP        clip_none, clip_by_norm, clip_by_unit     factors of norm.cl; CLIP_AT: whose
 *     DIRECTION   descend, ascend                           maximize
 *     COUPLED_k   coupled_none, coupled_l1, ...             penalty.cl, slot k
 *     GROUPED     grouped_none, grouped_by_unit             factors of group.cl; GROUPED_AT: whose
 *     BEFORE      stay, decay_first                         decoupled decay that the rule sees
 *     RULE        sgd, adam, ...                            a rule's file, with SCALARS and STATES
 *     RATIO_IN    ratio_none, lamb_ratio_in, ...            a rule's ratio of norms, by tensor
 *     ADJUST      adjust_none, muon_original, ...           what the rule makes of a tensor's shape
 *     SUBTRACT    subtract_step, subtract_decay_and_step    decoupled decay
 *                 replace                                   a rule that computes p itself
 *     RATE        rate_none, adam_rate, ...                 a rule's file: each element's own step
 *     PROXIMAL_k  proximal_none, proximal_l1, ...           penalty.cl, diagonal.cl, cumulative.cl
 *     AFTER       after_none, asgd_average                  a rule's last word, with the new p
 *     COPY        copy_none, bf16_nearest, ...              copy.cl: the low-precision copy
 *     VALUE_k     value_none, value_l1, ...                 penalty.cl, slot k, when REPORT is 1
 *
 * and numbers: STATES the rule reads, STORED of them it writes, STATES_AFTER those that AFTER has,
 * MEASURES those that MEASURE reads, MEASURED of them it writes; 0 or 1 for GUARD (steps may be
 * skipped), RATIO (of norms, by measure.cl), ITERATED (s[STATES] is what iterate.cl made of the
 * gradient), LINES (s[0] and s[1] are numbers of the element's row and column, and s[2] the mean that
 * lines.cl made), SUM (gradients accumulate), ZERO_GRAD (the gradient is cleared), PAID (by a cumulative
 * penalty), EMA, COPIES, RANDOM (the copy is rounded by chance), REPORT, and LATE (what reads the new
 * p, AFTER, average, copy and report, waits for penalties on whole rows or tensors, group.cl). What a
 * policy does not use is not in its kernel. The numbers of the step are arguments, never macros:
 * changing them builds nothing. Scalar twin: src/scalar/step.c.
 */
#include "numeric.cl"
#include "penalty.cl"
#include "diagonal.cl"
#include "cumulative.cl"
#include "reduce.cl"
#include "span.cl"
#include "gradient.cl"
#include "copy.cl"

float descend(const float g)
{
    return g;
}

float ascend(const float g)
{
    return -g;
}

float stay(const float p, const float decay)
{
    return p;
}

/* Keras decays ahead of the rule: a rule that looks at p finds what is left of it. */
float decay_first(const float p, const float decay)
{
    return p - decay * p;
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

void ratio_none(struct SCALARS *rule, const float ratio)
{
}

void adjust_none(struct SCALARS *rule, const uint rows, const uint columns)
{
}

float rate_none(const float *old, const float *s, const struct SCALARS rule)
{
    return 0.0f;
}

void after_none(const float p, float *s, const struct SCALARS rule)
{
}

/* Polyak's average, exponentially weighted. */
float average(const float ema, const float p, const struct step_scalars k)
{
    return k.ema_decay * ema + k.ema_intake * p;
}

/* What is looked up: decisions of norm.cl, and factors of units, by norm.cl and group.cl. */
struct surroundings {
    __global const struct tik_control *control;
    __global const float *clips;
    __global const float *factors;
};

float clip_none(const float g, const struct surroundings around, const ulong unit)
{
    return g;
}

float clip_by_norm(const float g, const struct surroundings around, const ulong unit)
{
    return g * around.control->clip;
}

float clip_by_unit(const float g, const struct surroundings around, const ulong unit)
{
    return g * around.clips[unit];
}

float grouped_none(const float p, const float g, const struct surroundings around, const ulong unit)
{
    return g;
}

/* The gradient of weight*||p_unit|| is weight/||p_unit|| * p: the factor is the quotient. */
float grouped_by_unit(const float p, const float g, const struct surroundings around,
                      const ulong unit)
{
    return g + around.factors[unit] * p;
}

/* The gradient as the rule sees it: docs/design.md, "The step", 1 to 3. */
float prepare(const float p, float g, const float sum, const struct surroundings around,
              const struct tik_place place, const uint j, const struct step_scalars step)
{
    g = GATHER(g, sum, step.gradient);
    g = UNSCALE(g, around.control);
    g = LIMIT(g, step.gradient);
    g = CLIP(g, around, CLIP_AT(place, j));
    g = DIRECTION(g);
    g = COUPLED_0(p, g, step.penalty[0]);
    g = COUPLED_1(p, g, step.penalty[1]);
    g = COUPLED_2(p, g, step.penalty[2]);
    g = COUPLED_3(p, g, step.penalty[3]);
    g = COUPLED_4(p, g, step.penalty[4]);
    g = GROUPED(p, g, around, GROUPED_AT(place, j));
    return LIMIT_LATE(g, step.gradient);
}

/* One element, from that gradient on: 4 and 5. Updates the states s, returns the new p. */
float step_element(float p, const float g, float *s, float *paid, const struct step_scalars step,
                   const struct SCALARS rule)
{
    float old[4];
    for (uint k = 0; k < STATES; k++)
        old[k] = s[k];
    p = SUBTRACT(p, RULE(p, g, s, rule), step.decay);
    struct own own = {RATE(old, s, rule), *paid};
    p = PROXIMAL_0(p, &own, step.penalty[0]);
    p = PROXIMAL_1(p, &own, step.penalty[1]);
    p = PROXIMAL_2(p, &own, step.penalty[2]);
    p = PROXIMAL_3(p, &own, step.penalty[3]);
    p = PROXIMAL_4(p, &own, step.penalty[4]);
    *paid = own.paid;
    if (!LATE)
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

/* Sums of one block for the report: by item l the values of elements l, l + LOCAL_SIZE, ... */
struct report {
    float penalty[REPORT ? ITEMS : 1], squares[REPORT ? ITEMS : 1], zeros[REPORT ? ITEMS : 1];
};

void report_none(struct report *report)
{
    for (uint n = 0; n < ITEMS; n++)
        report->penalty[n] = report->squares[n] = report->zeros[n] = 0.0f;
}

void report_element(struct report *report, const uint j, const float p,
                    const struct step_scalars step)
{
    report->penalty[j / LOCAL_SIZE] = value_element(p, step);
    report->squares[j / LOCAL_SIZE] = p * p;
    report->zeros[j / LOCAL_SIZE] = p == 0.0f ? 1.0f : 0.0f;
}

void report_block(struct report *report, __global struct tik_partial *partial,
                  __local float *scratch)
{
    const float penalty = block_sum(report->penalty, scratch);
    const float squares = block_sum(report->squares, scratch);
    const float zeros = block_sum(report->zeros, scratch); /* exact: at most TIK_BLOCK */
    if (get_local_id(0) == 0) {
        partial->penalty = penalty;
        partial->squares = squares;
        partial->zeros = (uint)zeros;
    }
}

/* With a guard the device picks the scalars, since it alone knows how many steps were applied. */
struct step_scalars pick_step(const struct step_scalars given, __global const struct tik_row *rows,
                              __global const struct tik_progress *progress, const uint group)
{
    return GUARD ? rows[group * TIK_ROWS + progress[group].row].step : given;
}

struct SCALARS pick_rule(const struct SCALARS given, __global const struct tik_row *rows,
                         __global const struct tik_progress *progress, const uint group)
{
    if (!GUARD)
        return given;
    return *(__global const struct SCALARS *)rows[group * TIK_ROWS + progress[group].row].rule;
}

/* What the elements are as matrices; of a rule that does not ask, nothing that is looked at. */
struct tik_matrices pick_matrices(__global const struct tik_matrices *matrices,
                                  const struct tik_place place)
{
    const struct tik_matrices none = {.rows = 1, .columns = 1};
    return LINES ? matrices[place.span] : none;
}

/* A step that is skipped still has no use for its gradients. */
void skip_block(const struct tik_place place, __global float *grad, __global float *sum)
{
    for (uint j = get_local_id(0); j < place.length; j += LOCAL_SIZE) {
        if (ZERO_GRAD)
            grad[place.first + j] = 0.0f;
        if (sum)
            sum[place.first + j] = 0.0f;
    }
}

/*
 * Work-group b takes block b of the spans, or, without them, of `count` elements in a row. Its
 * items take every LOCAL_SIZE-th element, so that neighbours read neighbours. What a policy does
 * not use is NULL: states, sum of gradients, average, payments, copy, factors, rows, partial sums.
 */
__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_step(const ulong count,
              __global const struct tik_span *restrict spans,
              const uint span_count,
              __global float *restrict param,
              __global float *restrict grad,
              __global float *restrict state0,
              __global float *restrict state1,
              __global float *restrict state2,
              __global float *restrict state3,
              __global float *restrict sum,
              __global float *restrict ema,
              __global float *restrict paid,
              __global ushort *restrict copy,
              const struct tik_offsets offsets,
              __global const struct tik_control *restrict control,
              __global const float *restrict clips,
              __global const float *restrict factors,
              __global const float *restrict ratios,
              __global const float *restrict iterate,
              __global const struct tik_matrices *restrict matrices,
              __global const float *restrict means,
              __global const struct tik_row *restrict rows,
              __global const struct tik_progress *restrict progress,
              const uint group,
              const struct step_scalars step_values,
              const struct SCALARS rule_values,
              __global struct tik_partial *restrict partials)
{
    __local float scratch[REPORT ? LOCAL_SIZE : 1];
    /* Copied, since Mesa warns of wrong results where a loop reads a struct argument in place. */
    const struct tik_offsets at = offsets;
    const struct step_scalars step = pick_step(step_values, rows, progress, group);
    struct SCALARS rule = pick_rule(rule_values, rows, progress, group);
    const struct surroundings around = {control, clips, factors};
    const struct tik_place place = find_place(spans, span_count, count, (uint)get_group_id(0));
    if (GUARD && control->skip) {
        skip_block(place, grad + at.grad, sum ? sum + at.state[TIK_SUM] : 0);
        return;
    }
    if (RATIO)
        RATIO_IN(&rule, ratios[place.unit]);
    if (ITERATED)
        ADJUST(&rule, place.rows, place.columns);
    const struct tik_matrices shape = pick_matrices(matrices, place);
    const struct tik_cross cross = find_cross(shape, place);

    struct dice dice;
    if (RANDOM)
        throw_dice(&dice, place.slot, step.copy);
    struct report report;
    if (REPORT)
        report_none(&report);

    for (uint j = get_local_id(0); j < place.length; j += LOCAL_SIZE) {
        const ulong i = place.first + j;
        float s[4 + ITERATED];
        if (STATES > 0)
            s[0] = state0[at.state[0] + i];
        if (STATES > 1)
            s[1] = state1[at.state[1] + i];
        if (STATES > 2)
            s[2] = state2[at.state[2] + i];
        if (STATES > 3)
            s[3] = state3[at.state[3] + i];
        if (ITERATED)
            s[STATES] = iterate[element_of_matrix(place, j)];
        if (LINES)
            read_lines(shape, cross, j, state0 + at.state[0], state1 + at.state[1], means, s);

        float p = param[at.param + i];
        const float before = SUM ? sum[at.state[TIK_SUM] + i] : 0.0f;
        const float g = prepare(p, grad[at.grad + i], before, around, place, j, step);
        float payment = PAID ? paid[at.state[TIK_PAID] + i] : 0.0f;
        p = step_element(BEFORE(p, step.decay), g, s, &payment, step, rule);

        param[at.param + i] = p;
        if (STORED > 0)
            state0[at.state[0] + i] = s[0];
        if (STORED > 1)
            state1[at.state[1] + i] = s[1];
        if (STORED > 2)
            state2[at.state[2] + i] = s[2];
        if (STORED > 3)
            state3[at.state[3] + i] = s[3];
        if (PAID)
            paid[at.state[TIK_PAID] + i] = payment;
        if (SUM)
            sum[at.state[TIK_SUM] + i] = 0.0f;
        if (ZERO_GRAD)
            grad[at.grad + i] = 0.0f;
        if (LATE)
            continue;
        if (EMA)
            ema[at.state[TIK_EMA] + i] = average(ema[at.state[TIK_EMA] + i], p, step);
        if (COPIES)
            copy[at.state[TIK_LOW] + i] = COPY(p, RANDOM ? dice.at[j / LOCAL_SIZE] : 0);
        if (REPORT)
            report_element(&report, j, p, step);
    }
    if (LATE)
        return;
    if (REPORT)
        report_block(&report, partials + place.slot, scratch);
}

#if LATE
/* What reads the new p, once penalties on whole rows or tensors have had their turn. */
__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_late(__global const struct tik_span *restrict spans,
              const uint span_count,
              __global const float *restrict param,
              __global float *restrict state0,
              __global float *restrict state1,
              __global float *restrict state2,
              __global float *restrict state3,
              __global float *restrict ema,
              __global ushort *restrict copy,
              const struct tik_offsets offsets,
              __global const struct tik_control *restrict control,
              __global const struct tik_row *restrict rows,
              __global const struct tik_progress *restrict progress,
              const uint group,
              const struct step_scalars step_values,
              const struct SCALARS rule_values,
              __global struct tik_partial *restrict partials)
{
    __local float scratch[REPORT ? LOCAL_SIZE : 1];
    const struct tik_offsets at = offsets;
    const struct step_scalars step = pick_step(step_values, rows, progress, group);
    const struct SCALARS rule = pick_rule(rule_values, rows, progress, group);
    const struct tik_place place = find_place(spans, span_count, 0, (uint)get_group_id(0));
    if (GUARD && control->skip)
        return;
    struct dice dice;
    if (RANDOM)
        throw_dice(&dice, place.slot, step.copy);
    struct report report;
    if (REPORT)
        report_none(&report);
    for (uint j = get_local_id(0); j < place.length; j += LOCAL_SIZE) {
        const ulong i = place.first + j;
        const float p = param[at.param + i];
        float s[4];
        if (STATES_AFTER > 0)
            s[0] = state0[at.state[0] + i];
        if (STATES_AFTER > 1)
            s[1] = state1[at.state[1] + i];
        if (STATES_AFTER > 2)
            s[2] = state2[at.state[2] + i];
        if (STATES_AFTER > 3)
            s[3] = state3[at.state[3] + i];
        AFTER(p, s, rule);
        if (STATES_AFTER > 0)
            state0[at.state[0] + i] = s[0];
        if (STATES_AFTER > 1)
            state1[at.state[1] + i] = s[1];
        if (STATES_AFTER > 2)
            state2[at.state[2] + i] = s[2];
        if (STATES_AFTER > 3)
            state3[at.state[3] + i] = s[3];
        if (EMA)
            ema[at.state[TIK_EMA] + i] = average(ema[at.state[TIK_EMA] + i], p, step);
        if (COPIES)
            copy[at.state[TIK_LOW] + i] = COPY(p, RANDOM ? dice.at[j / LOCAL_SIZE] : 0);
        if (REPORT)
            report_element(&report, j, p, step);
    }
    if (REPORT)
        report_block(&report, partials + place.slot, scratch);
}
#endif
