/*
 * The bare call on the caller's own context, queues and buffers, against tik_update_host: every
 * word of parameters and states, and every word beside them. The device is TIKHONOV_DEVICE, else
 * "opencl".
 */
#include "suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/opencl/cl.h"

/* Offsets differ, and are no multiple of anything; the rest of a buffer is a guard zone. */
enum { SEED = 20261127, COUNT = 2051, SIZE = COUNT + 100, ARRAYS = 2 + TIK_MAX_STATES };
static const size_t offsets[ARRAYS] = {3, 17, 1, 31, 64, 7};
static const float factor = 0.37F;

/* The caller's own objects, and a context of the library on them. */
static struct {
    cl_context context;
    cl_command_queue queue, second;
    struct tik_context *tikhonov;
} own;

/* Parameters, gradients and states on both sides. */
struct arrays {
    cl_mem buffer[ARRAYS], factor;
    float there[ARRAYS][SIZE], here[ARRAYS][SIZE];
};

static struct arrays arrays;

/* The scalars that the rule carries, of the device's calls and of the host's. */
static struct {
    double there[2], here[2];
} carried;

#define cl_ok(call) ck_assert_int_eq((call), CL_SUCCESS)

static void open_own(void)
{
    cl_device_id device = tik_context_cl_device(judge_context());
    cl_int error;
    own.context = clCreateContext(NULL, 1, &device, NULL, NULL, &error);
    cl_ok(error);
    own.queue = clCreateCommandQueue(own.context, device, 0, &error);
    cl_ok(error);
    own.second = clCreateCommandQueue(own.context, device, 0, &error);
    cl_ok(error);
    struct tik_context_options options;
    tik_context_defaults(&options);
    options.cl_context = own.context;
    options.cl_device = device;
    options.cl_queue = own.queue;
    judge_ok(tik_context_create(&options, &own.tikhonov));

    uint64_t seed = SEED;
    for (size_t k = 0; k < ARRAYS; k++) {
        suite_fill(arrays.there[k], SIZE, SUITE_WILD, &seed);
        memcpy(arrays.here[k], arrays.there[k], sizeof arrays.here[k]);
        arrays.buffer[k] = clCreateBuffer(own.context, CL_MEM_COPY_HOST_PTR, sizeof arrays.there[k],
                                          arrays.there[k], &error);
        cl_ok(error);
    }
    arrays.factor = clCreateBuffer(own.context, CL_MEM_COPY_HOST_PTR, sizeof factor,
                                   (void *)(uintptr_t)&factor, &error);
    cl_ok(error);
}

static void close_own(void)
{
    tik_context_destroy(own.tikhonov);
    for (size_t k = 0; k < ARRAYS; k++)
        clReleaseMemObject(arrays.buffer[k]);
    clReleaseMemObject(arrays.factor);
    clReleaseCommandQueue(own.queue);
    clReleaseCommandQueue(own.second);
    clReleaseContext(own.context);
}

/* A part of the learning rate: the second step of a long warm-up. */
static const struct tik_schedule warming = {
    .kind = TIK_SCHEDULE_CONSTANT, .warmup_steps = 1000, .warmup_start = 0.5, .step_size = 1};

static struct tik_update_args device_args(const struct tik_update *update, bool clipped,
                                          uint64_t step)
{
    struct tik_update_args args = {
        .count = COUNT,
        .param = arrays.buffer[0],
        .grad = arrays.buffer[1],
        .param_offset = offsets[0],
        .grad_offset = offsets[1],
        .factor = clipped ? arrays.factor : NULL,
        .step = step,
        .schedule = step == 2 ? &warming : NULL,
        .carried = tik_update_carried(update) > 0 ? carried.there : NULL,
    };
    for (size_t k = 0; k < tik_update_states(update); k++) {
        args.state[k] = arrays.buffer[2 + k];
        args.state_offset[k] = offsets[2 + k];
    }
    return args;
}

static void update_host(struct tik_update *update, bool clipped, uint64_t step)
{
    struct tik_update_host_args args = {
        .count = COUNT,
        .param = arrays.here[0] + offsets[0],
        .grad = arrays.here[1] + offsets[1],
        .factor = clipped ? &factor : NULL,
        .step = step,
        .schedule = step == 2 ? &warming : NULL,
        .carried = tik_update_carried(update) > 0 ? carried.here : NULL,
    };
    for (size_t k = 0; k < tik_update_states(update); k++)
        args.state[k] = arrays.here[2 + k] + offsets[2 + k];
    judge_ok(tik_update_host(update, &args));
}

