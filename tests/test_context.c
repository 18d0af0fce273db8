/*
 * Contexts on an OpenCL device: which one is chosen, the caller's own objects, and kernels that do
 * not compile or compute wrongly. Argument: the folder of the kernels. The device is
 * TIKHONOV_DEVICE, else "opencl".
 */
#include "suite.h"
#include "workdir.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/opencl/cl.h"

#define refused(call, ...) suite_refused(TIK_ERROR_ARGUMENT, call, __VA_ARGS__)

enum { COUNT = 1030 };

static const char *kernels;
static char folder[WORKDIR_PATH];
static float param[COUNT], grad[COUNT];
static unsigned told;
static char last_told[1024];

static void listen(enum tik_log_level level, const char *message, void *data)
{
    (void)data;
    told += level == TIK_LOG_WARNING;
    snprintf(last_told, sizeof last_told, "%.1000s", message);
}

static const char *index_of_device(void)
{
    return tik_context_device(judge_context())->index;
}

static struct tik_context_options options_for(const char *device, bool strict)
{
    struct tik_context_options options;
    tik_context_defaults(&options);
    options.device = device;
    options.strict = strict;
    options.cache_path = "off";
    options.log = listen;
    return options;
}

static void set_up(void)
{
    uint64_t seed = 20261128;
    suite_fill(param, COUNT, SUITE_EDGES, &seed);
    suite_fill(grad, COUNT, SUITE_EDGES, &seed);
    workdir_create(folder);
    workdir_copy(kernels, folder);
    told = 0;
}

static void tear_down(void)
{
    workdir_remove(folder);
    unsetenv("TIKHONOV_STRICT");
    unsetenv("TIKHONOV_DEVICE");
}

/* Replaces the first occurrence of a text in a kernel of the folder; it must be there. */
static void spoil(const char *name, const char *from, const char *to)
{
    char path[WORKDIR_PATH];
    workdir_name(path, folder, name);
    workdir_replace(path, from, to);
}

/* ---- choice ---- */

START_TEST(test_names)
{
    struct tik_context *context = NULL;
    struct tik_context_options options = options_for("no such device", false);
    suite_refused(TIK_ERROR_NO_DEVICE, tik_context_create(&options, &context), "no such device",
                  "tikhonov devices");
    options.device = "97.0";
    suite_refused(TIK_ERROR_NO_DEVICE, tik_context_create(&options, &context), "97.0");
    ck_assert_ptr_null(context);

    options.device = index_of_device();
    judge_ok(tik_context_create(&options, &context));
    ck_assert_str_eq(tik_context_device(context)->index, index_of_device());
    ck_assert_str_eq(tik_context_backend(context), "opencl");
    ck_assert_ptr_nonnull(strstr(tik_context_choice(context), index_of_device()));
    ck_assert_uint_eq(tik_context_fallbacks(context), 0);
    tik_context_destroy(context);

    char part[8] = "";
    for (size_t i = 0; i < sizeof part - 1 && judge_device()[i] != '\0'; i++)
        part[i] = (char)toupper((unsigned char)judge_device()[i]);
    options.device = part;
    judge_ok(tik_context_create(&options, &context));
    ck_assert_str_eq(tik_context_backend(context), "opencl");
    tik_context_destroy(context);
}
END_TEST

START_TEST(test_variables)
{
    struct tik_context *context = NULL;
    struct tik_context_options options = options_for(NULL, false);
    setenv("TIKHONOV_DEVICE", "scalar", 1);
    judge_ok(tik_context_create(&options, &context));
    ck_assert_str_eq(tik_context_backend(context), "scalar");
    tik_context_destroy(context);
    options.device = index_of_device(); /* the option goes before the variable */
    judge_ok(tik_context_create(&options, &context));
    ck_assert_str_eq(tik_context_backend(context), "opencl");
    tik_context_destroy(context);
    context = NULL;
    options.device = NULL;
    setenv("TIKHONOV_DEVICE", "nothing of the kind", 1);
    suite_refused(TIK_ERROR_NO_DEVICE, tik_context_create(&options, &context),
                  "nothing of the kind");
    ck_assert_ptr_null(context);
}
END_TEST

