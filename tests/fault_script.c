#include "fault_script.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static const struct script_action full[] = {
    {SCRIPT_CREATE, 0}, {SCRIPT_GROUP, 0},     {SCRIPT_GROUP, 1},   {SCRIPT_TENSOR, 0},
    {SCRIPT_TENSOR, 1}, {SCRIPT_TENSOR, 2},    {SCRIPT_PREPARE, 0}, {SCRIPT_GRADIENTS, 0},
    {SCRIPT_STEP, 0},   {SCRIPT_GRADIENTS, 1}, {SCRIPT_STEP, 1},    {SCRIPT_READ, 0},
    {SCRIPT_TENSOR, 3}, {SCRIPT_GRADIENTS, 2}, {SCRIPT_STEP, 2},    {SCRIPT_STEP, 3},
    {SCRIPT_REPORT, 0}, {SCRIPT_REPORT, 1},    {SCRIPT_READ, 1},    {SCRIPT_SYNC, 0},
};

static const struct script_action alone[] = {
    {SCRIPT_CREATE, 0}, {SCRIPT_GROUP, 1}, {SCRIPT_TENSOR, 2}, {SCRIPT_GRADIENTS, 0},
    {SCRIPT_STEP, 0},   {SCRIPT_STEP, 1},  {SCRIPT_READ, 0},   {SCRIPT_GRADIENTS, 1},
    {SCRIPT_STEP, 2},   {SCRIPT_SYNC, 0},
};

static const struct script_action prepared[] = {
    {SCRIPT_CREATE, 0},    {SCRIPT_GROUP, 1}, {SCRIPT_TENSOR, 2}, {SCRIPT_PREPARE, 0},
    {SCRIPT_GRADIENTS, 0}, {SCRIPT_STEP, 0},  {SCRIPT_READ, 0},
};

static const struct script_action around[] = {
    {SCRIPT_CREATE, 0},    {SCRIPT_GROUP, 0},  {SCRIPT_GROUP, 1},     {SCRIPT_TENSOR, 0},
    {SCRIPT_TENSOR, 1},    {SCRIPT_TENSOR, 2}, {SCRIPT_PREPARE, 0},   {SCRIPT_GRADIENTS, 0},
    {SCRIPT_STEP, 0},      {SCRIPT_STEP, 1},   {SCRIPT_GRADIENTS, 1}, {SCRIPT_STEP, 2},
    {SCRIPT_STEP, 3},      {SCRIPT_REPORT, 0}, {SCRIPT_SCALING, 0},   {SCRIPT_GRADIENTS, 2},
    {SCRIPT_STEP, 4},      {SCRIPT_REPORT, 1}, {SCRIPT_STEP, 5},      {SCRIPT_TENSOR, 3},
    {SCRIPT_GRADIENTS, 3}, {SCRIPT_STEP, 6},   {SCRIPT_STEP, 7},      {SCRIPT_READ, 1},
    {SCRIPT_SYNC, 0},
};

static const struct script_action unread[] = {
    {SCRIPT_CREATE, 0},    {SCRIPT_GROUP, 1}, {SCRIPT_TENSOR, 2}, {SCRIPT_PREPARE, 0},
    {SCRIPT_GRADIENTS, 0}, {SCRIPT_STEP, 0},  {SCRIPT_STEP, 1},   {SCRIPT_STEP, 2},
    {SCRIPT_STEP, 3},      {SCRIPT_STEP, 4},  {SCRIPT_STEP, 5},   {SCRIPT_STEP, 6},
    {SCRIPT_STEP, 7},      {SCRIPT_STEP, 8},  {SCRIPT_STEP, 9},   {SCRIPT_STEP, 10},
    {SCRIPT_STEP, 11},     {SCRIPT_STEP, 12}, {SCRIPT_STEP, 13},  {SCRIPT_STEP, 14},
    {SCRIPT_STEP, 15},     {SCRIPT_STEP, 16}, {SCRIPT_SYNC, 0},
};

