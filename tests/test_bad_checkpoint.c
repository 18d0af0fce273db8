/* Checkpoints that do not fit: refused with a reason, and the optimizer is as before. */
#include <tikhonov/checkpoint.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint_fixture.h"

/* Loading `state` into an optimizer of two steps fails with `message` and changes nothing. */
static void assert_refused(const struct tik_tensors *state, const char *message)
{
    struct tik_optimizer *optimizer = fixture_make("adamw", NULL, 0);
    struct tik_optimizer *untouched = fixture_make("adamw", NULL, 0);
    fixture_steps(optimizer, 1, 2);
    fixture_steps(untouched, 1, 2);
    ck_assert_int_eq(tik_checkpoint_load(optimizer, state), TIK_ERROR_FORMAT);
    ck_assert_msg(strstr(tik_last_error(), message) != NULL, "'%s' has no '%s'", tik_last_error(),
                  message);
    fixture_assert_same(optimizer, untouched);
    tik_optimizer_destroy(untouched);
    tik_optimizer_destroy(optimizer);
}

static struct tik_tensors *state_of(const char *rule, const char *option, double value)
{
    struct tik_optimizer *optimizer = fixture_make(rule, option, value);
    fixture_steps(optimizer, 1, 3);
    struct tik_tensors *state = fixture_state(optimizer);
    tik_optimizer_destroy(optimizer);
    return state;
}

START_TEST(refuses_other_rules_and_options)
{
    struct tik_tensors *state = state_of("adam", NULL, 0);
    assert_refused(state, "rule adam;");
    ck_assert_ptr_nonnull(strstr(tik_last_error(), "rule adamw"));
    tik_tensors_destroy(state);
    state = state_of("adamw", "amsgrad", 1);
    assert_refused(state, "'layer.bias.max_exp_avg_sq'");
    tik_tensors_destroy(state);
    fixture_ok(tik_tensors_create(&state));
    assert_refused(state, "'format' is missing");
    tik_tensors_destroy(state);
}
END_TEST

static const struct {
    const char *key, *value, *message;
} metadata[] = {
    {"format", "pt", "'format' is 'pt'"},
    {"version", "2", "'version' is 2"},
    {"rule", "", "rule "},
    {"step", "", "'step'"},
    {"step", "-1", "'-1'"},
    {"step", "3.0", "'3.0'"},
    {"step", " 3", "' 3'"},
    {"step", "99999999999999999999999", "'99999999999999999999999'"},
    {"group.1.step", "3", "'group.1.step'"},
    {"group.7.rule", "adamw", "'group.7.rule'"},
    {"group.x", "", "'group.x'"},
};

START_TEST(refuses_metadata)
{
    struct tik_tensors *state = state_of("adamw", NULL, 0);
    fixture_ok(tik_tensors_set_metadata(state, metadata[_i].key, metadata[_i].value));
    assert_refused(state, metadata[_i].message);
    tik_tensors_destroy(state);
}
END_TEST

/* A copy without the tensor `without`, and with one of another shape in its place if it is due. */
static struct tik_tensors *copy_but(const struct tik_tensors *state, const char *without,
                                    bool reshape)
{
    struct tik_tensors *copy;
    fixture_ok(tik_tensors_create(&copy));
    static const char *const keys[] = {"format", "version", "rule", "step"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        fixture_ok(tik_tensors_set_metadata(copy, keys[i], tik_tensors_metadata(state, keys[i])));
    for (size_t i = 0; i < tik_tensors_count(state); i++) {
        struct tik_tensor_view view;
        fixture_ok(tik_tensors_at(state, i, &view));
        if (strcmp(view.name, without) != 0)
            fixture_ok(tik_tensors_add(copy, view.name, view.rank, view.shape, view.data));
        else if (reshape)
            fixture_ok(tik_tensors_add(copy, view.name, 1, &view.count, view.data));
    }
    return copy;
}

START_TEST(refuses_tensors)
{
    struct tik_tensors *state = state_of("adamw", NULL, 0);
    struct tik_tensors *copy = copy_but(state, "scale.exp_avg_sq", false);
    assert_refused(copy, "no tensor 'scale.exp_avg_sq'");
    tik_tensors_destroy(copy);
    copy = copy_but(state, "layer.weight.exp_avg", true);
    assert_refused(copy, "'layer.weight.exp_avg' has shape [24]; [4, 6] is due");
    tik_tensors_destroy(copy);
    copy = copy_but(state, "scale.exp_avg", true);
    assert_refused(copy, "'scale.exp_avg' has shape [1]; [] is due");
    tik_tensors_destroy(copy);
    fixture_ok(tik_tensors_add(state, "other.exp_avg", 0, NULL, NULL));
    assert_refused(state, "'other.exp_avg'");
    tik_tensors_destroy(state);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bad checkpoint");
    TCase *files = tcase_create("files");
    tcase_add_checked_fixture(files, fixture_start, fixture_stop);
    tcase_set_timeout(files, 60);
    tcase_add_test(files, refuses_other_rules_and_options);
    tcase_add_loop_test(files, refuses_metadata, 0, (int)(sizeof metadata / sizeof *metadata));
    tcase_add_test(files, refuses_tensors);
    suite_add_tcase(suite, files);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
