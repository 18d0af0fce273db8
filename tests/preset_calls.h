/*
 * Calls of other libraries, as the files in golden/ write them, read as presets: the name of a
 * class or function, and its arguments in the library's own words.
 */
#ifndef PRESET_CALLS_H
#define PRESET_CALLS_H

#include "foreign.h"

enum { CALL_SETTINGS = 12, CALL_TEXT = 256 };

struct preset_call {
    const char *preset, *rule;
    struct tik_setting settings[CALL_SETTINGS];
    size_t count;
    char text[CALL_TEXT]; /* what the settings point into */
};

/* Reads a case's call; false: no preset has such a call, or it is a chain of several. */
bool preset_call_read(const cJSON *json, struct preset_call *call);

/* What a preset names, and the library does not have yet; such a case is awaited, not judged. */
struct preset_awaited {
    const char *preset, *rule, *setting, *value, *missing;
};
extern const struct preset_awaited preset_awaited[];

/* Applies; TIK_OK, or another status where something in that list is what is missing. */
enum tik_status preset_call_apply(const struct preset_call *call, struct tik_policy **policy,
                                  struct tik_optimizer_options *options);

#endif
