/* The binary cache in several threads and processes at once, and after one of them was killed. */
#include "cache_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KEYS     5
#define LENGTH   3000
#define ROUNDS   25
#define THREADS  4
#define CAPACITY 11000 /* three of the five files */

/* The binary number `version` of a key: every byte follows from both, as does the verdict. */
static unsigned char byte_of(unsigned key, unsigned version, size_t at)
{
    return (unsigned char)(key * 101 + version * 7 + at * (2 * version + 1));
}

static void name_key(unsigned key, char text[32])
{
    snprintf(text, 32, "shared key %u", key);
}

static void store_version(struct tik_cache *cache, unsigned key, unsigned version)
{
    char text[32];
    unsigned char bytes[LENGTH];
    name_key(key, text);
    for (size_t i = 0; i < LENGTH; i++)
        bytes[i] = byte_of(key, version, i);
    tik_cache_store(cache, text,
                    &(struct tik_binary){.bytes = bytes,
                                         .length = LENGTH - version % 100,
                                         .verdict = (int)(version * KEYS + key)});
}

enum found { MISS, GOOD, BAD };

/* Whether what is loaded is, as a whole, one of the binaries that were stored under the key. */
static enum found load_version(struct tik_cache *cache, unsigned key)
{
    char text[32];
    struct tik_binary binary;
    name_key(key, text);
    if (!tik_cache_load(cache, text, &binary))
        return MISS;
    const unsigned version = (unsigned)binary.verdict / KEYS;
    enum found found = GOOD;
    if ((unsigned)binary.verdict % KEYS != key || binary.length != LENGTH - version % 100)
        found = BAD;
    for (size_t i = 0; i < binary.length && found == GOOD; i++)
        if (binary.bytes[i] != byte_of(key, version, i))
            found = BAD;
    free(binary.bytes);
    return found;
}

struct worker {
    pthread_t thread;
    struct tik_cache *cache;
    unsigned seed;
    unsigned found[3]; /* by enum found */
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    unsigned state = worker->seed;
    for (unsigned i = 0; i < ROUNDS; i++) {
        state = state * 1664525 + 1013904223;
        store_version(worker->cache, (state >> 24) % KEYS, (state >> 8) % 1000);
        for (unsigned key = 0; key < KEYS; key++)
            worker->found[load_version(worker->cache, key)]++;
        if (state >> 29 == 0)
            tik_cache_drop(worker->cache, "shared key 0");
    }
    return NULL;
}

/* One process of threads on one handle. 0: whatever was found was whole, and something was. */
static int work_in_threads(unsigned process)
{
    struct worker workers[THREADS] = {{0}};
    struct tik_cache *cache;
    if (tik_cache_open(fixture.folder, &cache) != TIK_OK || tik_cache_reason(cache))
        return 3;
    cache->capacity = CAPACITY;
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].cache = cache;
        workers[i].seed = 1000 * process + i;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            return 4;
    }
    unsigned good = 0, bad = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        good += workers[i].found[GOOD];
        bad += workers[i].found[BAD];
    }
    tik_cache_close(cache);
    return bad > 0 ? 1 : good < ROUNDS ? 2 : 0;
}

/* Bytes of the folder's binaries; *temporary counts its temporary files. */
static uint64_t folder_size(unsigned *temporary)
{
    uint64_t total = 0;
    *temporary = 0;
    DIR *stream = opendir(fixture.folder);
    ck_assert_ptr_nonnull(stream);
    for (const struct dirent *file; (file = readdir(stream));) {
        char path[WORKDIR_PATH];
        struct stat state;
        workdir_name(path, fixture.folder, file->d_name);
        ck_assert_int_eq(stat(path, &state), 0);
        *temporary += strstr(path, ".tmp") != NULL;
        if (strstr(path, ".bin"))
            total += (uint64_t)state.st_size;
    }
    closedir(stream);
    return total;
}

START_TEST(processes_and_threads_at_once)
{
    pid_t children[2];
    for (unsigned i = 0; i < 2; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(work_in_threads(i + 1));
        ck_assert_int_gt(children[i], 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        int status = 0;
        ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
                      "process %u: %d (1: torn binary, 2: too few hits, 3, 4: set-up)", i,
                      WEXITSTATUS(status));
    }
    unsigned temporary, good = 0;
    const uint64_t total = folder_size(&temporary);
    ck_assert_uint_le(total, CAPACITY);
    ck_assert_uint_eq(temporary, 0);
    for (unsigned key = 0; key < KEYS; key++)
        good += load_version(fixture.cache, key) == GOOD;
    ck_assert_uint_ge(good, 2); /* three fit, and one may have been dropped */
}
END_TEST

