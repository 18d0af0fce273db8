/*
 * The corrected quotient and root of cl/correction.cl against the host's own, bit for bit, with the
 * device's result first moved by -3 to 3 ulp, so that a correction that does nothing would show.
 * The kernels come from TIKHONOV_CL_PATH, else from the folder that the build names.
 *
 *     test_correction DEVICE quick|normal|slow
 *
 * quick: every pair of a table of edge cases, and 2^16 samples. normal: 2^24 instead. slow: every
 * float's root, and 2^28 random pairs.
 */
#include "suite.h"
#include "workdir.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/opencl/cl.h"

enum { FURTHEST = 3, PROGRAMS = 2 * FURTHEST + 1, CHUNK = 1 << 20, LOCAL = 64 };
enum { QUOTIENT, ROOT, RAW_QUOTIENT, RAW_ROOT, KERNELS };

static const char *const kernel_names[KERNELS] = {"quotient", "root", "raw_quotient", "raw_root"};
static const char pragma[] = "#pragma OPENCL FP_CONTRACT OFF\n";

/* Of both signs each. */
static const float magnitudes[] = {
    0.0F,
    0x1p-149F,
    0x1p-148F,
    0x1.8p-148F,
    0x1.4p-147F,
    0x1p-140F,
    0x1.fcp-141F,
    0x1p-127F,
    0x1.8p-127F,
    0x1.2p-130F,
    FLT_MIN / 2,
    0x0.fffffep-126F,
    FLT_MIN,
    0x1.000002p-126F,
    0x1.fffffep-126F,
    0x1p-125F,
    0x1p-100F,
    1e-20F,
    0x1p-25F,
    0x1p-24F,
    0x1.8p-24F,
    0x1p-23F,
    0.1F,
    1.0F / 3.0F,
    0x1.fffffep-2F,
    0.5F,
    0x1.000002p-1F,
    0.75F,
    0x1.fffffep-1F,
    1.0F,
    0x1.000002p+0F,
    0x1.000004p+0F,
    0x1.6a09e6p+0F,
    0x1.7ffffep+0F,
    1.5F,
    0x1.800002p+0F,
    0x1.fffffep+0F,
    2.0F,
    0x1.000002p+1F,
    3.0F,
    0x1.fffffep+1F,
    4.0F,
    7.0F,
    10.0F,
    0x1p+23F,
    0x1.fffffep+23F,
    0x1p+24F,
    1e20F,
    0x1p+100F,
    0x1p+126F,
    0x1.fffffep+126F,
    0x1p+127F,
    0x1.fffffcp+127F,
    FLT_MAX,
    INFINITY,
    NAN,
};
enum { EDGES = 2 * (int)(sizeof magnitudes / sizeof *magnitudes) };

static struct {
    cl_context context;
    cl_command_queue queue;
    cl_kernel kernel[PROGRAMS][KERNELS];
    cl_mem memory[3]; /* x, y, out */
} device;

static uint32_t x[CHUNK], y[CHUNK], expected[CHUNK], got[CHUNK];

/* What one kernel made of some samples. */
struct tally {
    uint64_t samples, different;
    char first[256];
};

/* ---- the device ---- */

static char *read_file(const char *folder, const char *name)
{
    char path[WORKDIR_PATH];
    size_t size;
    workdir_name(path, folder, name);
    return workdir_read(path, &size);
}

