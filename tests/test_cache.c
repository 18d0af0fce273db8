/* The binary cache: what is stored comes back, and nothing that is damaged does. */
#include "cache_fixture.h"

#include "../src/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECKSUM 8 /* bytes at a file's end, over all that is before them */

/* Makes the checksum right again, so that only the check in question can refuse the file. */
static void seal(char *file, size_t size)
{
    const uint64_t sum = tik_hash(file, size - CHECKSUM, TIK_HASH_SEED);
    for (size_t i = 0; i < CHECKSUM; i++)
        file[size - CHECKSUM + i] = (char)(unsigned char)(sum >> (8 * i));
}

START_TEST(round_trip)
{
    static const size_t lengths[] = {1, 7, 1000, sizeof fixture.payload};
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(hits(KEY), i > 0);
        store(KEY, lengths[i], (int)i - 1);
        check_hit(KEY, lengths[i], (int)i - 1);
    }
    ck_assert(!hits(KEY "x") && !hits("") && !hits("source 1"));
    store("", 5, 9);
    check_hit("", 5, 9);
    check_hit(KEY, sizeof fixture.payload, 2);
    tik_cache_drop(fixture.cache, KEY);
    ck_assert(!hits(KEY));
    tik_cache_drop(fixture.cache, KEY);
    check_hit("", 5, 9);

    char *key = malloc(100001);
    ck_assert_ptr_nonnull(key);
    memset(key, 'k', 100000);
    key[100000] = '\0';
    store(key, 3, 1);
    check_hit(key, 3, 1);
    key[99999] = '\0';
    ck_assert(!hits(key));
    free(key);
}
END_TEST

START_TEST(kept_for_the_next_open)
{
    store(KEY, 100, 7);
    tik_cache_close(fixture.cache);
    fixture.cache = open_cache(fixture.folder);
    check_hit(KEY, 100, 7);
}
END_TEST

START_TEST(empty_binary_is_not_stored)
{
    store(KEY, 10, 1);
    store(KEY, 0, 2);
    check_hit(KEY, 10, 1);
}
END_TEST

START_TEST(truncated_at_every_length)
{
    char path[WORKDIR_PATH];
    size_t size;
    store(KEY, 90, 1);
    file_of(KEY, path);
    char *good = workdir_read(path, &size), *longer = calloc(1, size + 16);
    ck_assert_ptr_nonnull(longer);
    for (size_t length = 0; length < size; length++) {
        workdir_write(path, good, length);
        ck_assert_msg(!hits(KEY), "cut at %zu of %zu", length, size);
    }
    memcpy(longer, good, size);
    for (size_t more = 1; more <= 16; more++) {
        workdir_write(path, longer, size + more);
        ck_assert_msg(!hits(KEY), "%zu bytes too many", more);
    }
    workdir_write(path, good, size);
    check_hit(KEY, 90, 1);
    free(longer);
    free(good);
}
END_TEST

/* Flips bits of every stride-th byte of a file of `length` bytes of binary. */
static void flip_bytes(size_t length, size_t stride)
{
    static const unsigned char masks[] = {0x01, 0x80, 0xff};
    char path[WORKDIR_PATH];
    size_t size;
    store(KEY, length, 1);
    file_of(KEY, path);
    char *file = workdir_read(path, &size);
    for (size_t at = 0; at < size; at += stride)
        for (size_t i = 0; i < sizeof masks; i++) {
            const char kept = file[at];
            file[at] = (char)(kept ^ (char)masks[i]);
            workdir_write(path, file, size);
            ck_assert_msg(!hits(KEY), "byte %zu of %zu, mask %#x", at, size, masks[i]);
            file[at] = kept;
        }
    workdir_write(path, file, size);
    check_hit(KEY, length, 1);
    free(file);
}

START_TEST(every_byte_flipped)
{
    flip_bytes(100, 1);
}
END_TEST

START_TEST(every_97th_byte_flipped)
{
    flip_bytes(20000, 97);
}
END_TEST

