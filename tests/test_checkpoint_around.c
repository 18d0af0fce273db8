/*
 * Checkpoints of what is done around a step: loss scale and skipped steps, averages, gradients that
 * are being accumulated. A restored optimizer goes on bit for bit, and what does not fit is refused.
 */
#include <tikhonov/checkpoint.h>

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint_fixture.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

enum { STEPS = 11, CUT = 5 };

static const struct around {
    const char *label;
    double loss_scale, decay;
    bool debias;
    unsigned accumulate;
    enum tik_nonfinite nonfinite;
} arounds[] = {
    {"loss scale", 1024, 0, false, 1, TIK_NONFINITE_AUTO},
    {"average", 0, 0.75, false, 1, TIK_NONFINITE_AUTO},
    {"average, debiased", 0, 0.75, true, 1, TIK_NONFINITE_AUTO},
    {"accumulation", 0, 0, false, 3, TIK_NONFINITE_AUTO},
    {"skipped steps", 0, 0, false, 1, TIK_NONFINITE_SKIP},
    {"all of it", 8, 0.75, true, 2, TIK_NONFINITE_AUTO},
};

static struct tik_optimizer *make(const struct around *around)
{
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    options.loss_scale = around->loss_scale;
    options.loss_scale_interval = 3;
    options.accumulate = around->accumulate;
    options.nonfinite = around->nonfinite;
    struct tik_policy *policy = fixture_policy("nadam", NULL, 0);
    fixture_ok(tik_policy_set_ema(policy, around->decay, around->debias));
    struct tik_optimizer *optimizer = fixture_around(&options, policy, NULL);
    tik_policy_destroy(policy);
    return optimizer;
}

/* Calls first .. last of step; with a guard the third and the fourth have a NaN. */
static void play(struct tik_optimizer *optimizer, const struct around *around, unsigned first,
                 unsigned last)
{
    const bool guard = around->loss_scale > 0 || around->nonfinite == TIK_NONFINITE_SKIP;
    for (unsigned t = first; t <= last; t++) {
        for (size_t i = 0; i < FIXTURE_TENSORS; i++) {
            float values[FIXTURE_LONGEST];
            for (size_t j = 0; j < fixture_counts[i]; j++)
                values[j] = 0.1f * (float)((t * 7 + j * 5 + i) % 13) - 0.6f;
            if (guard && (t == 3 || t == 4) && i == 1)
                values[2] = NAN;
            fixture_ok(tik_optimizer_write(optimizer, i, TIK_GRAD, values));
        }
        fixture_ok(tik_optimizer_step(optimizer));
    }
}

static void assert_same(struct tik_optimizer *a, struct tik_optimizer *b)
{
    struct tik_scaling one, other;
    fixture_assert_same(a, b);
    fixture_ok(tik_optimizer_scaling(a, &one));
    fixture_ok(tik_optimizer_scaling(b, &other));
    ck_assert(one.scale == other.scale);
    ck_assert_uint_eq(one.clean, other.clean);
    ck_assert_uint_eq(one.skipped, other.skipped);
    ck_assert_uint_eq(one.in_row, other.in_row);
}

START_TEST(goes_on)
{
    const struct around *around = &arounds[_i];
    struct tik_optimizer *whole = make(around), *first = make(around), *second = make(around);
    play(whole, around, 1, STEPS);
    play(first, around, 1, CUT);
    struct tik_tensors *state = fixture_state(first);
    fixture_copy_params(first, second);
    fixture_ok(tik_checkpoint_load(second, state));
    assert_same(first, second);
    play(second, around, CUT + 1, STEPS);
    assert_same(whole, second);
    tik_tensors_destroy(state);
    tik_optimizer_destroy(second);
    tik_optimizer_destroy(first);
    tik_optimizer_destroy(whole);
}
END_TEST

