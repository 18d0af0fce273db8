/* Faults of the bare call: nothing was enqueued, or all of it. */
#include <tikhonov/update.h>

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "fault_suite.h"

enum { COUNT = 93 };

struct bare {
    struct tik_context *context;
    struct tik_policy *policy;
    cl_mem param, grad;
    float before[COUNT], after[COUNT], gradient[COUNT];
};

static cl_mem make_buffer(struct bare *bare, float *values)
{
    cl_int error;
    cl_mem made = clCreateBuffer(tik_context_cl_context(bare->context),
                                 CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, COUNT * sizeof *values,
                                 values, &error);
    ck_assert_int_eq(error, CL_SUCCESS);
    return made;
}

static void check_param(struct bare *bare, const float *expected)
{
    float there[COUNT];
    ck_assert_int_eq(clEnqueueReadBuffer(tik_context_cl_queue(bare->context), bare->param, CL_TRUE,
                                         0, sizeof there, there, 0, NULL, NULL),
                     CL_SUCCESS);
    ck_assert_mem_eq(there, expected, sizeof there);
}

/* A fault in one call; without it the same call succeeds. */
static bool update_with_fault(struct bare *bare, uint64_t n)
{
    const struct fault_plan plan = {
        .point = FAULT_ANY, .first = n, .count = 1, .error = CL_OUT_OF_RESOURCES};
    struct tik_update_args args = {
        .count = COUNT, .param = bare->param, .grad = bare->grad, .step = 1};
    struct tik_update *update = NULL;
    cl_event marker = NULL;
    enum fault_point point;
    alarm(FAULTS_SECONDS);
    const struct faults_live live = faults_count_live();

    faults_control->arm(&plan, 1);
    enum tik_status status = tik_update_create(bare->context, bare->policy, false, &update);
    if (status == TIK_OK)
        status =
            tik_update_enqueue(update, tik_context_cl_queue(bare->context), &args, 0, NULL, NULL);
    const bool taken = status == TIK_OK;
    args.count = 0;
    if (status == TIK_OK)
        status = tik_update_enqueue(update, tik_context_cl_queue(bare->context), &args, 0, NULL,
                                    &marker);
    faults_control->disarm();
    const bool reached = faults_control->fired(0, &point) > 0;
    ck_assert_msg(status == TIK_OK || (reached && status == TIK_ERROR_DEVICE), "%s failed: %s: %s",
                  faults_control->name(point), tik_status_name(status), tik_last_error());
    ck_assert(status != TIK_OK || !reached || faults_is_harmless(point));
    check_param(bare, taken ? bare->after : bare->before);
    ck_assert_int_eq(clEnqueueWriteBuffer(tik_context_cl_queue(bare->context), bare->param, CL_TRUE,
                                          0, sizeof bare->before, bare->before, 0, NULL, NULL),
                     CL_SUCCESS);
    if (marker != NULL)
        clReleaseEvent(marker);
    tik_update_destroy(update);
    faults_check_live(&live, false);
    if (reached)
        faults_note(point, status == TIK_OK ? FAULTS_UNAFFECTED : FAULTS_FAILED);
    return reached;
}

static void expect_update(struct bare *bare)
{
    struct tik_update *update;
    faults_ok(tik_update_create(bare->context, bare->policy, false, &update));
    for (int i = 0; i < COUNT; i++) {
        bare->before[i] = bare->after[i] = (float)(i - 40) / 16.0f;
        bare->gradient[i] = (float)(i % 7 - 3) / 4.0f;
    }
    const struct tik_update_host_args args = {
        .count = COUNT, .param = bare->after, .grad = bare->gradient, .step = 1, .schedule = NULL};
    faults_ok(tik_update_host(update, &args));
    tik_update_destroy(update);
}

START_TEST(any_call_of_a_bare_update)
{
    struct bare bare = {.context = faults_open(false)};
    faults_ok(tik_policy_create("sgd", &bare.policy));
    faults_ok(tik_policy_set(bare.policy, "lr", 0.25));
    expect_update(&bare);
    bare.param = make_buffer(&bare, bare.before);
    bare.grad = make_buffer(&bare, bare.gradient);
    uint64_t n = 1;
    while (update_with_fault(&bare, n))
        n++;
    printf("a bare update: %" PRIu64 " faults\n", n - 1);
    ck_assert_uint_gt(n, 1);
    clReleaseMemObject(bare.grad);
    clReleaseMemObject(bare.param);
    tik_policy_destroy(bare.policy);
    tik_context_destroy(bare.context);
}
END_TEST

TCase *faults_updates(void)
{
    TCase *tests = tcase_create("updates");
    tcase_add_test(tests, any_call_of_a_bare_update);
    return tests;
}
