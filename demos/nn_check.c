/*
 * Test of the network's small kernels: nn.cl on the device beside its twins in nn_scalar.c, the
 * same bits or a failure; and the twins' exponential beside the C library's in double.
 *
 * Returns 0 when all is as it should be, 1 when not, 77 (skipped) without an OpenCL device.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn.h"
#include "random.h"

enum { SKIPPED = 77 };

static int failures;

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* NaN equals NaN; otherwise bits, or on a device that is not exact a relative 2^-20. */
static bool same(float device, float twin, bool exact)
{
    if (isnan(twin) || isnan(device))
        return isnan(twin) && isnan(device);
    if (exact)
        return bits_of(device) == bits_of(twin);
    return fabsf(device - twin) <= 0x1p-20f * fabsf(twin) + 1e-30f;
}

static void compare(const char *kernel, size_t rows, size_t cols, struct array *device,
                    struct array *twin, bool exact)
{
    const float *left = array_host(device), *right = array_host(twin);
    for (size_t i = 0; i < twin->count; i++) {
        if (same(left[i], right[i], exact))
            continue;
        printf("%s, %zu x %zu, element %zu: device %.9g (%08x), twin %.9g (%08x)\n", kernel, rows,
               cols, i, (double)left[i], (unsigned)bits_of(left[i]), (double)right[i],
               (unsigned)bits_of(right[i]));
        failures++;
        return;
    }
}

/* Normals of many magnitudes, some zeros, an infinity and a NaN in the larger ones. */
static void fill(struct array *array, struct rng *rng)
{
    float *values = array_host(array);
    for (size_t i = 0; i < array->count; i++) {
        values[i] = (float)(rng_normal(rng) * pow(10, 4 * rng_uniform(rng) - 2));
        if (rng_below(rng, 16) == 0)
            values[i] = rng_below(rng, 2) ? 0.0f : -0.0f;
    }
    if (array->count > 1000) {
        values[array->count / 2] = INFINITY;
        values[array->count / 3] = NAN;
    }
}

static void copy(struct array *to, struct array *from)
{
    memcpy(array_host(to), array_host(from), to->count * sizeof(float));
}

/* The arrays of one size: `a` and `b` with the same values, for device and twin. */
struct operands {
    struct array a, b, c, other, vector, a_sums, b_sums;
};

static void create_operands(struct operands *o, struct tik_context *context, struct rng *rng,
                            size_t rows, size_t cols)
{
    array_create(&o->a, context, rows * cols);
    array_create(&o->b, context, rows * cols);
    array_create(&o->c, context, rows * cols);
    array_create(&o->other, context, rows * cols);
    array_create(&o->vector, context, cols);
    array_create(&o->a_sums, context, cols);
    array_create(&o->b_sums, context, cols);
    fill(&o->other, rng);
    fill(&o->vector, rng);
}

static void destroy_operands(struct operands *o)
{
    struct array *const arrays[] = {&o->a,      &o->b,      &o->c,     &o->other,
                                    &o->vector, &o->a_sums, &o->b_sums};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        array_destroy(arrays[i]);
}

static void check_size(struct nn *device, struct operands *o, struct rng *rng, size_t rows,
                       size_t cols, bool exact)
{
    struct nn host = {0}; /* without a device: the twins */
    fill(&o->a, rng);
    copy(&o->b, &o->a);
    add_bias(device, &o->a, &o->vector, rows, cols);
    add_bias(&host, &o->b, &o->vector, rows, cols);
    compare("add_bias", rows, cols, &o->a, &o->b, exact);

    add_bias_relu(device, &o->a, &o->vector, rows, cols);
    add_bias_relu(&host, &o->b, &o->vector, rows, cols);
    compare("add_bias_relu", rows, cols, &o->a, &o->b, exact);

    fill(&o->a, rng);
    copy(&o->b, &o->a);
    relu_backward(device, &o->a, &o->other, rows, cols);
    relu_backward(&host, &o->b, &o->other, rows, cols);
    compare("relu_backward", rows, cols, &o->a, &o->b, exact);

    column_sums(device, &o->other, &o->a_sums, rows, cols);
    column_sums(&host, &o->other, &o->b_sums, rows, cols);
    compare("column_sums", rows, cols, &o->a_sums, &o->b_sums, exact);

    /* z: other, targets: b; any numbers do. */
    softmax_gradient(device, &o->other, &o->b, &o->a, rows, cols);
    softmax_gradient(&host, &o->other, &o->b, &o->c, rows, cols);
    compare("softmax_gradient", rows, cols, &o->a, &o->c, exact);
}

static void check_kernels(struct tik_context *context)
{
    static const size_t sizes[][2] = {{1, 1},   {1, 10},   {7, 1},    {7, 10},  {32, 10},
                                      {29, 10}, {32, 128}, {93, 128}, {360, 10}};
    bool exact = tik_context_device(context)->conformance == TIK_EXACT;
    struct nn device;
    struct rng rng;
    rng_init(&rng, 1, STREAM_DATA);
    nn_create(&device, context, true);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct operands operands;
        create_operands(&operands, context, &rng, sizes[i][0], sizes[i][1]);
        check_size(&device, &operands, &rng, sizes[i][0], sizes[i][1], exact);
        destroy_operands(&operands);
    }
    nn_destroy(&device);
}

/* In units in the last place of the result, over 0 … -87 and at what lies beyond. */
static void check_exponential(void)
{
    double worst = 0;
    for (float x = 0; x >= -87.0f; x -= 0x1p-10f) {
        double right = exp((double)x);
        double place = ldexp(1, ilogb(right) - 23);
        worst = fmax(worst, fabs((double)nn_exp_negative(x) - right) / place);
    }
    printf("exp_negative: at most %.2f units in the last place\n", worst);
    failures += !(worst <= 2.0);
    failures += nn_exp_negative(0.0f) != 1.0f;
    failures += nn_exp_negative(-INFINITY) != 0.0f;
    failures += !isnan(nn_exp_negative(NAN));
}

int main(int argc, char **argv)
{
    struct tik_context *context;
    struct tik_context_options options;
    (void)argc;
    set_program_name(argv[0]);
    check_exponential();
    tik_context_defaults(&options);
    options.device = "opencl";
    if (tik_context_create(&options, &context) != TIK_OK) {
        printf("kernels: skipped: %s\n", tik_last_error());
        return failures ? EXIT_FAILED : SKIPPED;
    }
    check_kernels(context);
    printf("kernels on %s (%s): %s\n", tik_context_device(context)->name,
           tik_conformance_name(tik_context_device(context)->conformance),
           failures ? "differ" : "as their twins");
    tik_context_destroy(context);
    return failures ? EXIT_FAILED : EXIT_SUCCESS;
}
