/* What the suites of the binary cache share: a cache in a temporary folder, made for each test. */
#ifndef TIK_TESTS_CACHE_FIXTURE_H
#define TIK_TESTS_CACHE_FIXTURE_H

#include "../src/opencl/cache.h"
#include "workdir.h"

#include <check.h>

#define KEY "source 1; -DRULE=adam; platform; device; driver; 0.1.0"

/* A file: 32 bytes of header, the key, the binary, 8 bytes of checksum. */
#define FILE_SIZE(key_length, length) (32 + (key_length) + (length) + 8)

struct cache_fixture {
    char parent[WORKDIR_PATH], folder[WORKDIR_PATH]; /* the cache is in parent/cache */
    struct tik_cache *cache;
    unsigned char payload[1 << 20]; /* what store stores */
};
extern struct cache_fixture fixture;

/* Opens a cache. Fails the test when it cannot; the cache may be off. */
struct tik_cache *open_cache(const char *path);

/* Stores the first `length` bytes of the payload. */
void store(const char *key, size_t length, int verdict);
/* Loads and forgets. */
bool hits(const char *key);
/* Loads, and compares with what was stored. */
void check_hit(const char *key, size_t length, int verdict);

/* The file of a key: "tik-", the hash of the key, ".bin". */
void file_of(const char *key, char path[WORKDIR_PATH]);
bool is_there(const char *key);

/* The exit status of `job` in a process of its own; -1 when a signal ended it. */
int run_apart(int (*job)(void));

/* Runs the tests, each with a fixture of its own; the number that failed. */
int run_tests(const char *name, const TTest *const *tests, size_t count);

#endif
