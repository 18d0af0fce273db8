/* tikhonov step: one step of an optimizer over the tensors of a file. */
#include "step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

struct work {
    const struct step_arguments *arguments;
    struct step_files files;
    struct tik_context *context;
    struct tik_optimizer *optimizer;
    struct tik_tensors *state;      /* after the step */
    struct tik_tensors *ema, *eval; /* likewise; NULL: not asked for */
    struct tik_tensors *copy;       /* likewise, in 16 bits */
    size_t stepped, elements;       /* that took part */
};

/* Groups of the tensors with and without penalties; only those that have tensors. */
struct groups {
    size_t decayed, undecayed;
};

static enum tik_status open_device(struct work *work)
{
    const struct step_arguments *arguments = work->arguments;
    struct tik_context_options device;
    command_context_options(&device, arguments->device, arguments->strict);
    device.threads = arguments->threads;
    const enum tik_status status = tik_context_create(&device, &work->context);
    if (status != TIK_OK)
        return status;
    return tik_optimizer_create(work->context, &arguments->options, &work->optimizer);
}

static size_t count_undecayed(const struct step_files *files)
{
    size_t count = 0;
    for (size_t i = 0; i < tik_tensors_count(files->params); i++)
        count += files->undecayed[i];
    return count;
}

static enum tik_status add_groups(struct work *work, struct tik_policy *policy,
                                  struct groups *groups)
{
    const size_t undecayed = count_undecayed(&work->files);
    enum tik_status status = TIK_OK;
    if (undecayed == 0 || undecayed < tik_tensors_count(work->files.params))
        status = tik_optimizer_add_group(work->optimizer, policy, &groups->decayed);
    if (status != TIK_OK || undecayed == 0)
        return status;
    tik_policy_clear_penalties(policy);
    return tik_optimizer_add_group(work->optimizer, policy, &groups->undecayed);
}

static enum tik_status add_tensor(struct work *work, const struct groups *groups, size_t index)
{
    const struct step_files *files = &work->files;
    struct tik_tensor_view param;
    enum tik_status status = tik_tensors_at(files->params, index, &param);
    if (status != TIK_OK)
        return status;
    const struct tik_tensor tensor = {.name = param.name,
                                      .rank = param.rank,
                                      .shape = param.shape,
                                      .memory = TIK_MEMORY_LIBRARY,
                                      .param = param.data};
    const size_t group = files->undecayed[index] ? groups->undecayed : groups->decayed;
    status = tik_optimizer_add_tensor(work->optimizer, group, &tensor, NULL);
    if (status != TIK_OK)
        return status;
    if (files->frozen[index])
        return tik_optimizer_set_active(work->optimizer, index, false);
    work->stepped++;
    work->elements += param.count;
    return TIK_OK;
}

/*
 * All are registered before the first gradient is written: a write moves the group's memory to the
 * device, and one more tensor would fetch it back.
 */
static enum tik_status make_optimizer(struct work *work, struct tik_policy *policy)
{
    struct groups groups = {0, 0};
    enum tik_status status = open_device(work);
    if (status == TIK_OK)
        status = add_groups(work, policy, &groups);
    for (size_t i = 0; status == TIK_OK && i < tik_optimizer_groups(work->optimizer); i++)
        status = tik_optimizer_set_schedule(work->optimizer, i, &work->arguments->schedule);
    for (size_t i = 0; status == TIK_OK && i < tik_tensors_count(work->files.params); i++)
        status = add_tensor(work, &groups, i);
    struct tik_tensor_view grad;
    for (size_t i = 0; status == TIK_OK && i < tik_tensors_count(work->files.params); i++)
        if (step_files_gradient(&work->files, i, &grad))
            status = tik_optimizer_write(work->optimizer, i, TIK_GRAD, grad.data);
    return status;
}

static enum tik_status find_states(const struct work *work, size_t index,
                                   const struct tik_tensor_info *info, bool add, size_t *found)
{
    enum tik_status status = TIK_OK;
    for (size_t slot = 0; status == TIK_OK && slot < info->state_count; slot++) {
        const size_t size = strlen(info->name) + strlen(info->states[slot]) + 2;
        char *name = malloc(size);
        if (name == NULL)
            return TIK_ERROR_MEMORY;
        snprintf(name, size, "%s.%s", info->name, info->states[slot]);
        struct tik_tensor_view view;
        size_t shape[TIK_MAX_RANK];
        status =
            tik_optimizer_part_shape(work->optimizer, index, TIK_STATE + (int)slot, shape, NULL);
        if (add && status == TIK_OK)
            status = tik_tensors_add(work->files.state, name, info->rank, shape, NULL);
        if (add && status == TIK_OK && tik_tensors_find(work->files.state, name, &view))
            status = tik_optimizer_read(work->optimizer, index, TIK_STATE + (int)slot, view.data);
        if (!add)
            *found += tik_tensors_find(work->files.state, name, NULL);
        free(name);
    }
    return status;
}

