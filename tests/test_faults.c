/*
 * Every OpenCL call that the library makes is made to fail, one after another, until a run has none
 * left (as SQLite tests do); after each fault the optimizer has to be as it was, or to say that it
 * is not. Needs the fault layer in OPENCL_LAYERS.
 */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fault_campaign.h"
#include "workdir.h"

enum { SKIPPED = 77 };

START_TEST(any_call_once)
{
    struct script script;
    script_full(&script, "any call", TIK_VERIFY_OFF);
    campaign_scan(&script, campaign_one(FAULT_ANY, CL_OUT_OF_RESOURCES), _i);
}
END_TEST

START_TEST(any_call_out_of_memory)
{
    struct script script;
    script_full(&script, "any call, memory", TIK_VERIFY_OFF);
    campaign_scan(&script, campaign_one(FAULT_ANY, CL_MEM_OBJECT_ALLOCATION_FAILURE), false);
}
END_TEST

START_TEST(any_call_of_one_command)
{
    struct script script;
    script_alone(&script, "any call, sgd alone");
    campaign_scan(&script, campaign_one(FAULT_ANY, CL_OUT_OF_RESOURCES), _i);
}
END_TEST

START_TEST(any_call_without_shared_memory)
{
    struct script script;
    script_full(&script, "any call, copied memory", TIK_VERIFY_OFF);
    faults_control->hide_shared_memory(true);
    campaign_scan(&script, campaign_one(FAULT_ANY, CL_OUT_OF_RESOURCES), _i);
    faults_control->hide_shared_memory(false);
}
END_TEST

START_TEST(any_call_verified)
{
    struct script script;
    const bool all = _i < 2;
    script_full(&script, all ? "any call, verify all" : "any call, verify sample",
                all ? TIK_VERIFY_ALL : TIK_VERIFY_SAMPLE);
    campaign_scan(&script, campaign_one(FAULT_ANY, CL_OUT_OF_RESOURCES), _i % 2);
}
END_TEST

/* One way with memory that is not shared, the other strict: the verified run below has neither. */
START_TEST(any_call_around)
{
    struct script script;
    script_around(&script, "any call, around the step", (size_t)_i, TIK_VERIFY_OFF);
    faults_control->hide_shared_memory(_i == 0);
    campaign_scan(&script, campaign_one(FAULT_ANY, CL_OUT_OF_RESOURCES), _i == 1);
    faults_control->hide_shared_memory(false);
}
END_TEST

START_TEST(any_call_around_verified)
{
    struct script script;
    script_around(&script, "any call, around the step, verify all", (size_t)_i, TIK_VERIFY_ALL);
    campaign_scan(&script, campaign_one(FAULT_ANY, CL_OUT_OF_RESOURCES), false);
}
END_TEST

/* The step that has to wait for the steps under way, and what comes after it. */
START_TEST(any_call_of_a_look)
{
    struct script script;
    script_unread(&script, "any call, 16 steps unread");
    struct campaign campaign = campaign_one(FAULT_ANY, CL_OUT_OF_RESOURCES);
    campaign.from_step = 15;
    campaign_scan(&script, campaign, _i);
}
END_TEST

