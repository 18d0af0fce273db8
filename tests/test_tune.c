/*
 * What is tuned: the file, damaged, of another driver, of another user's making or not to be
 * written; what a context makes of it; and the tuning itself, on the device of TIKHONOV_DEVICE, else
 * "opencl".
 */
#include "suite.h"
#include "workdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tikhonov/tune.h>

#include "../src/tuned.h"

static char folder[WORKDIR_PATH], file[WORKDIR_PATH];
static unsigned told;
static char last_told[1024];

static const struct tik_device_info one = {.platform = "P", .name = "one", .driver = "1.0"};
static const struct tik_device_info other = {.platform = "P", .name = "other", .driver = "1.0"};
static const struct tik_tuned known = {
    .local_size = 64, .conformance = TIK_EXACT, .seconds = 0.25, .scalar_seconds = 0.5};

static void listen(enum tik_log_level level, const char *message, void *data)
{
    (void)level, (void)data;
    told++;
    snprintf(last_told, sizeof last_told, "%.1000s", message);
}

static void set_up(void)
{
    workdir_create(folder);
    workdir_name(file, folder, "tuned.json");
    setenv("TIKHONOV_CONFIG_DIR", folder, 1);
    unsetenv("TIKHONOV_LOCAL_SIZE");
    told = 0;
}

static void tear_down(void)
{
    workdir_remove(folder);
}

static enum tik_tuned_fate find(const struct tik_device_info *device)
{
    struct tik_tuned tuned;
    char why[TIK_TUNED_WHY];
    return tik_tuned_find(device, &tuned, why);
}

static void keep(const struct tik_device_info *device, const struct tik_tuned *tuned)
{
    char path[1024];
    ck_assert_msg(tik_tuned_keep(device, tuned, path) == TIK_OK, "%s", tik_last_error());
    ck_assert_str_eq(path, file);
}

static void check_ignored(const char *word)
{
    struct tik_tuned tuned;
    char why[TIK_TUNED_WHY];
    ck_assert_int_eq(tik_tuned_find(&one, &tuned, why), TIK_TUNED_IGNORED);
    ck_assert_msg(strstr(why, word) != NULL, "'%s' is not in: %s", word, why);
}

/* ---- the file ---- */

START_TEST(test_kept)
{
    struct tik_tuned tuned;
    char why[TIK_TUNED_WHY];
    struct stat state;
    ck_assert_int_eq(find(&one), TIK_TUNED_NONE);
    keep(&one, &known);
    keep(&other, &(struct tik_tuned){.local_size = 1, .seconds = 2, .scalar_wins = true});
    ck_assert_int_eq(tik_tuned_find(&one, &tuned, why), TIK_TUNED_FOUND);
    ck_assert_uint_eq(tuned.local_size, 64);
    ck_assert_int_eq(tuned.conformance, TIK_EXACT);
    ck_assert_double_eq(tuned.seconds, 0.25);
    ck_assert_double_eq(tuned.scalar_seconds, 0.5);
    ck_assert(!tuned.scalar_wins);
    ck_assert_int_eq(tik_tuned_find(&other, &tuned, why), TIK_TUNED_FOUND);
    ck_assert(tuned.scalar_wins);
    ck_assert_int_eq(stat(file, &state), 0);
    ck_assert_int_eq(state.st_mode & 0777, 0600);

    tik_tuned_drop(&one);
    ck_assert_int_eq(find(&one), TIK_TUNED_NONE);
    ck_assert_int_eq(find(&other), TIK_TUNED_FOUND);
}
END_TEST

START_TEST(test_replaced)
{
    struct tik_tuned tuned = known;
    char why[TIK_TUNED_WHY];
    keep(&one, &tuned);
    tuned.local_size = 128;
    keep(&one, &tuned);
    ck_assert_int_eq(tik_tuned_find(&one, &tuned, why), TIK_TUNED_FOUND);
    ck_assert_uint_eq(tuned.local_size, 128);
    tik_tuned_drop(&one);
    ck_assert_int_eq(find(&one), TIK_TUNED_NONE);
}
END_TEST

