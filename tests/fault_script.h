/*
 * A small optimizer's life as a script of calls, any of which may be made to fail. A call that says
 * that it failed has to have changed nothing, and, made again without the fault, to go on to the
 * bits of an undisturbed run.
 */
#ifndef TIK_TESTS_FAULT_SCRIPT_H
#define TIK_TESTS_FAULT_SCRIPT_H

#include <tikhonov/optimizer.h>

enum script_kind {
    SCRIPT_CREATE,
    SCRIPT_GROUP,
    SCRIPT_TENSOR,
    SCRIPT_PREPARE,
    SCRIPT_GRADIENTS,
    SCRIPT_STEP,
    SCRIPT_READ,
    SCRIPT_REPORT,
    SCRIPT_SYNC,
    SCRIPT_SCALING,
};

/* Of the tensors' arrays, and of their copies in 16 bits. */
enum {
    SCRIPT_GROUPS = 2,
    SCRIPT_TENSORS = 4,
    SCRIPT_WORDS = 5 * (2051 + 93 + 40) + 4 * 1030 + (2051 + 93 + 40 + 1030) / 2 + SCRIPT_TENSORS
};

struct script_action {
    enum script_kind kind;
    size_t index;
};

/* What can be seen of an optimizer. */
struct script_view {
    size_t groups, tensors;
    uint64_t steps[SCRIPT_GROUPS];
    bool reported[SCRIPT_GROUPS];
    struct tik_report reports[SCRIPT_GROUPS];
    struct tik_scaling scaling;
    float values[SCRIPT_WORDS]; /* parameters, states and copies */
};

struct script {
    const char *name;
    const struct script_action *actions;
    size_t count;
    bool clip_and_report;
    /* Options around the step, averages and copies in both groups, and a NaN in the gradients 1. */
    const struct tik_optimizer_options *around;
    enum tik_verify verify;
    struct script_view *expected; /* before action i; the last is the end */
};

/* Two groups, adamw with l1 by soft threshold and sgd with momentum; library and host memory. */
void script_full(struct script *script, const char *name, enum tik_verify verify);
/* One tensor under sgd without more: a step of one command. */
void script_alone(struct script *script, const char *name);
/* Likewise, prepared before its step. */
void script_prepared(struct script *script, const char *name);
/* As the full one, with what is done around a step: two ways. */
void script_around(struct script *script, const char *name, size_t way, enum tik_verify verify);
/* As the one alone, with a guard, and so many steps that the host has to look in the last. */
void script_unread(struct script *script, const char *name);
/* Frees what the undisturbed run left. */
void script_free(struct script *script);

/* How faults are injected, and what they may lead to. */
struct script_faults {
    /* Before each action, and before the end, NULL: from here on calls may fail. */
    void (*begin)(const struct script_action *action, void *data);
    /* After it: from here on calls are the test's own. */
    void (*end)(void *data);
    /* After the first error: no fault any more. */
    void (*remove)(void *data);
    /* Fails the test when the action may not end so. */
    void (*judge)(const struct script_action *action, enum tik_status status, bool fell_back,
                  void *data);
    void *data;
};

struct script_outcome {
    bool failed, fell_back, torn;
};

/* Plays the script in a context; `faults` NULL: none. Its optimizer is destroyed at the end. */
struct script_outcome script_play(const struct script *script, struct tik_context *context,
                                  const struct script_faults *faults);

/* Log function of the contexts: counts the fallbacks that were told of. */
void script_log(enum tik_log_level level, const char *message, void *data);

#endif
