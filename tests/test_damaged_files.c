/* Damaged and hostile safetensors files: refused with a reason, never a crash. */
#include <tikhonov/safetensors.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "scratch.h"

static const struct {
    const char *header;
    size_t data;
    const char *message; /* a part of it */
} damaged[] = {
    {"", 0, "'{'"},
    {"[]", 0, "'{'"},
    {" {}", 0, "'{'"},
    {"{", 0, "not JSON"},
    {"{} x", 0, "not JSON"},
    {"{'a':}", 0, "not JSON"},
    {"{'\xff':1}", 0, "UTF-8"},
    {"{'\xc0\x80':1}", 0, "UTF-8"},
    {"{'\xed\xa0\x80':1}", 0, "UTF-8"},
    {"{'a\nb':{'dtype':'F32','shape':[],'data_offsets':[0,4]}}", 4, "control character"},
    {"{'a\\u0000b':{'dtype':'F32','shape':[],'data_offsets':[0,4]}}", 4, "u0000"},
    {"{'\\ud800':{'dtype':'F32','shape':[],'data_offsets':[0,4]}}", 4, "not JSON"},
    {"{'a':1}", 0, "'a'"},
    {"{'a':null}", 0, "'a'"},
    {"{'a':{}}", 0, "'a'"},
    {"{'a':{'dtype':'F32','shape':[1]}}", 4, "'a'"},
    {"{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4],'more':1}}", 4, "'a'"},
    {"{'a':{'dtype':'F32','shape':[1],'dtype':'F32'}}", 4, "'a'"},
    {"{'a':{'dtype':32,'shape':[1],'data_offsets':[0,4]}}", 4, "'a'"},
    {"{'a':{'dtype':'F16','shape':[2],'data_offsets':[0,4]}}", 4, "'a' is of dtype F16; only F32"},
    {"{'a':{'dtype':'f32','shape':[1],'data_offsets':[0,4]}}", 4, "dtype f32"},
    {"{'a':{'dtype':'F32','shape':1,'data_offsets':[0,4]}}", 4, "shape"},
    {"{'a':{'dtype':'F32','shape':[[1]],'data_offsets':[0,4]}}", 4, "no shape"},
    {"{'a':{'dtype':'F32','shape':[{}],'data_offsets':[0,4]}}", 4, "no shape"},
    {"{'a':{'dtype':'F32','shape':['1'],'data_offsets':[0,4]}}", 4, "shape"},
    {"{'a':{'dtype':'F32','shape':[-1],'data_offsets':[0,4]}}", 4, "shape"},
    {"{'a':{'dtype':'F32','shape':[1.5],'data_offsets':[0,4]}}", 4, "shape"},
    {"{'a':{'dtype':'F32','shape':[1e400],'data_offsets':[0,4]}}", 4, "shape"},
    {"{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,4]}}", 4, "does not fill the 4 bytes"},
    {"{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,3]}}", 3, "does not fill"},
    {"{'a':{'dtype':'F32','shape':[0],'data_offsets':[0,4]}}", 4, "does not fill"},
    {"{'a':{'dtype':'F32','shape':[4294967296,4294967296],'data_offsets':[0,0]}}", 0, "not fill"},
    {"{'a':{'dtype':'F32','shape':[4611686018427387904],'data_offsets':[0,0]}}", 0, "2^53"},
    {"{'a':{'dtype':'F32','shape':[4503599627370496,4096],'data_offsets':[0,0]}}", 0, "not fill"},
    {"{'a':{'dtype':'F32','shape':[1],'data_offsets':[0]}}", 4, "data_offsets"},
    {"{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4,8]}}", 4, "data_offsets"},
    {"{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,'4']}}", 4, "data_offsets"},
    {"{'a':{'dtype':'F32','shape':[1],'data_offsets':[-4,0]}}", 4, "data_offsets"},
    {"{'a':{'dtype':'F32','shape':[1],'data_offsets':[4,0]}}", 4, "4 and 0"},
    {"{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,8]}}", 4, "0 and 8"},
    {"{'a':{'dtype':'F32','shape':[1],'data_offsets':[9007199254740992,9007199254740996]}}", 4,
     "2^53"},
    {"{'a':{'dtype':'F32','shape':[1],'data_offsets':[18446744073709551612,0]}}", 4, "2^53"},
    {"{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}}", 5, "1 bytes follow"},
    {"{}", 4, "4 bytes follow"},
    {"{'a':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}}", 8, "overlap or leave a hole"},
    {"{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},"
     "'b':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}}",
     8, "overlap or leave a hole"},
    {"{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},"
     "'b':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}}",
     4, "overlap or leave a hole"},
    {"{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},"
     "'b':{'dtype':'F32','shape':[1],'data_offsets':[8,12]}}",
     12, "overlap or leave a hole"},
    {"{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},"
     "'a':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}}",
     8, "'a' is there twice"},
    {"{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},"
     "'\\u0061':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}}",
     8, "'a' is there twice"},
    {"{'__metadata__':[]}", 0, "not an object"},
    {"{'__metadata__':{'k':1}}", 0, "'k' is not a text"},
    {"{'__metadata__':{'k':null}}", 0, "'k' is not a text"},
    {"{'__metadata__':{'k':'a','k':'b'}}", 0, "'k' is there twice"},
    {"{'__metadata__':{},'__metadata__':{}}", 0, "twice"},
};

