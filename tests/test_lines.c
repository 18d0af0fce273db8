/*
 * States with a number a row and a number a column of a matrix, as adafactor has them: which tensors
 * have which, their shapes and places, and what does not go with them. Argument: a device ("scalar").
 */
#include "suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 20261130, TENSORS = 10, LONGEST = 1100 * 3 };

/* Both lines of less than a block and of two, vectors, no dimension at all, and no elements. */
static const struct shape {
    const char *name;
    size_t rank, shape[3], count;
    size_t rows, columns; /* numbers of its states; columns 0: a vector */
} shapes[TENSORS] = {
    {"matrix", 2, {5, 7}, 35, 5, 7},       {"tall", 2, {1100, 3}, 3300, 1100, 3},
    {"vector", 1, {93}, 93, 93, 0},        {"deep", 3, {4, 3, 2}, 24, 12, 8},
    {"scalar", 0, {0}, 1, 1, 0},           {"wide", 2, {2, 1100}, 2200, 2, 1100},
    {"no columns", 2, {3, 0}, 0, 3, 0},    {"one", 2, {1, 1}, 1, 1, 1},
    {"lying", 3, {3, 40, 1}, 120, 120, 3}, {"lying long", 3, {2, 1100, 1}, 2200, 2200, 2},
};

static bool is_matrix(const struct shape *shape)
{
    return shape->rank >= 2;
}

/* Of one value range, so that each element counts in a sum. */
static void fill(float *values, size_t number, unsigned step)
{
    uint64_t seed = SEED + 100 * step + number;
    suite_fill(values, shapes[number].count, SUITE_LEVEL, &seed);
}

static struct tik_optimizer *make(const struct tik_optimizer_options *options)
{
    const struct oracle_option values[] = {{"lr", 0.3}, {"weight_decay", 0.1}, {NULL, 0}};
    struct tik_policy *policy = suite_policy("adafactor", values);
    struct tik_optimizer *optimizer;
    judge_ok(tik_optimizer_create(judge_context(), options, &optimizer));
    judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    tik_policy_destroy(policy);
    return optimizer;
}

static size_t add(struct tik_optimizer *optimizer, size_t number, float *host)
{
    float values[LONGEST];
    fill(values, number, 0);
    struct tik_tensor tensor = {.name = shapes[number].name,
                                .rank = shapes[number].rank,
                                .shape = shapes[number].shape,
                                .param = values};
    if (host != NULL) {
        memcpy(host, values, shapes[number].count * sizeof *host);
        tensor.memory = TIK_MEMORY_HOST;
        tensor.param = host;
        tensor.grad = host + LONGEST;
    }
    size_t index;
    judge_ok(tik_optimizer_add_tensor(optimizer, 0, &tensor, &index));
    return index;
}

static void step(struct tik_optimizer *optimizer, const size_t *numbers, size_t count, unsigned t)
{
    float values[LONGEST];
    for (size_t i = 0; i < count; i++) {
        fill(values, numbers[i], t);
        judge_ok(tik_optimizer_write(optimizer, i, TIK_GRAD, values));
    }
    judge_ok(tik_optimizer_step(optimizer));
}

/* Parameter and states, bit for bit. */
static void check_same(struct tik_optimizer *a, size_t in_a, struct tik_optimizer *b, size_t in_b,
                       const char *what)
{
    struct tik_tensor_info info;
    float one[LONGEST], other[LONGEST];
    judge_ok(tik_optimizer_tensor(a, in_a, &info));
    for (int part = TIK_PARAM; part < (int)info.state_count; part++) {
        size_t count;
        char text[96];
        if (part == TIK_GRAD)
            continue;
        judge_ok(tik_optimizer_part_shape(a, in_a, part, NULL, &count));
        judge_ok(tik_optimizer_read(a, in_a, part, one));
        judge_ok(tik_optimizer_read(b, in_b, part, other));
        snprintf(text, sizeof text, "%s, tensor %s, part %d", what, info.name, part);
        suite_check_words(text, one, other, count);
    }
}

