#include "twins.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/opencl/cl.h"

enum { GUARD = 37, DEVICE = 0, SCALAR = 1, ARRAYS = 2 + TIK_MAX_STATES };
static const float canary = -0x1.2468acp+40F;

/* A tensor on both sides: its memory where that is the caller's, and its values. */
struct pair {
    const struct twins_tensor *spec;
    size_t index, states;
    float *host[2][2]; /* side; param, grad: guard, values, guard */
    cl_mem buffer[2];  /* param, grad of the device's side */
    float *value[2];   /* side: the part that was read last */
    float *before;     /* the scalar path's parameters before the step */
    float *grad;
};

struct twins {
    const struct twins_spec *spec;
    struct twins_tally *tally;
    struct tik_context *context[2];
    struct tik_optimizer *optimizer[2];
    struct pair pair[TWINS_MAX_TENSORS];
    uint64_t seed;
    size_t step;
};

/* ---- memory ---- */

static float *make_guarded(const float *values, size_t count)
{
    float *memory = suite_allocate(count + 2 * GUARD, sizeof *memory);
    for (size_t i = 0; i < GUARD; i++)
        memory[i] = memory[GUARD + count + i] = canary;
    for (size_t i = 0; i < count; i++)
        memory[GUARD + i] = values[i];
    return memory;
}

/* Words on either side of the values that are not as they were, counted in pairs. */
static size_t count_trespasses(const float *memory, size_t count)
{
    size_t changed = 0;
    for (size_t i = 0; i < GUARD; i++)
        changed += memory[i] != canary || memory[GUARD + count + i] != canary;
    return changed;
}

static cl_mem make_buffer(struct tik_context *context, float *memory, size_t count)
{
    cl_int error;
    cl_mem buffer =
        clCreateBuffer(tik_context_cl_context(context), CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                       (count + 2 * GUARD) * sizeof *memory, memory, &error);
    ck_assert_int_eq(error, CL_SUCCESS);
    return buffer;
}

/* Rows for the clipping that looks at them. */
static size_t count_rows(const struct twins *twins, size_t count)
{
    if (twins->spec->around == NULL || count < 10)
        return 1;
    return count % 3 == 0 ? 3 : count % 5 == 0 ? 5 : 1;
}

static void add_tensor(struct twins *twins, int side, struct pair *pair, const char *name,
                       const float *param)
{
    const size_t count = pair->spec->count;
    const size_t cut = count_rows(twins, count), middle = pair->spec->middle;
    const size_t rows = pair->spec->rows > 0 ? pair->spec->rows : cut > 1 ? cut : 0;
    const size_t shape[] = {rows > 0 ? rows : count,
                            middle > 0 ? middle
                            : rows > 0 ? count / rows
                                       : 1,
                            middle > 0 ? count / rows / middle : 1};
    struct tik_tensor tensor = {.name = name,
                                .rank = middle > 0 ? 3
                                        : rows > 0 ? 2
                                                   : 1,
                                .shape = shape};
    size_t matrix[2];
    if (rows == 0 && suite_shape(twins->spec->rule, count, matrix) == 2) {
        tensor.rank = 2;
        tensor.shape = matrix;
    }
    tensor.param = (float *)(uintptr_t)param;
    if (pair->spec->memory == TIK_MEMORY_HOST) {
        tensor.memory = TIK_MEMORY_HOST;
        tensor.param = pair->host[side][0] + GUARD;
        tensor.grad = pair->host[side][1] + GUARD;
    }
    if (pair->spec->memory == TIK_MEMORY_OPENCL && side == DEVICE) {
        tensor.memory = TIK_MEMORY_OPENCL;
        tensor.cl_param = pair->buffer[0];
        tensor.cl_grad = pair->buffer[1];
        tensor.param_offset = tensor.grad_offset = GUARD;
    }
    judge_ok(
        tik_optimizer_add_tensor(twins->optimizer[side], pair->spec->group, &tensor, &pair->index));
}

static enum suite_values param_kind(const struct twins *twins, const struct pair *pair)
{
    return pair->spec->group == 0 || twins->spec->tame ? SUITE_HUGE : SUITE_WILD;
}

/* Sums and averages of gradients and of parameters have any sign. */
static bool is_signed(const char *state)
{
    static const char *const names[] = {"exp_avg", "exp_avg_slow", "grad_avg", "momentum_buffer",
                                        "prev",    "ax",           "linear",   "q"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], state) == 0)
            return true;
    return false;
}

