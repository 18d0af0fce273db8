/*
 * When / and sqrt are corrected: where the plain program's known-answer run is not exact, and what
 * a later process remembers of it. TIKHONOV_DISPLACE plays a device whose results are some ulp off.
 * Argument: the folder of the kernels. The device is TIKHONOV_DEVICE, else "opencl".
 */
#include "suite.h"
#include "workdir.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { COUNT = 1030, FILES = 32 };

static const char *kernels;
static char cache[WORKDIR_PATH], other_cache[WORKDIR_PATH], folder[WORKDIR_PATH];
static float param[COUNT], grad[COUNT];

static void set_up(void)
{
    uint64_t seed = 20261122;
    suite_fill(param, COUNT, SUITE_EDGES, &seed);
    suite_fill(grad, COUNT, SUITE_EDGES, &seed);
    workdir_create(cache);
    workdir_create(other_cache);
    workdir_create(folder);
}

static void tear_down(void)
{
    unsetenv("TIKHONOV_CORRECT");
    unsetenv("TIKHONOV_DISPLACE");
    workdir_remove(cache);
    workdir_remove(other_cache);
    workdir_remove(folder);
}

/* ---- one step of a rule ---- */

struct trial {
    const char *rule;
    double max_norm;
    const char *correct;      /* TIKHONOV_CORRECT; "": unset */
    int displacement;         /* TIKHONOV_DISPLACE */
    const char *cache_folder; /* or "off" */
    const char *kernel_folder;
};

static void step(struct tik_context *context, const struct trial *trial, float *after,
                 enum tik_conformance *conformance)
{
    const struct oracle_option options[] = {{"lr", 0.05}, {NULL, 0}};
    struct tik_policy *policy = suite_policy(trial->rule, options);
    struct tik_optimizer_options wanted;
    struct tik_optimizer *optimizer;
    tik_optimizer_defaults(&wanted);
    wanted.max_norm = trial->max_norm;
    judge_ok(tik_optimizer_create(context, &wanted, &optimizer));
    judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    suite_add(optimizer, 0, "p", COUNT, param);
    judge_ok(tik_optimizer_write(optimizer, 0, TIK_GRAD, grad));
    judge_ok(tik_optimizer_prepare(optimizer));
    *conformance = tik_optimizer_conformance(optimizer);
    judge_ok(tik_optimizer_step(optimizer));
    judge_ok(tik_optimizer_read(optimizer, 0, TIK_PARAM, after));
    tik_optimizer_destroy(optimizer);
    tik_policy_destroy(policy);
}

/* The verdict, and the words that differ from the scalar path's. */
static enum tik_conformance try_step(const struct trial *trial, size_t *different)
{
    char ulps[8];
    snprintf(ulps, sizeof ulps, "%d", trial->displacement);
    setenv("TIKHONOV_CORRECT", trial->correct, 1);
    setenv("TIKHONOV_DISPLACE", ulps, 1);
    struct tik_context_options options;
    tik_context_defaults(&options);
    options.device = tik_context_device(judge_context())->index;
    options.strict = true;
    options.cache_path = trial->cache_folder;
    options.kernel_path = trial->kernel_folder;
    struct tik_context *context, *scalar = suite_scalar(1);
    judge_ok(tik_context_create(&options, &context));

    float there[COUNT], here[COUNT];
    enum tik_conformance conformance, unused;
    step(context, trial, there, &conformance);
    step(scalar, trial, here, &unused);
    *different = 0;
    for (size_t i = 0; i < COUNT; i++)
        *different += !suite_same(there[i], here[i]);
    tik_context_destroy(context);
    tik_context_destroy(scalar);
    return conformance;
}

static void check_verdict(const struct trial *trial, enum tik_conformance expected)
{
    size_t different;
    const enum tik_conformance got = try_step(trial, &different);
    ck_assert_msg(got == expected && (expected != TIK_EXACT || different == 0),
                  "%s, max_norm %g, TIKHONOV_CORRECT=%s, moved by %d ulp: %s, not %s; %zu words "
                  "differ from the scalar path's",
                  trial->rule, trial->max_norm, trial->correct, trial->displacement,
                  tik_conformance_name(got), tik_conformance_name(expected), different);
}

/* ---- the decision ---- */

static const int displacements[] = {-3, 1};

/* adam has a quotient and a root in the step; sgd none, but the norm's program has one of each. */
static void check_rule(const char *rule, double max_norm, int displacement)
{
    struct trial trial = {
        .rule = rule, .max_norm = max_norm, .cache_folder = "off", .displacement = displacement};
    trial.correct = "0";
    check_verdict(&trial, TIK_BOUNDED);
    trial.correct = "";
    check_verdict(&trial, TIK_EXACT);
    trial.correct = "1";
    check_verdict(&trial, TIK_EXACT);
}

