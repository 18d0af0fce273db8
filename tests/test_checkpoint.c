/* Checkpoints: a restored optimizer goes on bit for bit. */
#include <tikhonov/checkpoint.h>
#include <tikhonov/rule.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint_fixture.h"

START_TEST(holds_what_pytorch_names)
{
    struct tik_optimizer *optimizer = fixture_make("adamw", "amsgrad", 1);
    fixture_steps(optimizer, 1, 3);
    struct tik_tensors *state = fixture_state(optimizer);
    ck_assert_str_eq(tik_tensors_metadata(state, "format"), "tikhonov.state");
    ck_assert_str_eq(tik_tensors_metadata(state, "version"), "1");
    ck_assert_str_eq(tik_tensors_metadata(state, "rule"), "adamw");
    ck_assert_str_eq(tik_tensors_metadata(state, "step"), "3");
    ck_assert_uint_eq(tik_tensors_count(state), 9);
    static const char *const due[] = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"};
    for (size_t i = 0; i < 9; i++) {
        char name[64];
        float values[FIXTURE_LONGEST];
        struct tik_tensor_view view;
        snprintf(name, sizeof name, "%s.%s", fixture_names[i / 3], due[i % 3]);
        ck_assert_msg(tik_tensors_find(state, name, &view), "%s is missing", name);
        ck_assert_uint_eq(view.rank, fixture_ranks[i / 3]);
        ck_assert_uint_eq(view.count, fixture_counts[i / 3]);
        fixture_ok(tik_optimizer_read(optimizer, i / 3, TIK_STATE + (int)(i % 3), values));
        ck_assert_mem_eq(view.data, values, view.count * sizeof *values);
        ck_assert_float_ne(values[0], 0.0f);
    }
    tik_tensors_destroy(state);
    tik_optimizer_destroy(optimizer);
}
END_TEST

/* Three steps, a checkpoint, two more in a new optimizer: as five in a row. 0: no such policy. */
static size_t assert_goes_on(const char *rule, const char *option, double value)
{
    struct tik_optimizer *whole = fixture_make(rule, option, value);
    if (whole == NULL)
        return 0;
    struct tik_optimizer *first = fixture_make(rule, option, value);
    struct tik_optimizer *second = fixture_make(rule, option, value);
    fixture_steps(whole, 1, 5);
    fixture_steps(first, 1, 3);
    struct tik_tensors *state = fixture_state(first);
    fixture_copy_params(first, second);
    fixture_ok(tik_checkpoint_load(second, state));
    fixture_assert_same(first, second);
    fixture_steps(second, 4, 5);
    fixture_assert_same(whole, second);
    tik_tensors_destroy(state);
    tik_optimizer_destroy(second);
    tik_optimizer_destroy(first);
    tik_optimizer_destroy(whole);
    return 1;
}

START_TEST(goes_on_bit_for_bit)
{
    size_t rules = 0, forms = 0;
    for (const struct tik_rule_info *rule; (rule = tik_rule_at(rules)) != NULL; rules++) {
        forms += assert_goes_on(rule->name, NULL, 0);
        for (size_t i = 0; i < rule->option_count; i++) {
            const struct tik_option *option = &rule->options[i];
            if (option->type == TIK_OPTION_FLAG)
                forms += assert_goes_on(rule->name, option->name, 1);
            else if (option->type == TIK_OPTION_REAL && option->value == 0)
                forms += assert_goes_on(rule->name, option->name, 0.5);
        }
    }
    ck_assert_uint_ge(rules, 3);
    ck_assert_uint_ge(forms, 12);
}
END_TEST

START_TEST(keeps_groups_apart)
{
    struct tik_policy *adam = fixture_policy("adam", NULL, 0);
    struct tik_policy *sgd = fixture_policy("sgd", "momentum", 0.9);
    struct tik_optimizer *optimizer = fixture_optimizer(adam, sgd);
    struct tik_optimizer *other = fixture_optimizer(adam, sgd);
    fixture_steps(optimizer, 1, 4);
    fixture_ok(tik_optimizer_set_steps(optimizer, 1, 2));
    struct tik_tensors *state = fixture_state(optimizer);
    ck_assert_str_eq(tik_tensors_metadata(state, "rule"), "adam");
    ck_assert_str_eq(tik_tensors_metadata(state, "step"), "4");
    ck_assert_str_eq(tik_tensors_metadata(state, "group.1.rule"), "sgd");
    ck_assert_str_eq(tik_tensors_metadata(state, "group.1.step"), "2");
    ck_assert(tik_tensors_find(state, "scale.momentum_buffer", NULL));
    fixture_copy_params(optimizer, other);
    fixture_ok(tik_checkpoint_load(other, state));
    fixture_assert_same(optimizer, other);
    tik_tensors_destroy(state);
    tik_optimizer_destroy(other);
    tik_optimizer_destroy(optimizer);

    optimizer = fixture_optimizer(adam, adam);
    fixture_steps(optimizer, 1, 2);
    state = fixture_state(optimizer);
    ck_assert_ptr_null(tik_tensors_metadata(state, "group.1.rule"));
    ck_assert_ptr_null(tik_tensors_metadata(state, "group.1.step"));
    tik_tensors_destroy(state);
    tik_optimizer_destroy(optimizer);
    tik_policy_destroy(sgd);
    tik_policy_destroy(adam);
}
END_TEST

START_TEST(refuses_misuse)
{
    struct tik_optimizer *optimizer = fixture_make("sgd", NULL, 0);
    struct tik_tensors *state = NULL;
    ck_assert_int_eq(tik_checkpoint_save(NULL, &state), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_checkpoint_save(optimizer, NULL), TIK_ERROR_ARGUMENT);
    fixture_ok(tik_checkpoint_save(optimizer, &state));
    ck_assert_uint_eq(tik_tensors_count(state), 0);
    ck_assert_str_eq(tik_tensors_metadata(state, "step"), "0");
    ck_assert_int_eq(tik_checkpoint_load(NULL, state), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_checkpoint_load(optimizer, NULL), TIK_ERROR_ARGUMENT);
    fixture_ok(tik_checkpoint_load(optimizer, state));
    tik_tensors_destroy(state);
    tik_optimizer_destroy(optimizer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkpoint");
    TCase *files = tcase_create("files");
    tcase_add_checked_fixture(files, fixture_start, fixture_stop);
    tcase_set_timeout(files, 60);
    tcase_add_test(files, holds_what_pytorch_names);
    tcase_add_test(files, goes_on_bit_for_bit);
    tcase_add_test(files, keeps_groups_apart);
    tcase_add_test(files, refuses_misuse);
    suite_add_tcase(suite, files);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
