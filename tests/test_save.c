/* Saving: all files take their places or none does, and what was there keeps its mode and links. */
#include <tikhonov/safetensors.h>

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scratch.h"

static struct tik_tensors *make(void)
{
    struct tik_tensors *tensors;
    ck_assert_int_eq(tik_tensors_create(&tensors), TIK_OK);
    return tensors;
}

/* One tensor "x" of two numbers. */
static struct tik_tensors *make_small(void)
{
    struct tik_tensors *tensors = make();
    ck_assert_int_eq(tik_tensors_add(tensors, "x", 1, (size_t[]){2}, (float[]){1.0f, 2.0f}),
                     TIK_OK);
    return tensors;
}

static enum tik_status save(const struct tik_tensors *tensors, const char *path)
{
    return tik_tensors_save(&tensors, &path, 1);
}

static struct tik_tensors *load(const char *path)
{
    struct tik_tensors *tensors = NULL;
    const enum tik_status status = tik_tensors_load(path, &tensors);
    ck_assert_msg(status == TIK_OK, "%s", tik_last_error());
    return tensors;
}

START_TEST(follows_links)
{
    struct tik_tensors *tensors = make_small();
    ck_assert_int_eq(mkdir("inner", 0755), 0);
    ck_assert_int_eq(symlink("inner/file", "link"), 0);
    ck_assert_int_eq(symlink("link", "link to link"), 0);
    for (int round = 0; round < 2; round++) {
        ck_assert_msg(save(tensors, "link to link") == TIK_OK, "%s", tik_last_error());
        struct stat about;
        ck_assert_int_eq(lstat("inner/file", &about), 0);
        ck_assert(S_ISREG(about.st_mode));
        ck_assert_int_eq(lstat("link", &about), 0);
        ck_assert(S_ISLNK(about.st_mode));
        tik_tensors_destroy(load("link"));
    }
    ck_assert_int_eq(symlink("loop", "loop"), 0);
    ck_assert_int_eq(save(tensors, "loop"), TIK_ERROR_FILE);
    ck_assert_uint_eq(scratch_count(), 4);
    ck_assert_int_eq(unlink("inner/file"), 0);
    ck_assert_int_eq(rmdir("inner"), 0);
    tik_tensors_destroy(tensors);
}
END_TEST

START_TEST(keeps_the_mode)
{
    struct tik_tensors *tensors = make_small();
    struct stat about;
    scratch_write("old", "old", 3);
    ck_assert_int_eq(chmod("old", 0640), 0);
    const mode_t mask = umask(027);
    ck_assert_int_eq(save(tensors, "old"), TIK_OK);
    ck_assert_int_eq(save(tensors, "new"), TIK_OK);
    umask(mask);
    ck_assert_int_eq(stat("old", &about), 0);
    ck_assert_uint_eq(about.st_mode & 07777, 0640);
    ck_assert_int_eq(stat("new", &about), 0);
    ck_assert_uint_eq(about.st_mode & 07777, 0640);
    ck_assert_int_eq(chmod("old", 0604), 0);
    ck_assert_int_eq(save(tensors, "old"), TIK_OK);
    ck_assert_int_eq(stat("old", &about), 0);
    ck_assert_uint_eq(about.st_mode & 07777, 0604);
    tik_tensors_destroy(tensors);
}
END_TEST

/* Neither "first" nor anything else changes when `second` cannot be written. */
static void assert_pair_fails(const char *second, enum tik_status due)
{
    struct tik_tensors *tensors = make_small();
    scratch_write("first", "as it was", 9);
    const size_t entries = scratch_count();
    const enum tik_status status = tik_tensors_save(
        (const struct tik_tensors *[]){tensors, tensors}, (const char *[]){"first", second}, 2);
    ck_assert_msg(status == due, "%s: %s", second, tik_status_name(status));
    ck_assert_ptr_nonnull(strstr(tik_last_error(), second));
    scratch_assert_holds("first", "as it was");
    ck_assert_uint_eq(scratch_count(), entries);
    tik_tensors_destroy(tensors);
}