START_TEST(test_other_driver)
{
    struct tik_device_info newer = one;
    keep(&one, &known);
    snprintf(newer.driver, sizeof newer.driver, "1.1");
    ck_assert_int_eq(find(&newer), TIK_TUNED_STALE);
    workdir_replace(file, "\"library\":\t\"", "\"library\":\t\"0.0.0-");
    ck_assert_int_eq(find(&one), TIK_TUNED_STALE);
}
END_TEST

/* Cut off anywhere, it is never half believed; and it is written anew. */
START_TEST(test_damaged)
{
    keep(&one, &known);
    size_t size;
    char *bytes = workdir_read(file, &size);
    for (size_t length = 0; length + 2 < size; length += 7) {
        workdir_write(file, bytes, length);
        check_ignored("damaged");
    }
    static const char *const others[] = {"[]", "null", "{\"format\": \"tikhonov.tuned\"}",
                                         "{\"format\": 1, \"devices\": []}"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        workdir_write(file, others[i], strlen(others[i]));
        check_ignored("damaged");
    }
    free(bytes);
    keep(&one, &known);
    ck_assert_int_eq(find(&one), TIK_TUNED_FOUND);
}
END_TEST

START_TEST(test_bad_entries)
{
    static const char *const sizes[] = {"0", "3", "2048", "1.5", "-1", "1e300", "\"64\"", "null"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char text[64];
        snprintf(text, sizeof text, "\"local_size\":\t%s", sizes[i]);
        keep(&one, &known);
        workdir_replace(file, "\"local_size\":\t64", text);
        check_ignored("the entry of one");
    }
    keep(&one, &known);
    workdir_replace(file, "\"seconds\":\t0.25", "\"seconds\":\t-1");
    check_ignored("the entry of one");
}
END_TEST

START_TEST(test_not_private)
{
    keep(&one, &known);
    ck_assert_int_eq(chmod(file, 0660), 0);
    check_ignored("written by others");
    ck_assert_int_eq(chmod(file, 0606), 0);
    check_ignored("written by others");
    ck_assert_int_eq(chmod(file, 0644), 0);
    ck_assert_int_eq(find(&one), TIK_TUNED_FOUND);
    unlink(file);
    ck_assert_int_eq(mkfifo(file, 0600), 0);
    check_ignored("not a regular file");
}
END_TEST

/* A file where the folder should be: not even the superuser can write there. */
START_TEST(test_no_folder)
{
    char path[1024];
    workdir_write(file, "x", 1);
    setenv("TIKHONOV_CONFIG_DIR", file, 1);
    ck_assert_int_eq(find(&one), TIK_TUNED_NONE);
    suite_refused(TIK_ERROR_FILE, tik_tuned_keep(&one, &known, path), file);
    tik_tuned_drop(&one);
}
END_TEST

START_TEST(test_no_home)
{
    char path[1024];
    unsetenv("TIKHONOV_CONFIG_DIR");
    unsetenv("HOME");
    setenv("XDG_CONFIG_HOME", "relative", 1);
    ck_assert_int_eq(find(&one), TIK_TUNED_NONE);
    suite_refused(TIK_ERROR_FILE, tik_tuned_keep(&one, &known, path), "HOME");
    setenv("TIKHONOV_CONFIG_DIR", "off", 1);
    setenv("HOME", folder, 1);
    ck_assert_int_eq(find(&one), TIK_TUNED_NONE);
    suite_refused(TIK_ERROR_FILE, tik_tuned_keep(&one, &known, path), "off");

    unsetenv("TIKHONOV_CONFIG_DIR");
    ck_assert_int_eq(tik_tuned_keep(&one, &known, path), TIK_OK);
    ck_assert_int_eq(strncmp(path, folder, strlen(folder)), 0);
    ck_assert_str_eq(path + strlen(folder), "/.config/tikhonov/tuned.json");
    ck_assert_int_eq(find(&one), TIK_TUNED_FOUND);
    setenv("XDG_CONFIG_HOME", folder, 1);
    ck_assert_int_eq(find(&one), TIK_TUNED_NONE);
    ck_assert_int_eq(tik_tuned_keep(&one, &known, path), TIK_OK);
    ck_assert_str_eq(path + strlen(folder), "/tikhonov/tuned.json");
}
END_TEST