START_TEST(test_step_is_corrected)
{
    check_rule("adam", 0, displacements[_i]);
}
END_TEST

START_TEST(test_norm_is_corrected)
{
    check_rule("sgd", 0.5, displacements[_i]);
}
END_TEST

/* Nothing is corrected that needs it not: the same program, whatever the variable says. */
START_TEST(test_plain_is_enough)
{
    struct trial trial = {.rule = "sgd", .cache_folder = "off", .displacement = 3, .correct = "0"};
    check_verdict(&trial, TIK_EXACT);
}
END_TEST

/* ---- what is remembered ---- */

struct stored {
    size_t count;
    struct {
        char name[64];
        ino_t inode;
    } file[FILES];
};

/* The programs in a cache; a file that is stored anew is another file, with an inode of its own. */
static void list_programs(const char *path, struct stored *stored)
{
    *stored = (struct stored){0};
    DIR *stream = opendir(path);
    ck_assert_ptr_nonnull(stream);
    for (const struct dirent *file; (file = readdir(stream)) != NULL;) {
        char full[WORKDIR_PATH];
        struct stat state;
        const size_t length = strlen(file->d_name);
        if (length < 4 || strcmp(file->d_name + length - 4, ".bin") != 0)
            continue;
        workdir_name(full, path, file->d_name);
        ck_assert_int_eq(stat(full, &state), 0);
        ck_assert_uint_lt(stored->count, FILES);
        snprintf(stored->file[stored->count].name, sizeof stored->file[0].name, "%.60s",
                 file->d_name);
        stored->file[stored->count++].inode = state.st_ino;
    }
    closedir(stream);
}

static bool holds(const struct stored *stored, const char *name, ino_t inode)
{
    for (size_t i = 0; i < stored->count; i++)
        if (strcmp(stored->file[i].name, name) == 0)
            return stored->file[i].inode == inode;
    return false;
}

/* Two contexts, as two processes would: the second finds both builds and stores neither again. */
static void check_memory(struct trial trial)
{
    struct stored corrected, first, second;
    trial.correct = "1";
    trial.cache_folder = other_cache;
    check_verdict(&trial, TIK_EXACT);
    list_programs(other_cache, &corrected);
    ck_assert_uint_gt(corrected.count, 0);

    trial.correct = "";
    trial.cache_folder = cache;
    check_verdict(&trial, TIK_EXACT);
    list_programs(cache, &first);
    /* Each program twice: as it was found wanting, and corrected. */
    ck_assert_uint_eq(first.count, 2 * corrected.count);
    for (size_t i = 0; i < corrected.count; i++) {
        struct stat state;
        char path[WORKDIR_PATH];
        workdir_name(path, cache, corrected.file[i].name);
        ck_assert_msg(stat(path, &state) == 0, "%s is not in the cache", corrected.file[i].name);
    }

    check_verdict(&trial, TIK_EXACT);
    list_programs(cache, &second);
    ck_assert_uint_eq(second.count, first.count);
    for (size_t i = 0; i < first.count; i++)
        ck_assert_msg(holds(&second, first.file[i].name, first.file[i].inode),
                      "%s was built and stored again", first.file[i].name);
}

START_TEST(test_bounded_is_remembered)
{
    check_memory((struct trial){.rule = "adam", .displacement = 1});
}
END_TEST

/* A plain quotient so wrong that its program is of no use; the corrected one does not call it. */
START_TEST(test_wrong_is_remembered)
{
    char path[WORKDIR_PATH];
    workdir_copy(kernels, folder);
    workdir_name(path, folder, "numeric.cl");
    workdir_replace(path, "#define QUOTIENT device_quotient",
                    "#define QUOTIENT(x, y) (1.001f * device_quotient(x, y))");
    check_memory((struct trial){.rule = "adam", .kernel_folder = folder});
}
END_TEST

static Suite *make_suite(void)
{
    const int count = (int)(sizeof displacements / sizeof *displacements);
    Suite *suite = suite_create("decision");
    TCase *test_case = tcase_create("decision");
    tcase_add_checked_fixture(test_case, set_up, tear_down);
    tcase_add_loop_test(test_case, test_step_is_corrected, 0, count);
    tcase_add_loop_test(test_case, test_norm_is_corrected, 0, count);
    tcase_add_test(test_case, test_plain_is_enough);
    tcase_add_test(test_case, test_bounded_is_remembered);
    tcase_add_test(test_case, test_wrong_is_remembered);
    suite_add_tcase(suite, test_case);
    return suite;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: test_decision FOLDER-OF-KERNELS\n");
        return EXIT_FAILURE;
    }
    kernels = argv[1];
    char *device = getenv("TIKHONOV_DEVICE");
    char *arguments[] = {argv[0], device != NULL ? device : (char[]){"opencl"}};
    return judge_main(2, arguments, make_suite);
}
