/*
 * How long a process takes from the creation of its context to the end of its first step, and where
 * the time goes:
 *
 *     start [DEVICE [RULE [MAX_NORM]]]
 *
 * prints a line of milliseconds: context, optimizer, prepare, first step, second step, and the
 * first four together. tests/bench/start.py runs it with an empty and with a warm cache.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <tikhonov/tikhonov.h>

enum { COUNT = 256, TIMES = 6 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static enum tik_status make_optimizer(struct tik_context *context, const char *rule,
                                      double max_norm, struct tik_optimizer **optimizer)
{
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    options.max_norm = max_norm;
    struct tik_policy *policy;
    enum tik_status status = tik_policy_create(rule, &policy);
    if (status != TIK_OK)
        return status;
    size_t group = 0;
    status = tik_optimizer_create(context, &options, optimizer);
    if (status == TIK_OK)
        status = tik_optimizer_add_group(*optimizer, policy, &group);
    tik_policy_destroy(policy);
    if (status != TIK_OK)
        return status;
    float param[COUNT], grad[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        param[i] = 1.0f;
        grad[i] = 0.01f * (float)i;
    }
    const size_t shape[] = {COUNT};
    const struct tik_tensor tensor = {.name = "w", .rank = 1, .shape = shape, .param = param};
    status = tik_optimizer_add_tensor(*optimizer, group, &tensor, NULL);
    if (status == TIK_OK)
        status = tik_optimizer_write(*optimizer, 0, TIK_GRAD, grad);
    return status;
}

static enum tik_status take_step(struct tik_optimizer *optimizer)
{
    const enum tik_status status = tik_optimizer_step(optimizer);
    return status == TIK_OK ? tik_optimizer_sync(optimizer) : status;
}

int main(int argc, char **argv)
{
    struct tik_context_options options;
    tik_context_defaults(&options);
    options.device = argc > 1 ? argv[1] : NULL;
    const char *rule = argc > 2 ? argv[2] : "adamw";
    const double max_norm = argc > 3 ? atof(argv[3]) : 0;
    struct tik_context *context = NULL;
    struct tik_optimizer *optimizer = NULL;
    double at[TIMES] = {now()};
    size_t done = 0;
    enum tik_status status = tik_context_create(&options, &context);
    at[++done] = now();
    if (status == TIK_OK)
        status = make_optimizer(context, rule, max_norm, &optimizer);
    at[++done] = now();
    if (status == TIK_OK)
        status = tik_optimizer_prepare(optimizer);
    at[++done] = now();
    for (int i = 0; i < 2; i++) {
        if (status == TIK_OK)
            status = take_step(optimizer);
        at[++done] = now();
    }
    if (status == TIK_OK) {
        for (size_t i = 1; i < TIMES; i++)
            printf("%.3f ", at[i] - at[i - 1]);
        printf("%.3f\n", at[4] - at[0]);
    } else {
        fprintf(stderr, "start: %s\n", tik_last_error());
    }
    tik_optimizer_destroy(optimizer);
    tik_context_destroy(context);
    return status == TIK_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
