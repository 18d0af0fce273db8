/* tikhonov step: the arguments of what is done around the step, and what is said of it after it. */
#include "step.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

#define FRESH_SCALE 65536.0

/* A number stays as it is, whatever comes; else torch.amp.GradScaler's defaults. */
int step_around_scale(struct step_arguments *arguments, const char *text)
{
    struct tik_optimizer_options *options = &arguments->options;
    double scale = FRESH_SCALE;
    arguments->dynamic = strcmp(text, "dynamic") == 0;
    if (!arguments->dynamic && !(command_parse_real(text, &scale) && scale > 0))
        return command_error(
            COMMAND_USAGE, "--loss-scale is '%s'; dynamic or a finite number above 0 is due", text);
    options->loss_scale = scale;
    if (!arguments->dynamic) {
        options->loss_scale_backoff = 1;
        options->loss_scale_interval = 0;
    }
    return COMMAND_OK;
}

int step_around_nonfinite(struct step_arguments *arguments, const char *text)
{
    static const struct {
        const char *name;
        enum tik_nonfinite value;
    } choices[] = {{"propagate", TIK_NONFINITE_PROPAGATE},
                   {"skip", TIK_NONFINITE_SKIP},
                   {"error", TIK_NONFINITE_ERROR}};
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        if (strcmp(text, choices[i].name) == 0) {
            arguments->options.nonfinite = choices[i].value;
            return COMMAND_OK;
        }
    return command_error(COMMAND_USAGE, "--nonfinite is '%s'; propagate, skip or error is due",
                         text);
}

/* "D" or "D,debias". */
int step_around_ema(struct step_arguments *arguments, const char *text)
{
    char number[64];
    const size_t length = strcspn(text, ",");
    const bool fits = length < sizeof number;
    memcpy(number, text, fits ? length : 0);
    number[fits ? length : 0] = '\0';
    arguments->debias = strcmp(text + length, ",debias") == 0;
    const bool ends = text[length] == '\0' || arguments->debias;
    if (ends && command_parse_real(number, &arguments->ema) && arguments->ema > 0 &&
        arguments->ema < 1)
        return COMMAND_OK;
    return command_error(COMMAND_USAGE,
                         "--ema is '%s'; a decay above 0 and below 1 is due, or D,debias", text);
}

int step_around_seed(struct step_arguments *arguments, const char *text)
{
    const size_t digits = strspn(text, "0123456789");
    errno = 0;
    arguments->seed = strtoull(text, NULL, 10);
    arguments->seeded = true;
    if (digits > 0 && text[digits] == '\0' && errno == 0)
        return COMMAND_OK;
    return command_error(COMMAND_USAGE, "--seed is '%s'; a whole number below 2^64 is due", text);
}

/* A copy has a file, and what says more of it has a copy. */
static int check_copy(const struct step_arguments *a)
{
    const bool random = a->rounding == TIK_COPY_STOCHASTIC;
    if (a->copy == TIK_COPY_NONE && a->copy_out != NULL)
        return command_error(COMMAND_USAGE, "--copy-out is '%s', but there is no --copy",
                             a->copy_out);
    if (a->copy == TIK_COPY_NONE && random)
        return command_error(COMMAND_USAGE, "--copy-rounding is given, but there is no --copy");
    if (a->copy != TIK_COPY_NONE && a->copy_out == NULL)
        return command_error(COMMAND_USAGE, "--copy is given, but there is no --copy-out for it");
    if (a->seeded && !random)
        return command_error(COMMAND_USAGE,
                             "--seed is given, but there is no --copy-rounding stochastic");
    return COMMAND_OK;
}

int step_around_check(const struct step_arguments *a)
{
    const struct tik_optimizer_options *o = &a->options;
    if (a->ema_out != NULL && a->ema == 0)
        return command_error(COMMAND_USAGE, "--ema-out is '%s', but there is no --ema", a->ema_out);
    const int code = check_copy(a);
    if (code != COMMAND_OK)
        return code;
    const char *const names[] = {o->max_norm > 0 ? "--max-norm" : NULL,
                                 o->clip_norm > 0 ? "--clip-norm" : NULL,
                                 o->agc > 0 ? "--agc" : NULL};
    const char *first = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (first != NULL && names[i] != NULL)
            return command_error(COMMAND_USAGE, "%s and %s are both given; one of them is due",
                                 first, names[i]);
        first = first != NULL ? first : names[i];
    }
    if (o->loss_scale > 0 && o->nonfinite == TIK_NONFINITE_PROPAGATE)
        return command_error(COMMAND_USAGE, "--nonfinite propagate does not go with --loss-scale; "
                                            "skip or error is due");
    return COMMAND_OK;
}