/* A step waits for nothing, with a guard or without; with one, the 17th waits once. */
START_TEST(the_host_does_not_wait)
{
    struct tik_context *context = faults_open(false);
    struct tik_optimizer_options options;
    struct tik_optimizer *optimizer;
    struct tik_policy *policy;
    const size_t count = 3000;
    tik_optimizer_defaults(&options);
    options.max_norm = 1;
    options.report = true;
    options.accumulate = _i == 2 ? 3 : 1;
    options.loss_scale = _i > 0 ? 1024 : 0;
    faults_ok(tik_optimizer_create(context, &options, &optimizer));
    faults_ok(tik_policy_create("adamw", &policy));
    faults_ok(tik_policy_set_ema(policy, 0.9, true));
    faults_ok(tik_policy_set_copy(policy, TIK_COPY_BF16, TIK_COPY_STOCHASTIC, 3));
    faults_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    tik_policy_destroy(policy);
    const struct tik_tensor tensor = {.name = "p", .rank = 1, .shape = &count};
    faults_ok(tik_optimizer_add_tensor(optimizer, 0, &tensor, NULL));
    faults_ok(tik_optimizer_prepare(optimizer));
    for (unsigned t = 1; t <= 40 * options.accumulate; t++) {
        const uint64_t before = faults_control->waits();
        faults_ok(tik_optimizer_set(optimizer, 0, "lr", 0.1 / t));
        faults_ok(tik_optimizer_step(optimizer));
        const bool looks = _i > 0 && t % options.accumulate == 0 &&
                           (t / options.accumulate == 17 || t / options.accumulate == 33);
        /* Control, counts, and the counts set to 0. */
        ck_assert_uint_eq(faults_control->waits() - before, looks ? 3 : 0);
    }
    tik_optimizer_destroy(optimizer);
    tik_context_destroy(context);
}
END_TEST

/* The driver says afterwards that a command failed while it ran. */
START_TEST(a_command_that_fails)
{
    struct script script;
    if (_i)
        script_alone(&script, "a command that fails, sgd alone");
    else
        script_full(&script, "a command that fails", TIK_VERIFY_OFF);
    struct campaign campaign = campaign_one(FAULT_GET_EVENT_INFO, CL_OUT_OF_RESOURCES);
    campaign.plans[0].otherwise = true;
    const uint64_t torn = faults_noted(FAULT_GET_EVENT_INFO, FAULTS_TORN);
    campaign_scan(&script, campaign, false);
    ck_assert_uint_gt(faults_noted(FAULT_GET_EVENT_INFO, FAULTS_TORN), torn);
}
END_TEST

/* The gate's call says that it failed, and opens the gate all the same: the step is not undone. */
START_TEST(a_gate_that_opens)
{
    struct script script;
    script_full(&script, "a gate that opens", TIK_VERIFY_OFF);
    struct campaign campaign = campaign_one(FAULT_SET_USER_EVENT_STATUS, CL_OUT_OF_RESOURCES);
    campaign.plans[0].otherwise = true;
    const uint64_t torn = faults_noted(FAULT_SET_USER_EVENT_STATUS, FAULTS_TORN);
    campaign_scan(&script, campaign, _i);
    ck_assert_uint_gt(faults_noted(FAULT_SET_USER_EVENT_STATUS, FAULTS_TORN), torn);
}
END_TEST

/* From some call on nothing works any more, until the first error is seen. */
START_TEST(a_device_that_dies)
{
    struct script script;
    script_full(&script, "a device that dies", TIK_VERIFY_OFF);
    struct campaign campaign = campaign_one(FAULT_ANY, CL_OUT_OF_RESOURCES);
    campaign.plans[0].count = FAULTS_ENDLESS;
    campaign_scan(&script, campaign, _i);
}
END_TEST

/* A launch fails, and then a call of the scalar path that takes over, or any other. */
START_TEST(a_second_fault)
{
    struct script script;
    script_full(&script, "a second fault", TIK_VERIFY_OFF);
    const struct campaign campaign = {
        .plans = {{.point = FAULT_ENQUEUE_ND_RANGE_KERNEL,
                   .first = (uint64_t)_i,
                   .count = 1,
                   .error = CL_OUT_OF_RESOURCES},
                  {.point = FAULT_ANY, .count = 1, .error = CL_OUT_OF_RESOURCES}},
        .plan_count = 2};
    campaign_scan(&script, campaign, false);
}
END_TEST

/*
 * The program is compiled and judged anew each time: a context of its own, whose cache has but what
 * the making of a context compiles. Of several programs each goes this way: here is one.
 */