/* The whole buffers, guard zones too. */
static void check_arrays(const char *what)
{
    cl_ok(clFinish(own.queue));
    cl_ok(clFinish(own.second));
    for (size_t k = 0; k < ARRAYS; k++) {
        cl_ok(clEnqueueReadBuffer(own.queue, arrays.buffer[k], CL_TRUE, 0, sizeof arrays.there[k],
                                  arrays.there[k], 0, NULL, NULL));
        suite_check_words(what, arrays.there[k], arrays.here[k], SIZE);
    }
}

static struct tik_update *make_update(const char *rule, bool clipped)
{
    struct tik_policy *policy = suite_rich_policy(rule);
    struct tik_update *update;
    judge_ok(tik_update_create(own.tikhonov, policy, clipped, &update));
    ck_assert_int_eq(tik_update_conformance(update), TIK_EXACT);
    const bool mean = strcmp(rule, "schedule_free_adamw") == 0;
    ck_assert_uint_eq(tik_update_carried(update), mean ? 2 : strcmp(rule, "nadam") == 0);
    ck_assert(tik_update_state_is_param(update, 0) == mean);
    ck_assert(!tik_update_state_is_param(update, 1));
    for (size_t k = 0; k < tik_update_carried(update); k++)
        carried.there[k] = carried.here[k] = tik_update_carried_initial(update, k);
    tik_policy_destroy(policy);
    return update;
}

/* ---- the same bits ---- */

/* One launch over elements in a row has no norm of a tensor. */
static void refuse_update(const char *rule, bool clipped)
{
    struct tik_policy *policy = suite_rich_policy(rule);
    struct tik_update *update;
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_create(own.tikhonov, policy, clipped, &update),
                  "the bare call", rule);
    tik_policy_destroy(policy);
}

/* Each step waits for an event of the caller's, on the caller's other queue. */
START_TEST(test_steps)
{
    const bool clipped = _i % 2;
    const struct tik_rule_info *rule = tik_rule_at((size_t)_i / 2);
    if (oracle_rule_find(rule->name)->shaped) {
        refuse_update(rule->name, clipped);
        return;
    }
    struct tik_update *update = make_update(rule->name, clipped);
    ck_assert_str_eq(tik_update_state_name(update, 0), rule->states[0]);
    ck_assert_ptr_null(tik_update_state_name(update, tik_update_states(update)));
    for (uint64_t step = 1; step <= 3; step++) {
        cl_int error, fate;
        cl_event gate = clCreateUserEvent(own.context, &error), done = NULL;
        cl_ok(error);
        const struct tik_update_args args = device_args(update, clipped, step);
        judge_ok(tik_update_enqueue(update, own.second, &args, 1, &gate, &done));
        cl_ok(clGetEventInfo(done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof fate, &fate, NULL));
        ck_assert_int_gt(fate, CL_COMPLETE);
        cl_ok(clSetUserEventStatus(gate, CL_COMPLETE));
        cl_ok(clWaitForEvents(1, &done));
        clReleaseEvent(gate);
        clReleaseEvent(done);
        update_host(update, clipped, step);
        check_arrays(rule->name);
        for (size_t k = 0; k < tik_update_carried(update); k++)
            ck_assert_double_eq(carried.there[k], carried.here[k]);
        judge_ok(tik_update_set(update, "lr", 0.01 * (double)step));
    }
    tik_update_destroy(update);
}
END_TEST

/* Eight at once, on two queues in turn, each after the one before. */
START_TEST(test_in_flight)
{
    enum { FLIGHTS = 8 };
    struct tik_update *updates[2] = {make_update("adamw", true), make_update("adamw", false)};
    cl_event done[FLIGHTS];
    for (uint64_t t = 0; t < FLIGHTS; t++) {
        const bool clipped = t % 2 == 0;
        struct tik_update *update = updates[t % 2];
        const struct tik_update_args args = device_args(update, clipped, t + 1);
        judge_ok(tik_update_enqueue(update, t % 3 == 0 ? own.queue : own.second, &args, t > 0,
                                    t > 0 ? &done[t - 1] : NULL, &done[t]));
        update_host(update, clipped, t + 1);
    }
    cl_ok(clFlush(own.queue));
    cl_ok(clFlush(own.second));
    cl_ok(clWaitForEvents(1, &done[FLIGHTS - 1]));
    for (size_t t = 0; t < FLIGHTS; t++)
        clReleaseEvent(done[t]);
    check_arrays("updates in flight");
    tik_update_destroy(updates[0]);
    tik_update_destroy(updates[1]);
}
END_TEST

