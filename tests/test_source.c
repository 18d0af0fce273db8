/*
 * Kernel sources: what embed.py flattened at build time, what tik_source_load flattens at run time,
 * and that both agree byte for byte.
 *
 *     test_source CL_FOLDER PYTHON EMBED_PY
 */
#include "../src/opencl/source.h"
#include "workdir.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *kernels, *python, *embed;
static char folder[WORKDIR_PATH], errors[WORKDIR_PATH], generated[WORKDIR_PATH];

/* The first program's first root stands for any: the tests write files of that name. */
#define PROGRAM tik_embedded[0].name
#define ROOT    tik_embedded[0].roots[0]

static void write_text(const char *name, const char *text)
{
    char path[WORKDIR_PATH];
    workdir_name(path, folder, name);
    workdir_write(path, text, strlen(text));
}

/* A folder with a space in its name, in which every root of the program is an empty file. */
static void set_up(void)
{
    char parent[WORKDIR_PATH];
    workdir_create(parent);
    workdir_name(folder, parent, "my kernels");
    workdir_name(errors, parent, "errors.txt");
    workdir_name(generated, parent, "kernels.c");
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    for (const char *const *root = tik_embedded[0].roots; *root; root++)
        write_text(*root, "");
}

static void tear_down(void)
{
    *strrchr(folder, '/') = '\0';
    workdir_remove(folder);
}

