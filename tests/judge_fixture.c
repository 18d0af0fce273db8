/*
 * Fixtures that make every option visible: parameters and gradients over many decades, every pair
 * of the edge values, exact zeros of both signs, subnormals, states that are not zero.
 */
#include "judge.h"

#include <float.h>
#include <math.h>

/* Every pair of these is a parameter and gradient of the fixture. */
static const float edges[] = {0.0F,   -0.0F,  1e-45F, -1e-40F, FLT_MIN, -1e-30F,
                              1e-20F, -1e-8F, 1.0F,   -1.0F,   1e4F,    -1e15F};
enum { EDGES = sizeof edges / sizeof edges[0] };

/* splitmix64 (Steele, Lea and Flood, 2014): the fixture is the same on every machine. */
static uint64_t next_word(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static double uniform(uint64_t *seed, double low, double high)
{
    return low + (high - low) * ldexp((double)(next_word(seed) >> 11), -53);
}

/* Of either sign, over decades; one in 16 is 0, one in 64 subnormal. */
static float spread(uint64_t *seed, double low, double high)
{
    unsigned kind = (unsigned)(next_word(seed) & 63);
    double value = pow(10, kind == 7 ? uniform(seed, -44, -38) : uniform(seed, low, high));
    float signed_value = (float)((next_word(seed) & 1) != 0 ? value : -value);
    return kind < 4 ? 0 : signed_value;
}

void judge_run_gradients(struct judge_run *run, uint64_t seed)
{
    for (size_t i = 0; i < run->part_count; i++)
        for (size_t j = 0; j < run->parts[i].count; j++)
            run->parts[i].g[j] = j < EDGES * EDGES ? edges[j % EDGES] : spread(&seed, -9, 5);
}

void judge_run_uniform(struct judge_run *run, uint64_t seed, double size)
{
    for (size_t i = 0; i < run->part_count; i++)
        for (size_t j = 0; j < run->parts[i].count; j++)
            run->parts[i].g[j] = (float)uniform(&seed, -size, size);
}

static float limited(float value, double limit)
{
    return (float)fmin(fmax((double)value, -limit), limit);
}

/* Of the size of a gradient, or of its square; what only grows is not below its start. */
static float fill_state(const struct judge_part *part, const struct oracle_state *state,
                        float value, size_t index, bool fresh)
{
    float start = (float)oracle_state_start(&part->policy, state);
    if (fresh)
        return state->at_parameter ? part->p[index] : start;
    if (state->limit > 0)
        return limited(value, state->limit);
    return (state->positive ? value * value : value) + (state->grows ? start : 0);
}

void judge_run_fill(struct judge_run *run, uint64_t seed, bool fresh)
{
    judge_run_gradients(run, seed ^ 0x5555555555555555U);
    for (size_t i = 0; i < run->part_count; i++) {
        struct judge_part *part = &run->parts[i];
        const struct oracle_state *states = part->states;
        for (size_t j = 0; j < part->count; j++) {
            part->p[j] = j < EDGES * EDGES ? edges[j / EDGES] : spread(&seed, -10, 3);
            for (size_t s = 0; s < ORACLE_STATES && states[s].name; s++) {
                float value = spread(&seed, -9, 5);
                part->state[s][j] = fill_state(part, &states[s], value, j, fresh);
            }
            /* of the parameters' size, without the seed, so that fixtures are what they were */
            bool zero = fresh && part->policy.ema.debias;
            part->ema[j] = zero ? 0 : fresh ? part->p[j] : 0.75F * part->p[part->count - 1 - j];
        }
        struct oracle_scalar scalars[ORACLE_CARRIED + 1];
        oracle_scalar_list(&part->policy, scalars);
        for (size_t k = 0; scalars[k].name; k++)
            part->carried[k] = fresh ? scalars[k].start : scalars[k].later;
    }
}

void judge_run_limit(struct judge_run *run, double limit)
{
    for (size_t i = 0; i < run->part_count && limit > 0; i++)
        for (size_t j = 0; j < run->parts[i].count; j++) {
            run->parts[i].p[j] = limited(run->parts[i].p[j], limit);
            run->parts[i].g[j] = limited(run->parts[i].g[j], limit);
        }
}

void judge_run_level(struct judge_run *run, uint64_t seed)
{
    for (size_t i = 0; i < run->part_count; i++)
        for (size_t j = 0; j < run->parts[i].count; j++) {
            float zero = (next_word(&seed) & 1) != 0 ? 0.0F : -0.0F;
            bool is_zero = (next_word(&seed) & 15) == 0;
            run->parts[i].p[j] = is_zero ? zero : (float)uniform(&seed, -2, 2);
        }
}
