/* What the commands share: messages, exit codes, arguments that several of them take. */
#ifndef TIK_TOOLS_COMMAND_H
#define TIK_TOOLS_COMMAND_H

#include <tikhonov/tikhonov.h>

struct cJSON;
struct option;

enum {
    COMMAND_OK = 0,
    COMMAND_FAILED = 1, /* the work failed */
    COMMAND_USAGE = 2,  /* usage or bad input: no file was touched */
};

int bench_run(int argc, char **argv);
int devices_run(int argc, char **argv);
int prior_run(int argc, char **argv);
int rules_run(int argc, char **argv);
int step_run(int argc, char **argv);
int tune_run(int argc, char **argv);
int verify_run(int argc, char **argv);

/* The command's name in messages, "step"; "" before one is known. */
void command_start(const char *name);

/* Says "tikhonov step: …" on stderr. command_error returns `code`, to be returned in turn. */
int command_error(int code, const char *format, ...) TIK_PRINTF(2, 3);
void command_warning(const char *format, ...) TIK_PRINTF(1, 2);

/* Says tik_last_error; the exit code that fits the status. */
int command_failure(enum tik_status status);

/* Says what is wrong with the argument at which getopt_long stopped with `result`. */
int command_bad_option(int result, char **argv);

/* Says that an argument is there where only options are due. */
int command_bad_operand(const char *argument);

/* A finite number, the whole text, in the C locale's spelling. */
bool command_parse_real(const char *text, double *value);
/* A whole number from 1 to `most` in the first `length` of text: digits, 1e6, or 64Ki, Mi, Gi. */
bool command_parse_count(const char *text, size_t length, double most, size_t *count);

/* The values of --threads and of a largest norm, as `option` names it; an exit code. */
int command_parse_threads(const char *text, int *threads);
int command_parse_max_norm(const char *option, const char *text, double *max_norm);

/* A low-precision copy: bf16 or fp16; nearest or stochastic. Exit codes. */
int command_parse_copy(const char *option, const char *text, enum tik_copy_format *format);
int command_parse_rounding(const char *option, const char *text, enum tik_copy_rounding *rounding);

/* Cuts "KEY=VALUE" in two and returns the value; NULL when there is no '=' or no key. */
char *command_cut_value(char *text);

/*
 * Set "KEY=VALUE", or add the penalty "NAME[,KEY=VALUE...]", and cut the text up. `option` names
 * where the text is from, "--set". An exit code.
 */
int command_set_option(struct tik_policy *policy, const char *option, char *text);
int command_add_penalty(struct tik_policy *policy, const char *option, char *text);

/* Prints a JSON object and frees it. NULL: there was no memory to make it. */
int command_print_json(struct cJSON *root);

/* --strict, or TIKHONOV_STRICT=1. */
bool command_strict(bool option);

/* Context options with this command's log. `device` may be NULL. */
void command_context_options(struct tik_context_options *options, const char *device, bool strict);

#endif