/* Runs embed.py on the folder's one program; its exit status, with stderr in `errors`. */
static int run_embed(const char *program)
{
    char depfile[WORKDIR_PATH];
    snprintf(depfile, sizeof depfile, "%.500s.d", generated);
    const pid_t child = fork();
    if (child == 0) {
        if (freopen(errors, "w", stderr))
            execl(python, python, embed, generated, folder, "--depfile", depfile, program,
                  (char *)NULL);
        _exit(126);
    }
    ck_assert_int_gt(child, 0);
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The bytes of the array in the C file that embed.py wrote, to be freed. */
static char *read_generated(size_t *length)
{
    size_t size;
    char *text = workdir_read(generated, &size), *bytes = calloc(1, size + 1);
    ck_assert_ptr_nonnull(bytes);
    const char *at = strstr(text, "_text[] = {");
    ck_assert_ptr_nonnull(at);
    at = strchr(at, '{') + 1;
    *length = 0;
    for (char *end; at += strspn(at, ", \n"), *at != '}'; at = end)
        bytes[(*length)++] = (char)(unsigned char)strtoul(at, &end, 10);
    *length -= 1; /* the zero at the end */
    free(text);
    return bytes;
}

static void check_load(const char *expected)
{
    struct tik_source source;
    ck_assert_msg(tik_source_load(folder, PROGRAM, &source) == TIK_OK, "%s", tik_last_error());
    ck_assert_str_eq(source.text, expected);
    ck_assert_uint_eq(source.length, strlen(expected));
    ck_assert_uint_eq(source.hash, tik_hash(expected, strlen(expected), TIK_HASH_SEED));
    tik_source_free(&source);
    ck_assert_ptr_null(source.text);
}

/* Both twins refuse the folder, and both say `words` and the folder's name. */
static void check_refused(enum tik_status status, const char *first, const char *second)
{
    struct tik_source source;
    ck_assert_int_eq(tik_source_load(folder, PROGRAM, &source), status);
    ck_assert_ptr_null(source.text);
    ck_assert_uint_eq(source.length, 0);
    char program[WORKDIR_PATH];
    snprintf(program, sizeof program, "p=%s", ROOT);
    ck_assert_int_eq(run_embed(program), 1);
    ck_assert_int_ne(access(generated, F_OK), 0);
    size_t size;
    char *said = workdir_read(errors, &size);
    const char *const messages[] = {tik_last_error(), said};
    for (size_t i = 0; i < 2; i++) {
        ck_assert_msg(strstr(messages[i], first) != NULL, "no '%s' in: %s", first, messages[i]);
        ck_assert_msg(strstr(messages[i], second) != NULL, "no '%s' in: %s", second, messages[i]);
        ck_assert_msg(strstr(messages[i], folder) != NULL, "no folder in: %s", messages[i]);
    }
    free(said);
}

/* Vectors of draft-eastlake-fnv, appendix C, and http://www.isthe.com/chongo/src/fnv/test_fnv.c */
START_TEST(hash_known_answers)
{
    static const struct {
        const char *text;
        uint64_t hash;
    } known[] = {
        {"", UINT64_C(0xcbf29ce484222325)},       {"a", UINT64_C(0xaf63dc4c8601ec8c)},
        {"b", UINT64_C(0xaf63df4c8601f1a5)},      {"fo", UINT64_C(0x08985907b541d342)},
        {"foobar", UINT64_C(0x85944171f73967e8)},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        ck_assert_uint_eq(tik_hash(known[i].text, strlen(known[i].text), TIK_HASH_SEED),
                          known[i].hash);
    const uint64_t foo = tik_hash("foo", 3, TIK_HASH_SEED);
    ck_assert_uint_eq(tik_hash("bar", 3, foo), UINT64_C(0x85944171f73967e8));
}
END_TEST

START_TEST(hash_sees_any_changed_byte)
{
    unsigned char data[300];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(31 * i);
    const uint64_t whole = tik_hash(data, sizeof data, TIK_HASH_SEED);
    for (size_t i = 0; i < sizeof data; i++)
        for (unsigned change = 1; change < 256; change++) {
            data[i] ^= (unsigned char)change;
            ck_assert_uint_ne(tik_hash(data, sizeof data, TIK_HASH_SEED), whole);
            data[i] ^= (unsigned char)change;
        }
}
END_TEST

START_TEST(embedded_is_whole)
{
    ck_assert_uint_gt(tik_embedded_count, 0);
    for (size_t i = 0; i < tik_embedded_count; i++) {
        const struct tik_embedded *program = &tik_embedded[i];
        ck_assert_uint_gt(program->length, 0);
        ck_assert_uint_eq(strlen((const char *)program->text), program->length);
        ck_assert_uint_eq(tik_hash(program->text, program->length, TIK_HASH_SEED), program->hash);
        ck_assert_msg(!strstr((const char *)program->text, "\n#include"), "%s", program->name);

        struct tik_source source;
        ck_assert_int_eq(tik_source_load(NULL, program->name, &source), TIK_OK);
        ck_assert_uint_eq(source.length, program->length);
        ck_assert_mem_eq(source.text, program->text, program->length + 1);
        ck_assert_uint_eq(source.hash, program->hash);
        tik_source_free(&source);
    }
}
END_TEST

START_TEST(folder_equals_embedded)
{
    for (size_t i = 0; i < tik_embedded_count; i++) {
        const struct tik_embedded *program = &tik_embedded[i];
        struct tik_source source;
        ck_assert_msg(tik_source_load(kernels, program->name, &source) == TIK_OK, "%s",
                      tik_last_error());
        ck_assert_uint_eq(source.length, program->length);
        ck_assert_mem_eq(source.text, program->text, program->length + 1);
        ck_assert_uint_eq(source.hash, program->hash);
        tik_source_free(&source);
    }
}
END_TEST

START_TEST(includes_are_nested_and_taken_once)
{
    write_text(ROOT, "one\n#include \"a.h\"\ntwo\n#include \"b.h\"\n#include \"a.h\"\nthree\n");
    write_text("a.h", "a begins\n#include \"b.hh\"\n#include \"b.h\"\na ends\n");
    write_text("b.h", "b\n");
    write_text("b.hh", "bb\n");
    check_load("one\na begins\nbb\nb\na ends\ntwo\nthree\n");
}
END_TEST

START_TEST(roots_follow_each_other)
{
    const char *const *roots = tik_embedded[0].roots;
    char expected[2048] = "shared\n", line[300];
    write_text("shared.h", "shared\n");
    for (; *roots; roots++) {
        snprintf(line, sizeof line, "#include \"shared.h\"\nroot %.200s", *roots);
        write_text(*roots, line);
        snprintf(line, sizeof line, "root %.200s\n", *roots);
        strncat(expected, line, sizeof expected - strlen(expected) - 1);
    }
    check_load(expected);
}
END_TEST

/* Line ends of all kinds, and lines that only look like an include. */
START_TEST(awkward_text_is_the_same_in_both)
{
    write_text(ROOT, "crlf\r\n#include \"a.h\"\r\n\n\n// #include \"x.h\"\n#included\n# define x\n"
                     "\t#pragma y\n#include \"c.h\" \t\n#include \"b.h\"");
    write_text("a.h", "no line end");
    write_text("b.h", "");
    write_text("c.h", "\n\"\\ \x80\xff #include \"x.h\"\n#include_next\n#");
    const char *expected = "crlf\r\nno line end\n\n\n// #include \"x.h\"\n#included\n# define x\n"
                           "\t#pragma y\n\n\"\\ \x80\xff #include \"x.h\"\n#include_next\n#\n";
    check_load(expected);

    char program[WORKDIR_PATH];
    snprintf(program, sizeof program, "p=%s", ROOT);
    ck_assert_int_eq(run_embed(program), 0);
    size_t length;
    char *bytes = read_generated(&length);
    ck_assert_uint_eq(length, strlen(expected));
    ck_assert_mem_eq(bytes, expected, length + 1);
    free(bytes);
}
END_TEST

START_TEST(depfile_names_every_file)
{
    char path[WORKDIR_PATH + 8];
    write_text(ROOT, "#include \"a.h\"\n");
    write_text("a.h", "#include \"b.h\"\n");
    write_text("b.h", "");
    snprintf(path, sizeof path, "p=%s", ROOT);
    ck_assert_int_eq(run_embed(path), 0);
    snprintf(path, sizeof path, "%s.d", generated);
    size_t size;
    char *rule = workdir_read(path, &size);
    ck_assert_int_eq(strncmp(rule, generated, strlen(generated)), 0);
    ck_assert_ptr_nonnull(strstr(rule, "/my\\ kernels/a.h"));
    ck_assert_ptr_nonnull(strstr(rule, "/my\\ kernels/b.h"));
    ck_assert_ptr_nonnull(strstr(rule, ROOT));
    free(rule);
}
END_TEST

START_TEST(missing_file_is_named)
{
    write_text(ROOT, "first\n#include \"a.h\"\n");
    check_refused(TIK_ERROR_FILE, "\"a.h\"", "line 2");
    write_text("a.h", "#include \"deep.h\"\n");
    check_refused(TIK_ERROR_FILE, "\"deep.h\"", "included by \"a.h\" line 1");
    char path[WORKDIR_PATH];
    workdir_name(path, folder, "deep.h");
    ck_assert_int_eq(mkdir(path, 0700), 0);
    check_refused(TIK_ERROR_FILE, "\"deep.h\"", "Is a directory");
    workdir_name(path, folder, ROOT);
    ck_assert_int_eq(unlink(path), 0);
    check_refused(TIK_ERROR_FILE, ROOT, "No such file");
}
END_TEST

START_TEST(include_cycle_is_refused)
{
    write_text(ROOT, "#include \"a.h\"\n");
    write_text("a.h", "#include \"a.h\"\n");
    check_refused(TIK_ERROR_FORMAT, "include cycle", "a.h");
    write_text("a.h", "#include \"b.h\"\n");
    write_text("b.h", "#include \"a.h\"\n");
    check_refused(TIK_ERROR_FORMAT, "include cycle", "b.h");
}
END_TEST

START_TEST(other_forms_of_include_are_refused)
{
    static const char *const lines[] = {
        "#include <a.h>",    " #include \"a.h\"",     "# include \"a.h\"", "#include \"a.h\" x",
        "#include \"\"",     "#include \"a.h",        "#include",          "#include\"a.h\"",
        "\t#\tinclude NAME", "#include \"a.h\" // x", "#include  \"a.h\"", "#include a.h",
    };
    write_text("a.h", "");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "\n\n%s\nend\n", lines[i]);
        write_text(ROOT, text);
        check_refused(TIK_ERROR_FORMAT, ROOT, "line 3");
    }
}
END_TEST