/* A frozen tensor may never have had a state: it gets the one that it would start with. */
static enum tik_status complete_state(const struct work *work, size_t index)
{
    struct tik_tensor_info info;
    size_t found = 0;
    enum tik_status status = tik_optimizer_tensor(work->optimizer, index, &info);
    if (status == TIK_OK)
        status = find_states(work, index, &info, false, &found);
    if (status == TIK_OK && found == 0)
        status = find_states(work, index, &info, true, &found);
    return status;
}

/* A scale that does not move is the argument's, not the state's. */
static enum tik_status give_scale(const struct work *work)
{
    const struct step_arguments *arguments = work->arguments;
    if (arguments->options.loss_scale == 0 || arguments->dynamic)
        return TIK_OK;
    char text[32];
    snprintf(text, sizeof text, "%.17g", arguments->options.loss_scale);
    const enum tik_status status = tik_tensors_set_metadata(work->files.state, "loss_scale", text);
    return status == TIK_OK ? tik_tensors_set_metadata(work->files.state, "loss_scale_clean", "0")
                            : status;
}

static int load_state(struct work *work)
{
    const struct step_files *files = &work->files;
    if (files->state == NULL)
        return COMMAND_OK;
    enum tik_status status = TIK_OK;
    for (size_t i = 0; status == TIK_OK && i < tik_tensors_count(files->params); i++)
        if (files->frozen[i])
            status = complete_state(work, i);
    if (status == TIK_OK)
        status = give_scale(work);
    if (status == TIK_OK)
        status = tik_checkpoint_load(work->optimizer, files->state);
    if (status == TIK_ERROR_FORMAT)
        return command_error(COMMAND_USAGE, "%s: %s", work->arguments->state, tik_last_error());
    if (status == TIK_ERROR_MEMORY)
        return command_error(COMMAND_FAILED, "no memory for the state %s", work->arguments->state);
    return status == TIK_OK ? COMMAND_OK : command_failure(status);
}

static int take_step(struct work *work)
{
    enum tik_status status = tik_optimizer_step(work->optimizer);
    if (status == TIK_OK)
        status = tik_optimizer_sync(work->optimizer);
    if (status != TIK_OK)
        return command_failure(status);
    struct tik_optimizer_stats stats;
    tik_optimizer_stats(work->optimizer, &stats);
    if (stats.mismatches > 0)
        return command_error(
            COMMAND_FAILED, "%llu of %llu words differ from the scalar path's; nothing is written",
            (unsigned long long)stats.mismatches, (unsigned long long)stats.verified_words);
    return COMMAND_OK;
}

/* The step counts for the file as a whole, so that its groups may be drawn anew another time. */
static enum tik_status align_steps(struct work *work)
{
    uint64_t steps = 0;
    enum tik_status status = TIK_OK;
    for (size_t i = 0; status == TIK_OK && i < tik_optimizer_groups(work->optimizer); i++) {
        uint64_t own;
        status = tik_optimizer_steps(work->optimizer, i, &own);
        if (status == TIK_OK && own > steps)
            steps = own;
    }
    for (size_t i = 0; status == TIK_OK && i < tik_optimizer_groups(work->optimizer); i++)
        status = tik_optimizer_set_steps(work->optimizer, i, steps);
    return status;
}

/* Tensors like the parameters, each as `read` has it. */
static enum tik_status collect_read(struct work *work,
                                    enum tik_status (*read)(struct tik_optimizer *, size_t,
                                                            float *),
                                    struct tik_tensors **tensors)
{
    enum tik_status status = tik_tensors_create(tensors);
    for (size_t i = 0; status == TIK_OK && i < tik_tensors_count(work->files.params); i++) {
        struct tik_tensor_view param, view;
        status = tik_tensors_at(work->files.params, i, &param);
        if (status == TIK_OK)
            status = tik_tensors_add(*tensors, param.name, param.rank, param.shape, NULL);
        if (status == TIK_OK && tik_tensors_find(*tensors, param.name, &view))
            status = read(work->optimizer, i, view.data);
    }
    return status;
}

static enum tik_status collect_copy(struct work *work)
{
    const enum tik_dtype dtype =
        work->arguments->copy == TIK_COPY_BF16 ? TIK_DTYPE_BF16 : TIK_DTYPE_F16;
    enum tik_status status = tik_tensors_create(&work->copy);
    for (size_t i = 0; status == TIK_OK && i < tik_tensors_count(work->files.params); i++) {
        struct tik_tensor_view param, view;
        status = tik_tensors_at(work->files.params, i, &param);
        if (status == TIK_OK)
            status =
                tik_tensors_add_as(work->copy, param.name, dtype, param.rank, param.shape, NULL);
        if (status == TIK_OK && tik_tensors_find(work->copy, param.name, &view))
            status = tik_optimizer_read(work->optimizer, i, TIK_COPY, view.words);
    }
    return status;
}