/* Stores without end; writes a byte to the pipe after the first. */
static void store_for_ever(int pipe_end)
{
    alarm(60); /* should the test end before it kills this process */
    for (unsigned version = 0;; version++) {
        store_version(fixture.cache, version % KEYS, version % 1000);
        if (version == 0 && write(pipe_end, "", 1) != 1)
            _exit(1);
    }
}

START_TEST(killed_while_storing)
{
    for (long round = 0; round < 10; round++) {
        int ends[2];
        char byte;
        ck_assert_int_eq(pipe(ends), 0);
        const pid_t child = fork();
        if (child == 0)
            store_for_ever(ends[1]);
        ck_assert_int_gt(child, 0);
        close(ends[1]);
        ck_assert_int_eq(read(ends[0], &byte, 1), 1);
        nanosleep(&(struct timespec){.tv_nsec = 700000 * (round + 1)}, NULL);
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        close(ends[0]);
        for (unsigned key = 0; key < KEYS; key++)
            ck_assert_int_ne(load_version(fixture.cache, key), BAD);
        store_version(fixture.cache, 0, (unsigned)round);
        ck_assert_int_eq(load_version(fixture.cache, 0), GOOD);
    }
}
END_TEST

START_TEST(old_leftovers_are_removed)
{
    char old[WORKDIR_PATH], young[WORKDIR_PATH], foreign[WORKDIR_PATH];
    const struct timespec past = {.tv_sec = time(NULL) - 2 * 3600};
    workdir_name(old, fixture.folder, "tik-1-0.tmp");
    workdir_name(young, fixture.folder, "tik-1-1.tmp");
    workdir_name(foreign, fixture.folder, "letter.tmp");
    workdir_write(old, "half a bin", 10);
    workdir_write(young, "half a bin", 10);
    workdir_write(foreign, "mine", 4);
    ck_assert_int_eq(utimensat(AT_FDCWD, old, (struct timespec[]){past, past}, 0), 0);
    ck_assert_int_eq(utimensat(AT_FDCWD, foreign, (struct timespec[]){past, past}, 0), 0);
    store(KEY, 100, 1);
    check_hit(KEY, 100, 1);
    ck_assert_int_ne(access(old, F_OK), 0);
    ck_assert_int_eq(access(young, F_OK), 0);
    ck_assert_int_eq(access(foreign, F_OK), 0);
}
END_TEST

/* In a container a process often has the number of the one that crashed before it. */
START_TEST(leftovers_of_our_own_number)
{
    for (unsigned i = 0; i < 1000; i++) {
        char name[64], path[WORKDIR_PATH];
        snprintf(name, sizeof name, "tik-%ld-%u.tmp", (long)getpid(), i);
        workdir_name(path, fixture.folder, name);
        workdir_write(path, "half a bin", 10);
    }
    store(KEY, 100, 1);
    check_hit(KEY, 100, 1);
}
END_TEST

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

START_TEST(lock_held_by_another_process)
{
    char path[WORKDIR_PATH], byte;
    int ends[2];
    store(KEY, 100, 1);
    workdir_name(path, fixture.folder, "tik.lock");
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        alarm(60);
        const int lock = open(path, O_RDWR);
        if (lock < 0 || flock(lock, LOCK_EX) != 0 || write(ends[1], "", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    ck_assert_int_gt(child, 0);
    close(ends[1]);
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    const double start = seconds();
    store(KEY, 200, 2);
    const double waited = seconds() - start;
    check_hit(KEY, 100, 1); /* loads need no lock */
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    close(ends[0]);
    ck_assert_msg(waited > 0.5 && waited < 20, "gave up after %g s", waited);
    store(KEY, 200, 2);
    check_hit(KEY, 200, 2);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {processes_and_threads_at_once, killed_while_storing,
                                  old_leftovers_are_removed, leftovers_of_our_own_number,
                                  lock_held_by_another_process};
    return run_tests("cache sharing", tests, sizeof tests / sizeof tests[0]) ? 1 : 0;
}
