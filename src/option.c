/* Options by name: bounds, parsing, and messages that say what would have been right. */
#include "error.h"
#include "table.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t tik_option_find(const struct tik_option *options, size_t count, const char *name)
{
    if (name == NULL)
        return count;
    size_t i = 0;
    while (i < count && strcmp(options[i].name, name) != 0)
        i++;
    return i;
}

enum tik_status tik_option_unknown(const struct tik_option *options, size_t count,
                                   const char *owner, const char *name)
{
    char list[512] = "";
    size_t length = 0;
    for (size_t i = 0; i < count && length < sizeof list; i++) {
        const int n = snprintf(list + length, sizeof list - length, "%s%s", i > 0 ? ", " : "",
                               options[i].name);
        length += n > 0 ? (size_t)n : 0;
    }
    return tik_error_set(TIK_ERROR_ARGUMENT, "%s has no option '%s'; it has: %s", owner,
                         name != NULL ? name : "(NULL)", list);
}

static bool within(const struct tik_option *option, double value)
{
    const bool above = option->low_open ? value > option->low : value >= option->low;
    const bool below = option->high_open ? value < option->high : value <= option->high;
    return above && below;
}

/* Values reach the kernels as float32: one that is infinite there is out of every range. */
static bool representable(double value)
{
    return isfinite(value) && isfinite((float)value);
}

enum tik_status tik_option_check(const struct tik_option *option, const char *owner, double value)
{
    const bool whole = option->type == TIK_OPTION_REAL || value == floor(value);
    if (representable(value) && whole && within(option, value))
        return TIK_OK;
    const char *most = isfinite(value) && !representable(value) ? ", up to 3.4e38 (float32)" : "";
    return tik_error_set(TIK_ERROR_ARGUMENT, "%s: %s is %.17g; allowed is %s%s", owner,
                         option->name, value, option->range, most);
}

bool tik_number_parse(const char *text, double *value)
{
    char local[64];
    const size_t length = strlen(text);
    if (length == 0 || length >= sizeof local || strspn(text, "+-.0123456789eE") != length)
        return false;
    memcpy(local, text, length + 1);
    char *point = strchr(local, '.');
    if (point != NULL)
        *point = localeconv()->decimal_point[0];

    char *end;
    *value = strtod(local, &end);
    return *end == '\0';
}

void tik_number_print(double value, char *text, size_t size)
{
    snprintf(text, size, "%.17g", value);
    char *point = strchr(text, localeconv()->decimal_point[0]);
    if (point != NULL)
        *point = '.';
}

static bool parse_flag(const char *text, double *value)
{
    if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0)
        *value = 1;
    else if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
        *value = 0;
    else
        return false;
    return true;
}

static bool parse_choice(const struct tik_option *option, const char *text, double *value)
{
    for (size_t i = 0; option->choices[i] != NULL; i++)
        if (strcmp(option->choices[i], text) == 0) {
            *value = (double)i;
            return true;
        }
    return false;
}

enum tik_status tik_option_parse(const struct tik_option *option, const char *owner,
                                 const char *text, double *value)
{
    bool parsed = false;
    switch (option->type) {
    case TIK_OPTION_REAL:
    case TIK_OPTION_INTEGER:
        parsed = tik_number_parse(text, value);
        break;
    case TIK_OPTION_FLAG:
        parsed = parse_flag(text, value);
        break;
    case TIK_OPTION_CHOICE:
        parsed = parse_choice(option, text, value);
        break;
    }
    if (!parsed)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s: %s is '%s'; allowed is %s", owner,
                             option->name, text, option->range);
    return tik_option_check(option, owner, *value);
}