/* Headers that no damage by chance would have: the checksum fits, the content does not. */
START_TEST(wrong_header_with_right_checksum)
{
    static const struct {
        const char *what;
        size_t at, count;
        unsigned char byte;
        bool hit;
    } changes[] = {
        {"nothing", 0, 0, 0, true},
        {"magic", 0, 1, 'T', false},
        {"version 0", 8, 1, 0, false},
        {"version 2", 8, 1, 2, false},
        {"key of 2^64-1", 16, 8, 255, false},
        {"key of 0", 16, 8, 0, false},
        {"binary of 2^64-1", 24, 8, 255, false},
        {"binary of 0", 24, 8, 0, false},
        {"both of 2^64-1", 16, 16, 255, false},
        {"key one longer", 16, 1, sizeof KEY, false},
        {"binary one longer", 24, 1, 91, false},
        {"binary one shorter", 24, 1, 89, false},
        {"the key's last byte", 32 + sizeof KEY - 2, 1, '1', false},
    };
    char path[WORKDIR_PATH];
    size_t size;
    store(KEY, 90, 1);
    file_of(KEY, path);
    char *good = workdir_read(path, &size), *file = malloc(size);
    ck_assert_ptr_nonnull(file);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        memcpy(file, good, size);
        memset(file + changes[i].at, changes[i].byte, changes[i].count);
        seal(file, size);
        workdir_write(path, file, size);
        ck_assert_msg(hits(KEY) == changes[i].hit, "%s", changes[i].what);
    }
    free(file);
    free(good);
}
END_TEST

START_TEST(another_key_under_the_same_name)
{
    char path[WORKDIR_PATH], other[WORKDIR_PATH];
    size_t size;
    store(KEY, 90, 1);
    store("another key", 80, 2);
    file_of(KEY, path);
    file_of("another key", other);
    char *file = workdir_read(path, &size);
    workdir_write(other, file, size);
    free(file);
    ck_assert(!hits("another key"));
    store("another key", 80, 3);
    check_hit("another key", 80, 3);
    check_hit(KEY, 90, 1);
}
END_TEST

/* Seals header numbers and a content, and puts them in the place of a key's file. */
static void forge(const char *key, uint64_t key_length, uint64_t length, const char *content)
{
    char file[256], path[WORKDIR_PATH], *good;
    size_t size;
    store(key, 1, 1);
    file_of(key, path);
    good = workdir_read(path, &size);
    memcpy(file, good, 16);
    free(good);
    for (size_t i = 0; i < 8; i++) {
        file[16 + i] = (char)(unsigned char)(key_length >> (8 * i));
        file[24 + i] = (char)(unsigned char)(length >> (8 * i));
    }
    size = FILE_SIZE(0, strlen(content));
    memcpy(file + 32, content, strlen(content));
    seal(file, size);
    workdir_write(path, file, size);
}

START_TEST(forged_lengths)
{
    forge("abcd", 4, 3, "abcdxyz");
    ck_assert(hits("abcd"));
    forge("abcd", 4, 0, "abcd"); /* a binary of no bytes */
    ck_assert(!hits("abcd"));
    forge("abcd", 6, 3, "abcdefxyz"); /* a longer key that begins in the same way */
    ck_assert(!hits("abcd"));
    forge("abcd", 3, 4, "abcdxyz"); /* a shorter one */
    ck_assert(!hits("abcd"));
    char key[101] = "";
    memset(key, 'a', 100);
    forge(key, 100, UINT64_MAX - 97, "aa"); /* a key longer than the file: 2 - 100 modulo 2^64 */
    ck_assert(!hits(key));
}
END_TEST

START_TEST(other_things_in_the_files_place)
{
    char path[WORKDIR_PATH], moved[WORKDIR_PATH];
    file_of(KEY, path);
    workdir_name(moved, fixture.folder, "moved");

    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert(!hits(KEY));
    store(KEY, 50, 1); /* renamed over it */
    check_hit(KEY, 50, 1);

    ck_assert_int_eq(rename(path, moved), 0);
    ck_assert_int_eq(symlink(moved, path), 0);
    ck_assert(!hits(KEY));
    ck_assert_int_eq(unlink(path), 0);

    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert(!hits(KEY));
    store(KEY, 50, 1);
    ck_assert(!hits(KEY));
    ck_assert_int_eq(rmdir(path), 0);

    workdir_write(path, "", 0);
    ck_assert_int_eq(truncate(path, (off_t)1 << 40), 0);
    ck_assert(!hits(KEY));
    store(KEY, 50, 1);
    check_hit(KEY, 50, 1);
}
END_TEST

START_TEST(close_takes_null)
{
    tik_cache_close(NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {round_trip,
                                  kept_for_the_next_open,
                                  empty_binary_is_not_stored,
                                  truncated_at_every_length,
                                  every_byte_flipped,
                                  every_97th_byte_flipped,
                                  wrong_header_with_right_checksum,
                                  another_key_under_the_same_name,
                                  forged_lengths,
                                  other_things_in_the_files_place,
                                  close_takes_null};
    return run_tests("cache", tests, sizeof tests / sizeof tests[0]) ? 1 : 0;
}
