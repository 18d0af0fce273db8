/* Runs of the library beside the oracle. */
#include "judge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory) {
        fprintf(stderr, "the judge has no memory for %zu elements\n", count);
        abort();
    }
    return memory;
}

static bool has_option(const char *penalty, const char *option)
{
    const struct tik_penalty_info *info = tik_penalty_find(penalty);
    for (size_t i = 0; i < info->option_count; i++)
        if (strcmp(info->options[i].name, option) == 0)
            return true;
    return false;
}

static void set_penalty(struct tik_policy *policy, const struct oracle_penalty *penalty)
{
    const struct oracle_option values[] = {
        {"weight", penalty->weight}, {"l1_ratio", penalty->l1_ratio}, {"p", penalty->p},
        {"low", penalty->low},       {"high", penalty->high},         {"radius", penalty->radius},
    };
    static const char *const units[] = {"row", "column", "tensor"};
    size_t index;
    judge_ok(tik_policy_add_penalty(policy, penalty->name, &index));
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        if (has_option(penalty->name, values[i].name))
            judge_ok(tik_policy_set_penalty(policy, index, values[i].name, values[i].value));
    judge_ok(tik_policy_set_penalty_text(policy, index, "application", penalty->application));
    if (has_option(penalty->name, "unit"))
        judge_ok(tik_policy_set_penalty_text(policy, index, "unit", units[penalty->unit]));
    if (penalty->diagonal)
        judge_ok(tik_policy_set_penalty_text(policy, index, "metric", "diagonal"));
    if (penalty->convention)
        judge_ok(tik_policy_set_penalty_text(policy, index, "convention", penalty->convention));
}

struct tik_policy *judge_policy(const struct oracle_policy *policy)
{
    struct tik_policy *made;
    judge_ok(tik_policy_create(policy->rule, &made));
    for (size_t i = 0; i < ORACLE_OPTIONS && policy->options[i].name; i++)
        judge_ok(tik_policy_set(made, policy->options[i].name, policy->options[i].value));
    for (size_t i = 0; i < ORACLE_PENALTIES && policy->penalties[i].name; i++)
        set_penalty(made, &policy->penalties[i]);
    judge_ok(tik_policy_check(made));
    return made;
}

/* The library must have exactly the states that the oracle needs, under their names. */
static void find_slots(struct judge_run *run, struct judge_part *part)
{
    const struct oracle_state *states = part->states;
    struct tik_tensor_info info;
    judge_ok(tik_optimizer_tensor(run->optimizer, part->tensor, &info));
    size_t found = 0;
    for (size_t s = 0; s < ORACLE_STATES; s++)
        part->slot[s] = -1;
    for (size_t s = 0; s < ORACLE_STATES && states[s].name; s++) {
        if (!oracle_state_used(&part->policy, &states[s], &part->exact))
            continue;
        for (size_t i = 0; i < info.state_count; i++)
            if (strcmp(info.states[i], states[s].name) == 0)
                part->slot[s] = (int)i;
        ck_assert_msg(part->slot[s] >= 0, "%s, %s: no state %s", part->policy.rule, run->label,
                      states[s].name);
        found++;
    }
    found += part->policy.ema.decay > 0; /* the mean: run->api reads and writes it */
    ck_assert_msg(found == info.state_count, "%s, %s: %zu states, the oracle needs %zu",
                  part->policy.rule, run->label, info.state_count, found);
}

/* A new tensor's states, which are all of one value each, or the parameter's. */
static void check_start(struct judge_run *run, const struct judge_part *part)
{
    float *got = allocate(part->count, sizeof *got);
    float *param = allocate(part->count, sizeof *param);
    for (size_t j = 0; j < part->count; j++)
        param[j] = 0.5f + (float)j;
    judge_ok(tik_optimizer_write(run->optimizer, part->tensor, TIK_PARAM, param));
    for (size_t s = 0; part->states[s].name; s++) {
        const struct oracle_state *state = &part->states[s];
        if (part->slot[s] < 0)
            continue;
        float start = (float)oracle_state_start(&part->policy, state);
        judge_ok(tik_optimizer_read(run->optimizer, part->tensor, TIK_STATE + part->slot[s], got));
        for (size_t j = 0; j < oracle_state_count(state, &part->exact); j++)
            judge_value(run->tally, state->name, j, (double)got[j],
                        (double)(state->at_parameter ? param[j] : start), 0);
    }
    free(param);
    free(got);
}