/* Among them all the options but those that exclude each other. */
static const struct tik_optimizer_options ways[] = {
    {.verify_blocks = 2,
     .report = true,
     .clip_norm = 0.7,
     .clip_eps = 1e-6,
     .agc_eps = 1e-3,
     .accumulate = 2,
     .zero_grad = true,
     .loss_scale = 8,
     .loss_scale_growth = 2,
     .loss_scale_backoff = 0.5,
     .loss_scale_interval = 1},
    {.verify_blocks = 2,
     .report = true,
     .agc = 0.05,
     .clip_value = 0.8,
     .clip_eps = 1e-6,
     .agc_eps = 1e-3,
     .accumulate = 1,
     .loss_scale_growth = 2,
     .loss_scale_backoff = 0.5,
     .loss_scale_interval = 1,
     .nonfinite = TIK_NONFINITE_SKIP},
};
enum { FIRST_NAN = 1 };

static const struct {
    const char *name;
    size_t group, count;
    enum tik_memory memory;
} tensors[SCRIPT_TENSORS] = {
    {"weights", 0, 2051, TIK_MEMORY_LIBRARY},
    {"host", 0, 93, TIK_MEMORY_HOST},
    {"biases", 1, 1030, TIK_MEMORY_LIBRARY},
    {"late", 0, 40, TIK_MEMORY_LIBRARY},
};

enum { LONGEST = 2051, HOST = 1, HOST_COUNT = 93 };

struct player {
    const struct script *script;
    struct tik_context *context;
    struct tik_optimizer *optimizer;
    uint64_t steps;
    float host_param[HOST_COUNT], host_grad[HOST_COUNT];
};

/* In [-2, 2], some of them 0; another sequence for each seed. */
static void fill(float *values, size_t count, size_t seed)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((int)((i * 37 + seed * 53 + i * seed * 11) % 101) - 50) / 25.0f;
}

/* ---- the calls ---- */

static enum tik_status create(struct player *player)
{
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    options.max_norm = player->script->clip_and_report ? 1.5 : 0;
    options.report = player->script->clip_and_report;
    options.verify = player->script->verify;
    options.verify_blocks = 2;
    if (player->script->around != NULL)
        options = *player->script->around;
    options.verify = player->script->verify;
    return tik_optimizer_create(player->context, &options, &player->optimizer);
}

static enum tik_status set_options(struct tik_policy *policy, size_t index)
{
    if (index == 1) {
        const enum tik_status status = tik_policy_set(policy, "lr", 0.1);
        return status == TIK_OK ? tik_policy_set(policy, "momentum", 0.9) : status;
    }
    enum tik_status status = tik_policy_set(policy, "lr", 0.01);
    if (status == TIK_OK)
        status = tik_policy_set(policy, "weight_decay", 0.1);
    if (status == TIK_OK)
        status = tik_policy_add_penalty(policy, "l1", NULL);
    if (status == TIK_OK)
        status = tik_policy_set_penalty(policy, 0, "weight", 0.5);
    return status == TIK_OK ? tik_policy_set_penalty_text(policy, 0, "application", "proximal")
                            : status;
}

static enum tik_status add_group(struct player *player, size_t index)
{
    struct tik_policy *policy = NULL;
    enum tik_status status = tik_policy_create(index == 0 ? "adamw" : "sgd", &policy);
    if (status == TIK_OK)
        status = set_options(policy, index);
    if (status == TIK_OK && player->script->around != NULL)
        status = tik_policy_set_ema(policy, 0.75, index == 1);
    if (status == TIK_OK && player->script->around != NULL)
        status = index == 0 ? tik_policy_set_copy(policy, TIK_COPY_BF16, TIK_COPY_STOCHASTIC, 5)
                            : tik_policy_set_copy(policy, TIK_COPY_FP16, TIK_COPY_NEAREST, 0);
    size_t group = 0;
    if (status == TIK_OK)
        status = tik_optimizer_add_group(player->optimizer, policy, &group);
    tik_policy_destroy(policy);
    /* Each step has another lr, so that a report of the wrong step shows. */
    struct tik_schedule schedule;
    tik_schedule_defaults(&schedule);
    schedule.warmup_steps = 10;
    return status == TIK_OK ? tik_optimizer_set_schedule(player->optimizer, group, &schedule)
                            : status;
}