static bool rounds_correctly(cl_device_id id)
{
    cl_device_fp_config single = 0;
    clGetDeviceInfo(id, CL_DEVICE_SINGLE_FP_CONFIG, sizeof single, &single, NULL);
    return (single & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0;
}

static void build_program(const char *correction, const char *kernels, int displacement)
{
    cl_device_id id = tik_context_cl_device(judge_context());
    const char *texts[] = {pragma, correction, kernels};
    char options[128], log[4096] = "";
    cl_int error;
    cl_program program = clCreateProgramWithSource(device.context, 3, texts, NULL, &error);
    ck_assert_int_eq(error, CL_SUCCESS);
    snprintf(options, sizeof options, "-cl-std=CL1.2%s -DDISPLACE=%d",
             rounds_correctly(id) ? " -cl-fp32-correctly-rounded-divide-sqrt" : "", displacement);
    if (clBuildProgram(program, 1, &id, options, NULL, NULL) != CL_SUCCESS) {
        clGetProgramBuildInfo(program, id, CL_PROGRAM_BUILD_LOG, sizeof log - 1, log, NULL);
        ck_abort_msg("CL_BUILD_PROGRAM_FAILURE with %s: %s", options, log);
    }
    for (int k = 0; k < KERNELS; k++) {
        device.kernel[displacement + FURTHEST][k] =
            clCreateKernel(program, kernel_names[k], &error);
        ck_assert_int_eq(error, CL_SUCCESS);
    }
    clReleaseProgram(program);
}

static void open_device(void)
{
    device.context = tik_context_cl_context(judge_context());
    device.queue = tik_context_cl_queue(judge_context());
    const char *folder = getenv("TIKHONOV_CL_PATH");
    char *correction =
        read_file(folder != NULL && *folder != '\0' ? folder : TEST_KERNELS, "correction.cl");
    char *kernels = read_file(TEST_DATA, "correction.cl");
    for (int displacement = -FURTHEST; displacement <= FURTHEST; displacement++)
        build_program(correction, kernels, displacement);
    free(correction);
    free(kernels);
    for (int i = 0; i < 3; i++) {
        cl_int error;
        device.memory[i] =
            clCreateBuffer(device.context, CL_MEM_READ_WRITE, sizeof x, NULL, &error);
        ck_assert_int_eq(error, CL_SUCCESS);
    }
}

static void close_device(void)
{
    for (int i = 0; i < PROGRAMS * KERNELS; i++)
        clReleaseKernel(device.kernel[i / KERNELS][i % KERNELS]);
    for (int i = 0; i < 3; i++)
        clReleaseMemObject(device.memory[i]);
}

static void run_kernel(int displacement, int which, size_t count)
{
    cl_kernel kernel = device.kernel[displacement + FURTHEST][which];
    const uint32_t *const inputs[2] = {x, y};
    const size_t global = (count + LOCAL - 1) / LOCAL * LOCAL, local = LOCAL;
    for (cl_uint i = 0; i < 3; i++)
        ck_assert_int_eq(clSetKernelArg(kernel, i, sizeof(cl_mem), &device.memory[i]), CL_SUCCESS);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(clEnqueueWriteBuffer(device.queue, device.memory[i], CL_FALSE, 0,
                                              count * sizeof *x, inputs[i], 0, NULL, NULL),
                         CL_SUCCESS);
    ck_assert_int_eq(
        clEnqueueNDRangeKernel(device.queue, kernel, 1, NULL, &global, &local, 0, NULL, NULL),
        CL_SUCCESS);
    ck_assert_int_eq(clEnqueueReadBuffer(device.queue, device.memory[2], CL_TRUE, 0,
                                         count * sizeof *got, got, 0, NULL, NULL),
                     CL_SUCCESS);
}

/* ---- the host ---- */

static float number(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static bool is_root(int which)
{
    return which == ROOT || which == RAW_ROOT;
}

static void compute(int which, size_t count)
{
    if (is_root(which))
        for (size_t i = 0; i < count; i++)
            expected[i] = suite_bits(sqrtf(number(x[i])));
    else
        for (size_t i = 0; i < count; i++)
            expected[i] = suite_bits(number(x[i]) / number(y[i]));
}

static void compare(struct tally *tally, int displacement, int which, size_t count)
{
    tally->samples += count;
    for (size_t i = 0; i < count; i++) {
        if (got[i] == expected[i] || (isnan(number(got[i])) && isnan(number(expected[i]))))
            continue;
        if (tally->different++ == 0)
            snprintf(tally->first, sizeof tally->first,
                     "%s, moved by %d ulp, of 0x%08" PRIx32 " and 0x%08" PRIx32 ": 0x%08" PRIx32
                     ", not 0x%08" PRIx32,
                     kernel_names[which], displacement, x[i], is_root(which) ? 0 : y[i], got[i],
                     expected[i]);
    }
}

/* The samples in x and y, at every displacement. */
static void try_samples(int which, size_t count, struct tally tallies[PROGRAMS])
{
    compute(which, count);
    for (int displacement = -FURTHEST; displacement <= FURTHEST; displacement++) {
        run_kernel(displacement, which, count);
        compare(&tallies[displacement + FURTHEST], displacement, which, count);
    }
}

static void finish(const char *what, const struct tally tallies[PROGRAMS])
{
    uint64_t different = 0;
    const char *first = "";
    for (int i = 0; i < PROGRAMS; i++) {
        printf("correction: %s, moved by %2d ulp: %" PRIu64 " samples, %" PRIu64 " different; %s\n",
               what, i - FURTHEST, tallies[i].samples, tallies[i].different, judge_device());
        if (different == 0)
            first = tallies[i].first;
        different += tallies[i].different;
    }
    fflush(stdout);
    ck_assert_uint_gt(tallies[0].samples, 0);
    ck_assert_msg(different == 0, "%" PRIu64 " differ; first: %s", different, first);
}

/* ---- samples ---- */

static float edge(int i)
{
    const float magnitude = magnitudes[i / 2];
    return i % 2 == 0 ? magnitude : -magnitude;
}

static void test_edges(void)
{
    struct tally tallies[2][PROGRAMS] = {0};
    for (int i = 0; i < EDGES * EDGES; i++) {
        x[i] = suite_bits(edge(i / EDGES));
        y[i] = suite_bits(edge(i % EDGES));
    }
    try_samples(QUOTIENT, (size_t)EDGES * EDGES, tallies[QUOTIENT]);
    try_samples(ROOT, (size_t)EDGES * EDGES, tallies[ROOT]);
    finish("pairs of edges", tallies[QUOTIENT]);
    finish("roots of edges", tallies[ROOT]);
}

/* Random bits: all exponents alike, a few infinities and NaN among them. */
static void test_quotients(uint64_t pairs)
{
    struct tally tallies[PROGRAMS] = {0};
    uint64_t seed = 20261122;
    for (uint64_t done = 0; done < pairs;) {
        const size_t count = pairs - done < CHUNK ? (size_t)(pairs - done) : CHUNK;
        for (size_t i = 0; i < count; i++) {
            const uint64_t word = suite_word(&seed);
            x[i] = (uint32_t)word;
            y[i] = (uint32_t)(word >> 32);
        }
        try_samples(QUOTIENT, count, tallies);
        done += count;
    }
    finish("quotients", tallies);
}

/* One float at random of each stratum of equal length, over [0, limit); limit itself: all. */
static void test_roots(uint64_t samples, uint64_t limit)
{
    struct tally tallies[PROGRAMS] = {0};
    uint64_t seed = 20261123;
    const uint64_t width = limit / samples;
    for (uint64_t done = 0; done < samples;) {
        const size_t count = samples - done < CHUNK ? (size_t)(samples - done) : CHUNK;
        for (size_t i = 0; i < count; i++)
            x[i] = (uint32_t)((done + i) * width + (width > 1 ? suite_word(&seed) % width : 0));
        try_samples(ROOT, count, tallies);
        done += count;
    }
    finish("roots", tallies);
}

/* ---- tests ---- */

/* The displacement itself: uncorrected results are wrong, all but those that it leaves alone. */
START_TEST(test_displaced)
{
    struct tally tallies[2][PROGRAMS] = {0};
    uint64_t seed = 20261124;
    for (size_t i = 0; i < 1 << 16; i++) {
        x[i] = suite_bits((float)suite_uniform(&seed, 1, 2));
        y[i] = suite_bits((float)suite_uniform(&seed, 1, 2));
    }
    for (int which = 0; which < 2; which++) {
        try_samples(which == 0 ? RAW_QUOTIENT : RAW_ROOT, 1 << 16, tallies[which]);
        for (int i = 0; i < PROGRAMS; i++)
            ck_assert_msg(
                (i == FURTHEST && rounds_correctly(tik_context_cl_device(judge_context())))
                    ? tallies[which][i].different == 0
                    : i == FURTHEST || tallies[which][i].different == 1 << 16,
                "%s, moved by %d ulp: %" PRIu64 " of %" PRIu64 " differ",
                kernel_names[which == 0 ? RAW_QUOTIENT : RAW_ROOT], i - FURTHEST,
                tallies[which][i].different, tallies[which][i].samples);
    }
}
END_TEST

START_TEST(test_quick)
{
    test_edges();
    test_quotients(1 << 16);
    test_roots(1 << 16, UINT64_C(1) << 31);
}
END_TEST

START_TEST(test_normal)
{
    test_edges();
    test_quotients(1 << 24);
    test_roots(1 << 24, UINT64_C(1) << 31);
}
END_TEST

START_TEST(test_slow)
{
    test_quotients(UINT64_C(1) << 28);
    test_roots(UINT64_C(1) << 32, UINT64_C(1) << 32);
}
END_TEST

static void add_case(Suite *suite, const char *name, const TTest *test)
{
    TCase *test_case = tcase_create(name);
    tcase_add_checked_fixture(test_case, open_device, close_device);
    tcase_add_test(test_case, test_displaced);
    tcase_add_test(test_case, test);
    suite_add_tcase(suite, test_case);
}

static Suite *make_suite(void)
{
    Suite *suite = suite_create("correction");
    add_case(suite, "quick", test_quick);
    add_case(suite, "normal", test_normal);
    add_case(suite, "slow", test_slow);
    return suite;
}

int main(int argc, char **argv)
{
    return judge_main(argc, argv, make_suite);
}
