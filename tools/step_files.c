/* The files of tikhonov step: loading, and whether they and the patterns fit each other. */
#include "step.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

/* "[2, 3]", cut where it does not fit. */
static const char *shape_text(char text[static 128], const struct tik_tensor_view *view)
{
    size_t length = 1;
    strcpy(text, "[");
    for (size_t i = 0; i < view->rank && length < 100; i++)
        length += (size_t)snprintf(text + length, 128 - length, "%s%zu", i > 0 ? ", " : "",
                                   view->shape[i]);
    strcpy(text + length, "]");
    return text;
}

static bool same_shape(const struct tik_tensor_view *a, const struct tik_tensor_view *b)
{
    return a->rank == b->rank &&
           (a->rank == 0 || memcmp(a->shape, b->shape, a->rank * sizeof *a->shape) == 0);
}

static int check_gradient(const struct step_files *files, const struct step_arguments *arguments,
                          size_t index)
{
    struct tik_tensor_view param, grad;
    const enum tik_status status = tik_tensors_at(files->params, index, &param);
    if (status != TIK_OK)
        return command_failure(status);
    if (!tik_tensors_find(files->grads, param.name, &grad)) {
        if (files->frozen[index])
            return COMMAND_OK;
        return command_error(COMMAND_USAGE,
                             "tensor '%s' of %s has no gradient in %s; give it one or --freeze it",
                             param.name, arguments->params, arguments->grads);
    }
    char found[128], due[128];
    if (!same_shape(&param, &grad))
        return command_error(COMMAND_USAGE,
                             "tensor '%s': its gradient in %s has shape %s; its shape in %s is %s",
                             param.name, arguments->grads, shape_text(found, &grad),
                             arguments->params, shape_text(due, &param));
    return COMMAND_OK;
}

static int check_surplus(const struct step_files *files, const struct step_arguments *arguments)
{
    for (size_t i = 0; i < tik_tensors_count(files->grads); i++) {
        struct tik_tensor_view grad;
        const enum tik_status status = tik_tensors_at(files->grads, i, &grad);
        if (status != TIK_OK)
            return command_failure(status);
        if (!tik_tensors_find(files->params, grad.name, NULL))
            return command_error(COMMAND_USAGE, "tensor '%s' of %s has no parameter in %s",
                                 grad.name, arguments->grads, arguments->params);
    }
    return COMMAND_OK;
}

/* Marks the tensors whose whole name matches one of the patterns. */
static int mark(const struct step_files *files, const char *option,
                const struct text_list *patterns, bool *marks)
{
    for (size_t i = 0; i < patterns->count; i++) {
        bool matched = false;
        for (size_t j = 0; j < tik_tensors_count(files->params); j++) {
            struct tik_tensor_view view;
            const enum tik_status status = tik_tensors_at(files->params, j, &view);
            if (status != TIK_OK)
                return command_failure(status);
            const bool match = fnmatch(patterns->items[i], view.name, 0) == 0;
            matched = matched || match;
            marks[j] = marks[j] || match;
        }
        if (!matched)
            command_warning("%s '%s' matches no tensor", option, patterns->items[i]);
    }
    return COMMAND_OK;
}

static int mark_all(struct step_files *files, const struct step_arguments *arguments)
{
    const size_t count = tik_tensors_count(files->params);
    files->frozen = calloc(count + 1, sizeof *files->frozen);
    files->undecayed = calloc(count + 1, sizeof *files->undecayed);
    if (files->frozen == NULL || files->undecayed == NULL)
        return command_error(COMMAND_FAILED, "no memory for the marks of %zu tensors", count);
    const int code = mark(files, "--no-decay", &arguments->no_decay, files->undecayed);
    return code == COMMAND_OK ? mark(files, "--freeze", &arguments->freeze, files->frozen) : code;
}

static int load(const char *path, struct tik_tensors **tensors)
{
    const enum tik_status status = tik_tensors_load(path, tensors);
    return status == TIK_OK ? COMMAND_OK : command_failure(status);
}

int step_files_load(struct step_files *files, const struct step_arguments *arguments)
{
    *files = (struct step_files){.params = NULL};
    int code = load(arguments->params, &files->params);
    if (code == COMMAND_OK)
        code = load(arguments->grads, &files->grads);
    if (code == COMMAND_OK && arguments->state != NULL)
        code = load(arguments->state, &files->state);
    if (code == COMMAND_OK)
        code = mark_all(files, arguments);
    if (code == COMMAND_OK)
        code = check_surplus(files, arguments);
    for (size_t i = 0; code == COMMAND_OK && i < tik_tensors_count(files->params); i++)
        code = check_gradient(files, arguments, i);
    return code;
}

bool step_files_gradient(const struct step_files *files, size_t index, struct tik_tensor_view *grad)
{
    struct tik_tensor_view param;
    return !files->frozen[index] && tik_tensors_at(files->params, index, &param) == TIK_OK &&
           tik_tensors_find(files->grads, param.name, grad);
}

void step_files_finish(struct step_files *files)
{
    tik_tensors_destroy(files->params);
    tik_tensors_destroy(files->grads);
    tik_tensors_destroy(files->state);
    free(files->frozen);
    free(files->undecayed);
}
