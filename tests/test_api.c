/*
 * Misuse of the API on the scalar path: every refusal names the thing, the value and what would be
 * right, and leaves everything as it was.
 */
#include "suite.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define refused(call, ...) suite_refused(TIK_ERROR_ARGUMENT, call, __VA_ARGS__)

enum { COUNT = 5 };
static const float values[COUNT] = {1, -2, 0, 0.5F, 3};

static struct tik_context *context;
static struct tik_policy *policy;
static struct tik_optimizer *optimizer;

static void open_all(void)
{
    context = suite_scalar(1);
    policy = suite_rich_policy("sgd");
    judge_ok(tik_optimizer_create(context, NULL, &optimizer));
    judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    suite_add(optimizer, 0, "w", COUNT, values);
}

static void close_all(void)
{
    tik_optimizer_destroy(optimizer);
    tik_policy_destroy(policy);
    tik_context_destroy(context);
}

/* ---- names, tables, NULL ---- */

START_TEST(test_names)
{
    ck_assert_str_eq(tik_status_name(TIK_OK), "ok");
    ck_assert_str_eq(tik_status_name(TIK_ERROR_TORN), "torn");
    ck_assert_str_eq(tik_status_name((enum tik_status)99), "unknown");
    ck_assert_str_eq(tik_status_name((enum tik_status) - 1), "unknown");
    ck_assert_str_eq(tik_conformance_name(TIK_EXACT), "exact");
    ck_assert_str_eq(tik_conformance_name((enum tik_conformance)4), "unknown");
    ck_assert_str_eq(tik_conformance_name((enum tik_conformance) - 1), "unknown");
    ck_assert_str_eq(tik_device_type_name(TIK_DEVICE_GPU), "gpu");
    ck_assert_str_eq(tik_device_type_name((enum tik_device_type)77), "unknown");
    ck_assert_ptr_nonnull(tik_version());
}
END_TEST

START_TEST(test_tables)
{
    size_t rules = 0, penalties = 0;
    for (; tik_rule_at(rules) != NULL; rules++)
        ck_assert_ptr_eq(tik_rule_find(tik_rule_at(rules)->name), tik_rule_at(rules));
    for (; tik_penalty_at(penalties) != NULL; penalties++)
        ck_assert_ptr_eq(tik_penalty_find(tik_penalty_at(penalties)->name),
                         tik_penalty_at(penalties));
    ck_assert_uint_ge(rules, 15);
    ck_assert_uint_ge(penalties, 5);
    ck_assert_ptr_null(tik_rule_at(SIZE_MAX));
    ck_assert_ptr_null(tik_penalty_at(SIZE_MAX));
    ck_assert_ptr_null(tik_rule_find("Adam"));
    ck_assert_ptr_null(tik_rule_find(NULL));
    ck_assert_ptr_null(tik_penalty_find(""));
    ck_assert_ptr_null(tik_penalty_find(NULL));
}
END_TEST

START_TEST(test_destroy_null)
{
    tik_context_destroy(NULL);
    tik_device_list_destroy(NULL);
    tik_policy_destroy(NULL);
    tik_optimizer_destroy(NULL);
    tik_update_destroy(NULL);
    tik_tensors_destroy(NULL);
}
END_TEST