/* The others, second moments and step sizes, are not negative in life; one in sixteen is here. */
static void write_states(struct twins *twins, struct pair *pair, const char *const *names)
{
    for (size_t k = 0; k < pair->states; k++) {
        suite_fill(pair->grad, pair->spec->count, pair->spec->group == 0 ? SUITE_EDGES : SUITE_WILD,
                   &twins->seed);
        for (size_t i = 0; i < pair->spec->count && !is_signed(names[k]); i++)
            pair->grad[i] = i % 16 == 5 ? pair->grad[i] : fabsf(pair->grad[i]);
        for (int side = 0; side < 2; side++)
            judge_ok(tik_optimizer_write(twins->optimizer[side], pair->index, TIK_STATE + (int)k,
                                         pair->grad));
    }
}

static void make_pair(struct twins *twins, size_t number)
{
    struct pair *pair = &twins->pair[number];
    pair->spec = &twins->spec->tensors[number];
    const size_t count = pair->spec->count;
    pair->value[0] = suite_allocate(count, sizeof(float));
    pair->value[1] = suite_allocate(count, sizeof(float));
    pair->before = suite_allocate(count, sizeof(float));
    pair->grad = suite_allocate(count, sizeof(float));
    suite_fill(pair->before, count, param_kind(twins, pair), &twins->seed);

    char name[32];
    snprintf(name, sizeof name, "tensor%zu", number);
    for (int side = 0; side < 2; side++) {
        for (int part = 0; part < 2; part++)
            pair->host[side][part] = make_guarded(part == 0 ? pair->before : pair->grad, count);
        if (pair->spec->memory == TIK_MEMORY_OPENCL && side == DEVICE)
            for (int part = 0; part < 2; part++)
                pair->buffer[part] =
                    make_buffer(twins->context[DEVICE], pair->host[side][part], count);
        add_tensor(twins, side, pair, name, pair->before);
    }
    struct tik_tensor_info info;
    judge_ok(tik_optimizer_tensor(twins->optimizer[SCALAR], pair->index, &info));
    pair->states = info.state_count;
    write_states(twins, pair, info.states);
}

static void destroy_pair(struct pair *pair)
{
    for (int part = 0; part < 2; part++) {
        free(pair->host[0][part]);
        free(pair->host[1][part]);
        free(pair->value[part]);
        if (pair->buffer[part] != NULL)
            clReleaseMemObject(pair->buffer[part]);
    }
    free(pair->before);
    free(pair->grad);
}

/* ---- comparison ---- */

/* Numbers of a part: a state may have fewer than its tensor has elements. */
static size_t count_part(const struct twins *twins, const struct pair *pair, int part)
{
    size_t count;
    judge_ok(tik_optimizer_part_shape(twins->optimizer[SCALAR], pair->index, part, NULL, &count));
    return count;
}

static bool is_exact(const struct twins *twins)
{
    return twins->tally->conformance == TIK_EXACT;
}

/* docs/numerics.md: units in the last place of the largest value involved. */
static bool within_bound(double a, double b, double before)
{
    if (!isfinite(a) || !isfinite(b) || !isfinite(before))
        return true;
    const double largest = fmax(fabs(before), fmax(fabs(a), fabs(b)));
    return fabs(a - b) <= TIK_BOUND_ULPS * (double)FLT_EPSILON * largest + (double)FLT_MIN;
}

static void compare_word(struct twins *twins, const struct pair *pair, const char *what, size_t i,
                         float there, float here, float before)
{
    struct twins_tally *tally = twins->tally;
    tally->words++;
    if (suite_same(there, here) ||
        (!is_exact(twins) && within_bound((double)there, (double)here, (double)before)))
        return;
    if (tally->different++ > 0)
        return;
    snprintf(tally->first, sizeof tally->first,
             "seed %" PRIu64 ", rule %s, %s, %s, step %zu, group %zu, size %zu, %s[%zu]: device "
             "%.9g (0x%08x), scalar %.9g (0x%08x), before %.9g (0x%08x)",
             twins->spec->seed, twins->spec->rule, twins->spec->policy,
             tik_context_device(twins->context[DEVICE])->name, twins->step, pair->spec->group,
             pair->spec->count, what, i, (double)there, suite_bits(there), (double)here,
             suite_bits(here), (double)before, suite_bits(before));
}

static void compare_part(struct twins *twins, struct pair *pair, int part, const char *what)
{
    for (int side = 0; side < 2; side++)
        judge_ok(tik_optimizer_read(twins->optimizer[side], pair->index, part, pair->value[side]));
    const size_t count = count_part(twins, pair, part);
    for (size_t i = 0; i < count; i++)
        compare_word(twins, pair, what, i, pair->value[DEVICE][i], pair->value[SCALAR][i],
                     part == TIK_PARAM ? pair->before[i] : 0);
}

