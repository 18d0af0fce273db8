/* The limit on the host: a policy's streams, and a loop over them by OpenMP. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef _OPENMP
#include <omp.h>
#else
#define omp_get_max_threads() 1
#endif

#include "../src/pages.h"
#include "bench.h"

/* Below this many elements a parallel region costs more than it saves. */
#define PARALLEL_ELEMENTS 65536
#define PAGE              4096
#define LANES             16
#define AHEAD             512 /* elements; memory is asked for them meanwhile */

#ifdef __GNUC__
#define ask_for(address) __builtin_prefetch(address, 1)
#else
#define ask_for(address) ((void)(address))
#endif

/* For wide vectors as well, as the scalar path's loops. */
#ifndef TIK_WIDE
#define TIK_WIDE
#endif

size_t bench_streams_bytes(const struct bench_streams *streams)
{
    return sizeof(float) * (2 * streams->updated + 1 + streams->before + streams->clears) +
           sizeof(uint16_t) * streams->copies;
}

int bench_host_threads(int asked)
{
    return asked > 0 ? asked : omp_get_max_threads();
}

static size_t round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

static void *allocate(size_t bytes)
{
    void *memory = NULL;
    if (posix_memalign(&memory, PAGE, bytes) != 0)
        return NULL;
    tik_pages_advise(memory, bytes); /* as the steps' own memory */
    return memory;
}

TIK_WIDE static void fill(float *x, float value)
{
    for (size_t i = 0; i < BENCH_BLOCK; i++)
        x[i] = value;
}

TIK_WIDE static void add(float *restrict x, const float *restrict g)
{
    for (size_t i = 0; i < BENCH_BLOCK; i++)
        x[i] = x[i] + g[i];
}

/* Some 16 bits of each. */
static void halve(uint16_t *restrict copy, const float *restrict x)
{
    for (size_t i = 0; i < BENCH_BLOCK; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        copy[i] = (uint16_t)(bits >> 16);
    }
}

/* Lanes of their own, so that it can be vectorised. */
TIK_WIDE static float sum(const float *g)
{
    float lanes[LANES] = {0};
    for (size_t i = 0; i < BENCH_BLOCK; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            lanes[k] = lanes[k] + g[i + k];
    float total = 0;
    for (size_t k = 0; k < LANES; k++)
        total = total + lanes[k];
    return total;
}

static int64_t block_count(const struct bench_host *host)
{
    return (int64_t)(round_up(host->count, BENCH_BLOCK) / BENCH_BLOCK);
}

/* The same blocks by the same threads as in the loop; then the rest of the last chunk. */
static void touch(struct bench_host *host, size_t room)
{
    const int64_t blocks = block_count(host);
    const size_t updated = host->streams.updated;
#pragma omp parallel for num_threads(host->threads) schedule(static) if (host->threads > 1)
    for (int64_t b = 0; b < blocks; b++) {
        for (size_t k = 0; k < updated; k++)
            fill(host->updated[k] + b * BENCH_BLOCK, 0.0f);
        fill(host->grad + b * BENCH_BLOCK, 1e-3f);
        if (host->copy != NULL)
            halve(host->copy + b * BENCH_BLOCK, host->grad + b * BENCH_BLOCK);
    }
    for (size_t at = (size_t)blocks * BENCH_BLOCK; at < room; at += BENCH_BLOCK) {
        for (size_t k = 0; k < updated; k++)
            fill(host->updated[k] + at, 0.0f);
        fill(host->grad + at, 1e-3f);
        if (host->copy != NULL)
            halve(host->copy + at, host->grad + at);
    }
}

bool bench_host_create(struct bench_host *host, const struct bench_streams *streams, size_t count,
                       int threads)
{
    const size_t room = round_up(count, BENCH_CHUNK);
    const size_t stride = room * sizeof(float);
    *host = (struct bench_host){
        .streams = *streams,
        .count = count,
        .threads = count >= PARALLEL_ELEMENTS ? threads : 1,
        .memory =
            allocate((streams->updated + 1) * stride + streams->copies * room * sizeof(uint16_t)),
    };
    if (host->memory == NULL)
        return false;
    for (size_t k = 0; k < streams->updated; k++)
        host->updated[k] = (float *)host->memory + k * room;
    host->grad = (float *)host->memory + streams->updated * room;
    if (streams->copies)
        host->copy = (uint16_t *)(host->grad + room);
    touch(host, room);
    return true;
}

void bench_host_destroy(struct bench_host *host)
{
    free(host->memory);
    host->memory = NULL;
}

/* The result is kept, or a compiler would leave the pass out. */
static void read_before(struct bench_host *host, const float *values)
{
    const int64_t blocks = block_count(host);
    float total = 0;
#pragma omp parallel for num_threads(host->threads) schedule(static) reduction(+ : total)          \
    if (host->threads > 1)
    for (int64_t b = 0; b < blocks; b++)
        total += sum(values + b * BENCH_BLOCK);
    host->norm = total;
}

/* Short blocks, so that all streams run on side by side, as memory likes it best. */
void bench_host_run(struct bench_host *host)
{
    const int64_t blocks = block_count(host);
    const size_t updated = host->streams.updated;
    const bool clears = host->streams.clears;
    if (host->streams.before > 0)
        read_before(host, host->grad);
    if (host->streams.before > 1)
        read_before(host, host->updated[0]);
#pragma omp parallel for num_threads(host->threads) schedule(static) if (host->threads > 1)
    for (int64_t b = 0; b < blocks; b++) {
        for (size_t i = AHEAD; i < AHEAD + BENCH_BLOCK && b + AHEAD / BENCH_BLOCK < blocks;
             i += LANES) {
            for (size_t k = 0; k < updated; k++)
                ask_for(host->updated[k] + b * BENCH_BLOCK + i);
            ask_for(host->grad + b * BENCH_BLOCK + i);
        }
        for (size_t k = 0; k < updated; k++)
            add(host->updated[k] + b * BENCH_BLOCK, host->grad + b * BENCH_BLOCK);
        if (host->copy != NULL)
            halve(host->copy + b * BENCH_BLOCK, host->updated[0] + b * BENCH_BLOCK);
        if (clears)
            fill(host->grad + b * BENCH_BLOCK, 0.0f);
    }
}

static double process_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* OpenMP's threads look out for more work for some milliseconds (LLVM's for 200), on cores that a
 * CPU device needs next. */
void bench_host_settle(void)
{
    const struct timespec pause = {.tv_nsec = 500000};
    for (int i = 0; i < 1000; i++) {
        const double begin = process_seconds();
        nanosleep(&pause, NULL);
        if (process_seconds() - begin < 2e-4)
            return;
    }
}