/* The group carries exactly the scalars that the oracle needs, under their names. */
static void check_carried_start(struct judge_run *run, const struct judge_part *part)
{
    struct oracle_scalar scalars[ORACLE_CARRIED + 1];
    size_t count = 0;
    double got;
    oracle_scalar_list(&part->policy, scalars);
    for (; scalars[count].name; count++) {
        judge_ok(tik_optimizer_carried(run->optimizer, part->group, scalars[count].name, &got));
        judge_value(run->tally, scalars[count].name, 0, got, scalars[count].start, 0);
    }
    const char *more = tik_optimizer_carried_name(run->optimizer, part->group, count);
    ck_assert_msg(more == NULL, "%s carries %s, which the oracle does not", part->policy.rule,
                  more ? more : "");
}

static void create_part(struct judge_run *run, struct judge_part *part, const char *name)
{
    if (part->joins) {
        part->group = part[-1].group;
    } else {
        struct tik_policy *policy = judge_policy(&part->policy);
        if (part->policy.ema.decay > 0)
            run->api->set_ema(policy, &part->policy.ema);
        judge_ok(tik_optimizer_add_group(run->optimizer, policy, &part->group));
        tik_policy_destroy(policy);
    }
    const size_t vector[] = {part->count}, matrix[] = {part->depth, part->rows, part->cols};
    struct tik_tensor tensor = {
        .name = name,
        .rank = part->depth > 0  ? 3
                : part->rows > 0 ? 2
                                 : 1,
        .shape = part->depth > 0  ? matrix
                 : part->rows > 0 ? matrix + 1
                                  : vector,
        .memory = TIK_MEMORY_LIBRARY,
    };
    judge_ok(tik_optimizer_add_tensor(run->optimizer, part->group, &tensor, &part->tensor));
    if (run->schedule)
        judge_ok(tik_optimizer_set_schedule(run->optimizer, part->group, run->schedule));
    part->exact.count = part->count;
    part->exact.rows = part->rows;
    part->exact.cols = part->cols;
    part->exact.depth = part->depth;
    oracle_state_list(&part->policy, part->states);
    find_slots(run, part);
    check_start(run, part);
    check_carried_start(run, part);
    part->p = allocate(part->count, sizeof *part->p);
    part->g = allocate(part->count, sizeof *part->g);
    part->ema = allocate(part->count, sizeof *part->ema);
    for (size_t s = 0; s < ORACLE_STATES; s++)
        part->state[s] = allocate(part->count, sizeof *part->state[s]);
    part->exact.elements = allocate(part->count, sizeof *part->exact.elements);
}

void judge_run_create(struct judge_run *run)
{
    static const char *const names[JUDGE_PARTS] = {"first", "second", "third", "fourth", "fifth"};
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    options.max_norm = run->max_norm;
    options.report = run->report;
    if (run->api)
        run->api->set_options(run, &options);
    judge_ok(tik_optimizer_create(judge_context(), &options, &run->optimizer));
    for (size_t i = 0; i < run->part_count; i++)
        create_part(run, &run->parts[i], names[i]);
}

void judge_run_destroy(struct judge_run *run)
{
    struct tik_optimizer_stats stats;
    tik_optimizer_stats(run->optimizer, &stats);
    ck_assert_msg(stats.fallbacks == 0, "%s: %llu steps fell back to the scalar path", run->label,
                  (unsigned long long)stats.fallbacks);
    tik_optimizer_destroy(run->optimizer);
    for (size_t i = 0; i < run->part_count; i++) {
        struct judge_part *part = &run->parts[i];
        free(part->p);
        free(part->g);
        free(part->ema);
        for (size_t s = 0; s < ORACLE_STATES; s++)
            free(part->state[s]);
        free(part->exact.elements);
    }
}