static int collect(struct work *work)
{
    enum tik_status status = TIK_OK;
    if (work->arguments->ema_out != NULL)
        status = collect_read(work, tik_optimizer_read_ema, &work->ema);
    if (status == TIK_OK && work->arguments->eval_out != NULL)
        status = collect_read(work, tik_optimizer_read_eval, &work->eval);
    if (status == TIK_OK && work->arguments->copy_out != NULL)
        status = collect_copy(work);
    if (status == TIK_OK)
        status = align_steps(work);
    for (size_t i = 0; status == TIK_OK && i < tik_tensors_count(work->files.params); i++) {
        struct tik_tensor_view param;
        status = tik_tensors_at(work->files.params, i, &param);
        if (status == TIK_OK && !work->files.frozen[i])
            status = tik_optimizer_read(work->optimizer, i, TIK_PARAM, param.data);
    }
    if (status == TIK_OK)
        status = tik_checkpoint_save(work->optimizer, &work->state);
    return status == TIK_OK ? COMMAND_OK : command_error(COMMAND_FAILED, "%s", tik_last_error());
}

static int save(const struct work *work)
{
    const struct {
        const struct tik_tensors *tensors;
        const char *path;
    } outputs[] = {{work->files.params, work->arguments->out},
                   {work->state, work->arguments->state_out},
                   {work->ema, work->arguments->ema_out},
                   {work->eval, work->arguments->eval_out},
                   {work->copy, work->arguments->copy_out}};
    const struct tik_tensors *tensors[sizeof outputs / sizeof *outputs];
    const char *paths[sizeof outputs / sizeof *outputs];
    size_t count = 0;
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++)
        if (outputs[i].tensors != NULL) {
            tensors[count] = outputs[i].tensors;
            paths[count++] = outputs[i].path;
        }
    const enum tik_status status = tik_tensors_save(tensors, paths, count);
    if (status == TIK_OK)
        return COMMAND_OK;
    return command_error(status == TIK_ERROR_ARGUMENT ? COMMAND_USAGE : COMMAND_FAILED, "%s",
                         tik_last_error());
}

static int print_summary(const struct work *work)
{
    uint64_t steps;
    const enum tik_status status = tik_optimizer_steps(work->optimizer, 0, &steps);
    if (status != TIK_OK)
        return command_failure(status);
    struct tik_optimizer_stats stats;
    tik_optimizer_stats(work->optimizer, &stats);
    const char *device = tik_context_fallbacks(work->context) > 0
                             ? "the scalar path, in place of the device"
                             : tik_context_device(work->context)->name;
    printf("step %llu of %s on %s (%s): %zu tensors, %zu elements; %llu words verified, %llu "
           "mismatches\n",
           (unsigned long long)steps, work->arguments->rule, device,
           tik_conformance_name(tik_optimizer_conformance(work->optimizer)), work->stepped,
           work->elements, (unsigned long long)stats.verified_words,
           (unsigned long long)stats.mismatches);
    return step_report_print(work->optimizer, work->arguments);
}

static int run(struct work *work, struct tik_policy *policy)
{
    int code = step_files_load(&work->files, work->arguments);
    if (code != COMMAND_OK)
        return code;
    const enum tik_status status = make_optimizer(work, policy);
    if (status != TIK_OK)
        return command_failure(status);
    code = load_state(work);
    if (code == COMMAND_OK)
        code = take_step(work);
    if (code == COMMAND_OK)
        code = step_norm_check(work->optimizer, &work->files, work->arguments);
    if (code == COMMAND_OK)
        code = collect(work);
    if (code == COMMAND_OK)
        code = save(work);
    return code == COMMAND_OK ? print_summary(work) : code;
}

int step_run(int argc, char **argv)
{
    struct step_arguments arguments;
    bool done;
    int code = step_arguments_read(&arguments, argc, argv, &done);
    struct tik_policy *policy = NULL;
    if (code == COMMAND_OK && !done)
        policy = step_arguments_policy(&arguments, &code);
    if (policy != NULL) {
        struct work work = {.arguments = &arguments};
        code = run(&work, policy);
        tik_tensors_destroy(work.state);
        tik_tensors_destroy(work.ema);
        tik_tensors_destroy(work.eval);
        tik_tensors_destroy(work.copy);
        tik_optimizer_destroy(work.optimizer);
        tik_context_destroy(work.context);
        step_files_finish(&work.files);
    }
    tik_policy_destroy(policy);
    step_arguments_finish(&arguments);
    return code;
}