/* Calls that return no status, in the order of the headers. */
START_TEST(test_ask_null)
{
    struct tik_optimizer_stats stats = {.steps = 7};
    tik_context_defaults(NULL);
    tik_optimizer_defaults(NULL);
    tik_prior_defaults(NULL);
    tik_schedule_defaults(NULL);
    tik_tune_defaults(NULL);
    ck_assert_ptr_null(tik_context_device(NULL));
    ck_assert_ptr_null(tik_context_choice(NULL));
    ck_assert_ptr_null(tik_context_backend(NULL));
    ck_assert_uint_eq(tik_context_fallbacks(NULL), 0);
    ck_assert_ptr_null(tik_context_cl_context(NULL));
    ck_assert_ptr_null(tik_context_cl_device(NULL));
    ck_assert_ptr_null(tik_context_cl_queue(NULL));
    ck_assert_uint_eq(tik_optimizer_launches(NULL), 0);
    ck_assert_uint_eq(tik_optimizer_bytes(NULL, 0), 0);
    tik_optimizer_stats(NULL, &stats);
    ck_assert_uint_eq(stats.steps, 0);
    tik_optimizer_stats(optimizer, NULL);
    ck_assert_int_eq(tik_optimizer_conformance(NULL), TIK_UNTESTED);
    ck_assert_uint_eq(tik_optimizer_groups(NULL) + tik_optimizer_tensors(NULL), 0);
    ck_assert_ptr_null(tik_optimizer_carried_name(NULL, 0, 0));
    ck_assert_ptr_null(tik_policy_rule(NULL));
    tik_policy_clear_penalties(NULL);
    ck_assert_ptr_null(tik_preset_find(NULL));
    ck_assert_ptr_null(tik_preset_rule(NULL, 0));
    ck_assert_uint_eq(tik_tensors_count(NULL), 0);
    ck_assert(!tik_tensors_find(NULL, "w", NULL));
    ck_assert_ptr_null(tik_tensors_metadata(NULL, "w"));
    ck_assert_double_eq(tik_schedule_at(NULL, 1), 0);
    ck_assert_uint_eq(tik_update_states(NULL), 0);
    ck_assert_ptr_null(tik_update_state_name(NULL, 0));
    ck_assert_float_eq(tik_update_state_initial(NULL, 0), 0);
    ck_assert_uint_eq(tik_update_carried(NULL), 0);
    ck_assert_double_eq(tik_update_carried_initial(NULL, 0), 0);
    ck_assert_int_eq(tik_update_conformance(NULL), TIK_UNTESTED);
    tik_update_list_destroy(NULL);
    ck_assert_uint_eq(tik_update_list_launches(NULL) + tik_update_list_packs(NULL), 0);
}
END_TEST

/* ---- policies ---- */

START_TEST(test_policy_names)
{
    struct tik_policy *made = NULL;
    size_t index = 7;
    refused(tik_policy_create(NULL, &made), "name", "NULL");
    refused(tik_policy_create("sgd", NULL), "policy", "NULL");
    refused(tik_policy_create("adamm", &made), "adamm", "sgd", "adam", "adamw");
    refused(tik_policy_copy(NULL, &made), "policy", "NULL");
    refused(tik_policy_copy(policy, NULL), "copy", "NULL");
    ck_assert_ptr_null(made);
    refused(tik_policy_add_penalty(NULL, "l2", NULL), "policy", "NULL");
    refused(tik_policy_add_penalty(policy, NULL, &index), "NULL");
    refused(tik_policy_add_penalty(policy, "l3", &index), "l3", "l1", "l2", "elastic_net");
    ck_assert_uint_eq(index, 7);
    for (size_t i = 1; i < TIK_MAX_PENALTIES; i++)
        judge_ok(tik_policy_add_penalty(policy, "l2", &index));
    ck_assert_uint_eq(index, TIK_MAX_PENALTIES - 1);
    refused(tik_policy_add_penalty(policy, "l2", &index), "l2", "at most 4");
    ck_assert_uint_eq(index, TIK_MAX_PENALTIES - 1);
    refused(tik_policy_check(NULL), "policy", "NULL");
    ck_assert_str_eq(tik_policy_rule(policy), "sgd");
}
END_TEST

