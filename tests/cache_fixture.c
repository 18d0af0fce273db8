#include "cache_fixture.h"

#include "../src/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct cache_fixture fixture;

struct tik_cache *open_cache(const char *path)
{
    struct tik_cache *opened;
    ck_assert_int_eq(tik_cache_open(path, &opened), TIK_OK);
    ck_assert_ptr_nonnull(opened);
    return opened;
}

static void set_up(void)
{
    for (size_t i = 0; i < sizeof fixture.payload; i++)
        fixture.payload[i] = (unsigned char)(i * i >> 3);
    workdir_create(fixture.parent);
    workdir_name(fixture.folder, fixture.parent, "cache");
    fixture.cache = open_cache(fixture.folder);
    ck_assert_ptr_null(tik_cache_reason(fixture.cache));
}

static void tear_down(void)
{
    tik_cache_close(fixture.cache);
    workdir_remove(fixture.parent);
}

void store(const char *key, size_t length, int verdict)
{
    tik_cache_store(
        fixture.cache, key,
        &(struct tik_binary){.bytes = fixture.payload, .length = length, .verdict = verdict});
}

bool hits(const char *key)
{
    struct tik_binary binary;
    const bool hit = tik_cache_load(fixture.cache, key, &binary);
    ck_assert(hit == (binary.bytes != NULL) && hit == (binary.length != 0));
    free(binary.bytes);
    return hit;
}

void check_hit(const char *key, size_t length, int verdict)
{
    struct tik_binary binary;
    ck_assert_msg(tik_cache_load(fixture.cache, key, &binary), "%zu bytes", length);
    ck_assert_uint_eq(binary.length, length);
    ck_assert_int_eq(binary.verdict, verdict);
    ck_assert_mem_eq(binary.bytes, fixture.payload, length);
    free(binary.bytes);
}

void file_of(const char *key, char path[WORKDIR_PATH])
{
    char name[64];
    snprintf(name, sizeof name, "tik-%016" PRIx64 ".bin",
             tik_hash(key, strlen(key), TIK_HASH_SEED));
    workdir_name(path, fixture.folder, name);
}

bool is_there(const char *key)
{
    char path[WORKDIR_PATH];
    file_of(key, path);
    return access(path, F_OK) == 0;
}

int run_apart(int (*job)(void))
{
    int status = 0;
    const pid_t child = fork();
    if (child == 0)
        _exit(job());
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int run_tests(const char *name, const TTest *const *tests, size_t count)
{
    TCase *test_case = tcase_create(name);
    tcase_add_checked_fixture(test_case, set_up, tear_down);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(test_case, tests[i]);
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, test_case);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed;
}