static const size_t all[TENSORS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

static struct tik_optimizer *make_all(const struct tik_optimizer_options *options)
{
    struct tik_optimizer *optimizer = make(options);
    for (size_t i = 0; i < TENSORS; i++)
        ck_assert_uint_eq(add(optimizer, i, NULL), i);
    return optimizer;
}

/* A state's shape is the tensor's, with a 1 where PyTorch has one. */
static void check_shape(const struct tik_optimizer *optimizer, size_t tensor, int part,
                        size_t left_out, size_t count)
{
    const struct shape *s = &shapes[tensor];
    size_t shape[TIK_MAX_RANK] = {0}, numbers = SIZE_MAX;
    judge_ok(tik_optimizer_part_shape(optimizer, tensor, part, shape, &numbers));
    ck_assert_uint_eq(numbers, count);
    for (size_t d = 0; d < s->rank; d++)
        ck_assert_uint_eq(shape[d], d == left_out ? 1 : s->shape[d]);
}

START_TEST(test_states)
{
    struct tik_optimizer *optimizer = make_all(NULL);
    for (size_t i = 0; i < TENSORS; i++) {
        const struct shape *s = &shapes[i];
        struct tik_tensor_info info;
        judge_ok(tik_optimizer_tensor(optimizer, i, &info));
        ck_assert_uint_eq(info.state_count, is_matrix(s) ? 2 : 1);
        ck_assert_str_eq(info.states[0], is_matrix(s) ? "row_var" : "variance");
        check_shape(optimizer, i, TIK_PARAM, SIZE_MAX, s->count);
        check_shape(optimizer, i, TIK_STATE, is_matrix(s) ? s->rank - 1 : SIZE_MAX, s->rows);
        if (!is_matrix(s))
            continue;
        ck_assert_str_eq(info.states[1], "col_var");
        check_shape(optimizer, i, TIK_STATE + 1, s->rank - 2, s->columns);
    }
    suite_refused(TIK_ERROR_ARGUMENT, tik_optimizer_part_shape(optimizer, 2, 1, NULL, NULL),
                  "part 1", "vector", "1 states");
    suite_refused(TIK_ERROR_ARGUMENT, tik_optimizer_part_shape(optimizer, 0, 2, NULL, NULL),
                  "part 2", "matrix", "2 states");
    tik_optimizer_destroy(optimizer);
}
END_TEST

/* Each number is written where it is read, and no other with it. */
START_TEST(test_write)
{
    struct tik_optimizer *optimizer = make_all(NULL);
    float values[LONGEST];
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < TENSORS; i++)
            for (int k = 0; k < (is_matrix(&shapes[i]) ? 2 : 1); k++) {
                const size_t count = k == 0 ? shapes[i].rows : shapes[i].columns;
                const float base = (float)(10000 * i + 5000 * (size_t)k);
                if (round == 1)
                    judge_ok(tik_optimizer_read(optimizer, i, TIK_STATE + k, values));
                for (size_t j = 0; j < count; j++) {
                    if (round == 1)
                        ck_assert_float_eq(values[j], base + (float)j);
                    values[j] = base + (float)j;
                }
                if (round == 0)
                    judge_ok(tik_optimizer_write(optimizer, i, TIK_STATE + k, values));
            }
    tik_optimizer_destroy(optimizer);
}
END_TEST

/* Means of the squares, by hand: in double, which the sums of float are near to. */
START_TEST(test_means)
{
    struct tik_optimizer *optimizer = make_all(NULL);
    float g[LONGEST], got[LONGEST];
    step(optimizer, all, TENSORS, 1);
    for (size_t i = 0; i < TENSORS; i++) {
        const struct shape *s = &shapes[i];
        double rows[LONGEST] = {0}, columns[LONGEST] = {0};
        const size_t c = is_matrix(s) ? s->shape[s->rank - 1] : 1;
        const size_t r = is_matrix(s) ? s->shape[s->rank - 2] : s->count;
        fill(g, i, 1);
        for (size_t j = 0; j < s->count; j++) {
            rows[j / c] += (double)g[j] * (double)g[j] / (double)c;
            columns[j / (r * c) * c + j % c] += (double)g[j] * (double)g[j] / (double)r;
        }
        judge_ok(tik_optimizer_read(optimizer, i, TIK_STATE, got));
        for (size_t j = 0; s->count > 0 && j < s->rows; j++)
            ck_assert_double_eq_tol((double)got[j], rows[j], 1e-6 * rows[j] + 1e-30);
        if (is_matrix(s))
            judge_ok(tik_optimizer_read(optimizer, i, TIK_STATE + 1, got));
        for (size_t j = 0; s->count > 0 && is_matrix(s) && j < s->columns; j++)
            ck_assert_double_eq_tol((double)got[j], columns[j], 1e-6 * columns[j] + 1e-30);
    }
    tik_optimizer_destroy(optimizer);
}
END_TEST

