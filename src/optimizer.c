/* Registration, access and options of an optimizer; step.c takes its steps. */
#include "optimizer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "scalar/numeric.h"

void tik_optimizer_defaults(struct tik_optimizer_options *options)
{
    if (options == NULL)
        return;
    *options = (struct tik_optimizer_options){.verify = TIK_VERIFY_OFF,
                                              .verify_blocks = 4,
                                              .clip_eps = 1e-6,
                                              .agc_eps = 1e-3,
                                              .accumulate = 1,
                                              .loss_scale_growth = 2,
                                              .loss_scale_backoff = 0.5,
                                              .loss_scale_interval = 2000};
}

/* 0 says that there is none; else float32 has to hold it. */
static enum tik_status check_clip(const char *name, double value)
{
    if (value == 0 || ((float)value > 0 && value <= 3e38))
        return TIK_OK;
    return tik_error_set(TIK_ERROR_ARGUMENT,
                         "%s is %g; allowed is 0 (no clipping), or 1e-45 to 3e38", name, value);
}

static enum tik_status check_clips(const struct tik_optimizer_options *options)
{
    const struct {
        const char *name;
        double value;
    } clips[] = {{"max_norm", options->max_norm},
                 {"clip_norm", options->clip_norm},
                 {"agc", options->agc},
                 {"clip_value", options->clip_value}};
    const char *used = NULL;
    for (size_t i = 0; i < sizeof clips / sizeof *clips; i++) {
        const enum tik_status status = check_clip(clips[i].name, clips[i].value);
        if (status != TIK_OK)
            return status;
        if (i == 3 || clips[i].value == 0)
            continue;
        if (used != NULL)
            return tik_error_set(TIK_ERROR_ARGUMENT,
                                 "%s and %s are both given; gradients are clipped by one norm",
                                 used, clips[i].name);
        used = clips[i].name;
    }
    if (!(options->clip_eps >= 0 && options->clip_eps <= 1))
        return tik_error_set(TIK_ERROR_ARGUMENT, "clip_eps is %g; allowed is [0, 1]",
                             options->clip_eps);
    if (!(options->agc_eps > 0 && options->agc_eps <= 1e3))
        return tik_error_set(TIK_ERROR_ARGUMENT, "agc_eps is %g; allowed is (0, 1000]",
                             options->agc_eps);
    return TIK_OK;
}

static enum tik_status check_scaling(const struct tik_optimizer_options *options)
{
    const double scale = options->loss_scale;
    if (!(scale == 0 || (scale >= 0x1p-100 && scale <= 0x1p100)))
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "loss_scale is %g; allowed is 0 (none), or 2^-100 to 2^100", scale);
    if (!(options->loss_scale_growth >= 1 && options->loss_scale_growth <= 1e6))
        return tik_error_set(TIK_ERROR_ARGUMENT, "loss_scale_growth is %g; allowed is [1, 1e6]",
                             options->loss_scale_growth);
    if (!(options->loss_scale_backoff > 0 && options->loss_scale_backoff <= 1))
        return tik_error_set(TIK_ERROR_ARGUMENT, "loss_scale_backoff is %g; allowed is (0, 1]",
                             options->loss_scale_backoff);
    if ((unsigned)options->nonfinite > TIK_NONFINITE_ERROR)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "nonfinite is %d; allowed is TIK_NONFINITE_AUTO to _ERROR",
                             (int)options->nonfinite);
    const bool propagates = options->nonfinite == TIK_NONFINITE_PROPAGATE ||
                            (options->nonfinite == TIK_NONFINITE_AUTO && scale == 0);
    if (propagates && scale != 0)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "nonfinite is TIK_NONFINITE_PROPAGATE with a loss_scale of %g: "
                             "a scale moves by the steps that it skips",
                             scale);
    if (propagates && options->nonfinite_limit != 0)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "nonfinite_limit is %u, and no step is skipped; nonfinite has to be "
                             "TIK_NONFINITE_SKIP",
                             options->nonfinite_limit);
    return TIK_OK;
}

