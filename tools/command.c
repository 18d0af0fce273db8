/* Messages, exit codes and JSON of all commands. */
#include "command.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <getopt.h>

static const char *command = "";

void command_start(const char *name)
{
    command = name;
}

/* A name out of a file must not be able to drive the terminal. */
static void say(const char *kind, const char *format, va_list arguments)
{
    static char message[20000];
    vsnprintf(message, sizeof message, format, arguments);
    for (char *c = message; *c != '\0'; c++)
        if (((unsigned char)*c < 0x20 && *c != '\n' && *c != '\t') || *c == 0x7f)
            *c = '?';
    fprintf(stderr, "tikhonov%s%s: %s%s\n", command[0] != '\0' ? " " : "", command, kind, message);
}

int command_error(int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say("", format, arguments);
    va_end(arguments);
    return code;
}

void command_warning(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say("warning: ", format, arguments);
    va_end(arguments);
}

int command_failure(enum tik_status status)
{
    const bool input = status == TIK_ERROR_ARGUMENT || status == TIK_ERROR_FORMAT ||
                       status == TIK_ERROR_FILE || status == TIK_ERROR_NO_DEVICE;
    return command_error(input ? COMMAND_USAGE : COMMAND_FAILED, "%s", tik_last_error());
}

int command_bad_option(int result, char **argv)
{
    const char *argument = argv[optind - 1];
    if (result == ':')
        command_error(COMMAND_USAGE, "%s needs a value", argument);
    else if (optopt > 0 && optopt < 256)
        command_error(COMMAND_USAGE, "there is no option '-%c'", optopt);
    else if (optopt >= 256)
        command_error(COMMAND_USAGE, "'%s': this option takes no value", argument);
    else
        command_error(COMMAND_USAGE, "there is no option '%s', or it could be several", argument);
    return command_error(COMMAND_USAGE, "see 'tikhonov %s --help'", command);
}

int command_bad_operand(const char *argument)
{
    return command_error(COMMAND_USAGE, "'%s' is no option; see 'tikhonov %s --help'", argument,
                         command);
}

/* The program never calls setlocale, so that strtod reads the C locale's spelling. */
bool command_parse_real(const char *text, double *value)
{
    const size_t length = strlen(text);
    if (length == 0 || strspn(text, "+-.0123456789eE") != length)
        return false;
    char *end;
    *value = strtod(text, &end);
    return *end == '\0' && isfinite(*value);
}

bool command_parse_count(const char *text, size_t length, double most, size_t *count)
{
    static const struct {
        const char *suffix;
        double factor;
    } units[] = {{"Ki", 0x1p10}, {"Mi", 0x1p20}, {"Gi", 0x1p30}};
    char number[32];
    if (length == 0 || length >= sizeof number)
        return false;
    memcpy(number, text, length);
    number[length] = '\0';
    double factor = 1, value;
    for (size_t i = 0; length > 2 && i < sizeof units / sizeof *units; i++)
        if (strcmp(number + length - 2, units[i].suffix) == 0) {
            factor = units[i].factor;
            number[length - 2] = '\0';
            break;
        }
    if (!command_parse_real(number, &value))
        return false;
    value *= factor;
    if (!(value >= 1 && value <= most && value < (double)SIZE_MAX / 64) || floor(value) != value)
        return false;
    *count = (size_t)value;
    return true;
}

int command_parse_threads(const char *text, int *threads)
{
    enum { LIMIT = 1024 };
    double value;
    const bool digits = text[strspn(text, "0123456789")] == '\0';
    if (digits && command_parse_real(text, &value) && value >= 1 && value <= LIMIT) {
        *threads = (int)value;
        return COMMAND_OK;
    }
    return command_error(COMMAND_USAGE, "--threads is '%s'; a whole number from 1 to %d is due",
                         text, LIMIT);
}

int command_parse_max_norm(const char *option, const char *text, double *max_norm)
{
    if (command_parse_real(text, max_norm) && *max_norm > 0)
        return COMMAND_OK;
    return command_error(COMMAND_USAGE, "%s is '%s'; a finite number above 0 is due", option, text);
}

int command_print_json(cJSON *root)
{
    char *text = root != NULL ? cJSON_Print(root) : NULL;
    cJSON_Delete(root);
    if (text == NULL)
        return command_error(COMMAND_FAILED, "no memory for the JSON text");
    puts(text);
    cJSON_free(text);
    return COMMAND_OK;
}

bool command_strict(bool option)
{
    const char *variable = getenv("TIKHONOV_STRICT");
    return option || (variable != NULL && strcmp(variable, "1") == 0);
}

/* Slow builds are of interest to somebody who waits at a terminal, warnings always. */
static void print_log(enum tik_log_level level, const char *message, void *data)
{
    (void)data;
    if (level == TIK_LOG_WARNING)
        command_warning("%s", message);
    else if (isatty(STDERR_FILENO))
        command_error(COMMAND_OK, "%s", message);
}

void command_context_options(struct tik_context_options *options, const char *device, bool strict)
{
    tik_context_defaults(options);
    options->device = device;
    options->strict = strict;
    options->log = print_log;
}
