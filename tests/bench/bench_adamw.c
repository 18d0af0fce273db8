/*
 * The baseline: AdamW on one large tensor, against a loop that reads and writes the same streams
 * (four reads, three writes of float32: 28 bytes a parameter) with trivial arithmetic.
 *
 *     bench_adamw [MI_PARAMETERS [ROUNDS]]        default 64 9
 *
 * Contestants take turns within each round, so that the machine's drift meets all of them alike;
 * medians are printed, and each contestant's ratio to the fastest limit at its number of threads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tikhonov/tikhonov.h>

#define CL_TARGET_OPENCL_VERSION 120
#ifdef __APPLE__
#include <OpenCL/opencl.h>
#else
#include <CL/cl.h>
#endif

#define BYTES  28.0
#define ROUNDS 99

static void need(enum tik_status status)
{
    if (status == TIK_OK)
        return;
    fprintf(stderr, "bench_adamw: %s\n", tik_last_error());
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One way to go over the streams, and the seconds that it took. */
struct contestant {
    const char *name;
    void (*run)(struct contestant *);
    struct tik_context *context;
    struct tik_optimizer *optimizer;
    float *stream[4]; /* of the host's limit */
    int threads;
    cl_kernel kernel; /* of the device's limit */
    cl_mem buffer[4];
    size_t count;
    double seconds[ROUNDS];
};

static void run_step(struct contestant *c)
{
    need(tik_optimizer_step(c->optimizer));
    need(tik_optimizer_sync(c->optimizer));
}

static void run_host_limit(struct contestant *c)
{
    float *restrict p = c->stream[0], *restrict m = c->stream[1], *restrict v = c->stream[2];
    const float *restrict g = c->stream[3];
    const long count = (long)c->count;
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (long i = 0; i < count; i++) {
        m[i] = m[i] + g[i];
        v[i] = v[i] + g[i];
        p[i] = p[i] + g[i];
    }
}

static void run_device_limit(struct contestant *c)
{
    const size_t global = c->count / 1024;
    const size_t local = 1;
    const cl_command_queue queue = tik_context_cl_queue(c->context);
    clEnqueueNDRangeKernel(queue, c->kernel, 1, NULL, &global, &local, 0, NULL, NULL);
    clFinish(queue);
}

static const char limit_source[] =
    "__kernel void limit(__global float *restrict p, __global float *restrict m,"
    "                    __global float *restrict v, __global const float *restrict g)"
    "{"
    "    const size_t first = get_global_id(0) * 1024;"
    "    for (size_t i = first; i < first + 1024; i++) {"
    "        m[i] = m[i] + g[i]; v[i] = v[i] + g[i]; p[i] = p[i] + g[i];"
    "    }"
    "}";

static void make_device_limit(struct contestant *c)
{
    const char *source = limit_source;
    cl_context context = tik_context_cl_context(c->context);
    cl_program program = clCreateProgramWithSource(context, 1, &source, NULL, NULL);
    clBuildProgram(program, 0, NULL, "-cl-std=CL1.2", NULL, NULL);
    c->kernel = clCreateKernel(program, "limit", NULL);
    const cl_float zero = 0;
    for (cl_uint i = 0; i < 4; i++) {
        c->buffer[i] = clCreateBuffer(context, CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR,
                                      c->count * sizeof zero, NULL, NULL);
        clEnqueueFillBuffer(tik_context_cl_queue(c->context), c->buffer[i], &zero, sizeof zero, 0,
                            c->count * sizeof zero, 0, NULL, NULL);
        clSetKernelArg(c->kernel, i, sizeof(cl_mem), &c->buffer[i]);
    }
}