static enum tik_status check_options(const struct tik_optimizer_options *options)
{
    if (options->verify == TIK_VERIFY_SAMPLE && options->verify_blocks == 0)
        return tik_error_set(TIK_ERROR_ARGUMENT, "verify_blocks is 0; a sample has at least 1");
    if ((unsigned)options->verify > TIK_VERIFY_ALL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "verify is %d; allowed is TIK_VERIFY_OFF to _ALL",
                             (int)options->verify);
    if (options->accumulate == 0)
        return tik_error_set(TIK_ERROR_ARGUMENT, "accumulate is 0; allowed is 1 and more");
    const enum tik_status status = check_clips(options);
    return status == TIK_OK ? check_scaling(options) : status;
}

/* What the options make of the gradients, whatever rounding mode the caller has set. */
static void read_options(struct tik_optimizer *optimizer)
{
    const struct tik_optimizer_options *o = &optimizer->options;
    struct tik_gather *gather = &optimizer->gather;
    fenv_t saved;
    tik_numeric_enter(&saved);
    *gather = (struct tik_gather){
        .mean = o->accumulate > 1,
        .unscale = o->loss_scale != 0,
        .limit = o->clip_value > 0,
        .late = o->clip_late,
        .clip = o->max_norm > 0    ? TIK_CLIP_ALL
                : o->clip_norm > 0 ? TIK_CLIP_TENSOR
                : o->agc > 0       ? TIK_CLIP_ADAPTIVE
                                   : TIK_CLIP_NONE,
        .guard = o->loss_scale != 0 || o->nonfinite == TIK_NONFINITE_SKIP ||
                 o->nonfinite == TIK_NONFINITE_ERROR,
        .zero_grad = o->zero_grad,
    };
    optimizer->gradient = (struct gradient_scalars){
        .share = (float)(1.0 / o->accumulate),
        .limit = (float)o->clip_value,
        .max_norm = (float)(o->max_norm + o->clip_norm + o->agc),
        .eps = (float)(gather->clip == TIK_CLIP_ADAPTIVE ? o->agc_eps : o->clip_eps),
    };
    optimizer->scaling = (struct guard_scalars){
        .growth = (float)o->loss_scale_growth,
        .backoff = o->loss_scale != 0 ? (float)o->loss_scale_backoff : 1.0f,
        .interval = o->loss_scale != 0 ? o->loss_scale_interval : 0,
        .patience = o->nonfinite == TIK_NONFINITE_ERROR ? 1 : o->nonfinite_limit,
    };
    const float scale = o->loss_scale != 0 ? (float)o->loss_scale : 1.0f;
    optimizer->guard.seen = (struct tik_control){
        .clip = 1.0f, .unscale = 1.0f / scale, .scale = scale, .coming = 1.0f / scale};
    tik_numeric_leave(&saved);
}

enum tik_status tik_optimizer_create(struct tik_context *context,
                                     const struct tik_optimizer_options *options,
                                     struct tik_optimizer **optimizer)
{
    struct tik_optimizer_options defaults;
    tik_optimizer_defaults(&defaults);
    if (context == NULL || optimizer == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL",
                             context == NULL ? "context" : "optimizer");
    options = options != NULL ? options : &defaults;
    enum tik_status status = check_options(options);
    if (status != TIK_OK)
        return status;

    struct tik_optimizer *made = calloc(1, sizeof *made);
    if (made == NULL)
        return tik_error_memory("an optimizer", sizeof *made);
    made->context = context;
    made->options = *options;
    read_options(made);
    status = context->scalar->ops->instance(context->scalar, &made->scalar);
    if (status == TIK_OK)
        status = context->backend->ops->instance(context->backend, &made->backend);
    if (status != TIK_OK) {
        if (made->scalar != NULL)
            made->scalar->ops->destroy(made->scalar);
        free(made);
        return status;
    }
    tik_store_init(&made->store, made->backend, options->zero_grad);
    made->store.memory_limit = options->memory_limit;
    made->store.progress = options->progress;
    made->store.progress_data = options->progress_data;
    *optimizer = made;
    return TIK_OK;
}

