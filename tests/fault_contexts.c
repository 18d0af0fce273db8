/* Faults while a context is made: nothing leaks, and what is said is true. */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fault_suite.h"

/* Queries in the search for devices: a device that does not answer is left out without a name. */
static bool is_search(enum fault_point point)
{
    return point == FAULT_GET_PLATFORM_IDS || point == FAULT_GET_DEVICE_IDS ||
           point == FAULT_GET_DEVICE_INFO;
}

static enum faults_ending judge_context(const struct tik_context_options *options,
                                        enum tik_status status, const struct tik_context *context,
                                        enum fault_point point)
{
    if (status == TIK_OK) {
        const bool device = strcmp(tik_context_backend(context), "opencl") == 0;
        ck_assert_msg(device || strcmp(options->device, "auto") == 0,
                      "%s failed, and 'opencl' is the scalar path", faults_control->name(point));
        return device ? FAULTS_UNAFFECTED : FAULTS_FELL_BACK;
    }
    ck_assert_msg(strcmp(options->device, "auto") != 0, "%s failed, and 'auto': %s",
                  faults_control->name(point), tik_last_error());
    const bool borrowed = options->cl_context != NULL;
    ck_assert_msg(status == TIK_ERROR_DEVICE || status == TIK_ERROR_MEMORY ||
                      (!borrowed && status == TIK_ERROR_NO_DEVICE),
                  "%s failed: %s: %s", faults_control->name(point), tik_status_name(status),
                  tik_last_error());
    ck_assert_msg(is_search(point) || strstr(tik_last_error(), "CL_OUT_OF_RESOURCES") != NULL,
                  "%s failed, and the message does not say how: %s", faults_control->name(point),
                  tik_last_error());
    ck_assert_str_ne(tik_last_error(), "");
    return FAULTS_FAILED;
}

static bool create_with_fault(const struct tik_context_options *options, struct fault_plan *plans,
                              unsigned count, uint64_t n)
{
    struct tik_context *context = NULL;
    enum fault_point point;
    alarm(FAULTS_SECONDS);
    const struct faults_live live = faults_count_live();
    plans[count - 1].first = n;
    faults_control->arm(plans, count);
    const enum tik_status status = tik_context_create(options, &context);
    faults_control->disarm();
    const bool reached = faults_control->fired(count - 1, &point) > 0;
    if (!reached)
        point = plans[0].point;
    const enum faults_ending ending = judge_context(options, status, context, point);
    if (reached)
        faults_note(point, ending);
    tik_context_destroy(context);
    faults_check_live(&live, true);
    return reached;
}

static void scan_context(const char *name, const struct tik_context_options *options,
                         struct fault_plan *plans, unsigned count)
{
    uint64_t n = 1;
    while (create_with_fault(options, plans, count, n))
        n++;
    printf("%s: %" PRIu64 " faults\n", name, n - 1);
    fflush(stdout);
    ck_assert_uint_gt(n, 1);
}

START_TEST(any_call_of_a_context)
{
    struct fault_plan plan = {.point = FAULT_ANY, .count = 1, .error = CL_OUT_OF_RESOURCES};
    struct tik_context_options options = faults_options(_i == 0 ? "auto" : "opencl", false);
    if (_i == 2)
        options.cache_path = "off";
    static const char *const names[] = {"a context, auto", "a context, opencl",
                                        "a context, opencl, no cache"};
    scan_context(names[_i], &options, &plan, 1);
}
END_TEST

START_TEST(a_build_that_fails)
{
    struct fault_plan plans[] = {
        {.point = FAULT_BUILD_PROGRAM,
         .first = 1,
         .count = FAULTS_ENDLESS,
         .error = CL_OUT_OF_RESOURCES},
        {.point = FAULT_GET_PROGRAM_BUILD_INFO, .count = 1, .error = CL_OUT_OF_RESOURCES}};
    struct tik_context_options options = faults_options("opencl", false);
    options.cache_path = "off";
    scan_context("a build that fails", &options, plans, 2);
}
END_TEST

START_TEST(any_call_of_a_borrowed_context)
{
    struct tik_context *lender = faults_open(false);
    struct fault_plan plan = {.point = FAULT_ANY, .count = 1, .error = CL_OUT_OF_RESOURCES};
    struct tik_context_options options = faults_options("the caller's", false);
    options.cache_path = _i == 0 ? faults_cache : "off";
    options.cl_context = tik_context_cl_context(lender);
    options.cl_device = tik_context_cl_device(lender);
    options.cl_queue = tik_context_cl_queue(lender);
    scan_context("a borrowed context", &options, &plan, 1);
    tik_context_destroy(lender);
}
END_TEST

TCase *faults_contexts(void)
{
    TCase *tests = tcase_create("contexts");
    tcase_add_loop_test(tests, any_call_of_a_context, 0, 3);
    tcase_add_test(tests, a_build_that_fails);
    tcase_add_loop_test(tests, any_call_of_a_borrowed_context, 0, 2);
    return tests;
}