START_TEST(test_policy_options)
{
    double value = -1;
    refused(tik_policy_set(NULL, "lr", 1), "policy");
    refused(tik_policy_set(policy, NULL, 1), "option");
    refused(tik_policy_set(policy, "betas", 0.9), "sgd", "betas", "lr", "momentum");
    refused(tik_policy_set(policy, "lr", -1e-3), "sgd", "lr", "-0.001", "[0, inf)");
    refused(tik_policy_set(policy, "lr", NAN), "lr", "nan", "[0, inf)");
    refused(tik_policy_set(policy, "lr", INFINITY), "lr", "inf", "[0, inf)");
    refused(tik_policy_set(policy, "lr", 1e39), "lr", "[0, inf)");
    refused(tik_policy_set(policy, "nesterov", 0.5), "nesterov", "0.5", "true or false");
    refused(tik_policy_set(policy, "nesterov", 2), "nesterov", "2", "true or false");
    refused(tik_policy_set_text(policy, "lr", NULL), "lr", "NULL");
    refused(tik_policy_set_text(policy, "lr", ""), "lr", "''");
    refused(tik_policy_set_text(policy, "lr", "1e-3x"), "lr", "1e-3x");
    refused(tik_policy_set_text(policy, "lr", "nan"), "lr", "nan");
    refused(tik_policy_set_text(policy, "nesterov", "yes"), "nesterov", "yes", "true or false");
    refused(tik_policy_get(NULL, "lr", &value), "policy");
    refused(tik_policy_get(policy, NULL, &value), "option");
    refused(tik_policy_get(policy, "lr", NULL), "value");
    refused(tik_policy_get(policy, "beta1", &value), "sgd", "beta1");
    ck_assert_double_eq(value, -1);
    judge_ok(tik_policy_get(policy, "lr", &value));
    ck_assert_double_eq(value, 0.05);
    judge_ok(tik_policy_get(policy, "nesterov", &value));
    ck_assert_double_eq(value, 0);
    judge_ok(tik_policy_set_text(policy, "lr", "2.5e-1"));
    judge_ok(tik_policy_get(policy, "lr", &value));
    ck_assert_double_eq(value, 0.25);
}
END_TEST

START_TEST(test_penalty_options)
{
    refused(tik_policy_set_penalty(NULL, 0, "weight", 1), "policy");
    refused(tik_policy_set_penalty(policy, 0, NULL, 1), "option");
    refused(tik_policy_set_penalty(policy, 1, "weight", 1), "penalty 1", "has 1");
    refused(tik_policy_set_penalty(policy, 0, "weight", -1), "l1", "weight", "-1", "[0, inf)");
    refused(tik_policy_set_penalty(policy, 0, "l1_ratio", 0.5), "l1", "l1_ratio", "weight");
    refused(tik_policy_set_penalty(policy, 0, "application", 2), "application", "coupled or");
    refused(tik_policy_set_penalty_text(policy, 0, "application", "decoupled"), "application",
            "decoupled", "coupled or proximal");
    refused(tik_policy_set_penalty_text(policy, 0, "application", NULL), "application", "NULL");
}
END_TEST

START_TEST(test_options_that_do_not_fit)
{
    judge_ok(tik_policy_set(policy, "nesterov", 1));
    judge_ok(tik_policy_check(policy));
    judge_ok(tik_policy_set(policy, "dampening", 0.5));
    refused(tik_policy_check(policy), "nesterov", "dampening", "0.5");
    refused(tik_optimizer_add_group(optimizer, policy, NULL), "nesterov");
    ck_assert_uint_eq(tik_optimizer_groups(optimizer), 1);
}
END_TEST

/* ---- schedules ---- */

START_TEST(test_schedules)
{
    struct tik_schedule good, bad;
    tik_schedule_defaults(&good);
    judge_ok(tik_schedule_check(&good));
    refused(tik_schedule_check(NULL), "schedule", "NULL");
    bad = good;
    bad.kind = (enum tik_schedule_kind)(TIK_SCHEDULE_INVERSE + 1);
    refused(tik_schedule_check(&bad), "kind", "10");
    bad = good;
    bad.warmup_start = 1.5;
    refused(tik_schedule_check(&bad), "warmup_start", "1.5", "[0, 1]");
    bad.warmup_start = NAN;
    refused(tik_schedule_check(&bad), "warmup_start", "nan");
    bad = good;
    bad.kind = TIK_SCHEDULE_STEP;
    bad.step_size = 0;
    refused(tik_schedule_check(&bad), "step_size", "0", "1");
    bad.step_size = 1;
    bad.gamma = 0;
    refused(tik_schedule_check(&bad), "gamma", "0", "(0, 1]");
    bad = good;
    bad.kind = TIK_SCHEDULE_COSINE;
    bad.warmup_steps = bad.total_steps = 10;
    refused(tik_schedule_check(&bad), "total_steps", "10", "warmup_steps");
    bad.total_steps = 11;
    bad.final = -0.1;
    refused(tik_schedule_check(&bad), "final", "-0.1", "[0, 1]");
    refused(tik_optimizer_set_schedule(optimizer, 0, &bad), "final", "-0.1");
    refused(tik_optimizer_set_schedule(optimizer, 0, NULL), "schedule");
    refused(tik_optimizer_set_schedule(optimizer, 3, &good), "group 3", "1");
    refused(tik_optimizer_set_schedule(NULL, 0, &good), "optimizer");
}
END_TEST