void tik_optimizer_destroy(struct tik_optimizer *optimizer)
{
    if (optimizer == NULL)
        return;
    const struct tik_backend_ops *ops = optimizer->backend->ops;
    /* Commands may still read what is about to go; their fate interests nobody any more. */
    enum tik_status ignored = ops->finish(optimizer->backend);
    (void)ignored;
    tik_store_finish(&optimizer->store);
    tik_guard_destroy(optimizer);
    for (size_t g = 0; g < optimizer->group_count; g++) {
        ops->program_destroy(optimizer->backend, optimizer->groups[g].program);
        ops->program_destroy(optimizer->backend, optimizer->groups[g].packed);
        for (size_t i = 0; i < TIK_PENALTY_SLOTS; i++)
            ops->program_destroy(optimizer->backend, optimizer->groups[g].units[i]);
    }
    ops->program_destroy(optimizer->backend, optimizer->norm_program);
    ops->program_destroy(optimizer->backend, optimizer->norm_packed);
    ops->destroy(optimizer->backend);
    optimizer->scalar->ops->destroy(optimizer->scalar);
    free(optimizer->groups);
    free(optimizer->launches);
    free(optimizer->many);
    free(optimizer);
}

enum tik_status tik_optimizer_check(const struct tik_optimizer *optimizer)
{
    if (optimizer == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "optimizer is NULL");
    if (optimizer->torn)
        return tik_error_set(TIK_ERROR_TORN, "the device failed while it wrote an earlier step; "
                                             "make a new optimizer from a checkpoint");
    return TIK_OK;
}

enum tik_status tik_optimizer_settle(struct tik_optimizer *optimizer, enum tik_status status)
{
    optimizer->torn |= status == TIK_ERROR_TORN;
    return status;
}

enum tik_status tik_optimizer_check_group(const struct tik_optimizer *optimizer, size_t group)
{
    if (optimizer == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "optimizer is NULL");
    if (group >= optimizer->group_count)
        return tik_error_set(TIK_ERROR_ARGUMENT, "group %zu: the optimizer has %zu", group,
                             optimizer->group_count);
    return TIK_OK;
}

enum tik_status tik_optimizer_check_tensor(const struct tik_optimizer *optimizer, size_t tensor)
{
    if (optimizer == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "optimizer is NULL");
    if (tensor >= optimizer->store.tensor_count)
        return tik_error_set(TIK_ERROR_ARGUMENT, "tensor %zu: the optimizer has %zu", tensor,
                             optimizer->store.tensor_count);
    return TIK_OK;
}

enum tik_status tik_optimizer_add_group(struct tik_optimizer *optimizer,
                                        const struct tik_policy *policy, size_t *group)
{
    if (optimizer == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "optimizer is NULL");
    enum tik_status status = tik_policy_check(policy);
    if (status == TIK_OK)
        status = tik_optimizer_settle(optimizer, tik_guard_learn(optimizer));
    if (status != TIK_OK)
        return status;
    const size_t bytes = (optimizer->group_count + 1) * sizeof *optimizer->groups;
    struct tik_group *groups = realloc(optimizer->groups, bytes);
    if (groups == NULL)
        return tik_error_memory("the list of groups", bytes);
    optimizer->groups = groups;

    struct tik_group *made = &groups[optimizer->group_count];
    *made = (struct tik_group){.policy = *policy};
    tik_schedule_defaults(&made->schedule);
    tik_plan_make(policy, &optimizer->gather, optimizer->options.report, &made->plan);
    struct tik_array arrays[TIK_ARRAYS];
    const size_t count = tik_plan_arrays(&made->plan, arrays);
    for (size_t k = 0, vectors = 0; k < count; k++) {
        made->names[1][k] = arrays[k].name;
        if (arrays[k].extent != TIK_EACH_COLUMN)
            made->names[0][vectors++] = arrays[k].of_vector;
    }
    memcpy(made->carried[0], policy->rule->carried_initial, sizeof made->carried[0]);
    if (group != NULL)
        *group = optimizer->group_count;
    optimizer->group_count++;
    return TIK_OK;
}

/* ---- tensors ---- */

