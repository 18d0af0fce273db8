/*
 * Schedules of the learning rate: a multiplier of lr for each step.
 *
 *     struct tik_schedule schedule;
 *     tik_schedule_defaults(&schedule);
 *     schedule.kind = TIK_SCHEDULE_COSINE;
 *     schedule.total_steps = 1000;
 *     schedule.warmup_steps = 100;
 */
#ifndef TIKHONOV_SCHEDULE_H
#define TIKHONOV_SCHEDULE_H

#include <tikhonov/base.h>
#include <tikhonov/status.h>

enum tik_schedule_kind {
    TIK_SCHEDULE_CONSTANT,
    TIK_SCHEDULE_STEP,
    TIK_SCHEDULE_COSINE,
    TIK_SCHEDULE_LINEAR,
    TIK_SCHEDULE_POLYNOMIAL,
    TIK_SCHEDULE_EXPONENTIAL,
    TIK_SCHEDULE_PIECEWISE,
    TIK_SCHEDULE_COSINE_RESTARTS,
    TIK_SCHEDULE_ONE_CYCLE,
    TIK_SCHEDULE_INVERSE,
};

#define TIK_MAX_MILESTONES 16

/*
 * With t the step from 1, W = warmup_steps, s = t - 1 - W the steps since the warm-up and
 * L = total_steps - W, the multiplier of lr is, while t <= W,
 *
 *     warmup_start + (1 - warmup_start) t / W
 *
 * and after that, with x = min(s / L, 1) where total_steps counts:
 *
 *     constant         1
 *     step             gamma^floor(s / step_size)                                         StepLR
 *     cosine           final + (1 - final) (1 + cos(pi x)) / 2                 CosineAnnealingLR
 *     linear           1 + (final - 1) x                                                LinearLR
 *     polynomial       final + (1 - final) (1 - x)^power                            PolynomialLR
 *     exponential      gamma^s                                                     ExponentialLR
 *     piecewise        gamma^(how many of milestones[0 ..] are <= s)                 MultiStepLR
 *     cosine_restarts  cosine over cycles of step_size, then step_size*cycle_mult, ... steps
 *                                                                    CosineAnnealingWarmRestarts
 *     one_cycle        from 1/div_factor to 1 over the share pct_start of L - 1 steps, then to
 *                      1/(div_factor*final_div_factor), both along half a cosine       OneCycleLR
 *     inverse          (s + 1)^-power                           scikit-learn's invscaling
 *
 * The names on the right are PyTorch's (torch.optim.lr_scheduler) unless they say otherwise.
 */
struct tik_schedule {
    enum tik_schedule_kind kind;
    uint64_t warmup_steps;   /* 0 */
    double warmup_start;     /* 0; in [0, 1] */
    uint64_t step_size;      /* 1; at least 1 */
    double gamma;            /* 0.1; in (0, 1] */
    uint64_t total_steps;    /* 0; more than warmup_steps is due for the kinds that use it */
    double final;            /* 0; in [0, 1] */
    double power;            /* 1; in [0, inf); inverse: scikit-learn has 0.25 or 0.5 */
    uint64_t cycle_mult;     /* 1; at least 1 */
    double pct_start;        /* 0.3; in (0, 1) */
    double div_factor;       /* 25; at least 1 */
    double final_div_factor; /* 1e4; at least 1 */
    uint64_t milestones[TIK_MAX_MILESTONES]; /* ascending */
    size_t milestone_count;                  /* 0 */
};

/* Constant, no warm-up. */
TIK_API void tik_schedule_defaults(struct tik_schedule *schedule);

/* TIK_OK; TIK_ERROR_ARGUMENT names the field that is out of range. */
TIK_API TIK_CHECKED enum tik_status tik_schedule_check(const struct tik_schedule *schedule);

/* The multiplier of step t >= 1, in double. Pure; any thread. */
TIK_API double tik_schedule_at(const struct tik_schedule *schedule, uint64_t step);

#endif