/* ---- contexts and optimizers ---- */

START_TEST(test_creation)
{
    struct tik_context_options options;
    struct tik_optimizer_options wrong;
    struct tik_context *made = NULL;
    struct tik_optimizer *other = NULL;
    tik_context_defaults(&options);
    options.device = "scalar";
    refused(tik_context_create(&options, NULL), "context", "NULL");
    options.threads = -1;
    refused(tik_context_create(&options, &made), "threads", "-1", "0");
    refused(tik_device_list_create(NULL, false, NULL), "list", "NULL");
    refused(tik_optimizer_create(NULL, NULL, &other), "context", "NULL");
    refused(tik_optimizer_create(context, NULL, NULL), "optimizer", "NULL");
    tik_optimizer_defaults(&wrong);
    wrong.max_norm = -1;
    refused(tik_optimizer_create(context, &wrong, &other), "max_norm", "-1", "0");
    wrong.max_norm = NAN;
    refused(tik_optimizer_create(context, &wrong, &other), "max_norm", "nan");
    wrong.max_norm = INFINITY;
    refused(tik_optimizer_create(context, &wrong, &other), "max_norm", "inf");
    wrong.max_norm = 0;
    wrong.verify = (enum tik_verify)3;
    refused(tik_optimizer_create(context, &wrong, &other), "verify", "3");
    ck_assert_ptr_null(made);
    ck_assert_ptr_null(other);
    ck_assert_str_eq(tik_context_backend(context), "scalar");
    ck_assert_ptr_null(tik_context_cl_context(context));
    ck_assert_ptr_null(tik_context_cl_device(context));
    ck_assert_ptr_null(tik_context_cl_queue(context));
}
END_TEST

START_TEST(test_tensors)
{
    const size_t shape[9] = {SIZE_MAX, SIZE_MAX, 2, 2, 2, 2, 2, 2, 2}, five = COUNT;
    const size_t blocks[2] = {(size_t)1 << 32, 1024}, wraps[2] = {(size_t)1 << 33, (size_t)1 << 31};
    float memory[COUNT];
    struct tik_tensor tensor = {.name = "v", .rank = 1, .shape = &five};
    size_t index = 77;
    refused(tik_optimizer_add_tensor(NULL, 0, &tensor, &index), "optimizer");
    refused(tik_optimizer_add_tensor(optimizer, 1, &tensor, &index), "group 1", "1");
    refused(tik_optimizer_add_tensor(optimizer, 0, NULL, &index), "tensor");
    tensor.name = NULL;
    refused(tik_optimizer_add_tensor(optimizer, 0, &tensor, &index), "name");
    tensor.name = "";
    refused(tik_optimizer_add_tensor(optimizer, 0, &tensor, &index), "name");
    tensor.name = "w";
    refused(tik_optimizer_add_tensor(optimizer, 0, &tensor, &index), "w", "already");
    tensor.name = "v";
    tensor.shape = NULL;
    refused(tik_optimizer_add_tensor(optimizer, 0, &tensor, &index), "v", "rank 1", "shape");
    tensor.shape = shape;
    tensor.rank = 9;
    refused(tik_optimizer_add_tensor(optimizer, 0, &tensor, &index), "v", "9", "8");
    tensor.rank = 2;
    refused(tik_optimizer_add_tensor(optimizer, 0, &tensor, &index), "v", "elements");
    tensor.shape = wraps;
    refused(tik_optimizer_add_tensor(optimizer, 0, &tensor, &index), "v", "elements");
    tensor.shape = blocks;
    refused(tik_optimizer_add_tensor(optimizer, 0, &tensor, &index), "v", "blocks");
    tensor.shape = &five;
    tensor.rank = 1;
    tensor.memory = (enum tik_memory)5;
    refused(tik_optimizer_add_tensor(optimizer, 0, &tensor, &index), "v", "memory 5");
    tensor.memory = TIK_MEMORY_HOST;
    refused(tik_optimizer_add_tensor(optimizer, 0, &tensor, &index), "v", "param", "NULL");
    tensor.param = memory;
    refused(tik_optimizer_add_tensor(optimizer, 0, &tensor, &index), "v", "grad", "NULL");
    tensor.memory = TIK_MEMORY_OPENCL;
    refused(tik_optimizer_add_tensor(optimizer, 0, &tensor, &index), "v", "OpenCL", "scalar path");
    ck_assert_uint_eq(index, 77);
    ck_assert_uint_eq(tik_optimizer_tensors(optimizer), 1);
    tensor = (struct tik_tensor){.name = "v", .rank = 1, .shape = &five};
    judge_ok(tik_optimizer_add_tensor(optimizer, 0, &tensor, &index));
    ck_assert_uint_eq(index, 1);
}
END_TEST