static enum tik_status check_shape(const struct tik_optimizer *optimizer,
                                   const struct tik_tensor *tensor, size_t *count)
{
    if (tensor->rank > TIK_MAX_RANK)
        return tik_error_set(TIK_ERROR_ARGUMENT, "tensor %s has rank %zu; allowed is at most %d",
                             tensor->name, tensor->rank, TIK_MAX_RANK);
    if (tensor->rank > 0 && tensor->shape == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "tensor %s has rank %zu, but no shape",
                             tensor->name, tensor->rank);
    bool empty = false;
    for (size_t d = 0; d < tensor->rank; d++)
        empty |= tensor->shape[d] == 0;
    *count = empty ? 0 : 1;
    const size_t most = SIZE_MAX / sizeof(float) / 4;
    for (size_t d = 0; d < tensor->rank && !empty; d++) {
        if (tensor->shape[d] > most / *count)
            return tik_error_set(TIK_ERROR_ARGUMENT, "tensor %s: its shape has too many elements",
                                 tensor->name);
        *count *= tensor->shape[d];
    }
    if (optimizer->store.slots + *count / TIK_BLOCK + 1 > UINT32_MAX)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "tensor %s: an optimizer holds at most %" PRIu32 " blocks of %d "
                             "elements",
                             tensor->name, UINT32_MAX, TIK_BLOCK);
    return TIK_OK;
}

/* Both sides as a BLAS counts them. */
static enum tik_status check_matrix(const struct tik_group *group, const struct tik_tensor *tensor)
{
    const char *rule = group->policy.rule->info.name;
    if (!group->policy.rule->info.matrices)
        return TIK_OK;
    if (tensor->rank != 2)
        return tik_error_set(
            TIK_ERROR_ARGUMENT,
            "tensor %s has rank %zu, and rule %s takes matrices, which have rank 2: "
            "put it into a group of another rule, or give it the shape of a matrix",
            tensor->name, tensor->rank, rule);
    if (tensor->shape[0] > INT32_MAX || tensor->shape[1] > INT32_MAX)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "tensor %s is %zu x %zu; rule %s takes sides of at most %" PRId32,
                             tensor->name, tensor->shape[0], tensor->shape[1], rule, INT32_MAX);
    return TIK_OK;
}

static enum tik_status check_memory(const struct tik_optimizer *optimizer,
                                    const struct tik_tensor *tensor, size_t count)
{
    switch (tensor->memory) {
    case TIK_MEMORY_LIBRARY:
        return TIK_OK;
    case TIK_MEMORY_HOST:
        if (count > 0 && (tensor->param == NULL || tensor->grad == NULL))
            return tik_error_set(TIK_ERROR_ARGUMENT,
                                 "tensor %s: %s is NULL, and its memory is the host's",
                                 tensor->name, tensor->param == NULL ? "param" : "grad");
        return TIK_OK;
    case TIK_MEMORY_OPENCL:
        if (optimizer->backend->ops->memory_borrow == NULL)
            return tik_error_set(TIK_ERROR_ARGUMENT,
                                 "tensor %s: its memory is OpenCL's, and the context's device is "
                                 "the scalar path",
                                 tensor->name);
        if (tensor->cl_param == NULL || tensor->cl_grad == NULL)
            return tik_error_set(TIK_ERROR_ARGUMENT, "tensor %s: %s is NULL", tensor->name,
                                 tensor->cl_param == NULL ? "cl_param" : "cl_grad");
        if (tensor->param_offset > SIZE_MAX / sizeof(float) - count ||
            tensor->grad_offset > SIZE_MAX / sizeof(float) - count)
            return tik_error_set(TIK_ERROR_ARGUMENT, "tensor %s: an offset is too large",
                                 tensor->name);
        return TIK_OK;
    }
    return tik_error_set(TIK_ERROR_ARGUMENT, "tensor %s: there is no memory %d", tensor->name,
                         (int)tensor->memory);
}

/* What the group's tensors have beside parameter and gradient, and where it starts. */
static void lay_out(const struct tik_group *group, struct tik_layout *layout)
{
    float initial[TIK_MAX_STATES];
    tik_policy_initial(&group->policy, initial);
    *layout = (struct tik_layout){0};
    layout->count = tik_plan_arrays(&group->plan, layout->array);
    layout->iterated = group->plan.variant->iteration != NULL;
    for (size_t k = 0; k < layout->count; k++) {
        const size_t number = layout->array[k].number;
        layout->states += layout->array[k].name != NULL;
        layout->lines |= layout->array[k].extent != TIK_EACH_ELEMENT;
        if (number < TIK_MAX_STATES)
            layout->start[k] = (struct tik_start){
                .value = initial[number],
                .param = (group->policy.rule->follows >> number & 1) != 0,
            };
        if (number == TIK_EMA)
            layout->start[k].param = !group->policy.ema_debias;
        if (number == TIK_LOW)
            layout->start[k] = (struct tik_start){
                .param = true, .copy = group->plan.copy, .scalars = tik_copies_scalars(group)};
    }
}

