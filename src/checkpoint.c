/* An optimizer's state as named tensors and metadata. Names of states: PyTorch, Optimizer.state. */
#include <tikhonov/checkpoint.h>
#include <tikhonov/rule.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint_around.h"
#include "error.h"
#include "safetensors.h"
#include "table.h"

#define FORMAT_NAME    "tikhonov.state"
#define FORMAT_VERSION "1"

/* "NAME.exp_avg"; NULL: no memory. */
static char *state_name(const char *tensor, const char *state)
{
    const size_t size = strlen(tensor) + strlen(state) + 2;
    char *name = malloc(size);
    if (name != NULL)
        snprintf(name, size, "%s.%s", tensor, state);
    return name;
}

/* "step", or "group.3.step" of a later group. */
static const char *group_key(char key[static 64], size_t group, const char *what)
{
    if (group == 0)
        snprintf(key, 64, "%s", what);
    else
        snprintf(key, 64, "group.%zu.%s", group, what);
    return key;
}

/* A later group's value; that of group 0 where they do not differ. */
static const char *group_value(const struct tik_tensors *state, size_t group, const char *what)
{
    char key[64];
    const char *value = tik_tensors_metadata(state, group_key(key, group, what));
    return value != NULL ? value : tik_tensors_metadata(state, what);
}

static enum tik_status save_group_value(struct tik_tensors *state, size_t group, const char *what,
                                        const char *value)
{
    const char *first = tik_tensors_metadata(state, what);
    if (group > 0 && first != NULL && strcmp(first, value) == 0)
        return TIK_OK;
    char key[64];
    return tik_tensors_set_metadata(state, group_key(key, group, what), value);
}

static enum tik_status save_group(struct tik_optimizer *optimizer, size_t group,
                                  struct tik_tensors *state)
{
    const char *rule;
    uint64_t steps;
    enum tik_status status = tik_optimizer_group_rule(optimizer, group, &rule);
    if (status == TIK_OK)
        status = tik_optimizer_steps(optimizer, group, &steps);
    if (status == TIK_OK)
        status = save_group_value(state, group, "rule", rule);
    if (status != TIK_OK)
        return status;
    char digits[32];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)steps);
    status = save_group_value(state, group, "step", digits);
    const char *ema = tik_checkpoint_ema(optimizer, group);
    if (status == TIK_OK && ema != NULL)
        status = save_group_value(state, group, "ema", ema);
    const char *name;
    for (size_t i = 0;
         status == TIK_OK && (name = tik_optimizer_carried_name(optimizer, group, i)) != NULL;
         i++) {
        double value = 0;
        status = tik_optimizer_carried(optimizer, group, name, &value);
        tik_number_print(value, digits, sizeof digits);
        if (status == TIK_OK)
            status = save_group_value(state, group, name, digits);
    }
    return status;
}

static enum tik_status save_tensor(struct tik_optimizer *optimizer, size_t index,
                                   struct tik_tensors *state)
{
    struct tik_tensor_info info;
    enum tik_status status = tik_optimizer_tensor(optimizer, index, &info);
    for (size_t slot = 0; status == TIK_OK && slot < info.state_count; slot++) {
        char *name = state_name(info.name, info.states[slot]);
        if (name == NULL)
            return tik_error_memory("the name of a state", strlen(info.name));
        struct tik_tensor_view view;
        size_t shape[TIK_MAX_RANK];
        status = tik_optimizer_part_shape(optimizer, index, TIK_STATE + (int)slot, shape, NULL);
        if (status == TIK_OK)
            status = tik_tensors_add(state, name, info.rank, shape, NULL);
        if (status == TIK_OK && tik_tensors_find(state, name, &view))
            status = tik_optimizer_read(optimizer, index, TIK_STATE + (int)slot, view.data);
        free(name);
    }
    return status;
}

enum tik_status tik_checkpoint_save(struct tik_optimizer *optimizer, struct tik_tensors **state)
{
    if (optimizer == NULL || state == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL",
                             optimizer == NULL ? "optimizer" : "state");
    struct tik_tensors *saved = NULL;
    enum tik_status status = tik_optimizer_sync(optimizer);
    if (status == TIK_OK)
        status = tik_tensors_create(&saved);
    if (status == TIK_OK)
        status = tik_tensors_set_metadata(saved, "format", FORMAT_NAME);
    if (status == TIK_OK)
        status = tik_tensors_set_metadata(saved, "version", FORMAT_VERSION);
    if (status == TIK_OK)
        status = tik_checkpoint_save_around(optimizer, saved);
    for (size_t i = 0; status == TIK_OK && i < tik_optimizer_groups(optimizer); i++)
        status = save_group(optimizer, i, saved);
    for (size_t i = 0; status == TIK_OK && i < tik_optimizer_tensors(optimizer); i++)
        status = save_tensor(optimizer, i, saved);
    if (status == TIK_OK)
        *state = saved;
    else
        tik_tensors_destroy(saved);
    return status;
}