START_TEST(test_list)
{
    struct tik_device_list *list;
    struct tik_context_options options = options_for(index_of_device(), false);
    judge_ok(tik_device_list_create(&options, true, &list));
    size_t chosen = 0, here = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct tik_device_info *device = &list->devices[i];
        chosen += device->chosen;
        ck_assert_str_ne(device->reason, "");
        if (strcmp(device->index, index_of_device()) != 0)
            continue;
        here++;
        ck_assert(device->chosen && device->usable);
        ck_assert_int_eq(device->conformance, tik_context_device(judge_context())->conformance);
    }
    ck_assert_uint_eq(chosen, 1);
    ck_assert_uint_eq(here, 1);
    ck_assert_str_eq(list->devices[list->count - 1].index, "scalar");
    tik_device_list_destroy(list);
}
END_TEST

/* ---- the caller's own objects ---- */

START_TEST(test_half_borrowed)
{
    struct tik_context *context = NULL;
    for (unsigned given = 1; given < 7; given++) {
        struct tik_context_options options = options_for("scalar", false);
        if (given & 1)
            options.cl_context = tik_context_cl_context(judge_context());
        if (given & 2)
            options.cl_device = tik_context_cl_device(judge_context());
        if (given & 4)
            options.cl_queue = tik_context_cl_queue(judge_context());
        refused(tik_context_create(&options, &context), "cl_context", "cl_device", "cl_queue",
                "all three");
    }
    ck_assert_ptr_null(context);
}
END_TEST

START_TEST(test_queue_out_of_order)
{
    cl_device_id device = tik_context_cl_device(judge_context());
    cl_context own = tik_context_cl_context(judge_context());
    cl_int error;
    cl_command_queue queue =
        clCreateCommandQueue(own, device, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &error);
    if (error == CL_INVALID_QUEUE_PROPERTIES) {
        printf("%s has no queue out of order: its refusal was not seen\n", judge_device());
        return;
    }
    ck_assert_int_eq(error, CL_SUCCESS);
    struct tik_context *context = NULL;
    struct tik_context_options options = options_for(NULL, false);
    options.cl_context = own;
    options.cl_device = device;
    options.cl_queue = queue;
    refused(tik_context_create(&options, &context), "cl_queue", "out of order", "in order");
    ck_assert_ptr_null(context);
    clReleaseCommandQueue(queue);
}
END_TEST

/* ---- kernels that are not right ---- */

static void train(struct tik_context *context, const char *rule, struct tik_optimizer **optimizer,
                  enum tik_status expected)
{
    struct tik_policy *policy = suite_rich_policy(rule);
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    options.max_norm = 10;
    options.report = true;
    judge_ok(tik_optimizer_create(context, &options, optimizer));
    judge_ok(tik_optimizer_add_group(*optimizer, policy, NULL));
    suite_add(*optimizer, 0, "p", COUNT, param);
    judge_ok(tik_optimizer_write(*optimizer, 0, TIK_GRAD, grad));
    const enum tik_status status = tik_optimizer_step(*optimizer);
    ck_assert_msg(status == expected, "step: %s: %s", tik_status_name(status), tik_last_error());
    tik_policy_destroy(policy);
}

static void check_part(struct tik_optimizer *one, struct tik_optimizer *other, int part)
{
    float a[COUNT], b[COUNT];
    judge_ok(tik_optimizer_read(one, 0, part, a));
    judge_ok(tik_optimizer_read(other, 0, part, b));
    suite_check_words("the step that fell back", a, b, COUNT);
}