static enum tik_status add_tensor(struct player *player, size_t index)
{
    float initial[LONGEST];
    const size_t count = tensors[index].count;
    const bool host = tensors[index].memory == TIK_MEMORY_HOST;
    fill(initial, count, index);
    if (host)
        memcpy(player->host_param, initial, count * sizeof *initial);
    const size_t group = player->script->clip_and_report ? tensors[index].group : 0;
    return tik_optimizer_add_tensor(player->optimizer, group,
                                    &(struct tik_tensor){
                                        .name = tensors[index].name,
                                        .rank = 1,
                                        .shape = &count,
                                        .memory = tensors[index].memory,
                                        .param = host ? player->host_param : initial,
                                        .grad = host ? player->host_grad : NULL,
                                    },
                                    NULL);
}

/* Which of the tensors above the optimizer's t-th is. */
static size_t tensor_number(const struct player *player, size_t t)
{
    return player->script->clip_and_report ? t : 2;
}

static enum tik_status write_gradients(struct player *player, size_t seed)
{
    float grad[LONGEST];
    enum tik_status status = tik_optimizer_sync(player->optimizer);
    for (size_t t = 0; t < tik_optimizer_tensors(player->optimizer) && status == TIK_OK; t++) {
        const size_t number = tensor_number(player, t);
        fill(grad, tensors[number].count, 100 + 10 * seed + number);
        if (player->script->around != NULL && seed == FIRST_NAN)
            grad[5] = NAN;
        if (number == HOST)
            memcpy(player->host_grad, grad, sizeof player->host_grad);
        else
            status = tik_optimizer_write(player->optimizer, t, TIK_GRAD, grad);
    }
    return status;
}

static enum tik_status act(struct player *player, const struct script_action *action)
{
    float values[LONGEST];
    struct tik_report report;
    struct tik_scaling scaling;
    switch (action->kind) {
    case SCRIPT_CREATE:
        return create(player);
    case SCRIPT_GROUP:
        return add_group(player, action->index);
    case SCRIPT_TENSOR:
        return add_tensor(player, action->index);
    case SCRIPT_PREPARE:
        return tik_optimizer_prepare(player->optimizer);
    case SCRIPT_GRADIENTS:
        return write_gradients(player, action->index);
    case SCRIPT_STEP:
        return tik_optimizer_step(player->optimizer);
    case SCRIPT_READ:
        return tik_optimizer_read(player->optimizer, action->index, TIK_PARAM, values);
    case SCRIPT_REPORT:
        return tik_optimizer_report(player->optimizer, action->index, &report);
    case SCRIPT_SYNC:
        return tik_optimizer_sync(player->optimizer);
    case SCRIPT_SCALING:
        return tik_optimizer_scaling(player->optimizer, &scaling);
    }
    return TIK_ERROR_ARGUMENT;
}

/* ---- what can be seen ---- */

static void ok(enum tik_status status)
{
    ck_assert_msg(status == TIK_OK, "without a fault: %s: %s", tik_status_name(status),
                  tik_last_error());
}

static void view_tensor(const struct player *player, size_t t, float **values)
{
    struct tik_tensor_info info;
    ok(tik_optimizer_tensor(player->optimizer, t, &info));
    ok(tik_optimizer_read(player->optimizer, t, TIK_PARAM, *values));
    if (tensor_number(player, t) == HOST)
        ck_assert_mem_eq(player->host_param, *values, sizeof player->host_param);
    *values += info.count;
    for (size_t k = 0; k < info.state_count; k++, *values += info.count)
        ok(tik_optimizer_read(player->optimizer, t, TIK_STATE + (int)k, *values));
    if (player->script->around == NULL)
        return;
    uint16_t copy[LONGEST + 1] = {0};
    ok(tik_optimizer_read(player->optimizer, t, TIK_COPY, copy));
    memcpy(*values, copy, (info.count + 1) / 2 * sizeof **values);
    *values += (info.count + 1) / 2;
}