/* In one group with others, in the host's memory, or alone; some added once steps were taken. */
START_TEST(test_together)
{
    struct tik_optimizer *together = make(NULL), *late = make(NULL);
    float *host = suite_allocate(TENSORS * 2 * LONGEST, sizeof *host);
    for (size_t i = 0; i < TENSORS; i++) {
        add(together, i, i % 3 == 2 ? host + 2 * LONGEST * i : NULL);
        if (i < TENSORS / 2)
            add(late, i, NULL);
    }
    step(late, all, TENSORS / 2, 1);
    for (size_t i = TENSORS / 2; i < TENSORS; i++)
        add(late, i, NULL);
    step(together, all, TENSORS, 1);
    step(together, all, TENSORS, 2);
    step(late, all, TENSORS, 2);
    for (size_t i = 0; i < TENSORS; i++) {
        struct tik_optimizer *alone = make(NULL);
        add(alone, i, NULL);
        step(alone, &all[i], 1, 1);
        step(alone, &all[i], 1, 2);
        check_same(together, i, alone, 0, "in one group, and alone");
        if (i < TENSORS / 2)
            check_same(together, i, late, i, "before and after others are added");
        tik_optimizer_destroy(alone);
    }
    tik_optimizer_destroy(late);
    tik_optimizer_destroy(together);
    free(host);
}
END_TEST

/* One that takes no part keeps its states, and those of the others do not move. */
START_TEST(test_idle)
{
    struct tik_optimizer *some = make_all(NULL), *every = make_all(NULL);
    float zeros[LONGEST] = {0}, got[LONGEST];
    judge_ok(tik_optimizer_set_active(some, 1, false));
    judge_ok(tik_optimizer_set_active(some, 2, false));
    step(some, all, TENSORS, 1);
    step(every, all, TENSORS, 1);
    for (size_t i = 0; i < TENSORS; i++)
        if (i != 1 && i != 2)
            check_same(some, i, every, i, "beside idle ones");
    judge_ok(tik_optimizer_read(some, 1, TIK_STATE, got));
    suite_check_words("rows of an idle tensor", got, zeros, shapes[1].rows);
    judge_ok(tik_optimizer_read(some, 2, TIK_STATE, got));
    suite_check_words("an idle vector", got, zeros, shapes[2].rows);
    tik_optimizer_destroy(some);
    tik_optimizer_destroy(every);
}
END_TEST

/* A step that is skipped leaves them, and goes on as if it had not been. */
START_TEST(test_skip)
{
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    options.nonfinite = TIK_NONFINITE_SKIP;
    struct tik_optimizer *skips = make_all(&options), *plain = make_all(NULL);
    float values[LONGEST];
    fill(values, 0, 9);
    values[3] = NAN;
    step(skips, all, TENSORS, 1);
    judge_ok(tik_optimizer_write(skips, 0, TIK_GRAD, values));
    judge_ok(tik_optimizer_step(skips));
    step(skips, all, TENSORS, 2);
    step(plain, all, TENSORS, 1);
    step(plain, all, TENSORS, 2);
    for (size_t i = 0; i < TENSORS; i++)
        check_same(skips, i, plain, i, "with a skipped step, and without");
    tik_optimizer_destroy(skips);
    tik_optimizer_destroy(plain);
}
END_TEST