START_TEST(test_access)
{
    float out[COUNT] = {9, 9, 9, 9, 9};
    struct _cl_mem *buffer;
    struct tik_tensor_info info;
    size_t offset;
    refused(tik_optimizer_read(NULL, 0, TIK_PARAM, out), "optimizer");
    refused(tik_optimizer_read(optimizer, 1, TIK_PARAM, out), "tensor 1", "1");
    refused(tik_optimizer_read(optimizer, 0, TIK_PARAM, NULL), "values", "w", "NULL");
    refused(tik_optimizer_read(optimizer, 0, -3, out), "part -3", "w");
    refused(tik_optimizer_read(optimizer, 0, TIK_STATE + 1, out), "part 1", "w", "1 states");
    refused(tik_optimizer_write(NULL, 0, TIK_GRAD, values), "optimizer");
    refused(tik_optimizer_write(optimizer, SIZE_MAX, TIK_GRAD, values), "tensor", "1");
    refused(tik_optimizer_write(optimizer, 0, TIK_GRAD, NULL), "values", "NULL");
    refused(tik_optimizer_write(optimizer, 0, INT32_MAX, values), "part");
    refused(tik_optimizer_buffer(optimizer, 0, TIK_PARAM, NULL, &offset), "buffer", "NULL");
    refused(tik_optimizer_buffer(optimizer, 0, TIK_PARAM, &buffer, NULL), "offset", "NULL");
    refused(tik_optimizer_set_active(NULL, 0, false), "optimizer");
    refused(tik_optimizer_set_active(optimizer, 1, false), "tensor 1");
    refused(tik_optimizer_tensor(optimizer, 1, &info), "tensor 1");
    refused(tik_optimizer_tensor(optimizer, 0, NULL), "info", "NULL");
    refused(tik_optimizer_tensor(NULL, 0, &info), "optimizer");
    for (size_t i = 0; i < COUNT; i++)
        ck_assert(out[i] == 9);
    judge_ok(tik_optimizer_buffer(optimizer, 0, TIK_PARAM, &buffer, &offset));
    ck_assert_ptr_null(buffer);
}
END_TEST