/* A program that is bounded, not exact, has divisions of 2.5 ulp and may flush subnormals. */
static struct oracle_moment moment_of(const struct judge_run *run, uint64_t t)
{
    enum tik_conformance conformance = tik_optimizer_conformance(run->optimizer);
    bool exact = conformance == TIK_EXACT;
    if (run->tally->conformance < conformance)
        run->tally->conformance = conformance;
    return (struct oracle_moment){
        .t = (double)t,
        .multiplier = run->schedule ? oracle_schedule(run->schedule, t) : 1,
        .unit = exact ? ldexp(1, -24) : ldexp(6, -24),
        .tiny = exact ? ldexp(1, -150) : ldexp(1, -126),
    };
}

static void load_part(struct judge_run *run, struct judge_part *part, uint64_t t)
{
    for (size_t j = 0; j < part->count; j++) {
        struct oracle_element *e = &part->exact.elements[j];
        e->p = part->p[j];
        e->g = part->g[j];
        e->g_error = 0;
        e->ema = part->ema[j];
        for (size_t s = 0; s < ORACLE_STATES; s++)
            e->state[s] = part->state[s][j];
    }
    judge_ok(tik_optimizer_set_active(run->optimizer, part->tensor, !part->idle));
    judge_ok(tik_optimizer_set_steps(run->optimizer, part->group, t - 1));
    struct oracle_scalar scalars[ORACLE_CARRIED + 1];
    oracle_scalar_list(&part->policy, scalars);
    if (part->joins)
        memcpy(part->carried, part[-1].carried, sizeof part->carried);
    for (size_t k = 0; scalars[k].name; k++)
        judge_ok(tik_optimizer_set_carried(run->optimizer, part->group, scalars[k].name,
                                           part->carried[k]));
    judge_ok(tik_optimizer_write(run->optimizer, part->tensor, TIK_PARAM, part->p));
    judge_ok(tik_optimizer_write(run->optimizer, part->tensor, TIK_GRAD, part->g));
    if (part->policy.ema.decay > 0)
        run->api->write_ema(run->optimizer, part->tensor, part->ema);
    for (size_t s = 0; s < ORACLE_STATES; s++)
        if (part->slot[s] >= 0)
            judge_ok(tik_optimizer_write(run->optimizer, part->tensor, TIK_STATE + part->slot[s],
                                         part->state[s]));
}

static struct oracle_clip clip_run(struct judge_run *run, const struct oracle_moment *moment)
{
    struct oracle_tensor active[JUDGE_PARTS];
    size_t count = 0;
    for (size_t i = 0; i < run->part_count; i++)
        if (!run->parts[i].idle)
            active[count++] = run->parts[i].exact;
    return oracle_clip_compute(run->max_norm, active, count, moment);
}

/* Reads one part of the library, compares it, and puts the oracle's own value in its place. */
static void compare_part(struct judge_run *run, struct judge_part *part, int which,
                         const char *where)
{
    float *values = which == TIK_PARAM ? part->p : NULL;
    size_t count = part->count;
    for (size_t s = 0; s < ORACLE_STATES; s++)
        if (part->slot[s] >= 0 && which == TIK_STATE + part->slot[s]) {
            values = part->state[s];
            count = oracle_state_count(&part->states[s], &part->exact);
        }
    float *got = allocate(part->count, sizeof *got);
    judge_ok(tik_optimizer_read(run->optimizer, part->tensor, which, got));
    for (size_t j = 0; j < count; j++) {
        const struct oracle_element *e = &part->exact.elements[j];
        const struct oracle_number *number = &e->next;
        for (size_t s = 0; s < ORACLE_STATES; s++)
            if (values == part->state[s])
                number = &e->next_state[s];
        if (part->idle) {
            judge_value(run->tally, where, j, (double)got[j], (double)values[j], 0);
            continue;
        }
        judge_number(run->tally, where, j, (double)got[j], number);
        values[j] = (float)number->value;
    }
    free(got);
}

