/* tikhonov step --schedule NAME[,KEY=VALUE...]: a struct tik_schedule out of text. */
#include "step.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

#define COUNT_MOST 0x1p53

static const char *const kinds[] = {
    [TIK_SCHEDULE_CONSTANT] = "constant",     [TIK_SCHEDULE_STEP] = "step",
    [TIK_SCHEDULE_COSINE] = "cosine",         [TIK_SCHEDULE_LINEAR] = "linear",
    [TIK_SCHEDULE_POLYNOMIAL] = "polynomial", [TIK_SCHEDULE_EXPONENTIAL] = "exponential",
    [TIK_SCHEDULE_PIECEWISE] = "piecewise",   [TIK_SCHEDULE_COSINE_RESTARTS] = "cosine_restarts",
    [TIK_SCHEDULE_ONE_CYCLE] = "one_cycle",   [TIK_SCHEDULE_INVERSE] = "inverse",
};

enum value { REAL, COUNT, MILESTONES };

#define FIELD(name, type)                                                                          \
    {                                                                                              \
#name, offsetof(struct tik_schedule, name), type                                           \
    }

static const struct key {
    const char *name;
    size_t offset;
    enum value value;
} keys[] = {
    {"warmup", offsetof(struct tik_schedule, warmup_steps), COUNT},
    FIELD(warmup_start, REAL),
    FIELD(total_steps, COUNT),
    FIELD(step_size, COUNT),
    FIELD(gamma, REAL),
    FIELD(final, REAL),
    FIELD(power, REAL),
    FIELD(cycle_mult, COUNT),
    FIELD(pct_start, REAL),
    FIELD(div_factor, REAL),
    FIELD(final_div_factor, REAL),
    FIELD(milestones, MILESTONES),
};

/* 0, or what command_parse_count takes, which begins at 1. */
static bool parse_count(const char *text, size_t length, uint64_t *value)
{
    size_t count = 0;
    const bool zero = length == 1 && text[0] == '0';
    const bool fits = zero || command_parse_count(text, length, COUNT_MOST, &count);
    *value = count;
    return fits;
}

/* "30:60:90" */
static bool parse_milestones(const char *text, struct tik_schedule *schedule)
{
    schedule->milestone_count = 0;
    for (const char *next = text;; next++) {
        const size_t length = strcspn(next, ":");
        if (schedule->milestone_count == TIK_MAX_MILESTONES ||
            !parse_count(next, length, &schedule->milestones[schedule->milestone_count++]))
            return false;
        next += length;
        if (*next == '\0')
            return true;
    }
}

static bool parse_value(const struct key *key, const char *text, struct tik_schedule *schedule)
{
    char *field = (char *)schedule + key->offset;
    double real;
    uint64_t count;
    switch (key->value) {
    case REAL:
        if (!command_parse_real(text, &real))
            return false;
        memcpy(field, &real, sizeof real);
        return true;
    case COUNT:
        if (!parse_count(text, strlen(text), &count))
            return false;
        memcpy(field, &count, sizeof count);
        return true;
    default:
        return parse_milestones(text, schedule);
    }
}

static int set_key(struct tik_schedule *schedule, char *pair)
{
    static const char *const due[] = {
        [REAL] = "a number", [COUNT] = "a whole number", [MILESTONES] = "steps as in 30:60:90"};
    const char *value = command_cut_value(pair);
    if (value == NULL)
        return command_error(COMMAND_USAGE, "--schedule has '%s'; KEY=VALUE is due", pair);
    char list[256] = "";
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(pair, keys[i].name) == 0)
            return parse_value(&keys[i], value, schedule)
                       ? COMMAND_OK
                       : command_error(COMMAND_USAGE, "--schedule: %s is '%s'; %s is due", pair,
                                       value, due[keys[i].value]);
        const size_t length = strlen(list);
        snprintf(list + length, sizeof list - length, "%s%s", i > 0 ? ", " : "", keys[i].name);
    }
    return command_error(COMMAND_USAGE, "--schedule has no '%s'; it has %s", pair, list);
}

static int set_kind(struct tik_schedule *schedule, const char *name)
{
    char list[256] = "";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(name, kinds[i]) == 0) {
            schedule->kind = (enum tik_schedule_kind)i;
            return COMMAND_OK;
        }
        const size_t length = strlen(list);
        snprintf(list + length, sizeof list - length, "%s%s", i > 0 ? ", " : "", kinds[i]);
    }
    return command_error(COMMAND_USAGE, "--schedule is '%s'; one of these is due: %s", name, list);
}

int step_schedule_read(struct step_arguments *arguments, char *text)
{
    struct tik_schedule *schedule = &arguments->schedule;
    tik_schedule_defaults(schedule);
    char *rest;
    const char *name = strtok_r(text, ",", &rest);
    int code = set_kind(schedule, name != NULL ? name : "");
    for (char *pair; code == COMMAND_OK && (pair = strtok_r(NULL, ",", &rest)) != NULL;)
        code = set_key(schedule, pair);
    if (code != COMMAND_OK)
        return code;
    const enum tik_status status = tik_schedule_check(schedule);
    return status == TIK_OK ? COMMAND_OK : command_failure(status);
}