/* What lies beside a tensor in the caller's memory is the caller's. */
static void check_guards(struct twins *twins, struct pair *pair)
{
    const size_t count = pair->spec->count, size = (count + 2 * GUARD) * sizeof(float);
    const bool cleared = twins->spec->around != NULL && twins->spec->around->zero_grad;
    if (cleared)
        memset(pair->grad, 0, count * sizeof *pair->grad);
    for (int part = 0; part < 2; part++) {
        if (pair->buffer[part] != NULL)
            ck_assert_int_eq(clEnqueueReadBuffer(tik_context_cl_queue(twins->context[DEVICE]),
                                                 pair->buffer[part], CL_TRUE, 0, size,
                                                 pair->host[DEVICE][part], 0, NULL, NULL),
                             CL_SUCCESS);
        for (int side = 0; side < 2; side++)
            ck_assert_msg(count_trespasses(pair->host[side][part], count) == 0,
                          "rule %s, %s, size %zu: the step wrote beside the %s of the caller's",
                          twins->spec->rule, twins->spec->policy, count,
                          part == 0 ? "parameter" : "gradient");
    }
    if (pair->spec->memory == TIK_MEMORY_LIBRARY)
        return;
    const float *grad = pair->host[DEVICE][1] + GUARD;
    suite_check_words("the caller's gradient after a step", grad, pair->grad, count);
}

/* After sync the caller's own memory holds what read returns. */
static void check_in_place(struct twins *twins, struct pair *pair)
{
    if (pair->spec->memory == TIK_MEMORY_LIBRARY)
        return;
    judge_ok(
        tik_optimizer_read(twins->optimizer[DEVICE], pair->index, TIK_PARAM, pair->value[DEVICE]));
    suite_check_words("the caller's parameter after sync", pair->host[DEVICE][0] + GUARD,
                      pair->value[DEVICE], pair->spec->count);
}

/* Sums have one shape, so that reports have the same bits too. */
static void compare_number(struct twins *twins, size_t group, const char *what, double there,
                           double here)
{
    const struct twins_tensor whole = {.group = group};
    const struct pair pair = {.spec = &whole};
    compare_word(twins, &pair, what, 0, (float)there, (float)here, 0);
}

static void compare_reports(struct twins *twins)
{
    for (size_t g = 0; g < TWINS_GROUPS; g++) {
        struct tik_report report[2];
        for (int side = 0; side < 2; side++)
            judge_ok(tik_optimizer_report(twins->optimizer[side], g, &report[side]));
        const struct tik_report *there = &report[DEVICE], *here = &report[SCALAR];
        compare_number(twins, g, "report penalty", there->penalty, here->penalty);
        compare_number(twins, g, "report half_squared_norm", there->half_squared_norm,
                       here->half_squared_norm);
        compare_number(twins, g, "report norm", there->norm, here->norm);
        compare_number(twins, g, "report clip", there->clip, here->clip);
        ck_assert_int_eq(there->skipped, here->skipped);
        ck_assert_double_eq(there->lr, here->lr);
        ck_assert_uint_eq(there->count, here->count);
        ck_assert_msg(!is_exact(twins) || there->zeros == here->zeros,
                      "rule %s, %s, step %zu, group %zu: %" PRIu64 " zeros on the device, %" PRIu64
                      " on the scalar path",
                      twins->spec->rule, twins->spec->policy, twins->step, g, there->zeros,
                      here->zeros);
    }
}

static void compare_scaling(struct twins *twins)
{
    struct tik_scaling scaling[2];
    uint64_t steps[2];
    for (int side = 0; side < 2; side++) {
        judge_ok(tik_optimizer_scaling(twins->optimizer[side], &scaling[side]));
        judge_ok(tik_optimizer_steps(twins->optimizer[side], 0, &steps[side]));
    }
    ck_assert_uint_eq(steps[DEVICE], steps[SCALAR]);
    ck_assert_double_eq(scaling[DEVICE].scale, scaling[SCALAR].scale);
    ck_assert_uint_eq(scaling[DEVICE].clean, scaling[SCALAR].clean);
    ck_assert_uint_eq(scaling[DEVICE].skipped, scaling[SCALAR].skipped);
    ck_assert_uint_eq(scaling[DEVICE].in_row, scaling[SCALAR].in_row);
}