/* On one queue that is in order nobody has to wait, and no event has to be asked for. */
START_TEST(test_without_events)
{
    struct tik_update *update = make_update("sgd", false);
    for (uint64_t step = 1; step <= 4; step++) {
        const struct tik_update_args args = device_args(update, false, step);
        judge_ok(tik_update_enqueue(update, own.second, &args, 0, NULL, NULL));
        update_host(update, false, step);
    }
    check_arrays("without events");
    tik_update_destroy(update);
}
END_TEST

START_TEST(test_count_0)
{
    struct tik_update *update = make_update("adam", true);
    struct tik_update_args args = device_args(update, true, 1);
    cl_event done = NULL;
    args.count = 0;
    judge_ok(tik_update_enqueue(update, own.second, &args, 0, NULL, &done));
    ck_assert_ptr_nonnull(done);
    cl_ok(clWaitForEvents(1, &done));
    clReleaseEvent(done);
    judge_ok(tik_update_enqueue(update, own.second, &args, 0, NULL, NULL));
    check_arrays("count 0");
    tik_update_destroy(update);
}
END_TEST

/* ---- refusals: nothing is enqueued, no word changes ---- */

START_TEST(test_bad_arguments)
{
    struct tik_update *update = make_update("adamw", true);
    const struct tik_update_args good = device_args(update, true, 1);
    struct tik_update_args args = good;
    cl_event event;
#define refused(...)                                                                               \
    suite_refused(TIK_ERROR_ARGUMENT,                                                              \
                  tik_update_enqueue(update, own.second, &args, 0, NULL, NULL), __VA_ARGS__);      \
    args = good
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_enqueue(NULL, own.second, &args, 0, NULL, NULL),
                  "update", "NULL");
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_enqueue(update, NULL, &args, 0, NULL, NULL),
                  "queue", "NULL");
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_enqueue(update, own.second, NULL, 0, NULL, NULL),
                  "args", "NULL");
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_enqueue(update, own.second, &args, 1, NULL, NULL),
                  "wait_count", "1", "waits");
    suite_refused(TIK_ERROR_ARGUMENT,
                  tik_update_enqueue(update, own.second, &args, 0, &event, NULL), "wait_count", "0",
                  "waits");
    args.param = NULL;
    refused("param", "NULL");
    args.grad = NULL;
    refused("grad", "NULL");
    args.state[1] = NULL;
    refused("state[1]", "NULL");
    args.factor = NULL;
    refused("factor", "NULL");
    args.step = 0;
    refused("step", "0", "1");
    struct tik_schedule bad = warming;
    bad.warmup_start = -0.5;
    args.schedule = &bad;
    refused("warmup_start", "-0.5", "[0, 1]");
    args.grad = args.param;
    args.grad_offset = args.param_offset;
    refused("grad", "param");
    args.state[1] = args.state[0];
    args.state_offset[1] = args.state_offset[0] + 1;
    refused("state[0]", "state[1]");
    cl_mem read_only =
        clCreateBuffer(own.context, CL_MEM_READ_ONLY, SIZE * sizeof(float), NULL, NULL);
    args.param = read_only;
    refused("param", "CL_MEM_READ_ONLY", "written");
    clReleaseMemObject(read_only);
    args.count = SIZE - offsets[0] + 1;
    refused("param", "bytes");
    args.param_offset = SIZE - COUNT + 1;
    refused("param", "bytes");
    args.grad_offset = SIZE_MAX;
    refused("grad", "offset");
    args.state_offset[0] = SIZE_MAX / 4 - 1;
    refused("state[0]", "offset");
    args.count = SIZE_MAX / 2;
    refused("param", "count");
#undef refused
    check_arrays("refused updates");
    tik_update_destroy(update);
}
END_TEST

