/* The parts of tikhonov step: its arguments, its files, the step itself. */
#ifndef TIK_TOOLS_STEP_H
#define TIK_TOOLS_STEP_H

#include <tikhonov/tikhonov.h>

/* Values of an option that may be repeated, in their order. */
struct text_list {
    char **items;
    size_t count;
};

struct step_arguments {
    const char *rule;
    struct text_list sets, penalties, no_decay, freeze;
    const char *preset; /* NULL: none; the settings are then in its library's words too */
    struct tik_optimizer_options options; /* clipping, loss scale, what is not finite, verify */
    bool dynamic; /* the loss scale moves, and is the state's where it has one */
    double ema;   /* decay of the average; 0: none */
    bool debias;
    enum tik_copy_format copy; /* low-precision; _NONE: none */
    enum tik_copy_rounding rounding;
    uint64_t seed;
    bool seeded;                  /* --seed was given */
    struct tik_schedule schedule; /* of the learning rate */
    const char *device;
    bool strict;
    int threads;
    const char *params, *grads, *out, *state_out;
    const char *state, *ema_out, *eval_out, *copy_out; /* NULL: a fresh one; none */
};

/* step_around.c: the arguments of what is done around the step. Exit codes. */
int step_around_scale(struct step_arguments *arguments, const char *text);
int step_around_nonfinite(struct step_arguments *arguments, const char *text);
int step_around_limit(struct step_arguments *arguments, const char *text);
int step_around_ema(struct step_arguments *arguments, const char *text);
int step_around_seed(struct step_arguments *arguments, const char *text);
int step_around_check(const struct step_arguments *arguments);

/* --schedule NAME[,KEY=VALUE...], which is cut up. An exit code. */
int step_schedule_read(struct step_arguments *arguments, char *text);

/* Reads and checks the arguments; *done: only the help was asked for. An exit code. */
int step_arguments_read(struct step_arguments *arguments, int argc, char **argv, bool *done);
void step_arguments_finish(struct step_arguments *arguments);

/* Whether --out and --state-out can be written, and replace no other input. An exit code. */
int step_outputs_check(const struct step_arguments *arguments);

/*
 * The policy of --preset, --rule, --set and --penalty, and the options of the optimizer; *code is an
 * exit code, and NULL comes with a bad one.
 */
struct tik_policy *step_arguments_policy(struct step_arguments *arguments, int *code);

struct step_files {
    struct tik_tensors *params, *grads;
    struct tik_tensors *state; /* NULL: a fresh one */
    bool *frozen, *undecayed;  /* one a tensor of params */
};

/* Loads the files and checks that they and the patterns fit each other. An exit code. */
int step_files_load(struct step_files *files, const struct step_arguments *arguments);
void step_files_finish(struct step_files *files);

/* The gradient of the index-th parameter; false for a frozen one, which needs none. */
bool step_files_gradient(const struct step_files *files, size_t index,
                         struct tik_tensor_view *grad);

/* After the step: warns where the norm of --max-norm is not finite. An exit code. */
int step_norm_check(struct tik_optimizer *optimizer, const struct step_files *files,
                    const struct step_arguments *arguments);

/* After the step: penalty, norm and exact zeros, a line for each group. An exit code. */
int step_report_print(struct tik_optimizer *optimizer, const struct step_arguments *arguments);

#endif