/* Computed in double on both sides: a few roundings of double apart, and nowhere near a float's. */
static void compare_carried(struct judge_run *run, struct judge_part *part,
                            struct oracle_moment moment, const char *where)
{
    struct oracle_scalar scalars[ORACLE_CARRIED + 1];
    double got, next[ORACLE_CARRIED] = {0};
    if (part->idle || part->joins)
        return;
    oracle_scalar_list(&part->policy, scalars);
    memcpy(moment.carried, part->carried, sizeof moment.carried);
    oracle_carry(&part->policy, &moment, next);
    memcpy(part->carried, next, sizeof next);
    for (size_t k = 0; scalars[k].name; k++) {
        judge_ok(tik_optimizer_carried(run->optimizer, part->group, scalars[k].name, &got));
        judge_value(run->tally, where, k, got, next[k], 1e-14 * fabs(next[k]));
    }
}

/* The mean as it is stored, which for an idle part is what it was. */
static void compare_ema(struct judge_run *run, struct judge_part *part, const char *where)
{
    if (part->policy.ema.decay == 0)
        return;
    float *got = allocate(part->count, sizeof *got);
    run->api->read_ema(run->optimizer, part->tensor, got);
    for (size_t j = 0; j < part->count; j++) {
        const struct oracle_number *number = &part->exact.elements[j].next_ema;
        if (part->idle) {
            judge_value(run->tally, where, j, (double)got[j], (double)part->ema[j], 0);
            continue;
        }
        judge_number(run->tally, where, j, (double)got[j], number);
        part->ema[j] = (float)number->value;
    }
    free(got);
}

static void compare_run(struct judge_run *run, const struct oracle_moment *moment, uint64_t t)
{
    char where[256];
    for (size_t i = 0; i < run->part_count; i++) {
        struct judge_part *part = &run->parts[i];
        const struct oracle_state *states = part->states;
        const char *rule = part->policy.rule;
        unsigned long long step = t;
        if (run->report && !part->idle && !part->joins) {
            snprintf(where, sizeof where, "%s, %s, t = %llu, report", rule, run->label, step);
            judge_run_report(run, part, moment, where);
        }
        snprintf(where, sizeof where, "%s, %s, t = %llu, carried", rule, run->label, step);
        compare_carried(run, part, *moment, where);
        snprintf(where, sizeof where, "%s, %s, t = %llu, ema", rule, run->label, step);
        compare_ema(run, part, where);
        snprintf(where, sizeof where, "%s, %s, t = %llu, p", rule, run->label, step);
        compare_part(run, part, TIK_PARAM, where);
        for (size_t s = 0; s < ORACLE_STATES; s++) {
            if (part->slot[s] < 0)
                continue;
            snprintf(where, sizeof where, "%s, %s, t = %llu, %s", rule, run->label, step,
                     states[s].name);
            compare_part(run, part, TIK_STATE + part->slot[s], where);
        }
    }
}

void judge_run_step(struct judge_run *run, uint64_t t)
{
    for (size_t i = 0; i < run->part_count; i++)
        load_part(run, &run->parts[i], t);
    judge_ok(tik_optimizer_step(run->optimizer));
    judge_ok(tik_optimizer_sync(run->optimizer));
    struct oracle_moment moment = moment_of(run, t);
    struct oracle_clip clip;
    for (size_t i = 0; i < run->part_count; i++)
        oracle_around_apply(&run->around, &moment, &run->parts[i].exact);
    if (run->max_norm > 0) {
        clip = clip_run(run, &moment);
        moment.clip = &clip;
    }
    for (size_t i = 0; i < run->part_count; i++) {
        memcpy(moment.carried, run->parts[i].carried, sizeof moment.carried);
        oracle_step(&run->parts[i].policy, &moment, &run->parts[i].exact);
    }
    for (size_t i = 0; i < run->part_count; i++) {
        uint64_t steps;
        if (run->parts[i].idle)
            continue;
        judge_ok(tik_optimizer_steps(run->optimizer, run->parts[i].group, &steps));
        ck_assert_uint_eq(steps, t);
    }
    compare_run(run, &moment, t);
}
