#include "fault_suite.h"

#include <inttypes.h>
#include <stdio.h>

#include "fault_script.h"

const struct fault_control *faults_control;
const char *faults_cache;

static uint64_t endings[FAULT_POINTS][FAULTS_ENDINGS];

void faults_ok(enum tik_status status)
{
    ck_assert_msg(status == TIK_OK, "without a fault: %s: %s", tik_status_name(status),
                  tik_last_error());
}

struct tik_context_options faults_options(const char *device, bool strict)
{
    struct tik_context_options options;
    tik_context_defaults(&options);
    options.device = device;
    options.strict = strict;
    options.cache_path = faults_cache;
    options.log = script_log;
    return options;
}

struct tik_context *faults_open(bool strict)
{
    const struct tik_context_options options = faults_options("opencl", strict);
    struct tik_context *context;
    faults_ok(tik_context_create(&options, &context));
    ck_assert_int_eq(tik_context_device(context)->conformance, TIK_EXACT);
    return context;
}

struct faults_live faults_count_live(void)
{
    struct faults_live live;
    for (int i = 0; i < FAULT_OBJECTS; i++)
        live.count[i] = faults_control->live((enum fault_object)i);
    return live;
}

void faults_check_live(const struct faults_live *before, bool programs_too)
{
    for (int i = 0; i < FAULT_OBJECTS; i++)
        if (i != FAULT_PROGRAM || programs_too)
            ck_assert_msg(faults_control->live((enum fault_object)i) == before->count[i],
                          "%" PRId64 " objects leaked: %s",
                          faults_control->live((enum fault_object)i) - before->count[i],
                          faults_control->object_name((enum fault_object)i));
}

bool faults_is_harmless(enum fault_point point)
{
    switch (point) {
    case FAULT_FLUSH:
    case FAULT_GET_PROGRAM_INFO:
    case FAULT_GET_PLATFORM_INFO:
    case FAULT_GET_DEVICE_INFO:
    case FAULT_GET_KERNEL_WORK_GROUP_INFO:
    case FAULT_CREATE_PROGRAM_WITH_BINARY:
        return true;
    default:
        return false;
    }
}

/* ---- the account ---- */

void faults_note(enum fault_point point, enum faults_ending ending)
{
    endings[point][ending]++;
}

uint64_t faults_noted(enum fault_point point, enum faults_ending ending)
{
    return endings[point][ending];
}

unsigned faults_print_account(void)
{
    printf("%-28s %8s %7s %10s %9s %7s %6s\n", "call", "calls", "faults", "unaffected", "fallback",
           "error", "torn");
    unsigned missed = 0;
    for (int i = 0; i < FAULT_POINTS; i++) {
        const enum fault_point point = (enum fault_point)i;
        const uint64_t *e = endings[i];
        printf("%-28s %8" PRIu64 " %7" PRIu64 " %10" PRIu64 " %9" PRIu64 " %7" PRIu64 " %6" PRIu64
               "\n",
               faults_control->name(point), faults_control->calls(point),
               faults_control->faults(point), e[FAULTS_UNAFFECTED], e[FAULTS_FELL_BACK],
               e[FAULTS_FAILED], e[FAULTS_TORN]);
        missed += faults_control->calls(point) == 0 || faults_control->faults(point) == 0;
    }
    fflush(stdout);
    return missed;
}
