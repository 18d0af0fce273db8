#include <tikhonov/schedule.h>

#include <inttypes.h>
#include <math.h>

#include "error.h"
#include "numeric.h"

static const double pi = 3.14159265358979323846;

void tik_schedule_defaults(struct tik_schedule *schedule)
{
    if (schedule == NULL)
        return;
    *schedule = (struct tik_schedule){
        .kind = TIK_SCHEDULE_CONSTANT,
        .step_size = 1,
        .gamma = 0.1,
        .power = 1,
        .cycle_mult = 1,
        .pct_start = 0.3,
        .div_factor = 25,
        .final_div_factor = 1e4,
    };
}

/* ---- checks ---- */

static enum tik_status refuse(const char *name, double value, const char *range)
{
    return tik_error_set(TIK_ERROR_ARGUMENT, "schedule: %s is %g; allowed is %s", name, value,
                         range);
}

static enum tik_status check_unit(const char *name, double value)
{
    return value >= 0 && value <= 1 ? TIK_OK : refuse(name, value, "[0, 1]");
}

static enum tik_status check_count(const char *name, uint64_t value)
{
    return value >= 1 ? TIK_OK : refuse(name, 0, ">= 1");
}

static enum tik_status check_gamma(const struct tik_schedule *s)
{
    return s->gamma > 0 && s->gamma <= 1 ? TIK_OK : refuse("gamma", s->gamma, "(0, 1]");
}

static enum tik_status check_total(const struct tik_schedule *s)
{
    if (s->total_steps > s->warmup_steps)
        return TIK_OK;
    return tik_error_set(TIK_ERROR_ARGUMENT,
                         "schedule: total_steps is %" PRIu64 "; allowed is more than warmup_steps, "
                         "%" PRIu64,
                         s->total_steps, s->warmup_steps);
}

static enum tik_status check_power(const struct tik_schedule *s)
{
    return s->power >= 0 && isfinite(s->power) ? TIK_OK : refuse("power", s->power, "[0, inf)");
}

static enum tik_status check_milestones(const struct tik_schedule *s)
{
    if (s->milestone_count > TIK_MAX_MILESTONES)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "schedule: milestone_count is %zu; allowed is at most %d",
                             s->milestone_count, TIK_MAX_MILESTONES);
    for (size_t i = 1; i < s->milestone_count; i++)
        if (s->milestones[i] < s->milestones[i - 1])
            return tik_error_set(TIK_ERROR_ARGUMENT,
                                 "schedule: milestones[%zu] is %" PRIu64 "; allowed is at least "
                                 "the one before, %" PRIu64,
                                 i, s->milestones[i], s->milestones[i - 1]);
    return check_gamma(s);
}

static enum tik_status check_one_cycle(const struct tik_schedule *s)
{
    if (!(s->pct_start > 0 && s->pct_start < 1))
        return refuse("pct_start", s->pct_start, "(0, 1)");
    if (!(s->div_factor >= 1 && isfinite(s->div_factor)))
        return refuse("div_factor", s->div_factor, "[1, inf)");
    if (!(s->final_div_factor >= 1 && isfinite(s->final_div_factor)))
        return refuse("final_div_factor", s->final_div_factor, "[1, inf)");
    return check_total(s);
}

static enum tik_status first_of(enum tik_status a, enum tik_status b)
{
    return a != TIK_OK ? a : b;
}