enum tik_status tik_optimizer_add_tensor(struct tik_optimizer *optimizer, size_t group,
                                         const struct tik_tensor *tensor, size_t *index)
{
    enum tik_status status = tik_optimizer_check_group(optimizer, group);
    if (status != TIK_OK)
        return status;
    if (tensor == NULL || tensor->name == NULL || tensor->name[0] == '\0')
        return tik_error_set(TIK_ERROR_ARGUMENT, "a tensor needs a name");
    if (tik_store_find(&optimizer->store, tensor->name) < optimizer->store.tensor_count)
        return tik_error_set(TIK_ERROR_ARGUMENT, "there is a tensor %s already", tensor->name);
    size_t count = 0, number = 0;
    status = check_shape(optimizer, tensor, &count);
    if (status == TIK_OK)
        status = check_matrix(&optimizer->groups[group], tensor);
    if (status == TIK_OK)
        status = check_memory(optimizer, tensor, count);
    if (status == TIK_OK)
        status = tik_optimizer_check(optimizer);
    /* What is rounded by chance is so by the count of steps. */
    const struct tik_copy_stage *copy = optimizer->groups[group].plan.copy;
    if (status == TIK_OK && copy != NULL && copy->random)
        status = tik_guard_learn(optimizer);
    struct tik_layout layout;
    if (status == TIK_OK) {
        lay_out(&optimizer->groups[group], &layout);
        status = tik_store_add(&optimizer->store, group, &layout, tensor, &number);
    }
    if (status != TIK_OK)
        return tik_optimizer_settle(optimizer, status);
    optimizer->groups[group].active++;
    optimizer->groups[group].alone += tensor->memory != TIK_MEMORY_LIBRARY;
    if (index != NULL)
        *index = number;
    return TIK_OK;
}

enum tik_status tik_optimizer_set_active(struct tik_optimizer *optimizer, size_t tensor,
                                         bool active)
{
    const enum tik_status status = tik_optimizer_check_tensor(optimizer, tensor);
    if (status != TIK_OK)
        return status;
    struct tik_entry *entry = &optimizer->store.tensors[tensor];
    if (entry->active != active) {
        entry->active = active;
        optimizer->store.fresh = false;
        struct tik_group *group = &optimizer->groups[entry->group];
        group->active = active ? group->active + 1 : group->active - 1;
    }
    return TIK_OK;
}

/* The array of a part, as tik_piece_read counts them. */
static enum tik_status find_part(const struct tik_optimizer *optimizer, size_t tensor, int part,
                                 size_t *array)
{
    const enum tik_status status = tik_optimizer_check_tensor(optimizer, tensor);
    if (status != TIK_OK)
        return status;
    const struct tik_entry *entry = &optimizer->store.tensors[tensor];
    const struct tik_piece *piece = &optimizer->store.pieces[entry->piece];
    const struct tik_layout *layout = &piece->layout;
    const bool copies = layout->count > layout->states;
    size_t states = 0;
    while (tik_entry_array(entry, piece, states) < 2 + TIK_ARRAYS)
        states++;
    if (part < (copies ? TIK_COPY : TIK_PARAM) || part >= (int)states)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "part %d of tensor %s: allowed is TIK_PARAM, TIK_GRAD, and TIK_STATE "
                             "+ slot for its %zu states%s",
                             part, entry->name, states,
                             copies ? ", and TIK_COPY" : "; it has no copy");
    if (part >= TIK_STATE)
        *array = tik_entry_array(entry, piece, (size_t)part);
    else
        *array = part == TIK_COPY ? 2 + layout->states : (size_t)(part - TIK_PARAM);
    return TIK_OK;
}