START_TEST(refuses_damaged_headers)
{
    scratch_safetensors("file", damaged[_i].header, damaged[_i].data);
    struct tik_tensors *tensors = NULL;
    const enum tik_status status = tik_tensors_load("file", &tensors);
    ck_assert_msg(status == TIK_ERROR_FORMAT, "%s: status %s", damaged[_i].header,
                  tik_status_name(status));
    ck_assert_ptr_null(tensors);
    ck_assert_msg(strstr(tik_last_error(), damaged[_i].message) != NULL, "%s: '%s' has no '%s'",
                  damaged[_i].header, tik_last_error(), damaged[_i].message);
    ck_assert_ptr_nonnull(strstr(tik_last_error(), "file"));
}
END_TEST

START_TEST(refuses_deep_nesting)
{
    static char header[60001];
    strcpy(header, "{'a':");
    memset(header + 5, '[', 50000);
    scratch_safetensors("file", header, 0);
    struct tik_tensors *tensors;
    ck_assert_int_eq(tik_tensors_load("file", &tensors), TIK_ERROR_FORMAT);
}
END_TEST

/* As JSON in memory, fifty times its text. */
START_TEST(refuses_long_lists)
{
    static char header[60001];
    strcpy(header, "{'a':{'dtype':'F32','data_offsets':[0,0],'shape':[0");
    for (size_t length = strlen(header); length < 1000; length += 2)
        strcpy(header + length, ",0");
    strcat(header, "]}}");
    scratch_safetensors("file", header, 0);
    struct tik_tensors *tensors;
    ck_assert_int_eq(tik_tensors_load("file", &tensors), TIK_ERROR_FORMAT);
    ck_assert_ptr_nonnull(strstr(tik_last_error(), "no shape"));
}
END_TEST

START_TEST(refuses_lengths_beyond_the_file)
{
    static const uint64_t lengths[] = {3,
                                       100000001,
                                       UINT64_C(1) << 32,
                                       INT64_MAX,
                                       UINT64_C(1) << 63,
                                       UINT64_MAX - 7,
                                       UINT64_MAX,
                                       (uint64_t)SIZE_MAX - 8};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        unsigned char bytes[10] = {0, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
        for (size_t j = 0; j < 8; j++)
            bytes[j] = (unsigned char)(lengths[i] >> (8 * j));
        scratch_write("file", bytes, sizeof bytes);
        struct tik_tensors *tensors;
        ck_assert_int_eq(tik_tensors_load("file", &tensors), TIK_ERROR_FORMAT);
        ck_assert_ptr_nonnull(strstr(tik_last_error(), "header's length"));
    }
}
END_TEST

