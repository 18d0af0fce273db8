/* The parts of tikhonov verify: the policies that are tried, and the trial. */
#ifndef TIK_TOOLS_VERIFY_H
#define TIK_TOOLS_VERIFY_H

#include <tikhonov/tikhonov.h>

/* A policy to try, and what to call it: "sgd momentum=0.5 nesterov=1". */
struct verify_form {
    char name[128];
    struct tik_policy *policy;
};

struct verify_forms {
    size_t count, capacity;
    struct verify_form *items;
};

/*
 * Every rule in its main forms, then every penalty in each application. TIK_OK; TIK_ERROR_MEMORY;
 * or what the library said.
 */
enum tik_status verify_forms_make(struct verify_forms *forms);
void verify_forms_finish(struct verify_forms *forms);

struct verify_result {
    const char *name;
    enum tik_conformance conformance;
    struct tik_optimizer_stats stats;
    bool ok;
};

/* Steps with clipping and report. A result that is not ok is TIK_OK too: it was found out. */
enum tik_status verify_try(struct tik_context *context, const struct verify_form *form,
                           struct verify_result *result);

#endif
