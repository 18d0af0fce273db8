/* Safetensors files: what is written is read again, in the format's own bytes; damaged files are
 * refused. */
#include <tikhonov/safetensors.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "scratch.h"

static struct tik_tensors *make(void)
{
    struct tik_tensors *tensors;
    ck_assert_int_eq(tik_tensors_create(&tensors), TIK_OK);
    return tensors;
}

static void add(struct tik_tensors *tensors, const char *name, size_t rank, const size_t *shape,
                const float *data)
{
    const enum tik_status status = tik_tensors_add(tensors, name, rank, shape, data);
    ck_assert_msg(status == TIK_OK, "%s", tik_last_error());
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

/* One tensor "x" of two numbers. */
static struct tik_tensors *make_small(void)
{
    struct tik_tensors *tensors = make();
    add(tensors, "x", 1, (size_t[]){2}, (float[]){1.0f, 2.0f});
    return tensors;
}

static void assert_same(const struct tik_tensors *a, const struct tik_tensors *b)
{
    ck_assert_uint_eq(tik_tensors_count(a), tik_tensors_count(b));
    for (size_t i = 0; i < tik_tensors_count(a); i++) {
        struct tik_tensor_view one, other;
        ck_assert_int_eq(tik_tensors_at(a, i, &one), TIK_OK);
        ck_assert_int_eq(tik_tensors_at(b, i, &other), TIK_OK);
        ck_assert_str_eq(one.name, other.name);
        ck_assert_uint_eq(one.rank, other.rank);
        ck_assert_uint_eq(one.count, other.count);
        for (size_t j = 0; j < one.rank; j++)
            ck_assert_uint_eq(one.shape[j], other.shape[j]);
        ck_assert_ptr_nonnull(other.data);
        if (one.count > 0)
            ck_assert_mem_eq(one.data, other.data, one.count * sizeof(float));
    }
}

/* Bits that a conversion would change: -0, subnormals, infinities, a NaN with a payload. */
static void fill_bits(float *values, size_t count)
{
    static const uint32_t bits[] = {0x80000000, 1,          0x807fffff, 0x7f800000,
                                    0xff800000, 0x7fc12345, 0xffa00001, 0x3f800000};
    for (size_t i = 0; i < count; i++) {
        const uint32_t word = bits[i % 8] ^ (uint32_t)(i / 8);
        memcpy(&values[i], &word, sizeof word);
    }
}

START_TEST(reads_what_it_wrote)
{
    static float values[40000];
    fill_bits(values, 40000);
    struct tik_tensors *tensors = make();
    add(tensors, "plain", 2, (size_t[]){200, 200}, values);
    add(tensors, "a \"quoted\" \\ name\n\t\x01", 1, (size_t[]){3}, values);
    add(tensors, "größe.重み.😀", 3, (size_t[]){1, 2, 3}, values);
    add(tensors, "scalar", 0, NULL, values);
    add(tensors, "nothing", 3, (size_t[]){4, 0, 5}, NULL);
    add(tensors, "", 1, (size_t[]){1}, values);
    add(tensors, "zeros", 1, (size_t[]){7}, NULL);
    ck_assert_int_eq(tik_tensors_set_metadata(tensors, "format", "pt"), TIK_OK);
    ck_assert_int_eq(tik_tensors_set_metadata(tensors, "a \"key\"\n", "über"), TIK_OK);
    ck_assert_int_eq(tik_tensors_set_metadata(tensors, "format", "np"), TIK_OK);
    ck_assert_msg(save(tensors, "file") == TIK_OK, "%s", tik_last_error());

    struct tik_tensors *again = load("file");
    assert_same(tensors, again);
    ck_assert_str_eq(tik_tensors_metadata(again, "format"), "np");
    ck_assert_str_eq(tik_tensors_metadata(again, "a \"key\"\n"), "über");
    ck_assert_ptr_null(tik_tensors_metadata(again, "none"));
    ck_assert(!tik_tensors_find(again, "__metadata__", NULL));
    ck_assert_uint_eq(scratch_count(), 1);
    tik_tensors_destroy(again);
    tik_tensors_destroy(tensors);
}
END_TEST

/* 16 bits an element: bytes in the file's order, offsets by twos; and such a file is not read. */
START_TEST(writes_halves)
{
    static const char header[] = "{\"c\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[0,6]},"
                                 "\"d\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[6,8]}}";
    struct tik_tensors *tensors = make(), *again = NULL;
    struct tik_tensor_view view;
    const uint16_t words[] = {0x3f80, 0x8001, 0x7fc1};
    const size_t shape[] = {3};
    ck_assert_int_eq(tik_tensors_add_as(tensors, "c", TIK_DTYPE_BF16, 1, shape, words), TIK_OK);
    ck_assert_int_eq(tik_tensors_add_as(tensors, "d", TIK_DTYPE_F16, 0, NULL, NULL), TIK_OK);
    ck_assert_int_eq(tik_tensors_add_as(tensors, "e", (enum tik_dtype)3, 0, NULL, NULL),
                     TIK_ERROR_ARGUMENT);
    ck_assert(tik_tensors_find(tensors, "c", &view));
    ck_assert(view.data == NULL && view.dtype == TIK_DTYPE_BF16);
    ck_assert_mem_eq(view.words, words, sizeof words);
    ck_assert_int_eq(save(tensors, "file"), TIK_OK);
    size_t count;
    const unsigned char *bytes = scratch_read("file", &count);
    ck_assert_mem_eq(bytes + 8, header, sizeof header - 1);
    ck_assert_mem_eq(bytes + count - 8, "\x80\x3f\x01\x80\xc1\x7f\0\0", 8);
    ck_assert_int_eq(tik_tensors_load("file", &again), TIK_ERROR_FORMAT);
    ck_assert_ptr_nonnull(strstr(tik_last_error(), "BF16"));
    tik_tensors_destroy(tensors);
}
END_TEST

/* The bytes themselves, so that a mistake on both sides does not cancel. */
START_TEST(writes_the_format)
{
    struct tik_tensors *tensors = make_small();
    ck_assert_int_eq(save(tensors, "file"), TIK_OK);
    size_t count;
    const unsigned char *bytes = scratch_read("file", &count);
    static const char header[] = "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    const size_t padded = (sizeof header - 1 + 7) / 8 * 8;
    ck_assert_uint_eq(count, 8 + padded + 8);
    ck_assert_uint_eq(bytes[0], padded);
    for (size_t i = 1; i < 8; i++)
        ck_assert_uint_eq(bytes[i], 0);
    ck_assert_mem_eq(bytes + 8, header, sizeof header - 1);
    for (size_t i = sizeof header - 1; i < padded; i++)
        ck_assert_uint_eq(bytes[8 + i], ' ');
    ck_assert_mem_eq(bytes + 8 + padded, "\x00\x00\x80\x3f\x00\x00\x00\x40", 8);
    tik_tensors_destroy(tensors);
}
END_TEST

START_TEST(saves_and_loads_nothing)
{
    struct tik_tensors *tensors = make();
    ck_assert_int_eq(save(tensors, "file"), TIK_OK);
    struct tik_tensors *again = load("file");
    ck_assert_uint_eq(tik_tensors_count(again), 0);
    tik_tensors_destroy(again);
    tik_tensors_destroy(tensors);
    ck_assert_int_eq(tik_tensors_save(NULL, NULL, 0), TIK_OK);
}
END_TEST

/* The header may name the tensors in another order than that of their data. */
START_TEST(takes_any_order_of_data)
{
    scratch_safetensors("file",
                        "{'b':{'dtype':'F32','shape':[1],'data_offsets':[4,8]},"
                        "'e':{'data_offsets':[4,4],'dtype':'F32','shape':[0]},"
                        "'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}}   ",
                        8);
    struct tik_tensors *tensors = load("file");
    struct tik_tensor_view view;
    ck_assert_int_eq(tik_tensors_at(tensors, 0, &view), TIK_OK);
    ck_assert_str_eq(view.name, "b");
    ck_assert_mem_eq(view.data, &(uint32_t){0x07060504}, 4);
    ck_assert(tik_tensors_find(tensors, "a", &view));
    ck_assert_mem_eq(view.data, &(uint32_t){0x03020100}, 4);
    tik_tensors_destroy(tensors);
}
END_TEST

START_TEST(refuses_misuse)
{
    struct tik_tensors *tensors = make_small();
    const struct tik_tensors *none = NULL;
    const char *path = "file", *no_path = NULL;
    struct tik_tensor_view view;
    const size_t one = 1, huge[] = {SIZE_MAX / 8, 16};
    ck_assert_int_eq(tik_tensors_create(NULL), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_tensors_load(NULL, &tensors), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_tensors_load("file", NULL), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_tensors_save(&none, &path, 1), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_tensors_save((const struct tik_tensors *[]){tensors}, &no_path, 1),
                     TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_tensors_save(NULL, &path, 1), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_tensors_at(tensors, 1, &view), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_tensors_at(tensors, 0, NULL), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_tensors_add(NULL, "y", 1, &one, NULL), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_tensors_add(tensors, NULL, 1, &one, NULL), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_tensors_add(tensors, "y", 1, NULL, NULL), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_tensors_add(tensors, "x", 1, &one, NULL), TIK_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(tik_last_error(), "'x'"));
    ck_assert_int_eq(tik_tensors_add(tensors, "__metadata__", 1, &one, NULL), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_tensors_add(tensors, "\xc3", 1, &one, NULL), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_tensors_add(tensors, "y", 2, huge, NULL), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_tensors_set_metadata(tensors, "k", NULL), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_tensors_set_metadata(tensors, "k", "\xff"), TIK_ERROR_ARGUMENT);
    ck_assert_uint_eq(tik_tensors_count(tensors), 1);
    ck_assert_uint_eq(tik_tensors_count(NULL), 0);
    ck_assert(!tik_tensors_find(tensors, "y", NULL));
    ck_assert_ptr_null(tik_tensors_metadata(tensors, "k"));
    tik_tensors_destroy(tensors);
    tik_tensors_destroy(NULL);
}
END_TEST

START_TEST(finds_each_of_many)
{
    enum { MANY = 5000 };
    struct tik_tensors *tensors = make();
    char name[32];
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "layer.%u.weight", i * 1237u % MANY);
        add(tensors, name, 0, NULL, &(float){(float)(i * 1237u % MANY)});
    }
    for (unsigned i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "key, [%u", i);
        ck_assert_int_eq(tik_tensors_set_metadata(tensors, name, "[,{"), TIK_OK);
    }
    ck_assert_int_eq(save(tensors, "file"), TIK_OK);
    struct tik_tensors *again = load("file");
    ck_assert_str_eq(tik_tensors_metadata(again, "key, [199"), "[,{");
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "layer.%u.weight", i);
        struct tik_tensor_view added, read;
        ck_assert(tik_tensors_find(tensors, name, &added));
        ck_assert(tik_tensors_find(again, name, &read));
        ck_assert_float_eq(added.data[0], (float)i);
        ck_assert_float_eq(read.data[0], (float)i);
    }
    tik_tensors_destroy(again);
    tik_tensors_destroy(tensors);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("safetensors");
    TCase *files = tcase_create("files");
    tcase_set_timeout(files, 60);
    tcase_add_checked_fixture(files, scratch_enter, scratch_leave);
    tcase_add_test(files, reads_what_it_wrote);
    tcase_add_test(files, writes_the_format);
    tcase_add_test(files, writes_halves);
    tcase_add_test(files, saves_and_loads_nothing);
    tcase_add_test(files, takes_any_order_of_data);
    tcase_add_test(files, refuses_misuse);
    tcase_add_test(files, finds_each_of_many);
    suite_add_tcase(suite, files);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
