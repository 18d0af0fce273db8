#include "fault_campaign.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Calls that tell the fate of commands: when they fail, memory is not known. */
static bool tells_fate(enum fault_point point)
{
    return point == FAULT_FINISH || point == FAULT_WAIT_FOR_EVENTS || point == FAULT_GET_EVENT_INFO;
}

static uint64_t fired_in_all(void)
{
    return faults_control->fired(0, NULL) + faults_control->fired(1, NULL);
}

static void begin(const struct script_action *action, void *data)
{
    struct campaign *c = data;
    alarm(FAULTS_SECONDS);
    c->fired_before = fired_in_all();
    const bool late = c->steps >= c->from_step &&
                      (c->from_step == 0 || action == NULL || action->kind >= SCRIPT_STEP);
    const bool wanted = c->only_prepare ? action != NULL && action->kind == SCRIPT_PREPARE : late;
    c->steps += action != NULL && action->kind == SCRIPT_STEP;
    faults_control->suspend(!wanted);
}

static void end(void *data)
{
    (void)data;
    faults_control->suspend(true);
}

static void remove_faults(void *data)
{
    (void)data;
    faults_control->disarm();
}

static void judge_error(const struct campaign *c, const struct script_action *action,
                        enum tik_status status, enum fault_point point)
{
    const bool single = c->plan_count == 1 && c->plans[0].count == 1;
    const bool step = action->kind == SCRIPT_STEP;
    bool allowed = false;
    switch (status) {
    case TIK_ERROR_DEVICE:
    case TIK_ERROR_MEMORY:
        allowed = !single || !step;
        break;
    case TIK_ERROR_FALLBACK:
        allowed = c->strict && step;
        break;
    case TIK_ERROR_MISMATCH:
        allowed = c->strict && step && c->verified;
        break;
    case TIK_ERROR_TORN:
        allowed = !c->only_prepare && (!single || tells_fate(point) || c->plans[0].otherwise);
        break;
    default:
        break;
    }
    ck_assert_msg(allowed, "action %d, %s failed: %s: %s", (int)action->kind,
                  faults_control->name(point), tik_status_name(status), tik_last_error());
    ck_assert_msg(strstr(tik_last_error(), "CL_OUT_OF_RESOURCES") != NULL ||
                      strstr(tik_last_error(), "CL_MEM_OBJECT_ALLOCATION_FAILURE") != NULL,
                  "%s failed, and the message does not say how: %s", faults_control->name(point),
                  tik_last_error());
}

static void judge(const struct script_action *action, enum tik_status status, bool fell_back,
                  void *data)
{
    const struct campaign *c = data;
    enum fault_point point;
    faults_control->fired(c->plan_count - 1, &point);
    if (point == FAULT_POINTS)
        faults_control->fired(0, &point);
    const bool fired = fired_in_all() > c->fired_before;
    if (status != TIK_OK) {
        ck_assert_msg(fired, "action %d: %s without a fault: %s", (int)action->kind,
                      tik_status_name(status), tik_last_error());
        judge_error(c, action, status, point);
        return;
    }
    ck_assert(!c->strict || !fell_back);
    if (!fired || fell_back || c->plan_count > 1 || faults_is_harmless(point))
        return;
    /* A step that was taken, but could not be compared, and has told so. */
    ck_assert_msg(action->kind == SCRIPT_STEP && c->verified,
                  "action %d went on as if %s had not failed", (int)action->kind,
                  faults_control->name(point));
}

static enum faults_ending classify(struct script_outcome outcome)
{
    if (outcome.torn)
        return FAULTS_TORN;
    if (outcome.failed)
        return FAULTS_FAILED;
    return outcome.fell_back ? FAULTS_FELL_BACK : FAULTS_UNAFFECTED;
}

bool campaign_play(const struct script *script, struct tik_context *context, struct campaign *c,
                   uint64_t n)
{
    const struct script_faults faults = {begin, end, remove_faults, judge, c};
    const unsigned moving = c->plan_count - 1;
    const struct faults_live live = faults_count_live();
    c->plans[moving].first = n;
    c->steps = 0;
    faults_control->arm(c->plans, c->plan_count);
    const struct script_outcome outcome = script_play(script, context, &faults);
    faults_control->disarm();
    faults_control->suspend(false);
    faults_check_live(&live, false);
    enum fault_point point;
    if (faults_control->fired(moving, &point) == 0)
        return false;
    faults_note(point, classify(outcome));
    return true;
}

static uint64_t scan(const struct script *script, struct tik_context *context, struct campaign *c)
{
    uint64_t n = 1;
    while (campaign_play(script, context, c, n))
        n++;
    printf("%s%s: %" PRIu64 " faults\n", script->name, c->strict ? ", strict" : "", n - 1);
    fflush(stdout);
    return n - 1;
}

struct campaign campaign_one(enum fault_point point, int error)
{
    return (struct campaign){.plans = {{.point = point, .count = 1, .error = error}},
                             .plan_count = 1};
}

void campaign_scan(struct script *script, struct campaign campaign, bool strict)
{
    struct tik_context *context = faults_open(strict);
    const struct script_faults *none = NULL;
    script_play(script, context, none); /* compiles what the context's probe does not need */
    campaign.strict = strict;
    campaign.verified = script->verify != TIK_VERIFY_OFF;
    ck_assert_uint_gt(scan(script, context, &campaign), 0);
    tik_context_destroy(context);
    script_free(script);
}
