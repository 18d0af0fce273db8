/* The binary cache's folder: its capacity, and the folders that it must not use. */
#include "cache_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Sets a file's time of last use to `seconds` after 2020-01-01. */
static void set_used(const char *key, int seconds)
{
    char path[WORKDIR_PATH];
    const struct timespec time = {.tv_sec = 1577836800 + seconds};
    file_of(key, path);
    ck_assert_int_eq(utimensat(AT_FDCWD, path, (struct timespec[]){time, time}, 0), 0);
}

START_TEST(longest_unused_goes_first)
{
    char foreign[WORKDIR_PATH];
    workdir_name(foreign, fixture.folder, "notes.bin");
    workdir_write(foreign, fixture.payload, 5000);
    fixture.cache->capacity = 3500; /* three files of 1000 bytes and their headers and keys */
    store("a", 1000, 1);
    store("b", 1000, 1);
    store("c", 1000, 1);
    ck_assert(is_there("a") && is_there("b") && is_there("c"));
    set_used("a", 10);
    set_used("b", 30);
    set_used("c", 20);
    ck_assert(hits("a")); /* now the last one used */
    store("d", 1000, 1);
    ck_assert(is_there("a") && is_there("b") && !is_there("c") && is_there("d"));
    set_used("b", 30);
    set_used("d", 20);
    set_used("a", 40);
    store("e", 2000, 1); /* needs the room of two */
    ck_assert(is_there("a") && !is_there("b") && !is_there("d") && is_there("e"));
    set_used("e", 1);
    store("a", 1100, 1); /* replaces its own file, and removes no other */
    ck_assert(is_there("e"));
    check_hit("a", 1100, 1);
    ck_assert_int_eq(access(foreign, F_OK), 0);
}
END_TEST

START_TEST(larger_than_the_capacity_is_not_stored)
{
    fixture.cache->capacity = 1000;
    store("a", 500, 1);
    store("b", 1000, 1);
    check_hit("a", 500, 1);
    ck_assert(!is_there("b"));
    const size_t exact = 1000 - FILE_SIZE(1, 0);
    store("b", exact + 1, 1);
    ck_assert(is_there("a") && !is_there("b"));
    store("b", exact, 1);
    ck_assert(!is_there("a"));
    check_hit("b", exact, 1);
    fixture.cache->capacity = 10;
    ck_assert(!hits("b"));
    store("c", 1, 1);
    ck_assert(!is_there("c"));
}
END_TEST

static bool skipped;

/* Opens `path`: the cache is off, says why, and neither hits nor stores nor fails. */
static void check_off(const char *path, const char *why)
{
    struct tik_cache *on = fixture.cache;
    fixture.cache = open_cache(path);
    ck_assert_msg(tik_cache_reason(fixture.cache) != NULL, "the cache is on: %s",
                  path ? path : "NULL");
    ck_assert_msg(strstr(tik_cache_reason(fixture.cache), why) != NULL, "no '%s' in: %s", why,
                  tik_cache_reason(fixture.cache));
    store(KEY, 10, 1);
    ck_assert(!hits(KEY));
    tik_cache_drop(fixture.cache, KEY);
    tik_cache_close(fixture.cache);
    fixture.cache = on;
}

START_TEST(folders_that_are_not_private)
{
    static const unsigned modes[] = {0755, 0701, 0710, 0740, 0702, 0777};
    char path[WORKDIR_PATH], link[WORKDIR_PATH], text[8];
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        ck_assert_int_eq(chmod(fixture.folder, modes[i]), 0);
        snprintf(text, sizeof text, "%04o", modes[i]);
        check_off(fixture.folder, text);
    }
    ck_assert_int_eq(chmod(fixture.folder, 0700), 0);
    workdir_name(link, fixture.parent, "link");
    ck_assert_int_eq(symlink(fixture.folder, link), 0);
    check_off(link, "symbolic link");
    workdir_name(path, fixture.parent, "link//");
    check_off(path, "symbolic link");
    check_off("off", "switched off");
}
END_TEST

static void skip(const char *test)
{
    fprintf(stderr, "skipped: %s: this root may not act for other users\n", test);
    skipped = true;
}

/* Root gives its folder away; for anyone else there is one of root's everywhere. */
START_TEST(folder_of_another_user)
{
    if (geteuid() != 0) {
        check_off("/usr", "belongs to user 0");
    } else if (chown(fixture.folder, 1, 1) == 0) {
        check_off(fixture.folder, "belongs to user 1");
        ck_assert_int_eq(chown(fixture.folder, 0, 0), 0);
    } else {
        skip("folder_of_another_user");
    }
}
END_TEST

START_TEST(folders_that_cannot_be_made)
{
    char path[WORKDIR_PATH], name[WORKDIR_PATH] = "x";
    workdir_name(path, fixture.parent, "file");
    workdir_write(path, "x", 1);
    check_off(path, "Not a directory");
    workdir_name(path, fixture.parent, "file/below/it");
    check_off(path, "Not a directory");
    memset(name, 'n', 300);
    check_off(name, "too long");
}
END_TEST