static void view(const struct player *player, struct script_view *seen)
{
    memset(seen, 0, sizeof *seen);
    if (player->optimizer == NULL)
        return;
    ok(tik_optimizer_sync(player->optimizer));
    seen->groups = tik_optimizer_groups(player->optimizer);
    seen->tensors = tik_optimizer_tensors(player->optimizer);
    for (size_t g = 0; g < seen->groups; g++) {
        ok(tik_optimizer_steps(player->optimizer, g, &seen->steps[g]));
        struct tik_report report;
        seen->reported[g] = tik_optimizer_report(player->optimizer, g, &report) == TIK_OK;
        if (seen->reported[g])
            seen->reports[g] = report;
    }
    ok(tik_optimizer_scaling(player->optimizer, &seen->scaling));
    float *values = seen->values;
    for (size_t t = 0; t < seen->tensors; t++)
        view_tensor(player, t, &values);
}

static void check_view(const struct player *player, size_t i)
{
    static struct script_view seen;
    const struct script_view *expected = &player->script->expected[i];
    view(player, &seen);
    ck_assert_uint_eq(seen.groups, expected->groups);
    ck_assert_uint_eq(seen.tensors, expected->tensors);
    for (size_t g = 0; g < seen.groups; g++) {
        ck_assert_uint_eq(seen.steps[g], expected->steps[g]);
        ck_assert_msg(seen.reported[g] == expected->reported[g],
                      "%s, before action %zu: group %zu has %s report", player->script->name, i, g,
                      seen.reported[g] ? "a" : "no");
        ck_assert_mem_eq(&seen.reports[g], &expected->reports[g], sizeof seen.reports[g]);
    }
    ck_assert_mem_eq(&seen.scaling, &expected->scaling, sizeof seen.scaling);
    size_t w = 0;
    while (w < SCRIPT_WORDS && memcmp(&seen.values[w], &expected->values[w], sizeof(float)) == 0)
        w++;
    if (w < SCRIPT_WORDS)
        ck_abort_msg("%s, before action %zu: word %zu is %a, and %a in an undisturbed run",
                     player->script->name, i, w, (double)seen.values[w],
                     (double)expected->values[w]);
}

static uint64_t told;

void script_log(enum tik_log_level level, const char *message, void *data)
{
    (void)data;
    told += level == TIK_LOG_WARNING && strstr(message, "takes over") != NULL;
}

/* Fallbacks are counted by the optimizer and the context; the first one is told. */
static uint64_t check_counts(const struct player *player, uint64_t context_before,
                             uint64_t told_before)
{
    struct tik_optimizer_stats stats = {0};
    if (player->optimizer != NULL)
        tik_optimizer_stats(player->optimizer, &stats);
    const struct tik_optimizer_options *options = player->script->around;
    ck_assert_uint_eq(stats.steps, player->steps / (options != NULL ? options->accumulate : 1));
    ck_assert_uint_eq(stats.mismatches, 0);
    ck_assert_uint_eq(tik_context_fallbacks(player->context) - context_before, stats.fallbacks);
    ck_assert_uint_eq(told - told_before, stats.fallbacks > 0);
    return stats.fallbacks;
}

/* A torn optimizer says so, whatever is asked of it. */
static void check_torn(struct player *player)
{
    static float values[LONGEST];
    struct tik_report report;
    struct _cl_mem *buffer;
    size_t offset;
    struct tik_optimizer *o = player->optimizer;
    ck_assert_int_eq(tik_optimizer_step(o), TIK_ERROR_TORN);
    ck_assert_int_eq(tik_optimizer_prepare(o), TIK_ERROR_TORN);
    ck_assert_int_eq(tik_optimizer_sync(o), TIK_ERROR_TORN);
    ck_assert_int_eq(tik_optimizer_read(o, 0, TIK_PARAM, values), TIK_ERROR_TORN);
    ck_assert_int_eq(tik_optimizer_write(o, 0, TIK_GRAD, values), TIK_ERROR_TORN);
    ck_assert_int_eq(tik_optimizer_buffer(o, 0, TIK_PARAM, &buffer, &offset), TIK_ERROR_TORN);
    ck_assert_int_eq(tik_optimizer_report(o, 0, &report), TIK_ERROR_TORN);
    ck_assert_int_eq(
        tik_optimizer_add_tensor(
            o, 0, &(struct tik_tensor){.name = "x", .memory = TIK_MEMORY_LIBRARY}, NULL),
        TIK_ERROR_TORN);
    ck_assert_ptr_nonnull(strstr(tik_last_error(), "checkpoint"));
}