/* ---- what a context makes of it ---- */

static struct tik_context *open_context(const char *device, int threads)
{
    struct tik_context_options options;
    tik_context_defaults(&options);
    options.device = device;
    options.threads = threads;
    options.log = listen;
    struct tik_context *context;
    ck_assert_msg(tik_context_create(&options, &context) == TIK_OK, "%s", tik_last_error());
    return context;
}

static void check_choice(const char *device, int threads, const char *backend)
{
    struct tik_context *context = open_context(device, threads);
    ck_assert_msg(strcmp(tik_context_backend(context), backend) == 0, "%s: %s, not on %s", device,
                  tik_context_choice(context), backend);
    tik_context_destroy(context);
}

START_TEST(test_auto_follows)
{
    const struct tik_device_info *device = tik_context_device(judge_context());
    struct tik_tuned tuned = known;
    struct tik_context *usual = open_context("auto", 0);
    const bool same = strcmp(tik_context_device(usual)->name, device->name) == 0 &&
                      device->type == TIK_DEVICE_CPU;
    tik_context_destroy(usual);

    tuned.scalar_wins = true;
    tuned.scalar_seconds = tuned.seconds;
    keep(device, &tuned);
    check_choice("auto", 0, tik_context_backend(judge_context())); /* it says so of no faster one */
    tuned.scalar_seconds = tuned.seconds / 2;
    keep(device, &tuned);
    check_choice(device->index, 0, "opencl"); /* asked for by its index: no choice */
    if (!same)
        return; /* auto takes another device, which nothing was tuned for */
    struct tik_context *context = open_context("auto", 0);
    ck_assert_str_eq(tik_context_backend(context), "scalar");
    ck_assert_msg(strstr(tik_context_choice(context), "tikhonov tune") != NULL, "%s",
                  tik_context_choice(context));
    ck_assert_uint_eq(tik_context_fallbacks(context), 0);
    tik_context_destroy(context);
    check_choice("auto", 1, "opencl"); /* not the number of threads that was measured */
    tuned.scalar_wins = false;
    keep(device, &tuned);
    check_choice("auto", 0, "opencl");
}
END_TEST

START_TEST(test_stale_is_dropped)
{
    const struct tik_device_info *device = tik_context_device(judge_context());
    struct tik_device_info older = *device;
    snprintf(older.driver, sizeof older.driver, "older");
    keep(&older, &known);
    check_choice(device->index, 0, "opencl");
    ck_assert_uint_eq(told, 1);
    ck_assert_msg(strstr(last_told, "another driver") != NULL, "%s", last_told);
    ck_assert_int_eq(find(device), TIK_TUNED_NONE);
    check_choice(device->index, 0, "opencl");
    ck_assert_uint_eq(told, 1);
}
END_TEST

START_TEST(test_damaged_is_told)
{
    workdir_write(file, "{", 1);
    check_choice(tik_context_device(judge_context())->index, 0, "opencl");
    ck_assert_uint_eq(told, 1);
    ck_assert_msg(strstr(last_told, "damaged") != NULL, "%s", last_told);
}
END_TEST

/* ---- the tuning ---- */