/* The momenta's product: advanced once by each call that succeeds, by no other. */
START_TEST(test_carried)
{
    struct tik_update *update = make_update("nadam", false);
    struct tik_update_args args = device_args(update, false, 1);
    ck_assert_double_eq(carried.there[0], 1);
    args.carried = NULL;
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_enqueue(update, own.second, &args, 0, NULL, NULL),
                  "carried is NULL", "nadam");
    args = device_args(update, false, 0);
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_enqueue(update, own.second, &args, 0, NULL, NULL),
                  "step", "0");
    ck_assert_double_eq(carried.there[0], 1);
    double product = 1;
    for (uint64_t step = 1; step <= 3; step++) {
        args = device_args(update, false, step);
        judge_ok(tik_update_enqueue(update, own.second, &args, 0, NULL, NULL));
        update_host(update, false, step);
        product *= 0.9 * (1 - 0.5 * pow(0.96, (double)step * 4e-3));
        ck_assert_double_eq_tol(carried.there[0], product, 1e-14);
    }
    check_arrays("carried");
    tik_update_destroy(update);
}
END_TEST

START_TEST(test_of_another_context)
{
    struct tik_update *update = make_update("sgd", false);
    struct tik_update_args args = device_args(update, false, 1);
    cl_int error;
    cl_mem foreign = clCreateBuffer(tik_context_cl_context(judge_context()), CL_MEM_READ_WRITE,
                                    SIZE * sizeof(float), NULL, &error);
    cl_ok(error);
    suite_refused(
        TIK_ERROR_ARGUMENT,
        tik_update_enqueue(update, tik_context_cl_queue(judge_context()), &args, 0, NULL, NULL),
        "queue", "another cl_context");
    args.grad = foreign;
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_enqueue(update, own.second, &args, 0, NULL, NULL),
                  "grad", "another cl_context");
    clReleaseMemObject(foreign);
    check_arrays("another context");
    tik_update_destroy(update);
}
END_TEST

START_TEST(test_handles)
{
    struct tik_policy *policy = suite_rich_policy("sgd");
    struct tik_update *update = NULL;
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_create(NULL, policy, false, &update), "context");
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_create(own.tikhonov, NULL, false, &update),
                  "policy");
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_create(own.tikhonov, policy, false, NULL),
                  "update");
    judge_ok(tik_policy_set(policy, "nesterov", 1));
    judge_ok(tik_policy_set(policy, "dampening", 0.5));
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_create(own.tikhonov, policy, false, &update),
                  "nesterov", "dampening", "0.5");
    ck_assert_ptr_null(update);
    tik_update_destroy(NULL);
    update = make_update("sgd", false);
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_set(NULL, "lr", 1), "update");
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_set(update, NULL, 1), "option");
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_set(update, "beta1", 1), "sgd", "beta1",
                  "momentum");
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_set(update, "lr", -1), "lr", "-1", "[0, inf)");
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_set(update, "momentum", 0), "momentum",
                  "new update");
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_set(update, "maximize", 1), "maximize",
                  "new update");
    const struct tik_update_host_args none = {.count = 1, .step = 1};
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_host(NULL, &none), "update");
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_host(update, NULL), "args");
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_host(update, &none), "param", "NULL");
    /* None of it left a trace. */
    const struct tik_update_args args = device_args(update, false, 2);
    judge_ok(tik_update_enqueue(update, own.second, &args, 0, NULL, NULL));
    struct tik_update *untouched = make_update("sgd", false);
    update_host(untouched, false, 2);
    check_arrays("after refusals");
    tik_update_destroy(untouched);
    tik_update_destroy(update);
    tik_policy_destroy(policy);
}
END_TEST

static Suite *make_suite(void)
{
    int rules = 0;
    while (tik_rule_at((size_t)rules) != NULL)
        rules++;
    Suite *suite = suite_create("update");
    TCase *test_case = tcase_create("update");
    tcase_add_checked_fixture(test_case, open_own, close_own);
    tcase_add_loop_test(test_case, test_steps, 0, 2 * rules);
    tcase_add_test(test_case, test_in_flight);
    tcase_add_test(test_case, test_without_events);
    tcase_add_test(test_case, test_count_0);
    tcase_add_test(test_case, test_bad_arguments);
    tcase_add_test(test_case, test_carried);
    tcase_add_test(test_case, test_of_another_context);
    tcase_add_test(test_case, test_handles);
    suite_add_tcase(suite, test_case);
    return suite;
}

int main(void)
{
    char *device = getenv("TIKHONOV_DEVICE");
    char *arguments[] = {(char[]){"test_update"}, device != NULL ? device : (char[]){"opencl"}};
    return judge_main(2, arguments, make_suite);
}