/* The scalar path takes the step, says so and counts it; the device's words are in the error. */
static void check_fallback(const char *words)
{
    struct tik_context_options options = options_for(index_of_device(), false);
    options.kernel_path = folder;
    struct tik_context *context, *scalar = suite_scalar(1);
    struct tik_optimizer *fell, *due;
    judge_ok(tik_context_create(&options, &context));
    ck_assert_str_eq(tik_context_backend(context), "opencl");
    train(scalar, "sgd", &due, TIK_OK);
    train(context, "sgd", &fell, TIK_OK);
    ck_assert_ptr_nonnull(strstr(tik_last_error(), words));
    ck_assert_ptr_nonnull(strstr(last_told, "the scalar path takes over"));
    check_part(fell, due, TIK_PARAM);
    check_part(fell, due, TIK_STATE);
    struct tik_report reports[2];
    judge_ok(tik_optimizer_report(fell, 0, &reports[0]));
    judge_ok(tik_optimizer_report(due, 0, &reports[1]));
    ck_assert_mem_eq(&reports[0], &reports[1], sizeof reports[0]);
    struct tik_optimizer_stats stats;
    tik_optimizer_stats(fell, &stats);
    ck_assert_uint_eq(stats.fallbacks, 1);
    ck_assert_uint_eq(stats.steps, 1);
    ck_assert_uint_eq(tik_context_fallbacks(context), 1);
    ck_assert_uint_eq(told, 1);
    tik_optimizer_destroy(fell);
    tik_optimizer_destroy(due);

    /* Other rules are not touched by it. */
    train(context, "adam", &fell, TIK_OK);
    tik_optimizer_stats(fell, &stats);
    ck_assert_uint_eq(stats.fallbacks, 0);
    tik_optimizer_destroy(fell);
    tik_context_destroy(context);
    tik_context_destroy(scalar);
}

static void check_strict(const char *words, bool by_variable)
{
    struct tik_context_options options = options_for(index_of_device(), !by_variable);
    options.kernel_path = folder;
    struct tik_context *context;
    struct tik_optimizer *optimizer;
    struct tik_optimizer_stats stats;
    float after[COUNT], momentum[COUNT], zeros[COUNT] = {0};
    uint64_t steps;
    if (by_variable)
        setenv("TIKHONOV_STRICT", "1", 1);
    judge_ok(tik_context_create(&options, &context));
    train(context, "sgd", &optimizer, TIK_ERROR_FALLBACK);
    ck_assert_ptr_nonnull(strstr(tik_last_error(), "strict"));
    ck_assert_ptr_nonnull(strstr(tik_last_error(), words));
    judge_ok(tik_optimizer_read(optimizer, 0, TIK_PARAM, after));
    judge_ok(tik_optimizer_read(optimizer, 0, TIK_STATE, momentum));
    suite_check_words("strict, parameter", after, param, COUNT);
    suite_check_words("strict, state", momentum, zeros, COUNT);
    judge_ok(tik_optimizer_steps(optimizer, 0, &steps));
    tik_optimizer_stats(optimizer, &stats);
    ck_assert_uint_eq(steps, 0);
    ck_assert_uint_eq(stats.steps + stats.fallbacks, 0);
    ck_assert_uint_eq(tik_context_fallbacks(context), 0);
    tik_optimizer_destroy(optimizer);
    tik_context_destroy(context);
}

/* The bare call has nothing to fall back to. */
static void check_no_update(const char *words)
{
    struct tik_context_options options = options_for(index_of_device(), false);
    options.kernel_path = folder;
    struct tik_context *context;
    struct tik_update *update = NULL;
    struct tik_policy *policy = suite_rich_policy("sgd");
    judge_ok(tik_context_create(&options, &context));
    suite_refused(TIK_ERROR_DEVICE, tik_update_create(context, policy, false, &update), words);
    ck_assert_ptr_null(update);
    tik_policy_destroy(policy);
    tik_context_destroy(context);
}

START_TEST(test_rule_does_not_compile)
{
    spoil("sgd.cl", "return k.lr * buf;", "return k.lr * not_declared_anywhere;");
    check_fallback("not_declared_anywhere");
    check_strict("not_declared_anywhere", false);
    check_strict("clBuildProgram", true);
    unsetenv("TIKHONOV_STRICT");
    check_no_update("not_declared_anywhere");
}
END_TEST

START_TEST(test_rule_is_wrong)
{
    spoil("sgd.cl", "return k.lr * buf;", "return k.lr * buf * 1.001f;");
    check_fallback("wrongly");
    check_strict("wrongly", false);
    check_no_update("wrongly");
}
END_TEST

