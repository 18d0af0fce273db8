/* One row of tikhonov bench: steps and their limit take turns, and the medians are compared. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "command.h"

#define WARM_UPS     3
#define LEAST_ROUNDS 21
#define MOST_ROUNDS  1001
#define ROW_SECONDS  1.0

/* Smaller steps do not go over OpenMP's threads, which then need not settle. */
#define SETTLE_PARAMETERS 16384

/*
 * Below this, a turn is taken twice and the second time counts: caches are the contestant's own and
 * its threads are awake, as in a loop of steps. Above, the caches are too small to tell.
 */
#define TWICE_PARAMETERS ((size_t)4 << 20)

/*
 * Who takes turns, in this order: the kernels come before what leaves OpenMP's threads awake, and
 * the empty one before the step, so that both find the device in the same state.
 */
enum contestant { KERNEL, EMPTY, STEP, HOST, CONTESTANTS };

struct trial {
    const struct bench_device *device;
    struct tik_optimizer *optimizer;
    struct bench_host host; /* without memory: not used */
    struct bench_kernel *kernel;
    struct bench_size size;
    double *seconds[CONTESTANTS];
    size_t rounds;
    bool clears; /* steps set the gradients to 0 */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool on_scalar(const struct bench_device *device)
{
    return tik_context_device(device->context)->type == TIK_DEVICE_SCALAR;
}

static bool on_host_memory(const struct bench_device *device)
{
    return on_scalar(device) || tik_context_device(device->context)->type == TIK_DEVICE_CPU;
}

static int say_memory(const char *what, struct bench_size size)
{
    return command_error(COMMAND_FAILED,
                         "no memory for the %s of %zu parameters; ask for fewer by --sizes", what,
                         size.parameters);
}

static int make_steps(struct trial *trial, const struct bench_policy *policy)
{
    trial->clears = policy->options.zero_grad;
    enum tik_status status =
        bench_steps_create(trial->device->context, policy, trial->size, &trial->optimizer);
    if (status == TIK_OK)
        status = bench_steps_prepare(trial->optimizer, trial->size);
    if (status == TIK_ERROR_MEMORY)
        return say_memory("steps", trial->size);
    return status == TIK_OK ? COMMAND_OK : command_failure(status);
}

/* As many as the library copies at once (src/stream.h), where not all can stay on the device. */
#define WINDOW (512 * 1024)

static void choose_window(const struct trial *trial, const struct bench_policy *policy,
                          struct bench_streams *streams)
{
    const uint64_t limit = policy->options.memory_limit;
    const size_t bytes = (streams->updated + 1) * trial->size.parameters * sizeof(float);
    if (limit > 0 && bytes > limit && !on_scalar(trial->device))
        streams->window = WINDOW;
}

/* The kernel runs on the device of the row; beside the scalar path, on as many threads. */
static int make_limits(struct trial *trial, const struct bench_streams *streams)
{
    const struct bench_device *device = trial->device;
    const bool host = on_host_memory(device) || streams->window > 0;
    if (host && !bench_host_create(&trial->host, streams, trial->size.parameters, device->threads))
        return say_memory("limit", trial->size);
    const struct tik_context *context = on_scalar(device) ? device->beside : device->context;
    if (context == NULL || (on_scalar(device) && bench_kernel_threads(context) != device->threads))
        return COMMAND_OK;
    char why[256];
    const enum tik_status status = bench_kernel_create(
        context, streams, trial->size.parameters, host ? &trial->host : NULL, why, &trial->kernel);
    if (status == TIK_ERROR_MEMORY)
        return say_memory("limit's kernel", trial->size);
    if (status == TIK_OK)
        return COMMAND_OK;
    return command_error(COMMAND_FAILED, "the limit's kernel on %s: %s",
                         tik_context_device(context)->name, why);
}

static bool takes_part(const struct trial *trial, enum contestant who)
{
    switch (who) {
    case KERNEL:
        return trial->kernel != NULL;
    case EMPTY:
        return trial->kernel != NULL && !on_scalar(trial->device);
    case HOST:
        return trial->host.memory != NULL && trial->host.streams.window == 0;
    default:
        return true;
    }
}

static int take_turn(struct trial *trial, enum contestant who)
{
    enum tik_status status = TIK_OK;
    bool done = true;
    switch (who) {
    case KERNEL:
        done = bench_kernel_limit(trial->kernel);
        break;
    case EMPTY:
        done = bench_kernel_empty(trial->kernel);
        break;
    case HOST:
        bench_host_run(&trial->host);
        break;
    default:
        status = tik_optimizer_step(trial->optimizer);
        if (status == TIK_OK)
            status = tik_optimizer_sync(trial->optimizer);
        break;
    }
    if (!done)
        return command_error(COMMAND_FAILED, "the limit's kernel failed on the device");
    return status == TIK_OK ? COMMAND_OK : command_error(COMMAND_FAILED, "%s", tik_last_error());
}

/* Without gradients moments would shrink until they are subnormal, and slow on some devices. */
static int write_gradients(struct trial *trial)
{
    const size_t often = 128;
    if (!trial->clears || trial->rounds % often != often - 1)
        return COMMAND_OK;
    const enum tik_status status = bench_steps_prepare(trial->optimizer, trial->size);
    return status == TIK_OK ? COMMAND_OK : command_failure(status);
}

/* A warm-up is not kept. */
static int play_round(struct trial *trial, bool kept)
{
    const bool twice = trial->size.parameters < TWICE_PARAMETERS;
    for (enum contestant who = KERNEL; who < CONTESTANTS; who++) {
        if (!takes_part(trial, who))
            continue;
        int code = twice ? take_turn(trial, who) : COMMAND_OK;
        const double begin = now();
        if (code == COMMAND_OK)
            code = take_turn(trial, who);
        if (code != COMMAND_OK)
            return code;
        if (kept)
            trial->seconds[who][trial->rounds] = now() - begin;
    }
    trial->rounds += kept;
    if (trial->kernel != NULL && takes_part(trial, HOST) &&
        trial->size.parameters >= SETTLE_PARAMETERS)
        bench_host_settle();
    return write_gradients(trial);
}

/* `rounds` 0: until a second is over. */
static int play(struct trial *trial, size_t rounds)
{
    const size_t room = rounds > 0 ? rounds : MOST_ROUNDS;
    for (enum contestant who = KERNEL; who < CONTESTANTS; who++) {
        trial->seconds[who] = malloc(room * sizeof(double));
        if (trial->seconds[who] == NULL)
            return command_error(COMMAND_FAILED, "no memory for %zu rounds", room);
    }
    int code = COMMAND_OK;
    for (int i = 0; code == COMMAND_OK && i < WARM_UPS; i++)
        code = play_round(trial, false);
    const double begin = now();
    while (code == COMMAND_OK && trial->rounds < room &&
           (rounds > 0 || trial->rounds < LEAST_ROUNDS || now() - begin < ROW_SECONDS))
        code = play_round(trial, true);
    return code;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, by_size);
    return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

/*
 * The median of what one contestant took of the step's time in the same round, which the machine's
 * drift leaves alone; infinite for one who took no part. It goes in place of the seconds.
 */
static double share_of_step(struct trial *trial, enum contestant who)
{
    double *seconds = trial->seconds[who];
    if (!takes_part(trial, who))
        return INFINITY;
    for (size_t r = 0; r < trial->rounds; r++)
        seconds[r] = seconds[r] / trial->seconds[STEP][r];
    return median(seconds, trial->rounds);
}

/* The limit is that of the bytes: where a policy goes over memory in several passes, of all of them. */
static void report(struct trial *trial, const struct bench_policy *policy,
                   const struct bench_streams *streams, struct bench_row *row)
{
    const double kernel = share_of_step(trial, KERNEL), host = share_of_step(trial, HOST);
    const double step = median(trial->seconds[STEP], trial->rounds);
    const double empty =
        takes_part(trial, EMPTY) ? median(trial->seconds[EMPTY], trial->rounds) : NAN;
    const size_t bytes = tik_optimizer_bytes(trial->optimizer, 0);
    const double passes = (double)bytes / (double)bench_streams_bytes(streams);
    *row = (struct bench_row){
        .device = tik_context_device(trial->device->context),
        .backend = tik_context_backend(trial->device->context),
        .policy = policy,
        .size = trial->size,
        .threads = trial->device->threads,
        .bytes = bytes,
        .rounds = trial->rounds,
        .launches = (unsigned)tik_optimizer_launches(trial->optimizer),
        .median = step,
        .best = trial->seconds[STEP][0],
        .limit = step * (kernel < host ? kernel : host) * passes,
        .empty = empty,
    };
}

int bench_trial_run(const struct bench_device *device, const struct bench_policy *policy,
                    struct bench_size size, size_t rounds, struct bench_row *row)
{
    struct trial trial = {.device = device, .size = size};
    struct bench_streams streams;
    int code = bench_steps_streams(policy, &streams);
    if (code == COMMAND_OK)
        choose_window(&trial, policy, &streams);
    if (code == COMMAND_OK)
        code = make_steps(&trial, policy);
    if (code == COMMAND_OK)
        code = make_limits(&trial, &streams);
    if (code == COMMAND_OK)
        code = play(&trial, rounds);
    if (code == COMMAND_OK)
        report(&trial, policy, &streams, row);
    for (enum contestant who = KERNEL; who < CONTESTANTS; who++)
        free(trial.seconds[who]);
    bench_kernel_destroy(trial.kernel);
    bench_host_destroy(&trial.host);
    tik_optimizer_destroy(trial.optimizer);
    return code;
}