START_TEST(says_what_there_is)
{
    struct tik_optimizer *optimizer = make(&arounds[5]);
    play(optimizer, &arounds[5], 1, CUT);
    struct tik_tensors *state = fixture_state(optimizer);
    /* Two steps, of which the second was skipped, and one gradient. */
    ck_assert_str_eq(tik_tensors_metadata(state, "step"), "1");
    ck_assert_str_eq(tik_tensors_metadata(state, "loss_scale"), "4");
    ck_assert_str_eq(tik_tensors_metadata(state, "loss_scale_clean"), "0");
    ck_assert_str_eq(tik_tensors_metadata(state, "skipped"), "1");
    ck_assert_str_eq(tik_tensors_metadata(state, "skipped_in_row"), "1");
    ck_assert_str_eq(tik_tensors_metadata(state, "gathered"), "1");
    ck_assert_str_eq(tik_tensors_metadata(state, "ema"), "debiased");
    ck_assert(tik_tensors_find(state, "layer.bias.ema", NULL));
    ck_assert(tik_tensors_find(state, "layer.bias.grad_sum", NULL));
    tik_tensors_destroy(state);
    tik_optimizer_destroy(optimizer);
}
END_TEST

/* The state of one into the other, with one value changed (NULL: none). */
static const struct {
    size_t from, into;
    const char *key, *value, *message;
} unfit[] = {
    {0, 4, NULL, NULL, "made without loss_scale"},
    {4, 0, NULL, NULL, "'loss_scale' is missing"},
    {1, 2, NULL, NULL, "'plain'; 'debiased' is due"},
    {2, 1, NULL, NULL, "'debiased'; 'plain' is due"},
    {4, 1, NULL, NULL, "'ema' of group 0 is missing"},
    {1, 4, NULL, NULL, "'layer.bias.ema'"},
    {3, 4, NULL, NULL, "'gathered' is '2', for which the optimizer"},
    {4, 3, NULL, NULL, "'gathered' is missing"},
    {3, 3, "gathered", "3", "'3'; a whole number of at most 2"},
    {3, 3, "gathered", "-1", "'-1'"},
    {0, 0, "loss_scale", "0", "'0'; 2^-126 to 2^127"},
    {0, 0, "loss_scale", "nan", "'nan'"},
    {0, 0, "loss_scale_clean", "4294967296", "'4294967296'"},
    {0, 0, "skipped", "x", "'skipped' is 'x'"},
    {4, 4, "skipped_in_row", "", "'skipped_in_row' is ''"},
};

START_TEST(refuses)
{
    const struct around *from = &arounds[unfit[_i].from], *into = &arounds[unfit[_i].into];
    struct tik_optimizer *source = make(from), *optimizer = make(into), *untouched = make(into);
    play(source, from, 1, CUT);
    play(optimizer, into, 1, 2);
    play(untouched, into, 1, 2);
    struct tik_tensors *state = fixture_state(source);
    if (unfit[_i].key != NULL)
        fixture_ok(tik_tensors_set_metadata(state, unfit[_i].key, unfit[_i].value));
    ck_assert_int_eq(tik_checkpoint_load(optimizer, state), TIK_ERROR_FORMAT);
    ck_assert_msg(strstr(tik_last_error(), unfit[_i].message) != NULL, "'%s' has no '%s'",
                  tik_last_error(), unfit[_i].message);
    assert_same(optimizer, untouched);
    play(optimizer, into, 3, STEPS);
    play(untouched, into, 3, STEPS);
    assert_same(optimizer, untouched);
    tik_tensors_destroy(state);
    tik_optimizer_destroy(untouched);
    tik_optimizer_destroy(optimizer);
    tik_optimizer_destroy(source);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkpoint around");
    TCase *files = tcase_create("files");
    tcase_add_checked_fixture(files, fixture_start, fixture_stop);
    tcase_add_loop_test(files, goes_on, 0, LENGTH(arounds));
    tcase_add_test(files, says_what_there_is);
    tcase_add_loop_test(files, refuses, 0, LENGTH(unfit));
    suite_add_tcase(suite, files);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
