#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tikhonov/optimizer.h>
#include <tikhonov/tune.h>

#include "context.h"
#include "error.h"
#include "opencl/opencl.h"
#include "tuned.h"

/* What the scalar path has to gain before it takes the place of a device. */
#define WIN 0.95

void tik_tune_defaults(struct tik_tune_options *options)
{
    if (options == NULL)
        return;
    *options = (struct tik_tune_options){.parameters = (size_t)1 << 20, .rounds = 15, .keep = true};
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A local size of the device, or the scalar path, that takes part. */
struct contestant {
    struct tik_context *context;
    struct tik_optimizer *optimizer;
    double *seconds;
    struct tik_tune_candidate *candidate; /* NULL: the scalar path */
};

struct contest {
    const struct tik_tune_options *options;
    struct contestant list[TIK_TUNE_CANDIDATES + 1];
    size_t count;
};

static enum tik_status fill(struct contestant *c, size_t parameters)
{
    float *grad = malloc(parameters * sizeof *grad);
    if (grad == NULL)
        return tik_error_memory("the gradient of a measured step", parameters * sizeof *grad);
    for (size_t i = 0; i < parameters; i++)
        grad[i] = 1e-3f * (float)(i % 97 + 1);
    const enum tik_status status = tik_optimizer_write(c->optimizer, 0, TIK_GRAD, grad);
    free(grad);
    return status == TIK_OK ? tik_optimizer_prepare(c->optimizer) : status;
}

static enum tik_status make_optimizer(struct contestant *c, size_t parameters)
{
    struct tik_policy *policy;
    enum tik_status status = tik_policy_create("adamw", &policy);
    if (status != TIK_OK)
        return status;
    size_t group = 0;
    const struct tik_tensor tensor = {
        .name = "tensor", .rank = 1, .shape = &parameters, .memory = TIK_MEMORY_LIBRARY};
    status = tik_optimizer_create(c->context, NULL, &c->optimizer);
    if (status == TIK_OK)
        status = tik_optimizer_add_group(c->optimizer, policy, &group);
    if (status == TIK_OK)
        status = tik_optimizer_add_tensor(c->optimizer, group, &tensor, NULL);
    tik_policy_destroy(policy);
    return status == TIK_OK ? fill(c, parameters) : status;
}

static void leave(struct contestant *c)
{
    tik_optimizer_destroy(c->optimizer);
    tik_context_destroy(c->context);
    free(c->seconds);
    *c = (struct contestant){0};
}

/* Strict: what the scalar path took for the device would be the wrong one's time. */
static enum tik_status enter(struct contest *contest, struct tik_context_options *own,
                             struct tik_tune_candidate *candidate)
{
    struct contestant *c = &contest->list[contest->count];
    *c = (struct contestant){.candidate = candidate};
    own->strict = true;
    own->threads = contest->options->threads;
    enum tik_status status = tik_context_create(own, &c->context);
    if (status == TIK_OK)
        status = make_optimizer(c, contest->options->parameters);
    c->seconds = calloc(contest->options->rounds, sizeof *c->seconds);
    if (status == TIK_OK && c->seconds == NULL)
        status = tik_error_memory("times", contest->options->rounds * sizeof *c->seconds);
    if (status != TIK_OK) {
        leave(c);
        return status;
    }
    if (candidate != NULL)
        candidate->conformance = tik_optimizer_conformance(c->optimizer);
    contest->count++;
    return TIK_OK;
}

static enum tik_status enter_device(struct contest *contest, const struct tik_context *context,
                                    size_t local_size, struct tik_tune_result *result)
{
    struct tik_tune_candidate *candidate = &result->candidates[result->count++];
    *candidate = (struct tik_tune_candidate){.local_size = local_size, .seconds = NAN};
    struct tik_context_options own;
    tik_context_defaults(&own);
    own.cl_context = tik_context_cl_context(context);
    own.cl_device = tik_context_cl_device(context);
    own.cl_queue = tik_context_cl_queue(context);
    own.local_size = local_size;
    const enum tik_status status = enter(contest, &own, candidate);
    return status == TIK_ERROR_MEMORY ? status : TIK_OK; /* one that does not work loses */
}

static enum tik_status enter_scalar(struct contest *contest)
{
    struct tik_context_options own;
    tik_context_defaults(&own);
    own.device = "scalar";
    return enter(contest, &own, NULL);
}

/* ---- measuring ---- */

static enum tik_status take_turn(struct contestant *c, double *seconds)
{
    const double begin = now();
    enum tik_status status = tik_optimizer_step(c->optimizer);
    if (status == TIK_OK)
        status = tik_optimizer_sync(c->optimizer);
    *seconds = now() - begin;
    return status;
}

/* OpenMP's threads look out for more work for some milliseconds, on cores that a device needs. */
static void settle(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

/*
 * In turn, so that the machine's drift meets all alike; twice each, the second time counts, so that
 * caches are the contestant's own. The first round warms up.
 */
static enum tik_status play(struct contest *contest)
{
    for (unsigned round = 0; round <= contest->options->rounds; round++)
        for (size_t i = 0; i < contest->count; i++) {
            struct contestant *c = &contest->list[i];
            double seconds = 0;
            enum tik_status status = take_turn(c, &seconds);
            if (status == TIK_OK)
                status = take_turn(c, &seconds);
            if (status != TIK_OK)
                return status;
            if (round > 0)
                c->seconds[round - 1] = seconds;
            if (c->candidate == NULL)
                settle();
        }
    return TIK_OK;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *seconds, size_t count)
{
    qsort(seconds, count, sizeof *seconds, compare);
    return (seconds[(count - 1) / 2] + seconds[count / 2]) / 2;
}

/* The fastest of those whose verdict is the best there is. */
static enum tik_status choose(struct contest *contest, struct tik_tune_result *result)
{
    const struct tik_tune_candidate *best = NULL;
    for (size_t i = 0; i < contest->count; i++) {
        struct contestant *c = &contest->list[i];
        const double seconds = median(c->seconds, contest->options->rounds);
        if (c->candidate == NULL) {
            result->scalar_seconds = seconds;
            continue;
        }
        c->candidate->seconds = seconds;
        if (best == NULL || c->candidate->conformance < best->conformance ||
            (c->candidate->conformance == best->conformance && seconds < best->seconds))
            best = c->candidate;
    }
    if (best == NULL)
        return tik_error_prefix(TIK_ERROR_DEVICE, "no local size works: ");
    result->local_size = best->local_size;
    result->conformance = best->conformance;
    result->seconds = best->seconds;
    result->scalar_wins = result->scalar_seconds < WIN * best->seconds;
    return TIK_OK;
}

static enum tik_status keep(const struct tik_context *context, struct tik_tune_result *result)
{
    const struct tik_tuned tuned = {
        .local_size = result->local_size,
        .conformance = result->conformance,
        .seconds = result->seconds,
        .scalar_seconds = isnan(result->scalar_seconds) ? 0 : result->scalar_seconds,
        .scalar_wins = result->scalar_wins,
    };
    const enum tik_status status = tik_tuned_keep(&context->device, &tuned, result->path);
    if (status != TIK_OK)
        result->path[0] = '\0';
    return status;
}

static enum tik_status check(const struct tik_context *context,
                             const struct tik_tune_options *options,
                             const struct tik_tune_result *result)
{
    if (context == NULL || result == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL",
                             context == NULL ? "context" : "result");
    if (options->parameters == 0 || options->rounds == 0 || options->threads < 0)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "parameters is %zu, rounds %u, threads %d: the first two must be at "
                             "least 1, the third at least 0",
                             options->parameters, options->rounds, options->threads);
    if (context->backend == context->scalar)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "the context is on the scalar path, which has nothing to tune: choose "
                             "an OpenCL device");
    return TIK_OK;
}

enum tik_status tik_tune(const struct tik_context *context, const struct tik_tune_options *options,
                         struct tik_tune_result *result)
{
    struct tik_tune_options defaults;
    tik_tune_defaults(&defaults);
    options = options != NULL ? options : &defaults;
    enum tik_status status = check(context, options, result);
    if (status != TIK_OK)
        return status;
    *result = (struct tik_tune_result){.seconds = NAN, .scalar_seconds = NAN};
    struct contest contest = {.options = options};
    const size_t most = tik_opencl_most_items(context->backend);
    for (size_t size = 1; size <= most && status == TIK_OK; size *= 2)
        status = enter_device(&contest, context, size, result);
    if (status == TIK_OK && context->device.type == TIK_DEVICE_CPU)
        status = enter_scalar(&contest);
    if (status == TIK_OK)
        status = play(&contest);
    if (status == TIK_OK)
        status = choose(&contest, result);
    for (size_t i = 0; i < contest.count; i++)
        leave(&contest.list[i]);
    return status == TIK_OK && options->keep ? keep(context, result) : status;
}