START_TEST(test_tune)
{
    struct tik_tune_options options;
    struct tik_tune_result result;
    tik_tune_defaults(&options);
    options.parameters = 5000;
    options.rounds = 1;
    ck_assert_msg(tik_tune(judge_context(), &options, &result) == TIK_OK, "%s", tik_last_error());
    ck_assert_str_eq(result.path, file);
    ck_assert_uint_gt(result.count, 0);
    bool found = false;
    for (size_t i = 0; i < result.count; i++) {
        const struct tik_tune_candidate *c = &result.candidates[i];
        ck_assert_uint_eq(c->local_size, (size_t)1 << i);
        ck_assert(c->conformance != TIK_WRONG);
        ck_assert(c->conformance > result.conformance || !(c->seconds < result.seconds));
        found |= c->local_size == result.local_size && c->seconds == result.seconds;
    }
    ck_assert(found);
    struct tik_tuned tuned;
    char why[TIK_TUNED_WHY];
    const struct tik_device_info *device = tik_context_device(judge_context());
    ck_assert_int_eq(tik_tuned_find(device, &tuned, why), TIK_TUNED_FOUND);
    ck_assert_uint_eq(tuned.local_size, result.local_size);
    ck_assert(tuned.scalar_wins == result.scalar_wins);

    unlink(file);
    options.keep = false;
    ck_assert_int_eq(tik_tune(judge_context(), &options, &result), TIK_OK);
    ck_assert_str_eq(result.path, "");
    ck_assert_int_eq(find(device), TIK_TUNED_NONE);
}
END_TEST

/* By status alone: the messages are the library's, and error.c is in this program once more. */
START_TEST(test_tune_refuses)
{
    struct tik_tune_options options;
    struct tik_tune_result result;
    tik_tune_defaults(&options);
    ck_assert_int_eq(tik_tune(NULL, NULL, &result), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_tune(judge_context(), NULL, NULL), TIK_ERROR_ARGUMENT);
    options.rounds = 0;
    ck_assert_int_eq(tik_tune(judge_context(), &options, &result), TIK_ERROR_ARGUMENT);
    tik_tune_defaults(&options);
    options.parameters = 0;
    ck_assert_int_eq(tik_tune(judge_context(), &options, &result), TIK_ERROR_ARGUMENT);
    struct tik_context *scalar = suite_scalar(1);
    ck_assert_int_eq(tik_tune(scalar, NULL, &result), TIK_ERROR_ARGUMENT);
    tik_context_destroy(scalar);
    struct tik_context_options own;
    struct tik_context *context;
    tik_context_defaults(&own);
    own.local_size = 24;
    ck_assert_int_eq(tik_context_create(&own, &context), TIK_ERROR_ARGUMENT);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("tune");
    TCase *test_case = tcase_create("tune");
    tcase_set_timeout(test_case, 300);
    tcase_add_checked_fixture(test_case, set_up, tear_down);
    tcase_add_test(test_case, test_kept);
    tcase_add_test(test_case, test_replaced);
    tcase_add_test(test_case, test_other_driver);
    tcase_add_test(test_case, test_damaged);
    tcase_add_test(test_case, test_bad_entries);
    tcase_add_test(test_case, test_not_private);
    tcase_add_test(test_case, test_no_folder);
    tcase_add_test(test_case, test_no_home);
    tcase_add_test(test_case, test_auto_follows);
    tcase_add_test(test_case, test_stale_is_dropped);
    tcase_add_test(test_case, test_damaged_is_told);
    tcase_add_test(test_case, test_tune);
    tcase_add_test(test_case, test_tune_refuses);
    suite_add_tcase(suite, test_case);
    return suite;
}

int main(int argc, char **argv)
{
    (void)argc;
    char *device = getenv("TIKHONOV_DEVICE");
    char *arguments[] = {argv[0], device != NULL ? device : (char[]){"opencl"}};
    setenv("TIKHONOV_CONFIG_DIR", "off", 1); /* the device as nobody tuned it */
    return judge_main(2, arguments, make_suite);
}
