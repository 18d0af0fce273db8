/* A script, played again and again, each time with the fault one call later. */
#ifndef TIK_TESTS_FAULT_CAMPAIGN_H
#define TIK_TESTS_FAULT_CAMPAIGN_H

#include "fault_script.h"
#include "fault_suite.h"

struct campaign {
    struct fault_plan plans[2]; /* the last one's `first` goes from 1 until it is never reached */
    unsigned plan_count;
    bool only_prepare; /* faults in tik_optimizer_prepare alone */
    size_t from_step;  /* faults in no action before this one of the steps, counted from 0 */
    size_t steps;      /* so far */
    bool verified, strict;
    uint64_t fired_before; /* the action in hand */
};

/* One call at a point fails with an OpenCL error. */
struct campaign campaign_one(enum fault_point point, int error);

/* Plays the script with the n-th fault; false when the run does not reach it. */
bool campaign_play(const struct script *script, struct tik_context *context, struct campaign *c,
                   uint64_t n);

/* All of them, in a context of its own; frees the script. */
void campaign_scan(struct script *script, struct campaign campaign, bool strict);

#endif