enum tik_status tik_schedule_check(const struct tik_schedule *schedule)
{
    if (schedule == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "schedule is NULL");
    const struct tik_schedule *s = schedule;
    const enum tik_status status = check_unit("warmup_start", s->warmup_start);
    if (status != TIK_OK)
        return status;
    switch (s->kind) {
    case TIK_SCHEDULE_CONSTANT:
        return TIK_OK;
    case TIK_SCHEDULE_STEP:
        return first_of(check_count("step_size", s->step_size), check_gamma(s));
    case TIK_SCHEDULE_COSINE:
    case TIK_SCHEDULE_LINEAR:
        return first_of(check_total(s), check_unit("final", s->final));
    case TIK_SCHEDULE_POLYNOMIAL:
        return first_of(first_of(check_total(s), check_unit("final", s->final)), check_power(s));
    case TIK_SCHEDULE_EXPONENTIAL:
        return check_gamma(s);
    case TIK_SCHEDULE_PIECEWISE:
        return check_milestones(s);
    case TIK_SCHEDULE_COSINE_RESTARTS:
        return first_of(first_of(check_count("step_size", s->step_size),
                                 check_count("cycle_mult", s->cycle_mult)),
                        check_unit("final", s->final));
    case TIK_SCHEDULE_ONE_CYCLE:
        return check_one_cycle(s);
    case TIK_SCHEDULE_INVERSE:
        return check_power(s);
    }
    return tik_error_set(TIK_ERROR_ARGUMENT, "schedule: there is no kind %d", (int)s->kind);
}

/* ---- values ---- */

/* Half a cosine from `from` at x = 0 to `to` at x = 1. */
static double anneal(double from, double to, double x)
{
    return to + (from - to) * (1 + cos(pi * x)) / 2;
}

/* The share of the way that is done: 0 at s = 0, 1 from s = length on. */
static double share(uint64_t s, uint64_t length)
{
    return s >= length ? 1.0 : (double)s / (double)length;
}

static double piecewise(const struct tik_schedule *schedule, uint64_t s)
{
    uint64_t passed = 0;
    while (passed < schedule->milestone_count && schedule->milestones[passed] <= s)
        passed++;
    return tik_power(schedule->gamma, passed);
}

static double restarts(const struct tik_schedule *schedule, uint64_t s)
{
    uint64_t length = schedule->step_size;
    if (schedule->cycle_mult == 1)
        s %= length;
    while (s >= length) {
        s -= length;
        /* A cycle longer than any training is one that does not end. */
        if (length > UINT64_MAX / schedule->cycle_mult)
            break;
        length *= schedule->cycle_mult;
    }
    return anneal(1, schedule->final, share(s, length));
}

/* PyTorch counts L - 1 steps, and the peak at pct_start L - 1. */
static double one_cycle(const struct tik_schedule *schedule, uint64_t s)
{
    const double last = (double)(schedule->total_steps - schedule->warmup_steps) - 1;
    const double peak = schedule->pct_start * (last + 1) - 1;
    const double start = 1 / schedule->div_factor;
    const double step = fmin((double)s, last);
    if (step < peak || peak >= last)
        return anneal(start, 1, peak > 0 ? fmin(step / peak, 1) : 1);
    return anneal(1, start / schedule->final_div_factor, (step - peak) / (last - peak));
}

double tik_schedule_at(const struct tik_schedule *schedule, uint64_t step)
{
    if (schedule == NULL)
        return 0;
    const uint64_t warmup = schedule->warmup_steps;
    if (step <= warmup)
        return schedule->warmup_start +
               (1 - schedule->warmup_start) * (double)step / (double)warmup;

    const uint64_t s = step - 1 - warmup, length = schedule->total_steps - warmup;
    const double final = schedule->final;
    switch (schedule->kind) {
    case TIK_SCHEDULE_CONSTANT:
        return 1;
    case TIK_SCHEDULE_STEP:
        return tik_power(schedule->gamma, s / schedule->step_size);
    case TIK_SCHEDULE_COSINE:
        return anneal(1, final, share(s, length));
    case TIK_SCHEDULE_LINEAR:
        return 1 + (final - 1) * share(s, length);
    case TIK_SCHEDULE_POLYNOMIAL:
        return final + (1 - final) * pow(1 - share(s, length), schedule->power);
    case TIK_SCHEDULE_EXPONENTIAL:
        return tik_power(schedule->gamma, s);
    case TIK_SCHEDULE_PIECEWISE:
        return piecewise(schedule, s);
    case TIK_SCHEDULE_COSINE_RESTARTS:
        return restarts(schedule, s);
    case TIK_SCHEDULE_ONE_CYCLE:
        return one_cycle(schedule, s);
    case TIK_SCHEDULE_INVERSE:
        return pow((double)s + 1, -schedule->power);
    }
    return 1;
}