static void write_sample(const char *path)
{
    scratch_safetensors(path,
                        "{'__metadata__':{'format':'pt'},"
                        "'one':{'dtype':'F32','shape':[2,2],'data_offsets':[0,16]},"
                        "'two':{'dtype':'F32','shape':[],'data_offsets':[16,20]}}",
                        20);
}

START_TEST(refuses_every_truncation)
{
    write_sample("whole");
    size_t count;
    const unsigned char *bytes = scratch_read("whole", &count);
    for (size_t length = 0; length < count; length++) {
        scratch_write("file", bytes, length);
        struct tik_tensors *tensors;
        ck_assert_msg(tik_tensors_load("file", &tensors) == TIK_ERROR_FORMAT, "%zu of %zu bytes",
                      length, count);
    }
    struct tik_tensors *tensors;
    ck_assert_int_eq(tik_tensors_load("whole", &tensors), TIK_OK);
    tik_tensors_destroy(tensors);
}
END_TEST

/* Any byte may be anything: it is read, or refused; what is read can be saved. */
START_TEST(survives_every_byte)
{
    static const unsigned char others[] = {0x00, 0x01, 0x20, 0x22, 0x2c, 0x2d, 0x30, 0x39,
                                           0x5b, 0x5c, 0x5d, 0x7b, 0x7d, 0x7f, 0x80, 0xff};
    write_sample("whole");
    size_t count, read = 0, refused = 0;
    unsigned char *bytes = scratch_read("whole", &count);
    for (size_t i = 0; i < count; i++) {
        const unsigned char good = bytes[i];
        for (size_t j = 0; j < sizeof others; j++) {
            bytes[i] = others[j];
            scratch_write("file", bytes, count);
            struct tik_tensors *tensors = NULL;
            const enum tik_status status = tik_tensors_load("file", &tensors);
            ck_assert_msg(status == TIK_OK || status == TIK_ERROR_FORMAT, "byte %zu: %s", i,
                          tik_last_error());
            read += status == TIK_OK;
            refused += status == TIK_ERROR_FORMAT;
            tik_tensors_destroy(tensors);
        }
        bytes[i] = good;
    }
    ck_assert_uint_ge(read, 20 * sizeof others);
    ck_assert_uint_ge(refused, 100);
}
END_TEST

START_TEST(refuses_what_is_no_file)
{
    struct tik_tensors *tensors;
    ck_assert_int_eq(tik_tensors_load("missing", &tensors), TIK_ERROR_FILE);
    ck_assert_ptr_nonnull(strstr(tik_last_error(), "missing"));
    ck_assert_int_eq(tik_tensors_load(".", &tensors), TIK_ERROR_FILE);
    ck_assert_int_eq(mkfifo("pipe", 0600), 0);
    ck_assert_int_eq(tik_tensors_load("pipe", &tensors), TIK_ERROR_FILE);
    ck_assert_ptr_nonnull(strstr(tik_last_error(), "regular file"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("damaged files");
    TCase *files = tcase_create("files");
    tcase_set_timeout(files, 60);
    tcase_add_checked_fixture(files, scratch_enter, scratch_leave);
    tcase_add_loop_test(files, refuses_damaged_headers, 0, (int)(sizeof damaged / sizeof *damaged));
    tcase_add_test(files, refuses_deep_nesting);
    tcase_add_test(files, refuses_long_lists);
    tcase_add_test(files, refuses_lengths_beyond_the_file);
    tcase_add_test(files, refuses_every_truncation);
    tcase_add_test(files, survives_every_byte);
    tcase_add_test(files, refuses_what_is_no_file);
    suite_add_tcase(suite, files);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
