/* What the suites of OpenCL faults share: the layer, contexts, and the account of what was seen. */
#ifndef TIK_TESTS_FAULT_SUITE_H
#define TIK_TESTS_FAULT_SUITE_H

#include <tikhonov/context.h>

#include <check.h>

#include "fault_control.h"

/* Many faults in a row, and the time that one run may take. */
enum { FAULTS_ENDLESS = 1000000, FAULTS_SECONDS = 60 };

/* How a run with a fault ended. */
enum faults_ending {
    FAULTS_UNAFFECTED,
    FAULTS_FELL_BACK,
    FAULTS_FAILED,
    FAULTS_TORN,
    FAULTS_ENDINGS
};

/* The layer that the loader loaded. */
extern const struct fault_control *faults_control;
/* A private cache folder. */
extern const char *faults_cache;

/* Fails the test unless a call without a fault succeeded. */
void faults_ok(enum tik_status status);

struct tik_context_options faults_options(const char *device, bool strict);
/* On the first exact device. */
struct tik_context *faults_open(bool strict);

/* Objects alive, and the check that there are as many now. */
struct faults_live {
    int64_t count[FAULT_OBJECTS];
};
struct faults_live faults_count_live(void);
/* Programs stay with the context, for whoever wants them next. */
void faults_check_live(const struct faults_live *before, bool programs_too);

/* Calls whose failure need not be seen: what they ask for has a default, or nobody waits for it. */
bool faults_is_harmless(enum fault_point point);

/* The account: one ending more, how many there were, and all of them as a table. */
void faults_note(enum fault_point point, enum faults_ending ending);
uint64_t faults_noted(enum fault_point point, enum faults_ending ending);
/* The calls that were never made, or never failed. */
unsigned faults_print_account(void);

/* The cases of the other files. */
TCase *faults_contexts(void);
TCase *faults_updates(void);
TCase *faults_lists(void);

#endif