/* ---- playing ---- */

/* One action, with the fault if there is one; false when the optimizer is torn. */
static bool play_action(struct player *player, size_t i, const struct script_faults *faults,
                        struct script_outcome *outcome)
{
    const struct script_action *action = &player->script->actions[i];
    const uint64_t fallbacks = tik_context_fallbacks(player->context);
    if (faults != NULL)
        faults->begin(action, faults->data);
    const enum tik_status status = act(player, action);
    if (faults == NULL) {
        ok(status);
        player->steps += action->kind == SCRIPT_STEP;
        return true;
    }
    faults->end(faults->data);
    faults->judge(action, status, tik_context_fallbacks(player->context) > fallbacks, faults->data);
    outcome->fell_back |= tik_context_fallbacks(player->context) > fallbacks;
    if (status == TIK_OK) {
        player->steps += action->kind == SCRIPT_STEP;
        return true;
    }
    ck_assert_msg(tik_last_error()[0] != '\0', "%s without a message", tik_status_name(status));
    faults->remove(faults->data);
    outcome->failed = true;
    outcome->torn = status == TIK_ERROR_TORN;
    if (outcome->torn) {
        check_torn(player);
        return false;
    }
    if (status == TIK_ERROR_MISMATCH) { /* the step was taken, and could not be compared */
        player->steps++;
        return true;
    }
    check_view(player, i);
    ok(act(player, action));
    player->steps += action->kind == SCRIPT_STEP;
    return true;
}

struct script_outcome script_play(const struct script *script, struct tik_context *context,
                                  const struct script_faults *faults)
{
    struct player player = {.script = script, .context = context};
    struct script_outcome outcome = {0};
    const uint64_t context_before = tik_context_fallbacks(context), told_before = told;
    bool whole = true;
    for (size_t i = 0; i < script->count && whole; i++)
        whole = play_action(&player, i, faults, &outcome);
    if (whole) {
        check_view(&player, script->count);
        const uint64_t fallbacks = check_counts(&player, context_before, told_before);
        ck_assert_uint_eq(fallbacks > 0, outcome.fell_back);
    }
    if (faults != NULL)
        faults->begin(NULL, faults->data);
    tik_optimizer_destroy(player.optimizer);
    if (faults != NULL)
        faults->end(faults->data);
    return outcome;
}

/* The undisturbed run is the scalar path's. */
static void expect(struct script *script)
{
    struct tik_context_options options;
    tik_context_defaults(&options);
    options.device = "scalar";
    struct player player = {.script = script};
    ok(tik_context_create(&options, &player.context));
    script->expected = calloc(script->count + 1, sizeof *script->expected);
    ck_assert_ptr_nonnull(script->expected);
    for (size_t i = 0; i < script->count; i++) {
        view(&player, &script->expected[i]);
        play_action(&player, i, NULL, NULL);
    }
    view(&player, &script->expected[script->count]);
    tik_optimizer_destroy(player.optimizer);
    tik_context_destroy(player.context);
}

void script_full(struct script *script, const char *name, enum tik_verify verify)
{
    *script = (struct script){.name = name,
                              .actions = full,
                              .count = LENGTH(full),
                              .clip_and_report = true,
                              .verify = verify};
    expect(script);
}

void script_alone(struct script *script, const char *name)
{
    *script = (struct script){.name = name, .actions = alone, .count = LENGTH(alone)};
    expect(script);
}

void script_prepared(struct script *script, const char *name)
{
    *script = (struct script){.name = name, .actions = prepared, .count = LENGTH(prepared)};
    expect(script);
}

void script_around(struct script *script, const char *name, size_t way, enum tik_verify verify)
{
    *script = (struct script){.name = name,
                              .actions = around,
                              .count = LENGTH(around),
                              .clip_and_report = true,
                              .around = &ways[way],
                              .verify = verify};
    expect(script);
}

void script_unread(struct script *script, const char *name)
{
    *script = (struct script){
        .name = name, .actions = unread, .count = LENGTH(unread), .around = &ways[1]};
    expect(script);
}

void script_free(struct script *script)
{
    free(script->expected);
    script->expected = NULL;
}
