/* What tikhonov step says of the norm by which the gradients are clipped. */
#include "step.h"

#include <math.h>

#include "command.h"

/* The name of the first tensor with a gradient that is not finite; NULL: there is none. */
static const char *find_not_finite(const struct step_files *files)
{
    struct tik_tensor_view grad;
    for (size_t i = 0; i < tik_tensors_count(files->params); i++) {
        if (!step_files_gradient(files, i, &grad))
            continue;
        for (size_t j = 0; j < grad.count; j++)
            if (!isfinite(grad.data[j]))
                return grad.name;
    }
    return NULL;
}

static void warn(const struct step_files *files, const struct step_arguments *arguments,
                 const char *norm)
{
    const char *name = find_not_finite(files);
    if (name != NULL)
        command_warning("the norm of the gradients is %s, since tensor '%s' has one that is not "
                        "finite: look for NaN in %s",
                        norm, name, arguments->out);
    else
        command_warning("the norm of the gradients is %s, more than float32 holds, though each is "
                        "finite: the clip is 0, so that nothing but penalties and the state of "
                        "earlier steps moved the parameters",
                        norm);
}

static void warn_of_skip(const struct step_files *files)
{
    const char *name = find_not_finite(files);
    if (name != NULL)
        command_warning("the step was skipped: tensor '%s' has a gradient that is not finite",
                        name);
    else
        command_warning("the step was skipped: divided by the loss scale, a gradient is not "
                        "finite");
}

int step_norm_check(struct tik_optimizer *optimizer, const struct step_files *files,
                    const struct step_arguments *arguments)
{
    struct tik_report report;
    if (tik_optimizer_report(optimizer, 0, &report) != TIK_OK)
        return command_error(COMMAND_FAILED, "the norm of the gradients: %s", tik_last_error());
    if (report.skipped)
        warn_of_skip(files);
    else if (!isfinite(report.norm))
        warn(files, arguments, isnan(report.norm) ? "nan" : "inf");
    return COMMAND_OK;
}