/* Likewise, of tensors that lie where steps are taken. */
static enum tik_status reach_part(struct tik_optimizer *optimizer, size_t tensor, int part,
                                  size_t *array)
{
    const enum tik_status status = find_part(optimizer, tensor, part, array);
    if (status != TIK_OK)
        return status;
    const enum tik_status whole = tik_optimizer_check(optimizer);
    return whole == TIK_OK ? tik_optimizer_settle(optimizer, tik_optimizer_commit(optimizer))
                           : whole;
}

/* What starts at the parameter follows it until the group has taken a step. */
static enum tik_status write_array(struct tik_optimizer *optimizer, const struct tik_entry *entry,
                                   size_t array, const float *values)
{
    const struct tik_store *store = &optimizer->store;
    const struct tik_piece *piece = &store->pieces[entry->piece];
    enum tik_status status = array == 0 ? tik_guard_learn(optimizer) : TIK_OK;
    if (status == TIK_OK)
        status = tik_piece_write(store, piece, array, tik_entry_first(entry, piece, array),
                                 tik_entry_numbers(entry, piece, array), values);
    const bool untouched = array == 0 && optimizer->groups[entry->group].steps == 0;
    for (size_t k = 0; k < piece->layout.count && untouched && status == TIK_OK; k++)
        if (piece->layout.start[k].param && piece->layout.start[k].copy == NULL)
            status = tik_piece_write(store, piece, 2 + k, entry->first, entry->count, values);
    return status == TIK_OK && array == 0 ? tik_copies_write(optimizer, entry, values) : status;
}

enum tik_status tik_optimizer_write(struct tik_optimizer *optimizer, size_t tensor, int part,
                                    const float *values)
{
    size_t array = 0;
    if (part == TIK_COPY)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "part TIK_COPY is not written: it follows the parameter, TIK_PARAM");
    const enum tik_status status = reach_part(optimizer, tensor, part, &array);
    if (status != TIK_OK)
        return status;
    const struct tik_entry *entry = &optimizer->store.tensors[tensor];
    const struct tik_piece *piece = &optimizer->store.pieces[entry->piece];
    if (tik_entry_numbers(entry, piece, array) == 0)
        return TIK_OK;
    if (values == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "values for tensor %s is NULL", entry->name);
    return tik_optimizer_settle(optimizer, write_array(optimizer, entry, array, values));
}

enum tik_status tik_optimizer_read(struct tik_optimizer *optimizer, size_t tensor, int part,
                                   void *values)
{
    size_t array = 0;
    const enum tik_status status = reach_part(optimizer, tensor, part, &array);
    if (status != TIK_OK)
        return status;
    const struct tik_entry *entry = &optimizer->store.tensors[tensor];
    const struct tik_piece *piece = &optimizer->store.pieces[entry->piece];
    if (tik_entry_numbers(entry, piece, array) == 0)
        return TIK_OK;
    if (values == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "values for tensor %s is NULL", entry->name);
    return tik_optimizer_settle(optimizer,
                                tik_piece_read(&optimizer->store, piece, array,
                                               tik_entry_first(entry, piece, array),
                                               tik_entry_numbers(entry, piece, array), values));
}

enum tik_status tik_optimizer_buffer(struct tik_optimizer *optimizer, size_t tensor, int part,
                                     struct _cl_mem **buffer, size_t *offset)
{
    size_t array = 0;
    const enum tik_status status = reach_part(optimizer, tensor, part, &array);
    if (status != TIK_OK)
        return status;
    if (buffer == NULL || offset == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL",
                             buffer == NULL ? "buffer" : "offset");
    const struct tik_entry *entry = &optimizer->store.tensors[tensor];
    const struct tik_piece *piece = &optimizer->store.pieces[entry->piece];
    uint64_t begin;
    struct tik_buffer *memory = tik_piece_array(piece, array, &begin);
    const bool host = piece->kind == TIK_MEMORY_HOST && array < 2;
    *buffer = host || piece->stream != NULL ? NULL : optimizer->backend->ops->memory_handle(memory);
    *offset = (size_t)(begin + tik_entry_first(entry, piece, array));
    return TIK_OK;
}