static void make_optimizer(struct contestant *c, const float *gradient)
{
    struct tik_policy *policy;
    size_t group, tensor;
    need(tik_policy_create("adamw", &policy));
    need(tik_optimizer_create(c->context, NULL, &c->optimizer));
    need(tik_optimizer_add_group(c->optimizer, policy, &group));
    const struct tik_tensor t = {.name = "p", .rank = 1, .shape = &c->count};
    need(tik_optimizer_add_tensor(c->optimizer, group, &t, &tensor));
    need(tik_optimizer_write(c->optimizer, tensor, TIK_GRAD, gradient));
    need(tik_optimizer_prepare(c->optimizer));
    tik_policy_destroy(policy);
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(struct contestant *c, int rounds)
{
    qsort(c->seconds, (size_t)rounds, sizeof *c->seconds, by_size);
    return c->seconds[rounds / 2];
}

int main(int argc, char **argv)
{
    const size_t count = (size_t)(argc > 1 ? atoi(argv[1]) : 64) << 20;
    int rounds = argc > 2 ? atoi(argv[2]) : 9;
    rounds = rounds < 1 ? 1 : rounds < ROUNDS ? rounds : ROUNDS;

    enum { STEP1, LIMIT1, STEP2, LIMIT2, DEVICE_STEP, DEVICE_LIMIT, CONTESTANTS };
    struct contestant c[CONTESTANTS] = {
        [STEP1] = {.name = "scalar path, 1 thread", .run = run_step, .threads = 1},
        [LIMIT1] = {.name = "limit on the host, 1 thread", .run = run_host_limit, .threads = 1},
        [STEP2] = {.name = "scalar path, 2 threads", .run = run_step, .threads = 2},
        [LIMIT2] = {.name = "limit on the host, 2 threads", .run = run_host_limit, .threads = 2},
        [DEVICE_STEP] = {.name = "OpenCL", .run = run_step},
        [DEVICE_LIMIT] = {.name = "limit on OpenCL", .run = run_device_limit},
    };
    float *stream[4];
    for (size_t k = 0; k < 4; k++) {
        stream[k] = malloc(count * sizeof *stream[k]);
        if (stream[k] == NULL)
            return 1;
        for (size_t i = 0; i < count; i++)
            stream[k][i] = 1e-3f * (float)(i % 97);
    }
    int contestants = 0;
    for (int i = 0; i < CONTESTANTS; i++, contestants++) {
        struct tik_context_options options;
        tik_context_defaults(&options);
        options.device = i < DEVICE_STEP ? "scalar" : "opencl";
        options.threads = c[i].threads;
        c[i].count = count;
        memcpy(c[i].stream, stream, sizeof stream);
        if (tik_context_create(&options, &c[i].context) != TIK_OK) {
            printf("no OpenCL device: %s\n", tik_last_error());
            break;
        }
        if (c[i].run == run_step)
            make_optimizer(&c[i], stream[3]);
        else if (c[i].run == run_device_limit)
            make_device_limit(&c[i]);
        c[i].run(&c[i]); /* touches the pages, compiles the launch */
    }
    for (int r = 0; r < rounds; r++)
        for (int i = 0; i < contestants; i++) {
            const double begin = now();
            c[i].run(&c[i]);
            c[i].seconds[r] = now() - begin;
        }

    double seconds[CONTESTANTS];
    for (int i = 0; i < contestants; i++)
        seconds[i] = median(&c[i], rounds);
    const double fastest = contestants > DEVICE_LIMIT && seconds[DEVICE_LIMIT] < seconds[LIMIT2]
                               ? seconds[DEVICE_LIMIT]
                               : seconds[LIMIT2];
    if (contestants > DEVICE_STEP)
        printf("device %s\n", tik_context_device(c[DEVICE_STEP].context)->name);
    printf("AdamW, %zu Mi parameters, %g bytes each, medians of %d rounds\n", count >> 20, BYTES,
           rounds);
    for (int i = 0; i < contestants; i++)
        printf("%-30s %8.2f ms %7.2f GB/s  %.3f of the limit\n", c[i].name, 1e3 * seconds[i],
               BYTES * (double)count / seconds[i] * 1e-9,
               (i <= LIMIT1 ? seconds[LIMIT1] : fastest) / seconds[i]);
    return 0;
}