START_TEST(any_call_of_a_cold_prepare)
{
    struct script script;
    script_prepared(&script, "any call of a cold prepare");
    struct campaign campaign = campaign_one(FAULT_ANY, CL_OUT_OF_RESOURCES);
    campaign.only_prepare = true;
    struct tik_context_options options = faults_options("opencl", false);
    char known[WORKDIR_PATH];
    struct tik_context *context;
    workdir_create(known);
    options.cache_path = known;
    faults_ok(tik_context_create(&options, &context));
    tik_context_destroy(context);
    uint64_t n = 0;
    bool reached = true;
    while (reached) {
        char cache[WORKDIR_PATH];
        workdir_create(cache);
        workdir_copy(known, cache);
        options.cache_path = cache;
        faults_ok(tik_context_create(&options, &context));
        reached = campaign_play(&script, context, &campaign, ++n);
        tik_context_destroy(context);
        workdir_remove(cache);
    }
    workdir_remove(known);
    printf("%s: %" PRIu64 " faults\n", script.name, n - 1);
    ck_assert_uint_gt(n, 100); /* fewer, and nothing was compiled */
    script_free(&script);
}
END_TEST

/* Comes last: every call was made, and made to fail, and nothing is left. */
START_TEST(covers_every_call)
{
    const struct faults_live nothing = {{0}};
    const unsigned missed = faults_print_account();
    faults_check_live(&nothing, true);
    ck_assert_msg(missed == 0, "%u calls were never made or never failed", missed);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("faults");
    suite_add_tcase(suite, faults_contexts());
    TCase *steps = tcase_create("steps");
    tcase_add_loop_test(steps, any_call_once, 0, 2);
    tcase_add_test(steps, any_call_out_of_memory);
    tcase_add_loop_test(steps, any_call_of_one_command, 0, 2);
    tcase_add_loop_test(steps, any_call_without_shared_memory, 0, 2);
    tcase_add_loop_test(steps, any_call_verified, 0, 3);
    tcase_add_loop_test(steps, a_command_that_fails, 0, 2);
    tcase_add_loop_test(steps, a_gate_that_opens, 0, 2);
    suite_add_tcase(suite, steps);
    TCase *around = tcase_create("around");
    tcase_add_loop_test(around, the_host_does_not_wait, 0, 3);
    tcase_add_loop_test(around, any_call_of_a_look, 0, 2);
    tcase_add_loop_test(around, any_call_around, 0, 2);
    tcase_add_loop_test(around, any_call_around_verified, 0, 2);
    suite_add_tcase(suite, around);
    TCase *devices = tcase_create("devices");
    tcase_add_loop_test(devices, a_device_that_dies, 0, 2);
    tcase_add_loop_test(devices, a_second_fault, 2, 4);
    tcase_add_test(devices, any_call_of_a_cold_prepare);
    suite_add_tcase(suite, devices);
    suite_add_tcase(suite, faults_updates());
    suite_add_tcase(suite, faults_lists());
    TCase *account = tcase_create("account");
    tcase_add_test(account, covers_every_call);
    suite_add_tcase(suite, account);
    return suite;
}

/* The layer that the loader has loaded, or NULL. */
static const struct fault_control *find_control(void)
{
    cl_uint platforms = 0;
    clGetPlatformIDs(0, NULL, &platforms);
    const char *path = getenv("OPENCL_LAYERS");
    void *layer = path != NULL ? dlopen(path, RTLD_NOW | RTLD_NOLOAD) : NULL;
    return layer != NULL ? dlsym(layer, "fault_control") : NULL;
}

int main(void)
{
    unsetenv("TIKHONOV_STRICT");
    struct tik_context *context;
    const struct tik_context_options options = {.device = "opencl", .cache_path = "off"};
    if (tik_context_create(&options, &context) != TIK_OK) {
        printf("skipped: %s\n", tik_last_error());
        return SKIPPED;
    }
    tik_context_destroy(context);
    faults_control = find_control();
    if (faults_control == NULL) {
        fprintf(stderr, "the loader has not loaded the fault layer; OPENCL_LAYERS names it\n");
        return EXIT_FAILURE;
    }
    static char cache[WORKDIR_PATH];
    workdir_create(cache);
    faults_cache = cache;
    SRunner *runner = srunner_create(make_suite());
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    workdir_remove(cache);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