/* The probe has a stage of every kind: what is wrong in one of them makes the device unfit. */
static void check_unfit(const char *words)
{
    struct tik_context *context = NULL;
    struct tik_context_options options = options_for("opencl", false);
    options.kernel_path = folder;
    suite_refused(TIK_ERROR_DEVICE, tik_context_create(&options, &context), words);
    options = options_for(index_of_device(), true);
    options.kernel_path = folder;
    suite_refused(TIK_ERROR_FALLBACK, tik_context_create(&options, &context), "strict",
                  index_of_device(), words);
    ck_assert_ptr_null(context);
    options.strict = false;
    judge_ok(tik_context_create(&options, &context));
    ck_assert_str_eq(tik_context_backend(context), "scalar");
    ck_assert_uint_eq(tik_context_fallbacks(context), 1);
    ck_assert_uint_ge(told, 1);
    tik_context_destroy(context);
    options.device = "auto";
    judge_ok(tik_context_create(&options, &context));
    ck_assert_str_eq(tik_context_backend(context), "scalar");
    tik_context_destroy(context);
}

START_TEST(test_device_is_unfit)
{
    static const struct {
        const char *file, *from, *to, *words;
    } faults[] = {
        {"step.cl", "g * around.control->clip", "g * around.control->clip * 1.01f", "wrongly"},
        {"penalty.cl", "rest <= 0.0f ? 0.0f", "rest <= 0.0f ? 1.0f", "wrongly"},
        {"adam.cl", "+ k.eps", "+ k.eps syntax error", "clBuildProgram"},
    };
    spoil(faults[_i].file, faults[_i].from, faults[_i].to);
    check_unfit(faults[_i].words);
}
END_TEST

/* A norm that is wrong is found out before the first clipped step. */
START_TEST(test_norm_is_wrong)
{
    spoil("norm.cl", "square_root(squares) + k.eps", "square_root(squares) + 1e-3f");
    struct tik_context_options options = options_for(index_of_device(), true);
    options.kernel_path = folder;
    struct tik_context *context;
    struct tik_optimizer *optimizer;
    judge_ok(tik_context_create(&options, &context));
    train(context, "adam", &optimizer, TIK_ERROR_FALLBACK);
    ck_assert_ptr_nonnull(strstr(tik_last_error(), "norm wrongly"));
    tik_optimizer_destroy(optimizer);
    tik_context_destroy(context);
}
END_TEST

START_TEST(test_no_such_folder)
{
    struct tik_context *context = NULL;
    struct tik_context_options options = options_for("opencl", false);
    options.kernel_path = "/no/such/folder";
    const enum tik_status status = tik_context_create(&options, &context);
    ck_assert_int_ne(status, TIK_OK);
    ck_assert_ptr_null(context);
    ck_assert_ptr_nonnull(strstr(tik_last_error(), "/no/such/folder"));
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("context");
    TCase *test_case = tcase_create("context");
    tcase_add_checked_fixture(test_case, set_up, tear_down);
    tcase_add_test(test_case, test_names);
    tcase_add_test(test_case, test_variables);
    tcase_add_test(test_case, test_list);
    tcase_add_test(test_case, test_half_borrowed);
    tcase_add_test(test_case, test_queue_out_of_order);
    tcase_add_test(test_case, test_rule_does_not_compile);
    tcase_add_test(test_case, test_rule_is_wrong);
    tcase_add_loop_test(test_case, test_device_is_unfit, 0, 3);
    tcase_add_test(test_case, test_norm_is_wrong);
    tcase_add_test(test_case, test_no_such_folder);
    suite_add_tcase(suite, test_case);
    return suite;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: test_context FOLDER-OF-KERNELS\n");
        return EXIT_FAILURE;
    }
    kernels = argv[1];
    char *device = getenv("TIKHONOV_DEVICE");
    char *arguments[] = {argv[0], device != NULL ? device : (char[]){"opencl"}};
    return judge_main(2, arguments, make_suite);
}