/* The file has PyTorch's names and shapes, and goes on where it was; another shape is refused. */
START_TEST(test_checkpoint)
{
    struct tik_optimizer *first = make_all(NULL), *second = make_all(NULL);
    struct tik_tensors *state;
    struct tik_tensor_view view;
    float values[LONGEST];
    step(first, all, TENSORS, 1);
    judge_ok(tik_checkpoint_save(first, &state));
    ck_assert(tik_tensors_find(state, "deep.row_var", &view));
    ck_assert_uint_eq(view.rank, 3);
    ck_assert(view.shape[0] == 4 && view.shape[1] == 3 && view.shape[2] == 1);
    ck_assert(tik_tensors_find(state, "deep.col_var", &view));
    ck_assert(view.shape[0] == 4 && view.shape[1] == 1 && view.shape[2] == 2);
    ck_assert(tik_tensors_find(state, "vector.variance", &view));
    ck_assert(view.rank == 1 && view.shape[0] == 93);
    ck_assert(!tik_tensors_find(state, "deep.variance", &view));
    ck_assert(!tik_tensors_find(state, "vector.row_var", &view));
    for (size_t i = 0; i < TENSORS; i++) {
        judge_ok(tik_optimizer_read(first, i, TIK_PARAM, values));
        judge_ok(tik_optimizer_write(second, i, TIK_PARAM, values));
    }
    judge_ok(tik_checkpoint_load(second, state));
    step(first, all, TENSORS, 2);
    step(second, all, TENSORS, 2);
    for (size_t i = 0; i < TENSORS; i++)
        check_same(first, i, second, i, "restored");
    tik_tensors_destroy(state);

    struct tik_optimizer *other = make(NULL);
    const struct tik_tensor turned = {.name = "matrix", .rank = 2, .shape = (size_t[]){7, 5}};
    judge_ok(tik_optimizer_add_tensor(other, 0, &turned, NULL));
    judge_ok(tik_checkpoint_save(other, &state));
    struct tik_optimizer *one = make(NULL);
    add(one, 0, NULL);
    suite_refused(TIK_ERROR_FORMAT, tik_checkpoint_load(one, state), "matrix.row_var", "[7, 1]",
                  "[5, 1]");
    tik_tensors_destroy(state);
    tik_optimizer_destroy(one);
    tik_optimizer_destroy(other);
    tik_optimizer_destroy(first);
    tik_optimizer_destroy(second);
}
END_TEST

/* The buffer of a state begins where its first number is. */
START_TEST(test_buffers)
{
    struct tik_optimizer *optimizer = make_all(NULL);
    struct _cl_mem *rows[2], *param;
    size_t offset[2], unused;
    judge_ok(tik_optimizer_buffer(optimizer, 0, TIK_STATE, &rows[0], &offset[0]));
    judge_ok(tik_optimizer_buffer(optimizer, 1, TIK_STATE, &rows[1], &offset[1]));
    judge_ok(tik_optimizer_buffer(optimizer, 1, TIK_PARAM, &param, &unused));
    ck_assert_uint_eq(offset[1] - offset[0], shapes[0].rows);
    ck_assert_ptr_eq(rows[0], rows[1]);
    ck_assert((rows[0] == NULL) == judge_on_scalar() && (rows[0] != param || judge_on_scalar()));
    void *host[2];
    judge_ok(tik_optimizer_host(optimizer, 0, TIK_STATE, &host[0]));
    judge_ok(tik_optimizer_host(optimizer, 1, TIK_STATE, &host[1]));
    if (judge_on_scalar())
        ck_assert_ptr_eq((float *)host[0] + shapes[0].rows, (float *)host[1]);
    tik_optimizer_destroy(optimizer);
}
END_TEST

/* What knows blocks or elements alone says that it does not know rows and columns. */
START_TEST(test_refusals)
{
    struct tik_policy *policy = suite_policy("adafactor", NULL);
    struct tik_update *update;
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_create(judge_context(), policy, false, &update),
                  "adafactor", "tik_optimizer");
    tik_policy_destroy(policy);
    if (judge_on_scalar())
        return;
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    options.verify = TIK_VERIFY_SAMPLE;
    struct tik_optimizer *optimizer = make_all(&options);
    suite_refused(TIK_ERROR_ARGUMENT, tik_optimizer_step(optimizer), "TIK_VERIFY_SAMPLE",
                  "adafactor", "TIK_VERIFY_ALL");
    tik_optimizer_destroy(optimizer);
    tik_optimizer_defaults(&options);
    options.memory_limit = 10000;
    optimizer = make_all(&options);
    suite_refused(TIK_ERROR_ARGUMENT, tik_optimizer_step(optimizer), "memory_limit", "streamed");
    tik_optimizer_destroy(optimizer);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("lines");
    TCase *cases = tcase_create("lines");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, test_states);
    tcase_add_test(cases, test_write);
    tcase_add_test(cases, test_means);
    tcase_add_test(cases, test_together);
    tcase_add_test(cases, test_idle);
    tcase_add_test(cases, test_skip);
    tcase_add_test(cases, test_checkpoint);
    tcase_add_test(cases, test_buffers);
    tcase_add_test(cases, test_refusals);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(int argc, char **argv)
{
    return judge_main(argc, argv, make_suite);
}