/* Root may write everywhere: then the child becomes another user, whose folder it is. */
static int open_without_write_permission(void)
{
    if (geteuid() == 0 &&
        (chown(fixture.parent, 65534, 65534) != 0 || chown(fixture.folder, 65534, 65534) != 0 ||
         setgid(65534) != 0 || setuid(65534) != 0 || access(fixture.folder, W_OK) != 0))
        return 77;
    struct tik_cache *opened;
    if (chmod(fixture.folder, 0500) != 0 || tik_cache_open(fixture.folder, &opened) != TIK_OK)
        return 1;
    const char *reason = tik_cache_reason(opened);
    const bool off = reason && strstr(reason, "cannot be written");
    tik_cache_close(opened);
    return off ? 0 : 2;
}

START_TEST(read_only_folder)
{
    const int result = run_apart(open_without_write_permission);
    ck_assert_int_eq(chmod(fixture.folder, 0700), 0);
    if (result == 77)
        skip("read_only_folder");
    else
        ck_assert_int_eq(result, 0);
}
END_TEST

/* A limit on file sizes stands for a full disk. */
static int store_on_a_full_disk(void)
{
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {.rlim_cur = 4096, .rlim_max = 4096};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 1;
    store(KEY, 50000, 2);
    return 0;
}

START_TEST(full_disk)
{
    store(KEY, 100, 1);
    ck_assert_int_eq(run_apart(store_on_a_full_disk), 0);
    check_hit(KEY, 100, 1);
    char path[WORKDIR_PATH];
    file_of(KEY, path);
    ck_assert_int_eq(unlink(path), 0);
    workdir_name(path, fixture.folder, "tik.lock");
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_msg(rmdir(fixture.folder) == 0, "something was left in the folder");
}
END_TEST

START_TEST(folder_removed_while_open)
{
    store(KEY, 100, 1);
    workdir_remove(fixture.folder);
    ck_assert(!hits(KEY));
    store(KEY, 100, 1);
    ck_assert(!hits(KEY));
    tik_cache_drop(fixture.cache, KEY);
}
END_TEST

static void set_variables(const char *own, const char *xdg, const char *home)
{
    const char *const names[] = {"TIKHONOV_CACHE_DIR", "XDG_CACHE_HOME", "HOME"};
    const char *const values[] = {own, xdg, home};
    for (size_t i = 0; i < 3; i++)
        if (values[i])
            setenv(names[i], values[i], 1);
        else
            unsetenv(names[i]);
}

/* Opens the default folder: `path` below the temporary folder, private as are its parents. */
static void check_default(const char *argument, const char *path)
{
    char full[WORKDIR_PATH];
    struct stat state, used;
    workdir_name(full, fixture.parent, path);
    const mode_t mask = umask(0);
    struct tik_cache *opened = open_cache(argument);
    umask(mask);
    ck_assert_msg(!tik_cache_reason(opened), "%s", tik_cache_reason(opened));
    ck_assert_int_eq(fstat(opened->folder, &used), 0);
    tik_cache_close(opened);
    ck_assert_msg(stat(full, &state) == 0 && state.st_ino == used.st_ino, "%s is not used", full);
    do {
        ck_assert_msg(stat(full, &state) == 0, "%s", full);
        ck_assert_uint_eq(state.st_mode & 07777, 0700);
        *strrchr(full, '/') = '\0';
    } while (strcmp(full, fixture.parent) != 0);
}

START_TEST(default_folders)
{
    char own[WORKDIR_PATH], xdg[WORKDIR_PATH], home[WORKDIR_PATH], argument[WORKDIR_PATH];
    workdir_name(argument, fixture.parent, "argument/deep//er/");
    workdir_name(own, fixture.parent, "own");
    workdir_name(xdg, fixture.parent, "xdg");
    workdir_name(home, fixture.parent, "home");
#ifdef __APPLE__
    const char *at_home = "home/Library/Caches/tikhonov";
#else
    const char *at_home = "home/.cache/tikhonov";
#endif
    set_variables(own, xdg, home);
    check_default(argument, "argument/deep/er");
    check_default(NULL, "own");
    check_default("", "own");
    check_off("off", "switched off");
    set_variables("off", xdg, home);
    check_off(NULL, "switched off");
    check_default(argument, "argument/deep/er");
    set_variables("", xdg, home);
    check_default("", "xdg/tikhonov");
    set_variables(NULL, "relative", home);
    check_default(NULL, at_home);
    ck_assert_int_ne(access("relative", F_OK), 0);
    set_variables(NULL, NULL, NULL);
    check_off(NULL, "HOME");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {longest_unused_goes_first,
                                  larger_than_the_capacity_is_not_stored,
                                  folders_that_are_not_private,
                                  folder_of_another_user,
                                  folders_that_cannot_be_made,
                                  read_only_folder,
                                  full_disk,
                                  folder_removed_while_open,
                                  default_folders};
    /* 77: meson's sign for skipped */
    return run_tests("cache folder", tests, sizeof tests / sizeof tests[0]) ? 1 : skipped ? 77 : 0;
}
