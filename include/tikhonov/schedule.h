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
    TIK_SCHEDULE_CONSTANT, /* 1 */
    TIK_SCHEDULE_STEP,   /* gamma^floor(s / step_size)                                    StepLR */
    TIK_SCHEDULE_COSINE, /* final + (1 - final) (1 + cos(pi s / total_steps)) / 2, final after that
                          */
};

/*
 * With t the step from 1, W = warmup_steps and s = t - 1 - W the steps since the warm-up:
 *
 *     t <= W: warmup_start + (1 - warmup_start) t / W
 *     t >  W: as the kind says; for cosine, total_steps counts the warm-up too: s / (total_steps -
 * W)
 */
struct tik_schedule {
    enum tik_schedule_kind kind;
    uint64_t warmup_steps; /* 0 */
    double warmup_start;   /* 0; in [0, 1] */
    uint64_t step_size;    /* 1; TIK_SCHEDULE_STEP */
    double gamma;          /* 0.1; TIK_SCHEDULE_STEP, in (0, 1] */
    uint64_t total_steps;  /* 1; TIK_SCHEDULE_COSINE, more than warmup_steps */
    double final;          /* 0; TIK_SCHEDULE_COSINE, in [0, 1] */
};

/* Constant, no warm-up. */
TIK_API void tik_schedule_defaults(struct tik_schedule *schedule);

/* TIK_OK; TIK_ERROR_ARGUMENT names the field that is out of range. */
TIK_API TIK_CHECKED enum tik_status tik_schedule_check(const struct tik_schedule *schedule);

/* The multiplier of step t >= 1, in double. Pure; any thread. */
TIK_API double tik_schedule_at(const struct tik_schedule *schedule, uint64_t step);

#endif
