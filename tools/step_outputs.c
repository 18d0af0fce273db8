/* The outputs of tikhonov step, looked at before the work: a slip in a path costs no step. */
#include "step.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

/* Links in a row that are followed, as the library does. */
#define LINK_LIMIT 40

static bool same_file(const char *a, const char *b)
{
    struct stat one, other;
    return a != NULL && b != NULL && stat(a, &one) == 0 && stat(b, &other) == 0 &&
           one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* An output may replace its own input; replacing another one is a slip. */
static int check_distinct(const struct step_arguments *a)
{
    const struct {
        const char *out_name, *out, *in_name, *in;
    } pairs[] = {
        {"--out", a->out, "--state-out", a->state_out},
        {"--out", a->out, "--grads", a->grads},
        {"--out", a->out, "--state", a->state},
        {"--state-out", a->state_out, "--params", a->params},
        {"--state-out", a->state_out, "--grads", a->grads},
        {"--ema-out", a->ema_out, "--params", a->params},
        {"--ema-out", a->ema_out, "--grads", a->grads},
        {"--ema-out", a->ema_out, "--state", a->state},
        {"--ema-out", a->ema_out, "--out", a->out},
        {"--ema-out", a->ema_out, "--state-out", a->state_out},
        {"--eval-out", a->eval_out, "--params", a->params},
        {"--eval-out", a->eval_out, "--grads", a->grads},
        {"--eval-out", a->eval_out, "--state", a->state},
        {"--eval-out", a->eval_out, "--out", a->out},
        {"--eval-out", a->eval_out, "--state-out", a->state_out},
        {"--eval-out", a->eval_out, "--ema-out", a->ema_out},
        {"--copy-out", a->copy_out, "--params", a->params},
        {"--copy-out", a->copy_out, "--grads", a->grads},
        {"--copy-out", a->copy_out, "--state", a->state},
        {"--copy-out", a->copy_out, "--out", a->out},
        {"--copy-out", a->copy_out, "--state-out", a->state_out},
        {"--copy-out", a->copy_out, "--ema-out", a->ema_out},
        {"--copy-out", a->copy_out, "--eval-out", a->eval_out},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (pairs[i].out == NULL)
            continue;
        const bool same_text = pairs[i].in != NULL && strcmp(pairs[i].out, pairs[i].in) == 0;
        if (same_text || same_file(pairs[i].out, pairs[i].in))
            return command_error(
                COMMAND_USAGE, "%s and %s are the same file, '%s'; %s may only replace %s",
                pairs[i].out_name, pairs[i].in_name, pairs[i].out, pairs[i].out_name,
                pairs[i].out == a->out         ? "--params"
                : pairs[i].out == a->state_out ? "--state"
                                               : "a file of its own");
    }
    return COMMAND_OK;
}

/* "a/b/" of "a/b/c", and `name` behind it; NULL: no memory. */
static char *beside(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    const size_t length = slash != NULL && name[0] != '/' ? (size_t)(slash - path) + 1 : 0;
    char *joined = malloc(length + strlen(name) + 1);
    if (joined != NULL) {
        memcpy(joined, path, length);
        strcpy(joined + length, name);
    }
    return joined;
}

/* The file behind symbolic links, which need not be there yet; NULL with errno. To be freed. */
static char *follow(const char *path)
{
    char *target = strdup(path);
    for (int links = 0; target != NULL && links <= LINK_LIMIT; links++) {
        char next[4096];
        const ssize_t length = readlink(target, next, sizeof next - 1);
        if (length < 0)
            return target;
        next[length] = '\0';
        char *joined = beside(target, next);
        free(target);
        target = joined;
    }
    if (target != NULL)
        errno = ELOOP;
    free(target);
    return NULL;
}

/* A file is replaced by one that is written in the same folder. */
static int check_folder(const char *option, const char *path, const char *target)
{
    char *copy = strdup(target);
    if (copy == NULL)
        return command_error(COMMAND_FAILED, "no memory for a path");
    struct stat about;
    const char *folder = dirname(copy);
    int code = COMMAND_OK;
    if (stat(folder, &about) != 0 || !S_ISDIR(about.st_mode))
        code = command_error(COMMAND_USAGE, "%s is '%s', but there is no folder '%s'", option, path,
                             folder);
    else if (access(folder, W_OK | X_OK) != 0)
        code = command_error(COMMAND_USAGE, "%s is '%s', but nothing can be written in '%s': %s",
                             option, path, folder, strerror(errno));
    free(copy);
    return code;
}

static int check_file(const char *option, const char *path, const char *target)
{
    struct stat about;
    const size_t length = strlen(target);
    if (length == 0 || target[length - 1] == '/')
        return command_error(COMMAND_USAGE, "%s is '%s'; the name of a file is due", option, path);
    const bool there = stat(target, &about) == 0;
    if (!there && errno == ENOENT)
        return COMMAND_OK;
    if (there && !S_ISREG(about.st_mode))
        return command_error(COMMAND_USAGE, "%s is '%s', which is not a regular file", option,
                             path);
    if (!there || access(target, W_OK) != 0)
        return command_error(COMMAND_USAGE, "%s is '%s', which cannot be written: %s", option, path,
                             strerror(errno));
    return COMMAND_OK;
}

static int check_output(const char *option, const char *path)
{
    char *target = follow(path);
    if (target == NULL)
        return command_error(errno == ENOMEM ? COMMAND_FAILED : COMMAND_USAGE,
                             "%s is '%s', which cannot be followed: %s", option, path,
                             strerror(errno));
    int code = check_folder(option, path, target);
    if (code == COMMAND_OK)
        code = check_file(option, path, target);
    free(target);
    return code;
}

int step_outputs_check(const struct step_arguments *arguments)
{
    int code = check_output("--out", arguments->out);
    if (code == COMMAND_OK)
        code = check_output("--state-out", arguments->state_out);
    if (code == COMMAND_OK && arguments->ema_out != NULL)
        code = check_output("--ema-out", arguments->ema_out);
    if (code == COMMAND_OK && arguments->eval_out != NULL)
        code = check_output("--eval-out", arguments->eval_out);
    if (code == COMMAND_OK && arguments->copy_out != NULL)
        code = check_output("--copy-out", arguments->copy_out);
    return code == COMMAND_OK ? check_distinct(arguments) : code;
}