static bool parse_steps(const char *text, uint64_t *steps)
{
    const size_t length = strlen(text);
    if (length == 0 || strspn(text, "0123456789") != length)
        return false;
    errno = 0;
    const unsigned long long value = strtoull(text, NULL, 10);
    *steps = value;
    return errno == 0 && value < UINT64_C(1) << 53;
}

static enum tik_status check_format(const struct tik_tensors *state)
{
    const char *format = tik_tensors_metadata(state, "format");
    const char *version = tik_tensors_metadata(state, "version");
    if (format == NULL || strcmp(format, FORMAT_NAME) != 0)
        return tik_error_set(TIK_ERROR_FORMAT,
                             "the state's metadata 'format' is %s%s%s; '" FORMAT_NAME "' is due",
                             format != NULL ? "'" : "", format != NULL ? format : "missing",
                             format != NULL ? "'" : "");
    if (version == NULL || strcmp(version, FORMAT_VERSION) != 0)
        return tik_error_set(TIK_ERROR_FORMAT,
                             "the state's metadata 'version' is %s; this library reads "
                             "version " FORMAT_VERSION,
                             version != NULL ? version : "missing");
    return TIK_OK;
}

static enum tik_status check_carried(const struct tik_optimizer *optimizer, size_t group,
                                     const struct tik_tensors *state)
{
    const char *name;
    for (size_t i = 0; (name = tik_optimizer_carried_name(optimizer, group, i)) != NULL; i++) {
        const char *text = group_value(state, group, name);
        double value;
        if (text == NULL || !tik_number_parse(text, &value) || !isfinite(value))
            return tik_error_set(TIK_ERROR_FORMAT,
                                 "the state's metadata '%s' of group %zu is %s%s%s; a finite "
                                 "number is due",
                                 name, group, text != NULL ? "'" : "",
                                 text != NULL ? text : "missing", text != NULL ? "'" : "");
    }
    return TIK_OK;
}

/* The two ways of keeping an average are not each other's: one starts at the parameters. */
static enum tik_status check_ema(const struct tik_optimizer *optimizer, size_t group,
                                 const struct tik_tensors *state)
{
    const char *due = tik_checkpoint_ema(optimizer, group);
    const char *saved = group_value(state, group, "ema");
    if (due == NULL || (saved != NULL && strcmp(saved, due) == 0))
        return TIK_OK;
    return tik_error_set(
        TIK_ERROR_FORMAT, "the state's metadata 'ema' of group %zu is %s%s%s; '%s' is due", group,
        saved != NULL ? "'" : "", saved != NULL ? saved : "missing", saved != NULL ? "'" : "", due);
}

static enum tik_status check_group(const struct tik_optimizer *optimizer, size_t group,
                                   const struct tik_tensors *state)
{
    const char *rule;
    const enum tik_status status = tik_optimizer_group_rule(optimizer, group, &rule);
    if (status != TIK_OK)
        return status;
    const char *saved = group_value(state, group, "rule");
    if (saved == NULL)
        return tik_error_set(TIK_ERROR_FORMAT, "the state's metadata 'rule' is missing");
    if (strcmp(saved, rule) != 0)
        return tik_error_set(TIK_ERROR_FORMAT,
                             "the state is of rule %s; group %zu of the optimizer has rule %s",
                             saved, group, rule);
    const char *text = group_value(state, group, "step");
    uint64_t steps;
    if (text == NULL || !parse_steps(text, &steps))
        return tik_error_set(TIK_ERROR_FORMAT,
                             "the state's metadata 'step' of group %zu is %s%s%s; a whole number "
                             "of steps is due",
                             group, text != NULL ? "'" : "", text != NULL ? text : "missing",
                             text != NULL ? "'" : "");
    const enum tik_status carried = check_carried(optimizer, group, state);
    return carried == TIK_OK ? check_ema(optimizer, group, state) : carried;
}

/* Values of a group that the optimizer has not would be lost without a word. */
static enum tik_status check_surplus_groups(const struct tik_tensors *state, size_t groups)
{
    for (size_t i = 0; i < state->metadata_count; i++) {
        const char *key = state->metadata[i].key;
        if (strncmp(key, "group.", 6) != 0)
            continue;
        char *end;
        const unsigned long long group = strtoull(key + 6, &end, 10);
        if (group == 0 || group >= groups)
            return tik_error_set(TIK_ERROR_FORMAT,
                                 "the state's metadata has '%s'; the optimizer has %zu groups", key,
                                 groups);
    }
    return TIK_OK;
}

/* A tensor of the state, and the part of the optimizer that it is for. */
struct match {
    size_t tensor;
    int part;
    struct tik_tensor_view view;
};

/* "[2, 3]", cut where it does not fit. */
static const char *shape_text(char text[static 128], size_t rank, const size_t *shape)
{
    size_t length = 1;
    strcpy(text, "[");
    for (size_t i = 0; i < rank && length < 100; i++)
        length +=
            (size_t)snprintf(text + length, 128 - length, "%s%zu", i > 0 ? ", " : "", shape[i]);
    strcpy(text + length, "]");
    return text;
}

