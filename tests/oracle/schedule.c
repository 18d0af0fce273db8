/*
 * The multipliers of the learning rate, from their closed forms: constant; step (PyTorch's StepLR);
 * cosine (Loshchilov and Hutter, SGDR, 2017, equation 5, one period); linear warm-up before any.
 */
#include "oracle.h"

#include <math.h>
#include <tikhonov/schedule.h>

double oracle_schedule(const struct tik_schedule *schedule, unsigned long long t)
{
    const double pi = 3.14159265358979323846;
    double warmup = (double)schedule->warmup_steps, step = (double)t;
    if (step <= warmup)
        return schedule->warmup_start + (1 - schedule->warmup_start) * (step / warmup);
    double since = step - 1 - warmup;
    if (schedule->kind == TIK_SCHEDULE_STEP)
        return pow(schedule->gamma, floor(since / (double)schedule->step_size));
    if (schedule->kind == TIK_SCHEDULE_COSINE) {
        double period = (double)schedule->total_steps - warmup;
        double part = fmin(since / period, 1);
        return schedule->final + (1 - schedule->final) * (1 + cos(pi * part)) / 2;
    }
    return 1;
}
