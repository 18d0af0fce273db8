/*
 * Every allocation of the library is made to fail, one after another, until a run has none left:
 * each call that meets one says TIK_ERROR_MEMORY and has changed nothing. On the scalar path, and
 * on the device where there is one.
 */
#include <tikhonov/tikhonov.h>

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc_fault.h"
#include "fault_script.h"

enum { SKIPPED = 77 };

static const char *device;

struct campaign {
    bool strict, verified;
    bool fired_before; /* the action in hand */
};

static struct tik_context_options context_options(bool strict)
{
    struct tik_context_options options;
    tik_context_defaults(&options);
    options.device = device;
    options.strict = strict;
    options.cache_path = "off";
    options.log = script_log;
    return options;
}

static void begin(const struct script_action *action, void *data)
{
    (void)action;
    ((struct campaign *)data)->fired_before = alloc_fault_fired();
    alloc_fault_suspend(false);
}

static void end(void *data)
{
    (void)data;
    alloc_fault_suspend(true);
}

static void remove_fault(void *data)
{
    (void)data;
    alloc_fault_disarm();
}

/* On a device a step may be the scalar path's, or, verified, go without being compared. */
static void judge(const struct script_action *action, enum tik_status status, bool fell_back,
                  void *data)
{
    const struct campaign *c = data;
    const bool fired = alloc_fault_fired() && !c->fired_before;
    const bool step = action->kind == SCRIPT_STEP && strcmp(device, "scalar") != 0;
    if (status == TIK_OK) {
        ck_assert_msg(!fired || fell_back || (step && c->verified),
                      "action %d went on without its memory", (int)action->kind);
        ck_assert(!fell_back || (fired && step && !c->strict));
        return;
    }
    ck_assert_msg(fired, "action %d: %s without a fault: %s", (int)action->kind,
                  tik_status_name(status), tik_last_error());
    if (step && c->strict)
        ck_assert_msg(status == TIK_ERROR_FALLBACK || (c->verified && status == TIK_ERROR_MISMATCH),
                      "%s: %s", tik_status_name(status), tik_last_error());
    else
        ck_assert_msg(status == TIK_ERROR_MEMORY, "%s: %s", tik_status_name(status),
                      tik_last_error());
    ck_assert_msg(strstr(tik_last_error(), "no memory for ") != NULL, "%s", tik_last_error());
}

static void scan(struct script *script, struct campaign campaign)
{
    const struct script_faults faults = {begin, end, remove_fault, judge, &campaign};
    const struct tik_context_options options = context_options(campaign.strict);
    struct tik_context *context;
    ck_assert_msg(tik_context_create(&options, &context) == TIK_OK, "%s", tik_last_error());
    campaign.verified = script->verify != TIK_VERIFY_OFF;
    script_play(script, context, NULL);
    uint64_t n = 0;
    do {
        alloc_fault_arm(++n);
        script_play(script, context, &faults);
    } while (alloc_fault_fired());
    alloc_fault_disarm();
    printf("%s on %s%s: %" PRIu64 " faults\n", script->name, device,
           campaign.strict ? ", strict" : "", n - 1);
    ck_assert_uint_gt(n, 10);
    tik_context_destroy(context);
    script_free(script);
}

START_TEST(any_allocation)
{
    struct script script;
    script_full(&script, "any allocation", TIK_VERIFY_OFF);
    scan(&script, (struct campaign){.strict = _i});
}
END_TEST

START_TEST(any_allocation_of_sgd_alone)
{
    struct script script;
    script_alone(&script, "any allocation, sgd alone");
    scan(&script, (struct campaign){0});
}
END_TEST

START_TEST(any_allocation_verified)
{
    struct script script;
    const bool all = _i / 2 == 0;
    script_full(&script, all ? "any allocation, verify all" : "any allocation, verify sample",
                all ? TIK_VERIFY_ALL : TIK_VERIFY_SAMPLE);
    scan(&script, (struct campaign){.strict = _i % 2});
}
END_TEST

START_TEST(any_allocation_around)
{
    struct script script;
    script_around(&script, "any allocation, around the step", (size_t)_i, TIK_VERIFY_OFF);
    scan(&script, (struct campaign){0});
}
END_TEST

START_TEST(any_allocation_of_a_look)
{
    struct script script;
    script_unread(&script, "any allocation, 16 steps unread");
    scan(&script, (struct campaign){.strict = strcmp(device, "scalar") != 0 && _i == 1});
}
END_TEST

/* Without memory there is no context; "scalar" has nothing to fall back to. */
START_TEST(any_allocation_of_a_context)
{
    const struct tik_context_options options = context_options(false);
    bool fired = true;
    uint64_t n = 0;
    while (fired) {
        struct tik_context *context = NULL;
        alloc_fault_arm(++n);
        alloc_fault_suspend(false);
        const enum tik_status status = tik_context_create(&options, &context);
        alloc_fault_suspend(true);
        fired = alloc_fault_fired();
        ck_assert_msg(fired || status == TIK_OK, "%s", tik_last_error());
        if (fired && strcmp(device, "scalar") == 0)
            ck_assert_int_eq(status, TIK_ERROR_MEMORY);
        ck_assert(status == TIK_OK || strstr(tik_last_error(), "no memory for ") != NULL);
        tik_context_destroy(context);
    }
    alloc_fault_disarm();
    printf("a context on %s: %" PRIu64 " faults\n", device, n - 1);
    ck_assert_uint_gt(n, 1);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("allocation faults");
    TCase *tests = tcase_create(device);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, any_allocation_of_a_context);
    /* Strict and verified mean something on a device only. */
    const bool scalar = strcmp(device, "scalar") == 0;
    tcase_add_loop_test(tests, any_allocation, 0, scalar ? 1 : 2);
    tcase_add_test(tests, any_allocation_of_sgd_alone);
    tcase_add_loop_test(tests, any_allocation_around, 0, 2);
    tcase_add_loop_test(tests, any_allocation_of_a_look, 0, scalar ? 1 : 2);
    if (!scalar)
        tcase_add_loop_test(tests, any_allocation_verified, 0, 4);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(int count, char **arguments)
{
    device = count > 1 ? arguments[1] : "scalar";
    unsetenv("TIKHONOV_STRICT");
    struct tik_context *context;
    const struct tik_context_options options = context_options(false);
    if (tik_context_create(&options, &context) != TIK_OK) {
        printf("skipped: %s\n", tik_last_error());
        return SKIPPED;
    }
    tik_context_destroy(context);
    SRunner *runner = srunner_create(make_suite());
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