/* What was asked to be verified was, and found right. */
static void check_verified(const struct twins *twins)
{
    struct tik_optimizer_stats stats;
    tik_optimizer_stats(twins->optimizer[DEVICE], &stats);
    ck_assert_uint_eq(stats.mismatches, 0);
    if (twins->spec->around != NULL && twins->spec->around->verify != TIK_VERIFY_OFF)
        ck_assert_uint_gt(stats.verified_words, 0);
}

/* ---- steps ---- */

static void write_gradients(struct twins *twins, struct pair *pair)
{
    const enum suite_values *kinds =
        pair->spec->group == 0 ? twins->spec->grads : twins->spec->wild_grads;
    suite_fill(pair->grad, pair->spec->count, kinds[twins->step], &twins->seed);
    for (int side = 0; side < 2; side++)
        judge_ok(tik_optimizer_write(twins->optimizer[side], pair->index, TIK_GRAD, pair->grad));
    judge_ok(tik_optimizer_read(twins->optimizer[SCALAR], pair->index, TIK_PARAM, pair->before));
}

/* A bounded device starts each step from the scalar path's values: bounds are for one step. */
static void align(struct twins *twins, struct pair *pair)
{
    for (int part = TIK_PARAM; part < (int)pair->states; part++) {
        if (part == TIK_GRAD)
            continue;
        judge_ok(
            tik_optimizer_read(twins->optimizer[SCALAR], pair->index, part, pair->value[SCALAR]));
        judge_ok(
            tik_optimizer_write(twins->optimizer[DEVICE], pair->index, part, pair->value[SCALAR]));
    }
}

static void take_step(struct twins *twins)
{
    struct twins_tally *tally = twins->tally;
    judge_ok(tik_optimizer_prepare(twins->optimizer[DEVICE]));
    const enum tik_conformance conformance = tik_optimizer_conformance(twins->optimizer[DEVICE]);
    tally->conformance = conformance > tally->conformance ? conformance : tally->conformance;
    for (size_t i = 0; i < twins->spec->tensor_count; i++) {
        write_gradients(twins, &twins->pair[i]);
        if (!is_exact(twins))
            align(twins, &twins->pair[i]);
    }
    for (int side = 0; side < 2; side++)
        judge_ok(tik_optimizer_step(twins->optimizer[side]));

    static const char *const states[] = {"state 0", "state 1", "state 2",
                                         "state 3", "state 4", "state 5"};
    for (size_t i = 0; i < twins->spec->tensor_count; i++) {
        compare_part(twins, &twins->pair[i], TIK_PARAM, "param");
        compare_part(twins, &twins->pair[i], TIK_GRAD, "grad");
        for (size_t k = 0; k < twins->pair[i].states; k++)
            compare_part(twins, &twins->pair[i], TIK_STATE + (int)k, states[k]);
    }
    if (twins->spec->report)
        compare_reports(twins);
    compare_scaling(twins);
    for (int side = 0; side < 2; side++)
        judge_ok(tik_optimizer_sync(twins->optimizer[side]));
    for (size_t i = 0; i < twins->spec->tensor_count; i++) {
        check_guards(twins, &twins->pair[i]);
        check_in_place(twins, &twins->pair[i]);
    }
}

void twins_run(struct tik_context *device, struct tik_context *scalar,
               const struct twins_spec *spec, struct twins_tally *tally)
{
    struct twins twins = {
        .spec = spec, .tally = tally, .context = {device, scalar}, .seed = spec->seed};
    ck_assert_uint_le(spec->tensor_count, TWINS_MAX_TENSORS);
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    options.max_norm = spec->max_norm;
    options.report = spec->report;
    options = spec->around != NULL ? *spec->around : options;
    for (int side = 0; side < 2; side++) {
        judge_ok(tik_optimizer_create(twins.context[side], &options, &twins.optimizer[side]));
        for (size_t g = 0; g < TWINS_GROUPS; g++)
            judge_ok(tik_optimizer_add_group(twins.optimizer[side], spec->policies[g], NULL));
        /* Groups count their own steps: one begins, the other has been at it for a while. */
        judge_ok(tik_optimizer_set_steps(twins.optimizer[side], 1, 41));
    }
    for (size_t i = 0; i < spec->tensor_count; i++)
        make_pair(&twins, i);
    for (; twins.step < spec->steps; twins.step++)
        take_step(&twins);
    tally->combinations++;
    check_verified(&twins);
    for (int side = 0; side < 2; side++)
        tik_optimizer_destroy(twins.optimizer[side]);
    for (size_t i = 0; i < spec->tensor_count; i++)
        destroy_pair(&twins.pair[i]);
}