static enum tik_status match_state(const struct tik_tensors *state, size_t rank,
                                   const size_t *shape, const char *name,
                                   struct tik_tensor_view *view)
{
    if (!tik_tensors_find(state, name, view))
        return tik_error_set(TIK_ERROR_FORMAT, "the state has no tensor '%s'", name);
    if (view->dtype != TIK_DTYPE_F32)
        return tik_error_set(TIK_ERROR_FORMAT, "the state's tensor '%s' is of dtype %s; F32 is due",
                             name, tik_dtype_name(view->dtype));
    if (rank == view->rank && (rank == 0 || memcmp(shape, view->shape, rank * sizeof *shape) == 0))
        return TIK_OK;
    char found[128], due[128];
    return tik_error_set(TIK_ERROR_FORMAT, "the state's tensor '%s' has shape %s; %s is due", name,
                         shape_text(found, view->rank, view->shape), shape_text(due, rank, shape));
}

static enum tik_status match_tensor(const struct tik_optimizer *optimizer, size_t tensor,
                                    const struct tik_tensors *state, struct match *matches,
                                    size_t *count)
{
    struct tik_tensor_info info;
    enum tik_status status = tik_optimizer_tensor(optimizer, tensor, &info);
    for (size_t slot = 0; status == TIK_OK && slot < info.state_count; slot++) {
        char *name = state_name(info.name, info.states[slot]);
        if (name == NULL)
            return tik_error_memory("the name of a state", strlen(info.name));
        struct match *match = &matches[*count];
        *match = (struct match){.tensor = tensor, .part = TIK_STATE + (int)slot};
        size_t shape[TIK_MAX_RANK];
        status = tik_optimizer_part_shape(optimizer, tensor, match->part, shape, NULL);
        if (status == TIK_OK)
            status = match_state(state, info.rank, shape, name, &match->view);
        *count += status == TIK_OK;
        free(name);
    }
    return status;
}

static int compare_matches(const void *a, const void *b)
{
    const struct match *one = a, *other = b;
    return strcmp(one->view.name, other->view.name);
}

/* Sorts the matches by name: the state's names, each once, unless one is surplus. */
static enum tik_status check_surplus(const struct tik_tensors *state, struct match *matches,
                                     size_t count)
{
    if (count > 1)
        qsort(matches, count, sizeof *matches, compare_matches);
    if (count == state->count)
        return TIK_OK;
    size_t i = 0;
    while (i < count && strcmp(matches[i].view.name, state->keys[i].name) == 0)
        i++;
    return tik_error_set(TIK_ERROR_FORMAT,
                         "the state has a tensor '%s', for which the optimizer with these options "
                         "has no place",
                         state->keys[i].name);
}

static enum tik_status check_metadata(const struct tik_optimizer *optimizer,
                                      const struct tik_tensors *state)
{
    const size_t groups = tik_optimizer_groups(optimizer);
    enum tik_status status = check_format(state);
    if (status == TIK_OK)
        status = check_surplus_groups(state, groups);
    if (status == TIK_OK)
        status = tik_checkpoint_check_around(optimizer, state);
    for (size_t i = 0; status == TIK_OK && i < groups; i++)
        status = check_group(optimizer, i, state);
    return status;
}

static enum tik_status copy_in(struct tik_optimizer *optimizer, const struct tik_tensors *state,
                               const struct match *matches, size_t count)
{
    enum tik_status status = TIK_OK;
    for (size_t i = 0; status == TIK_OK && i < count; i++)
        status = tik_optimizer_write(optimizer, matches[i].tensor, matches[i].part,
                                     matches[i].view.data);
    for (size_t i = 0; status == TIK_OK && i < tik_optimizer_groups(optimizer); i++) {
        uint64_t steps = 0;
        if (parse_steps(group_value(state, i, "step"), &steps))
            status = tik_optimizer_set_steps(optimizer, i, steps);
        const char *name;
        for (size_t k = 0;
             status == TIK_OK && (name = tik_optimizer_carried_name(optimizer, i, k)) != NULL;
             k++) {
            double value;
            if (tik_number_parse(group_value(state, i, name), &value))
                status = tik_optimizer_set_carried(optimizer, i, name, value);
        }
    }
    return status == TIK_OK ? tik_checkpoint_load_around(optimizer, state) : status;
}

enum tik_status tik_checkpoint_load(struct tik_optimizer *optimizer,
                                    const struct tik_tensors *state)
{
    if (optimizer == NULL || state == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL",
                             optimizer == NULL ? "optimizer" : "state");
    enum tik_status status = check_metadata(optimizer, state);
    if (status != TIK_OK)
        return status;
    const size_t tensors = tik_optimizer_tensors(optimizer);
    struct match *matches = calloc(tensors * TIK_ARRAYS + 1, sizeof *matches);
    if (matches == NULL)
        return tik_error_memory("the names of the state", tensors * TIK_ARRAYS * sizeof *matches);
    size_t count = 0;
    for (size_t i = 0; status == TIK_OK && i < tensors; i++)
        status = match_tensor(optimizer, i, state, matches, &count);
    if (status == TIK_OK)
        status = check_surplus(state, matches, count);
    if (status == TIK_OK)
        status = copy_in(optimizer, state, matches, count);
    free(matches);
    return status;
}
