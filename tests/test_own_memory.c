/*
 * What the library allocates for itself beside the arenas: at most 1 MiB, and for each tensor 256
 * bytes and its name; host memory and buffers together. The linker puts the wrappers below before
 * the library's calls (static archive, --wrap). Registering many tensors is timed, and printed.
 */
#include <tikhonov/tikhonov.h>

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include <check.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SKIPPED = 77, NAME = 24 };

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *memory);
cl_mem __real_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host,
                             cl_int *error);
cl_int __real_clReleaseMemObject(cl_mem buffer);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *memory);
cl_mem __wrap_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host,
                             cl_int *error);
cl_int __wrap_clReleaseMemObject(cl_mem buffer);

static size_t on_host, in_buffers;

static void *counted(void *memory)
{
    on_host += malloc_usable_size(memory);
    return memory;
}

void *__wrap_malloc(size_t size)
{
    return counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    on_host -= malloc_usable_size(old);
    return counted(__real_realloc(old, size));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return counted(__real_aligned_alloc(alignment, size));
}

void __wrap_free(void *memory)
{
    on_host -= malloc_usable_size(memory);
    __real_free(memory);
}

cl_mem __wrap_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host,
                             cl_int *error)
{
    in_buffers += size;
    return __real_clCreateBuffer(context, flags, size, host, error);
}

cl_int __wrap_clReleaseMemObject(cl_mem buffer)
{
    size_t size = 0;
    clGetMemObjectInfo(buffer, CL_MEM_SIZE, sizeof size, &size, NULL);
    in_buffers -= size;
    return __real_clReleaseMemObject(buffer);
}

/* ---- the test ---- */

static struct tik_context *context;

static const struct {
    size_t tensors, count;
} stores[] = {{1, (size_t)64 << 20}, {8000, 8192}, {100000, 64}};

/* Check's own memory would count too, so nothing is asserted between the counts. */
static void ok(enum tik_status status)
{
    if (status != TIK_OK)
        ck_abort_msg("%s: %s", tik_status_name(status), tik_last_error());
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static struct tik_optimizer *make_optimizer(const char *rule, bool clipped)
{
    struct tik_optimizer_options options;
    struct tik_optimizer *optimizer;
    struct tik_policy *policy;
    tik_optimizer_defaults(&options);
    options.max_norm = clipped ? 1 : 0;
    ok(tik_optimizer_create(context, &options, &optimizer));
    ok(tik_policy_create(rule, &policy));
    ok(tik_optimizer_add_group(optimizer, policy, NULL));
    tik_policy_destroy(policy);
    return optimizer;
}

/* Registers all; returns the bytes of their names. */
static size_t add_tensors(struct tik_optimizer *optimizer, size_t tensors, size_t count)
{
    size_t names = 0;
    for (size_t t = 0; t < tensors; t++) {
        char name[NAME];
        names += (size_t)snprintf(name, sizeof name, "layer.%zu.weight", t) + 1;
        const struct tik_tensor tensor = {.name = name, .rank = 1, .shape = &count};
        ok(tik_optimizer_add_tensor(optimizer, 0, &tensor, NULL));
    }
    return names;
}

START_TEST(test_own_memory)
{
    const size_t tensors = stores[_i / 2].tensors, count = stores[_i / 2].count;
    const bool clipped = _i % 2;
    const size_t before = on_host + in_buffers, arenas = 2 * tensors * count * sizeof(float);
    struct tik_optimizer *optimizer = make_optimizer("sgd", clipped);
    const double start = now();
    const size_t names = add_tensors(optimizer, tensors, count);
    const double seconds = now() - start;
    ok(tik_optimizer_step(optimizer));
    ok(tik_optimizer_sync(optimizer));
    const size_t used = on_host + in_buffers - before, allowed = (1 << 20) + 256 * tensors + names;
    const size_t own = used - arenas;
    printf("%s: %zu tensors of %zu%s: %zu bytes beside the arenas, %zu allowed; registered in "
           "%.3f s\n",
           tik_context_backend(context), tensors, count, clipped ? ", clipped" : "", own, allowed,
           seconds);
    tik_optimizer_destroy(optimizer);
    /* Programs stay with the context, for whoever wants them next. */
    const size_t left = on_host + in_buffers - before;
    ck_assert_uint_ge(used, arenas);
    ck_assert_msg(own <= allowed, "%zu bytes of the library's own, and %zu are allowed", own,
                  allowed);
    ck_assert_msg(left < 1 << 16, "%zu bytes are left when the optimizer is gone", left);
}
END_TEST

/* A rule with numbers of rows and columns has arenas of as many, and not of the elements. */
START_TEST(test_lines)
{
    enum { MATRICES = 20 };
    const size_t shape[] = {300, 704}, elements = shape[0] * shape[1];
    const size_t before = on_host + in_buffers;
    const size_t arenas =
        MATRICES * (2 * elements + shape[0] + shape[1]) * sizeof(float); /* param, grad, states */
    struct tik_optimizer *optimizer = make_optimizer("adafactor", false);
    for (size_t t = 0; t < MATRICES; t++) {
        char name[NAME];
        snprintf(name, sizeof name, "layer.%zu.weight", t);
        const struct tik_tensor tensor = {.name = name, .rank = 2, .shape = shape};
        ok(tik_optimizer_add_tensor(optimizer, 0, &tensor, NULL));
    }
    ok(tik_optimizer_step(optimizer));
    ok(tik_optimizer_sync(optimizer));
    const size_t used = on_host + in_buffers - before, own = used - arenas;
    printf("%s: adafactor, %d matrices of 300 x 704: %zu bytes beside %zu of the arenas\n",
           tik_context_backend(context), MATRICES, own, arenas);
    tik_optimizer_destroy(optimizer);
    ck_assert_uint_ge(used, arenas);
    /* A ratio a row, sums of blocks: a few KiB each. */
    ck_assert_msg(own <= 1 << 20, "%zu bytes beside the arenas", own);
}
END_TEST

int main(int count, char **arguments)
{
    struct tik_context_options options;
    tik_context_defaults(&options);
    options.device = count > 1 ? arguments[1] : "scalar";
    if (tik_context_create(&options, &context) != TIK_OK) {
        printf("skipped: %s\n", tik_last_error());
        return SKIPPED;
    }
    Suite *suite = suite_create("own memory");
    TCase *tests = tcase_create("own memory");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, test_own_memory, 0, 6);
    tcase_add_test(tests, test_lines);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    tik_context_destroy(context);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