START_TEST(test_groups)
{
    const char *rule;
    uint64_t steps;
    struct tik_report report;
    refused(tik_optimizer_add_group(NULL, policy, NULL), "optimizer");
    refused(tik_optimizer_add_group(optimizer, NULL, NULL), "policy");
    refused(tik_optimizer_group_rule(NULL, 0, &rule), "optimizer");
    refused(tik_optimizer_group_rule(optimizer, 1, &rule), "group 1", "1");
    refused(tik_optimizer_steps(optimizer, 1, &steps), "group 1");
    refused(tik_optimizer_set_steps(optimizer, 1, 3), "group 1");
    refused(tik_optimizer_set_steps(NULL, 0, 3), "optimizer");
    refused(tik_optimizer_report(NULL, 0, &report), "optimizer");
    refused(tik_optimizer_report(optimizer, 1, &report), "group", "1");
    refused(tik_optimizer_report(optimizer, 0, NULL), "report", "NULL");
    refused(tik_optimizer_report(optimizer, 0, &report), "report");
    refused(tik_optimizer_prepare(NULL), "optimizer");
    refused(tik_optimizer_step(NULL), "optimizer");
    refused(tik_optimizer_sync(NULL), "optimizer");
}
END_TEST

/* A place for the result that is NULL: each says so, and nothing breaks. */
START_TEST(test_null_results)
{
    refused(tik_optimizer_group_rule(optimizer, 0, NULL), "rule", "NULL");
    refused(tik_optimizer_steps(optimizer, 0, NULL), "steps", "NULL");
    ck_assert(!tik_update_state_is_param(NULL, 0));
}
END_TEST

/* Weights of an iterate that are beyond double, and what a state may not say of them. */
START_TEST(test_carried)
{
    const size_t count = COUNT;
    struct tik_policy *free_of_schedule;
    struct tik_optimizer *made;
    double sum = 0;
    float p[COUNT];
    judge_ok(tik_policy_create("schedule_free_adamw", &free_of_schedule));
    judge_ok(tik_policy_set(free_of_schedule, "lr", 10));
    judge_ok(tik_policy_set(free_of_schedule, "weight_lr_power", 400));
    judge_ok(tik_optimizer_create(context, NULL, &made));
    judge_ok(tik_optimizer_add_group(made, free_of_schedule, NULL));
    const struct tik_tensor tensor = {.name = "w",
                                      .rank = 1,
                                      .shape = &count,
                                      .memory = TIK_MEMORY_LIBRARY,
                                      .param = (float *)(uintptr_t)values};
    judge_ok(tik_optimizer_add_tensor(made, 0, &tensor, NULL));
    refused(tik_optimizer_carried(made, 0, "weight_sum", NULL), "value", "NULL");
    refused(tik_optimizer_set_carried(made, 0, "weight_sum", -1), "weight_sum", "-1", "0");
    for (int step = 0; step < 3; step++) {
        judge_ok(tik_optimizer_write(made, 0, TIK_GRAD, values));
        judge_ok(tik_optimizer_step(made));
    }
    judge_ok(tik_optimizer_carried(made, 0, "weight_sum", &sum));
    ck_assert(isfinite(sum));
    judge_ok(tik_optimizer_read(made, 0, TIK_PARAM, p));
    for (size_t i = 0; i < COUNT; i++)
        ck_assert(isfinite(p[i]));
    tik_optimizer_destroy(made);
    tik_policy_destroy(free_of_schedule);
}
END_TEST

START_TEST(test_changes)
{
    refused(tik_optimizer_set(NULL, 0, "lr", 1), "optimizer");
    refused(tik_optimizer_set(optimizer, 1, "lr", 1), "group 1");
    refused(tik_optimizer_set(optimizer, 0, NULL, 1), "option", "NULL");
    refused(tik_optimizer_set(optimizer, 0, "lr", -1), "lr", "-1", "[0, inf)");
    refused(tik_optimizer_set(optimizer, 0, "eps", 1), "sgd", "eps");
    refused(tik_optimizer_set(optimizer, 0, "momentum", 0), "momentum", "states");
    refused(tik_optimizer_set_penalty(optimizer, 0, 1, "weight", 1), "penalty 1", "1");
    refused(tik_optimizer_set_penalty(optimizer, 0, 0, "weight", -1), "weight", "-1");
    refused(tik_optimizer_set_penalty(optimizer, 0, 0, NULL, 1), "option");
    refused(tik_optimizer_set_penalty(NULL, 0, 0, "weight", 1), "optimizer");
}
END_TEST

