/*
 * The parts of a bare call, without any device: which of them may lie on the same elements. Small
 * random sets of parts against the definition, pair by pair.
 */
#include "../src/part.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <tikhonov/tikhonov.h>

#include "../src/error.h"

enum { SEED = 20261129, ROUNDS = 20000, MOST = 7 };

static uint64_t state = SEED;

/* Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014): splitmix64. */
static unsigned draw(unsigned below)
{
    uint64_t z = state += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return (unsigned)((z ^ z >> 31) % below);
}

static bool share(const struct tik_part *a, const struct tik_part *b)
{
    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; j < b->count; j++)
            if (a->handle == b->handle && a->offset + i == b->offset + j)
                return true;
    return false;
}

static bool is_allowed(const struct tik_part *parts, size_t count)
{
    for (size_t a = 0; a < count; a++)
        for (size_t b = 0; b < a; b++)
            if ((parts[a].written || parts[b].written) && share(&parts[a], &parts[b]))
                return false;
    return true;
}

START_TEST(test_against_the_definition)
{
    static int memory[2];
    size_t refused = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct tik_part parts[MOST];
        const size_t count = draw(MOST + 1);
        for (size_t i = 0; i < count; i++)
            parts[i] = (struct tik_part){.name = "part",
                                         .tensor = i,
                                         .handle = (struct _cl_mem *)&memory[draw(2)],
                                         .offset = draw(12),
                                         .count = draw(5),
                                         .written = draw(3) == 0};
        const bool allowed = is_allowed(parts, count);
        const enum tik_status status = tik_parts_check(parts, count);
        ck_assert_msg((status == TIK_OK) == allowed, "seed %d, round %d: %s, not %s", SEED, round,
                      status == TIK_OK ? "allowed" : "refused", allowed ? "allowed" : "refused");
        refused += status != TIK_OK;
    }
    ck_assert_uint_gt(refused, ROUNDS / 10);
    ck_assert_uint_lt(refused, ROUNDS - ROUNDS / 10);
}
END_TEST

/* What a backend was last asked for. */
static struct {
    size_t bytes;
    bool written;
} asked;

static enum tik_status borrow(struct tik_backend *backend, struct _cl_mem *handle, size_t bytes,
                              bool written, struct tik_buffer **buffer)
{
    (void)backend, (void)handle, (void)buffer;
    asked.bytes = bytes;
    asked.written = written;
    return bytes > 400 ? tik_error_set(TIK_ERROR_ARGUMENT, "400 bytes are there") : TIK_OK;
}

START_TEST(test_borrow)
{
    static const struct tik_backend_ops ops = {.memory_borrow = borrow};
    static int memory;
    struct tik_backend backend = {.ops = &ops};
    struct tik_buffer *buffer = NULL;
    const struct tik_part good = {.name = "grad",
                                  .tensor = 3,
                                  .handle = (struct _cl_mem *)&memory,
                                  .offset = 40,
                                  .count = 60,
                                  .buffer = &buffer};
    ck_assert_int_eq(tik_part_borrow(&backend, &good), TIK_OK);
    ck_assert_uint_eq(asked.bytes, 400);
    ck_assert(!asked.written);
    struct tik_part part = good;
    part.written = true;
    part.count++;
    ck_assert_int_eq(tik_part_borrow(&backend, &part), TIK_ERROR_ARGUMENT);
    ck_assert(asked.written);
    ck_assert_str_eq(tik_last_error(), "tensor 3, grad: 400 bytes are there");
    part.tensor = SIZE_MAX;
    part.handle = NULL;
    ck_assert_int_eq(tik_part_borrow(&backend, &part), TIK_ERROR_ARGUMENT);
    ck_assert_str_eq(tik_last_error(), "grad is NULL");
    const struct tik_part large[] = {{.offset = SIZE_MAX / 4, .count = 1},
                                     {.offset = 1, .count = SIZE_MAX / 4},
                                     {.offset = 0, .count = SIZE_MAX / 4 + 1},
                                     {.offset = SIZE_MAX, .count = 2}};
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        part = good;
        part.offset = large[i].offset;
        part.count = large[i].count;
        ck_assert_int_eq(tik_part_borrow(&backend, &part), TIK_ERROR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(tik_last_error(), "too large"));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("part");
    TCase *test_case = tcase_create("part");
    tcase_add_test(test_case, test_against_the_definition);
    tcase_add_test(test_case, test_borrow);
    suite_add_tcase(suite, test_case);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
