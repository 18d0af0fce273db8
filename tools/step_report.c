/* What tikhonov step says of the new parameters, group by group, from the step's own pass. */
#include "step.h"

#include <stdio.h>

#include "command.h"

static void print_group(const char *title, const struct tik_report *report)
{
    printf("%spenalty %.9g, 1/2||p||^2 %.9g, %llu of %llu elements exactly 0\n", title,
           report->penalty, report->half_squared_norm, (unsigned long long)report->zeros,
           (unsigned long long)report->count);
}

int step_report_print(struct tik_optimizer *optimizer, const struct step_arguments *arguments)
{
    struct tik_report report = {.clip = 1};
    for (size_t i = 0; i < tik_optimizer_groups(optimizer); i++) {
        const enum tik_status status = tik_optimizer_report(optimizer, i, &report);
        if (status != TIK_OK)
            return command_error(COMMAND_FAILED, "the report: %s", tik_last_error());
        if (report.skipped) {
            printf("the step was skipped\n");
            return COMMAND_OK;
        }
        print_group(i == 0 ? "" : "--no-decay: ", &report);
    }
    if (arguments->options.max_norm > 0)
        printf("norm of the gradients %.9g, times %.9g\n", report.norm, report.clip);
    return COMMAND_OK;
}