START_TEST(test_checkpoints)
{
    struct tik_tensors *state = NULL;
    refused(tik_checkpoint_save(NULL, &state), "optimizer", "NULL");
    refused(tik_checkpoint_save(optimizer, NULL), "state", "NULL");
    refused(tik_checkpoint_load(NULL, NULL), "optimizer", "NULL");
    refused(tik_checkpoint_load(optimizer, NULL), "state", "NULL");
    ck_assert_ptr_null(state);
}
END_TEST

/* ---- as it was ---- */

static void train(struct tik_optimizer *o, float *param, float *momentum)
{
    judge_ok(tik_optimizer_write(o, 0, TIK_GRAD, values));
    judge_ok(tik_optimizer_step(o));
    judge_ok(tik_optimizer_read(o, 0, TIK_PARAM, param));
    judge_ok(tik_optimizer_read(o, 0, TIK_STATE, momentum));
}

/* An optimizer that refused all of the above steps like one that was never asked. */
START_TEST(test_unchanged)
{
    float p[COUNT], m[COUNT], due_p[COUNT], due_m[COUNT];
    struct tik_optimizer *calm;
    judge_ok(tik_optimizer_create(context, NULL, &calm));
    judge_ok(tik_optimizer_add_group(calm, policy, NULL));
    suite_add(calm, 0, "w", COUNT, values);
    train(calm, due_p, due_m);
    train(optimizer, p, m);
    test_access_fn(0);
    test_groups_fn(0);
    test_changes_fn(0);
    test_schedules_fn(0);
    test_checkpoints_fn(0);
    train(calm, due_p, due_m);
    train(optimizer, p, m);
    suite_check_words("parameter after refusals", p, due_p, COUNT);
    suite_check_words("momentum after refusals", m, due_m, COUNT);
    tik_optimizer_destroy(calm);
}
END_TEST

/* A call that succeeds leaves the message of the last one that failed. */
START_TEST(test_last_error)
{
    refused(tik_policy_set(policy, "lr", -1), "-1");
    judge_ok(tik_policy_set(policy, "lr", 1));
    ck_assert_ptr_nonnull(strstr(tik_last_error(), "-1"));
}
END_TEST

/* Nothing to do is something that works. */
START_TEST(test_empty)
{
    struct tik_optimizer *empty;
    struct tik_optimizer_options options;
    struct tik_report report;
    tik_optimizer_defaults(&options);
    options.max_norm = 1;
    options.report = true;
    judge_ok(tik_optimizer_create(context, &options, &empty));
    judge_ok(tik_optimizer_step(empty));
    judge_ok(tik_optimizer_add_group(empty, policy, NULL));
    judge_ok(tik_optimizer_step(empty));
    suite_add(empty, 0, "none", 0, NULL);
    judge_ok(tik_optimizer_step(empty));
    judge_ok(tik_optimizer_sync(empty));
    judge_ok(tik_optimizer_report(empty, 0, &report));
    ck_assert_uint_eq(report.count, 0);
    ck_assert_double_eq(report.norm, 0);
    judge_ok(tik_optimizer_read(empty, 0, TIK_PARAM, NULL));
    const struct tik_tensor scalar = {.name = "scalar", .param = (float *)(uintptr_t)values};
    judge_ok(tik_optimizer_add_tensor(empty, 0, &scalar, NULL));
    judge_ok(tik_optimizer_step(empty));
    judge_ok(tik_optimizer_report(empty, 0, &report));
    ck_assert_uint_eq(report.count, 1);
    tik_optimizer_destroy(empty);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api");
    TCase *test_case = tcase_create("api");
    tcase_add_checked_fixture(test_case, open_all, close_all);
    const TTest *const tests[] = {
        test_names,           test_tables,       test_destroy_null,
        test_ask_null,        test_policy_names, test_policy_options,
        test_penalty_options, test_carried,      test_options_that_do_not_fit,
        test_schedules,       test_creation,     test_tensors,
        test_access,          test_groups,       test_null_results,
        test_changes,         test_checkpoints,  test_unchanged,
        test_last_error,      test_empty};
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(test_case, tests[i]);
    suite_add_tcase(suite, test_case);
    return suite_main(suite);
}