START_TEST(all_or_none)
{
    assert_pair_fails("missing/second", TIK_ERROR_FILE);
    assert_pair_fails("./first", TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(mkdir("inner", 0755), 0);
    assert_pair_fails("inner", TIK_ERROR_FILE);
    assert_pair_fails("inner/", TIK_ERROR_FILE);
    assert_pair_fails("inner/../first", TIK_ERROR_ARGUMENT);
    assert_pair_fails("first/second", TIK_ERROR_FILE);
    ck_assert_int_eq(symlink("first", "link"), 0);
    assert_pair_fails("link", TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(mkfifo("pipe", 0600), 0);
    assert_pair_fails("pipe", TIK_ERROR_FILE);
    struct stat about;
    ck_assert_int_eq(stat("pipe", &about), 0);
    ck_assert(S_ISFIFO(about.st_mode));
}
END_TEST

/* The disk is full after so many of the file's 72 bytes. */
START_TEST(a_full_disk_changes_nothing)
{
    static const rlim_t limits[] = {0, 4, 8, 30, 63, 64, 67, 71};
    struct tik_tensors *tensors = make_small();
    scratch_write("first", "one", 3);
    scratch_write("second", "two", 3);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit before, limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        limit = before;
        limit.rlim_cur = limits[i];
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        const enum tik_status status =
            tik_tensors_save((const struct tik_tensors *[]){tensors, tensors},
                             (const char *[]){"first", "second"}, 2);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
        ck_assert_int_eq(status, TIK_ERROR_FILE);
        ck_assert_ptr_nonnull(strstr(tik_last_error(), "first"));
        scratch_assert_holds("first", "one");
        scratch_assert_holds("second", "two");
        ck_assert_uint_eq(scratch_count(), 2);
    }
    ck_assert_int_eq(save(tensors, "first"), TIK_OK);
    size_t count;
    scratch_read("first", &count);
    ck_assert_uint_eq(count, 72);
    tik_tensors_destroy(tensors);
}
END_TEST

/* In a child that is not root, whom no mode keeps out. 0: as it should be. */
static int save_unprivileged(const char *path)
{
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 1;
    struct tik_tensors *tensors;
    if (tik_tensors_create(&tensors) != TIK_OK)
        return 2;
    const enum tik_status status = save(tensors, path);
    tik_tensors_destroy(tensors);
    return status == TIK_ERROR_FILE ? 0 : 3;
}

static void assert_unprivileged_fails(const char *path)
{
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(save_unprivileged(path));
    int result;
    ck_assert_int_eq(waitpid(child, &result, 0), child);
    ck_assert_msg(WIFEXITED(result) && WEXITSTATUS(result) == 0, "%s: %d", path, result);
}

START_TEST(modes_are_obeyed)
{
    ck_assert_int_eq(mkdir("closed", 0755), 0);
    scratch_write("closed/file", "old", 3);
    ck_assert_int_eq(chmod("closed", 0555), 0);
    assert_unprivileged_fails("closed/file");
    assert_unprivileged_fails("closed/other");
    scratch_assert_holds("closed/file", "old");
    ck_assert_int_eq(chmod("closed", 0777), 0);
    ck_assert_int_eq(chmod("closed/file", 0444), 0);
    assert_unprivileged_fails("closed/file");
    scratch_assert_holds("closed/file", "old");
    ck_assert_int_eq(unlink("closed/file"), 0);
    ck_assert_int_eq(rmdir("closed"), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("save");
    TCase *files = tcase_create("files");
    tcase_set_timeout(files, 60);
    tcase_add_checked_fixture(files, scratch_enter, scratch_leave);
    tcase_add_test(files, follows_links);
    tcase_add_test(files, keeps_the_mode);
    tcase_add_test(files, all_or_none);
    tcase_add_test(files, a_full_disk_changes_nothing);
    tcase_add_test(files, modes_are_obeyed);
    suite_add_tcase(suite, files);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