START_TEST(unknown_program_is_named)
{
    struct tik_source source;
    const char *const folders[] = {NULL, kernels};
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(tik_source_load(folders[i], "nonesuch", &source), TIK_ERROR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(tik_last_error(), "nonesuch"));
        ck_assert_ptr_nonnull(strstr(tik_last_error(), PROGRAM));
        ck_assert_ptr_null(source.text);
    }
}
END_TEST

START_TEST(bad_program_list_is_refused)
{
    static const char *const lists[] = {"p", "p=", "p=,", "2p=x.cl", "a-b=x.cl", "=x.cl"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        ck_assert_int_eq(run_embed(lists[i]), 1);
        size_t size;
        char *said = workdir_read(errors, &size);
        ck_assert_msg(strstr(said, lists[i]) != NULL, "%s", said);
        ck_assert_ptr_nonnull(strstr(said, "NAME=ROOT"));
        free(said);
    }
}
END_TEST

int main(int count, char **arguments)
{
    if (count != 4) {
        fprintf(stderr, "usage: %s CL_FOLDER PYTHON EMBED_PY\n", arguments[0]);
        return 2;
    }
    kernels = arguments[1];
    python = arguments[2];
    embed = arguments[3];

    TCase *hash = tcase_create("hash"), *files = tcase_create("files");
    tcase_add_test(hash, hash_known_answers);
    tcase_add_test(hash, hash_sees_any_changed_byte);
    tcase_add_test(hash, embedded_is_whole);
    tcase_add_test(hash, folder_equals_embedded);
    tcase_add_test(hash, unknown_program_is_named);
    tcase_add_checked_fixture(files, set_up, tear_down);
    tcase_add_test(files, includes_are_nested_and_taken_once);
    tcase_add_test(files, roots_follow_each_other);
    tcase_add_test(files, awkward_text_is_the_same_in_both);
    tcase_add_test(files, depfile_names_every_file);
    tcase_add_test(files, missing_file_is_named);
    tcase_add_test(files, include_cycle_is_refused);
    tcase_add_test(files, other_forms_of_include_are_refused);
    tcase_add_test(files, bad_program_list_is_refused);
    Suite *suite = suite_create("source");
    suite_add_tcase(suite, hash);
    suite_add_tcase(suite, files);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