enum tik_status tik_optimizer_part_shape(const struct tik_optimizer *optimizer, size_t tensor,
                                         int part, size_t *shape, size_t *count)
{
    size_t array = 0;
    const enum tik_status status = find_part(optimizer, tensor, part, &array);
    if (status != TIK_OK)
        return status;
    const struct tik_entry *entry = &optimizer->store.tensors[tensor];
    const struct tik_piece *piece = &optimizer->store.pieces[entry->piece];
    const enum tik_extent extent =
        array < 2 || entry->rank < 2 ? TIK_EACH_ELEMENT : piece->layout.array[array - 2].extent;
    for (size_t d = 0; shape != NULL && d < entry->rank; d++)
        shape[d] = entry->shape[d];
    if (shape != NULL && extent != TIK_EACH_ELEMENT)
        shape[entry->rank - (extent == TIK_EACH_ROW ? 1u : 2u)] = 1;
    if (count != NULL)
        *count = tik_entry_numbers(entry, piece, array);
    return TIK_OK;
}

enum tik_status tik_optimizer_host(struct tik_optimizer *optimizer, size_t tensor, int part,
                                   void **values)
{
    size_t array = 0;
    const enum tik_status status = reach_part(optimizer, tensor, part, &array);
    if (status != TIK_OK)
        return status;
    if (values == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "values is NULL");
    const struct tik_entry *entry = &optimizer->store.tensors[tensor];
    const struct tik_piece *piece = &optimizer->store.pieces[entry->piece];
    uint64_t begin = 0;
    char *memory =
        piece->stream != NULL
            ? (char *)tik_stream_array(piece, array)
            : optimizer->backend->ops->memory_host(tik_piece_array(piece, array, &begin));
    const size_t size = tik_layout_size(&piece->layout, array);
    *values =
        memory != NULL ? memory + (begin + tik_entry_first(entry, piece, array)) * size : NULL;
    return TIK_OK;
}

/* ---- options ---- */

/*
 * Takes the changed policy, unless it asks for other states than the group's tensors have. What the
 * rule carries from steps under way was computed with the options as they were: learned first.
 */
static enum tik_status change_policy(struct tik_optimizer *optimizer, struct tik_group *group,
                                     const struct tik_policy *policy, const char *option)
{
    enum tik_status status = tik_policy_check(policy);
    if (status == TIK_OK && tik_plan_carried(&group->plan, 0) != NULL)
        status = tik_optimizer_settle(optimizer, tik_guard_learn(optimizer));
    if (status != TIK_OK)
        return status;
    struct tik_plan plan;
    tik_plan_make(policy, &optimizer->gather, optimizer->options.report, &plan);
    if (plan.variant->state_count != group->plan.variant->state_count)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "rule %s: this value of %s needs other states than the group's "
                             "tensors have; make a new optimizer",
                             policy->rule->info.name, option);
    group->policy = *policy;
    group->plan = plan;
    return TIK_OK;
}

enum tik_status tik_optimizer_set(struct tik_optimizer *optimizer, size_t group, const char *option,
                                  double value)
{
    enum tik_status status = tik_optimizer_check_group(optimizer, group);
    if (status != TIK_OK)
        return status;
    struct tik_policy changed = optimizer->groups[group].policy;
    status = tik_policy_set(&changed, option, value);
    return status != TIK_OK ? status
                            : change_policy(optimizer, &optimizer->groups[group], &changed, option);
}

enum tik_status tik_optimizer_set_penalty(struct tik_optimizer *optimizer, size_t group,
                                          size_t penalty, const char *option, double value)
{
    enum tik_status status = tik_optimizer_check_group(optimizer, group);
    if (status != TIK_OK)
        return status;
    struct tik_policy changed = optimizer->groups[group].policy;
    status = tik_policy_set_penalty(&changed, penalty, option, value);
    return status != TIK_OK ? status
                            : change_policy(optimizer, &optimizer->groups[group], &changed, option);
}

enum tik_status tik_optimizer_set_schedule(struct tik_optimizer *optimizer, size_t group,
                                           const struct tik_schedule *schedule)
{
    enum tik_status status = tik_optimizer_check_group(optimizer, group);
    if (status == TIK_OK)
        status = tik_schedule_check(schedule);
    if (status == TIK_OK && optimizer->groups[group].policy.rule->carried_count > 0)
        status = tik_optimizer_settle(optimizer, tik_guard_learn(optimizer));
    if (status == TIK_OK)
        optimizer->groups[group].schedule = *schedule;
    return status;
}
