#include <tikhonov/schedule.h>

#include <inttypes.h>
#include <math.h>

#include "error.h"
#include "numeric.h"

static const double pi = 3.14159265358979323846;

void tik_schedule_defaults(struct tik_schedule *schedule)
{
    *schedule = (struct tik_schedule){
        .kind = TIK_SCHEDULE_CONSTANT, .step_size = 1, .gamma = 0.1, .total_steps = 1};
}

static enum tik_status check_unit(const char *name, double value)
{
    if (value >= 0 && value <= 1)
        return TIK_OK;
    return tik_error_set(TIK_ERROR_ARGUMENT, "schedule: %s is %g; allowed is [0, 1]", name, value);
}

enum tik_status tik_schedule_check(const struct tik_schedule *schedule)
{
    if (schedule == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "schedule is NULL");
    enum tik_status status = check_unit("warmup_start", schedule->warmup_start);
    if (status != TIK_OK)
        return status;

    switch (schedule->kind) {
    case TIK_SCHEDULE_CONSTANT:
        return TIK_OK;
    case TIK_SCHEDULE_STEP:
        if (schedule->step_size == 0)
            return tik_error_set(TIK_ERROR_ARGUMENT, "schedule: step_size is 0; allowed is >= 1");
        if (!(schedule->gamma > 0 && schedule->gamma <= 1))
            return tik_error_set(TIK_ERROR_ARGUMENT, "schedule: gamma is %g; allowed is (0, 1]",
                                 schedule->gamma);
        return TIK_OK;
    case TIK_SCHEDULE_COSINE:
        if (schedule->total_steps <= schedule->warmup_steps)
            return tik_error_set(TIK_ERROR_ARGUMENT,
                                 "schedule: total_steps is %" PRIu64
                                 "; allowed is more than warmup_steps, %" PRIu64,
                                 schedule->total_steps, schedule->warmup_steps);
        return check_unit("final", schedule->final);
    }
    return tik_error_set(TIK_ERROR_ARGUMENT, "schedule: there is no kind %d", (int)schedule->kind);
}

double tik_schedule_at(const struct tik_schedule *schedule, uint64_t step)
{
    const uint64_t warmup = schedule->warmup_steps;
    if (step <= warmup)
        return schedule->warmup_start +
               (1 - schedule->warmup_start) * (double)step / (double)warmup;

    const uint64_t since = step - 1 - warmup;
    switch (schedule->kind) {
    case TIK_SCHEDULE_CONSTANT:
        return 1;
    case TIK_SCHEDULE_STEP:
        return tik_power(schedule->gamma, since / schedule->step_size);
    case TIK_SCHEDULE_COSINE: {
        const uint64_t length = schedule->total_steps - warmup;
        if (since >= length)
            return schedule->final;
        const double wave = (1 + cos(pi * (double)since / (double)length)) / 2;
        return schedule->final + (1 - schedule->final) * wave;
    }
    }
    return 1;
}
