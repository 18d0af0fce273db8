/*
 * What an optimizer keeps between groups and steps: the shared norm, inactive tensors, changed
 * options, schedules, reports, checkpoints, verification. Arguments: a device ("scalar"), and one
 * case.
 */
#include "suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 20261123, COUNT = 2057, STEPS = 3 };

static float param[COUNT], grad[2 * STEPS][COUNT], first[COUNT];

static void fill(enum suite_values kind)
{
    uint64_t seed = SEED;
    suite_fill(param, COUNT, kind, &seed);
    for (size_t t = 0; t < 2 * STEPS; t++)
        suite_fill(grad[t], COUNT, kind, &seed);
}

static void open_run(struct suite_run *run, const struct tik_policy *policy, double max_norm,
                     bool report)
{
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    options.max_norm = max_norm;
    options.report = report;
    suite_run_open(run, judge_context(), &options, policy, 1, param, COUNT);
}

/* ---- the norm ---- */

START_TEST(test_huge_max_norm)
{
    struct tik_policy *policy = suite_rich_policy(tik_rule_at((size_t)_i)->name);
    struct suite_run free_run, clipped;
    fill(SUITE_EDGES);
    open_run(&free_run, policy, 0, false);
    open_run(&clipped, policy, 3e38, false);
    for (size_t t = 0; t < STEPS; t++) {
        suite_run_step(&free_run, grad[t]);
        suite_run_step(&clipped, grad[t]);
    }
    suite_run_check_same("max_norm that nothing reaches", &clipped, &free_run);
    suite_run_close(&free_run);
    suite_run_close(&clipped);
    tik_policy_destroy(policy);
}
END_TEST

/* Weights and biases: the biases in the weights' group, or in one of their own without decay. */
static struct tik_report report_of_biases(bool apart)
{
    enum { WEIGHTS = 1500 };
    struct tik_policy *policy = suite_rich_policy("adamw");
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    options.max_norm = 0.5;
    options.report = true;
    struct tik_optimizer *optimizer;
    judge_ok(tik_optimizer_create(judge_context(), &options, &optimizer));
    judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    tik_policy_clear_penalties(policy);
    judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    const size_t w = suite_add(optimizer, 0, "w", WEIGHTS, param);
    const size_t b = suite_add(optimizer, apart, "b", COUNT - WEIGHTS, param + WEIGHTS);
    judge_ok(tik_optimizer_write(optimizer, w, TIK_GRAD, grad[0]));
    judge_ok(tik_optimizer_write(optimizer, b, TIK_GRAD, grad[0] + WEIGHTS));
    judge_ok(tik_optimizer_step(optimizer));
    struct tik_report of_weights, of_biases;
    judge_ok(tik_optimizer_report(optimizer, 0, &of_weights));
    judge_ok(tik_optimizer_report(optimizer, apart, &of_biases));
    ck_assert(suite_same((float)of_weights.norm, (float)of_biases.norm));
    ck_assert(suite_same((float)of_weights.clip, (float)of_biases.clip));
    ck_assert_uint_eq(of_weights.count, apart ? WEIGHTS : COUNT);
    tik_optimizer_destroy(optimizer);
    tik_policy_destroy(policy);
    return of_biases;
}

START_TEST(test_groups_share_the_norm)
{
    fill(SUITE_LEVEL);
    const struct tik_report together = report_of_biases(false), apart = report_of_biases(true);
    double squares = 0;
    for (size_t i = 0; i < COUNT; i++)
        squares += (double)grad[0][i] * (double)grad[0][i];
    ck_assert_double_eq_tol(together.norm, sqrt(squares), 1e-5 * sqrt(squares));
    ck_assert_double_eq_tol(together.clip, 0.5 / (together.norm + 1e-6), 1e-6 * together.clip);
    ck_assert(suite_same((float)together.norm, (float)apart.norm));
    ck_assert(suite_same((float)together.clip, (float)apart.clip));
}
END_TEST

/* Squares that overflow: an infinite norm, and a step that no gradient takes part in. */
START_TEST(test_norm_overflows)
{
    struct tik_policy *policy = suite_policy("sgd", (struct oracle_option[]){{"lr", 0.5}, {0}});
    struct suite_run run;
    struct tik_report report;
    uint64_t seed = SEED;
    suite_fill(param, COUNT, SUITE_LEVEL, &seed);
    suite_fill(grad[0], COUNT, SUITE_OVERFLOW, &seed);
    open_run(&run, policy, 1, true);
    suite_run_step(&run, grad[0]);
    judge_ok(tik_optimizer_report(run.optimizer, 0, &report));
    ck_assert(isinf(report.norm) && report.norm > 0);
    ck_assert_double_eq(report.clip, 0);
    suite_run_read(&run, TIK_PARAM, first);
    for (size_t i = 0; i < COUNT; i++)
        ck_assert_msg(first[i] == param[i], "element %zu moved from %g to %g", i, (double)param[i],
                      (double)first[i]);
    suite_run_close(&run);
    tik_policy_destroy(policy);
}
END_TEST

/* ---- inactive tensors ---- */

static double step_and_norm(struct tik_optimizer *optimizer)
{
    struct tik_report report;
    judge_ok(tik_optimizer_step(optimizer));
    judge_ok(tik_optimizer_report(optimizer, 0, &report));
    return report.norm;
}

/*
 * Where a state of a parameter p starts that does not start at 0, by the names of states and of the
 * options of their start.
 */
static float initial_value(const struct tik_policy *policy, const char *state, float p)
{
    static const struct {
        const char *rule, *state, *option;
    } starts[] = {
        {"adagrad", "sum", "initial_accumulator_value"},
        {"rprop", "step_size", "lr"},
        {"ftrl", "accumulator", "initial_accumulator_value"},
    };
    double value = 0;
    if (strcmp(tik_policy_rule(policy), "schedule_free_adamw") == 0 && strcmp(state, "z") == 0)
        return p;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strcmp(starts[i].rule, tik_policy_rule(policy)) == 0 &&
            strcmp(starts[i].state, state) == 0) {
            judge_ok(tik_policy_get(policy, starts[i].option, &value));
            ck_assert_double_gt(value, 0);
        }
    return (float)value;
}

START_TEST(test_inactive)
{
    enum { FROZEN = 1031, REST = COUNT - FROZEN };
    struct tik_policy *policy = suite_rich_policy(tik_rule_at((size_t)_i)->name);
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    options.max_norm = 0.5;
    options.report = true;
    struct tik_optimizer *both, *alone;
    fill(SUITE_LEVEL);
    judge_ok(tik_optimizer_create(judge_context(), &options, &both));
    judge_ok(tik_optimizer_create(judge_context(), &options, &alone));
    for (size_t g = 0; g < 2; g++)
        judge_ok(tik_optimizer_add_group(both, policy, NULL));
    judge_ok(tik_optimizer_add_group(alone, policy, NULL));
    const size_t frozen = suite_add(both, 0, "frozen", FROZEN, param);
    const size_t rest = suite_add(both, 0, "rest", REST, param + FROZEN);
    const size_t other = suite_add(both, 1, "other group", FROZEN, param);
    const size_t only = suite_add(alone, 0, "rest", REST, param + FROZEN);
    judge_ok(tik_optimizer_write(both, frozen, TIK_GRAD, grad[0]));
    judge_ok(tik_optimizer_write(both, other, TIK_GRAD, grad[0]));
    judge_ok(tik_optimizer_set_active(both, frozen, false));
    judge_ok(tik_optimizer_set_active(both, other, false));
    for (size_t t = 0; t < STEPS; t++) {
        judge_ok(tik_optimizer_write(both, rest, TIK_GRAD, grad[t]));
        judge_ok(tik_optimizer_write(alone, only, TIK_GRAD, grad[t]));
        const double norm = step_and_norm(both), expected = step_and_norm(alone);
        ck_assert_double_gt(norm, 0);
        ck_assert_double_eq(norm, expected);
    }
    float a[REST], b[REST], kept[FROZEN];
    judge_ok(tik_optimizer_read(both, rest, TIK_PARAM, a));
    judge_ok(tik_optimizer_read(alone, only, TIK_PARAM, b));
    suite_check_words("beside a frozen tensor", a, b, REST);
    judge_ok(tik_optimizer_read(both, frozen, TIK_PARAM, kept));
    suite_check_words("frozen parameter", kept, param, FROZEN);
    struct tik_tensor_info info;
    judge_ok(tik_optimizer_tensor(both, frozen, &info));
    for (size_t k = 0; k < info.state_count; k++) {
        judge_ok(tik_optimizer_read(both, frozen, TIK_STATE + (int)k, kept));
        for (size_t i = 0; i < FROZEN; i++)
            ck_assert_uint_eq(suite_bits(kept[i]),
                              suite_bits(initial_value(policy, info.states[k], param[i])));
    }
    uint64_t steps;
    judge_ok(tik_optimizer_steps(both, 0, &steps));
    ck_assert_uint_eq(steps, STEPS);
    judge_ok(tik_optimizer_steps(both, 1, &steps));
    ck_assert_uint_eq(steps, 0);
    judge_ok(tik_optimizer_set_active(both, frozen, true));
    judge_ok(tik_optimizer_step(both));
    judge_ok(tik_optimizer_read(both, frozen, TIK_PARAM, kept));
    ck_assert_mem_ne(kept, param, sizeof kept);
    tik_optimizer_destroy(both);
    tik_optimizer_destroy(alone);
    tik_policy_destroy(policy);
}
END_TEST

/* ---- options between steps ---- */

static void copy_run(struct suite_run *from, struct suite_run *to)
{
    for (int part = TIK_PARAM; part < (int)suite_run_states(from); part++) {
        suite_run_read(from, part, first);
        suite_run_write(to, part, first);
    }
    uint64_t steps;
    judge_ok(tik_optimizer_steps(from->optimizer, 0, &steps));
    judge_ok(tik_optimizer_set_steps(to->optimizer, 0, steps));
    const char *name;
    for (size_t i = 0; (name = tik_optimizer_carried_name(from->optimizer, 0, i)) != NULL; i++) {
        double value, before;
        judge_ok(tik_optimizer_carried(from->optimizer, 0, name, &value));
        judge_ok(tik_optimizer_carried(to->optimizer, 0, name, &before));
        ck_assert_double_ne(value, before);
        judge_ok(tik_optimizer_set_carried(to->optimizer, 0, name, value));
    }
}

/* Of rprop lr is where a state starts: the new optimizer gets the state of the old one. */
START_TEST(test_changed_options)
{
    static const struct oracle_option changes[] = {{"lr", 0.21},      {"weight_decay", 0.37},
                                                   {"momentum", 0.8}, {"beta2", 0.9},
                                                   {"maximize", 1},   {"l1", 0.3},
                                                   {"l2", 0.2},       {"eta_plus", 1.3}};
    const struct tik_rule_info *rule = tik_rule_at((size_t)_i);
    struct tik_policy *policy = suite_rich_policy(rule->name);
    struct suite_run changed, fresh;
    fill(SUITE_LEVEL);
    open_run(&changed, policy, 0, false);
    for (size_t t = 0; t < STEPS; t++)
        suite_run_step(&changed, grad[t]);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        if (!suite_has_option(rule, changes[i].name))
            continue;
        judge_ok(tik_policy_set(policy, changes[i].name, changes[i].value));
        judge_ok(tik_optimizer_set(changed.optimizer, 0, changes[i].name, changes[i].value));
    }
    if (suite_takes_penalties(rule->name)) {
        judge_ok(tik_policy_set_penalty(policy, 0, "weight", 0.3));
        judge_ok(tik_optimizer_set_penalty(changed.optimizer, 0, 0, "weight", 0.3));
    }
    open_run(&fresh, policy, 0, false);
    copy_run(&changed, &fresh);
    for (size_t t = STEPS; t < 2 * STEPS; t++) {
        suite_run_step(&changed, grad[t]);
        suite_run_step(&fresh, grad[t]);
    }
    suite_run_check_same("options changed between steps", &changed, &fresh);
    suite_run_close(&changed);
    suite_run_close(&fresh);
    tik_policy_destroy(policy);
}
END_TEST

START_TEST(test_schedule_multiplies)
{
    struct tik_policy *policy = suite_rich_policy(tik_rule_at((size_t)_i)->name);
    struct tik_schedule schedule;
    tik_schedule_defaults(&schedule);
    schedule.kind = TIK_SCHEDULE_COSINE;
    schedule.warmup_steps = 2;
    schedule.total_steps = 2 * STEPS;
    schedule.final = 0.1;
    struct suite_run scheduled, by_hand;
    fill(SUITE_LEVEL);
    open_run(&scheduled, policy, 0, true);
    open_run(&by_hand, policy, 0, false);
    judge_ok(tik_optimizer_set_schedule(scheduled.optimizer, 0, &schedule));
    double before = -1;
    for (uint64_t t = 1; t <= 2 * STEPS; t++) {
        const double lr = 0.05 * tik_schedule_at(&schedule, t);
        struct tik_report report;
        judge_ok(tik_optimizer_set(by_hand.optimizer, 0, "lr", lr));
        suite_run_step(&scheduled, grad[t - 1]);
        suite_run_step(&by_hand, grad[t - 1]);
        judge_ok(tik_optimizer_report(scheduled.optimizer, 0, &report));
        ck_assert_double_eq(report.lr, lr);
        ck_assert_double_ne(lr, before);
        before = lr == 0.05 ? -1 : lr; /* the end of the warm-up and the step after it are alike */
    }
    suite_run_check_same("schedule", &scheduled, &by_hand);
    suite_run_close(&scheduled);
    suite_run_close(&by_hand);
    tik_policy_destroy(policy);
}
END_TEST

START_TEST(test_checkpoint)
{
    struct tik_policy *policy = suite_rich_policy(tik_rule_at((size_t)_i)->name);
    struct suite_run on, restored;
    struct tik_tensors *state;
    fill(SUITE_LEVEL);
    open_run(&on, policy, 0, false);
    for (size_t t = 0; t < STEPS; t++)
        suite_run_step(&on, grad[t]);
    judge_ok(tik_checkpoint_save(on.optimizer, &state));
    suite_run_read(&on, TIK_PARAM, param);
    open_run(&restored, policy, 0, false);
    judge_ok(tik_checkpoint_load(restored.optimizer, state));
    for (size_t t = STEPS; t < 2 * STEPS; t++) {
        suite_run_step(&on, grad[t]);
        suite_run_step(&restored, grad[t]);
    }
    suite_run_check_same("from a checkpoint on", &restored, &on);
    tik_tensors_destroy(state);
    suite_run_close(&on);
    suite_run_close(&restored);
    tik_policy_destroy(policy);
}
END_TEST

/* ---- reports ---- */

/*
 * What a policy's report adds up: decay/2 ||p||^2 of weight_decay and l1 ||p||_1 of the soft
 * threshold. A rule without weight_decay has no such term, nor has one that takes it into its own
 * step; ftrl's own l1 and l2 are options of the rule, no penalties of the group.
 */
struct terms {
    double decay, l1;
};

/*
 * So wide a threshold that every rule has exact zeros: with l1 = 1 it is lr, the step of a rule
 * that goes by signs. ftrl, which sums up gradients, has a threshold of its own.
 */
static struct tik_policy *reporting_policy(const char *rule, struct terms *terms)
{
    struct tik_policy *policy = suite_rich_policy(rule);
    *terms = (struct terms){0};
    if (oracle_rule_find(rule)->decay != NULL)
        judge_ok(tik_policy_get(policy, "weight_decay", &terms->decay));
    if (suite_takes_penalties(rule)) {
        terms->l1 = 1;
        judge_ok(tik_policy_set_penalty(policy, 0, "weight", terms->l1));
    } else {
        judge_ok(tik_policy_set(policy, "l1", 1));
    }
    return policy;
}

/* In double. */
static void check_report(const struct tik_report *report, const struct terms *terms, const float *p)
{
    double squares = 0, sum = 0;
    uint64_t zeros = 0;
    for (size_t i = 0; i < COUNT; i++) {
        squares += (double)p[i] * (double)p[i];
        sum += fabs((double)p[i]);
        zeros += p[i] == 0;
    }
    const double penalty = terms->decay / 2 * squares + terms->l1 * sum;
    ck_assert_uint_eq(report->count, COUNT);
    ck_assert_uint_gt(zeros, 0);
    ck_assert_uint_eq(report->zeros, zeros);
    ck_assert_double_eq_tol(report->half_squared_norm, squares / 2, 1e-6 * squares);
    ck_assert_double_le(fabs(report->penalty - penalty), 2e-6 * penalty);
    ck_assert_double_eq(report->norm, 0);
    ck_assert_double_eq(report->clip, 1);
}

START_TEST(test_report)
{
    struct terms terms;
    struct tik_policy *policy = reporting_policy(tik_rule_at((size_t)_i)->name, &terms);
    struct suite_run run;
    struct tik_report report;
    fill(SUITE_LEVEL);
    open_run(&run, policy, 0, true);
    suite_refused(TIK_ERROR_ARGUMENT, tik_optimizer_report(run.optimizer, 0, &report), "step");
    for (size_t t = 0; t < STEPS; t++) {
        suite_run_step(&run, grad[t]);
        judge_ok(tik_optimizer_report(run.optimizer, 0, &report));
        suite_run_read(&run, TIK_PARAM, first);
        check_report(&report, &terms, first);
    }
    suite_run_close(&run);
    tik_policy_destroy(policy);
}
END_TEST

/* A report is of a step: when the tensors are others since, it is that step's or none. */
START_TEST(test_report_of_another_step)
{
    struct terms terms;
    struct tik_policy *policy = reporting_policy("sgd", &terms);
    struct suite_run run;
    struct tik_report report, later;
    fill(SUITE_LEVEL);
    open_run(&run, policy, 0, true);
    suite_add(run.optimizer, 0, "more", COUNT, param);
    suite_run_step(&run, grad[0]);
    judge_ok(tik_optimizer_report(run.optimizer, 0, &report));
    judge_ok(tik_optimizer_set_active(run.optimizer, 1, false));
    suite_run_read(&run, TIK_PARAM, first);
    if (tik_optimizer_report(run.optimizer, 0, &later) == TIK_OK) {
        ck_assert_uint_eq(later.count, report.count);
        ck_assert_double_eq(later.half_squared_norm, report.half_squared_norm);
    }
    suite_run_step(&run, grad[1]);
    suite_run_read(&run, TIK_PARAM, first);
    judge_ok(tik_optimizer_report(run.optimizer, 0, &report));
    check_report(&report, &terms, first);
    suite_run_close(&run);
    tik_policy_destroy(policy);
}
END_TEST

/* ---- verification ---- */

START_TEST(test_verify)
{
    static const struct {
        enum tik_verify verify;
        size_t blocks;
    } ways[] = {{TIK_VERIFY_ALL, 4},
                {TIK_VERIFY_SAMPLE, 1},
                {TIK_VERIFY_SAMPLE, SIZE_MAX / 8 + 1},
                {TIK_VERIFY_SAMPLE, SIZE_MAX}};
    struct tik_policy *policy = suite_rich_policy("adamw");
    struct tik_optimizer_options options;
    tik_optimizer_defaults(&options);
    options.verify = ways[_i].verify;
    options.verify_blocks = ways[_i].blocks;
    options.max_norm = 0.5;
    struct suite_run run;
    struct tik_optimizer_stats stats;
    fill(SUITE_LEVEL);
    suite_run_open(&run, judge_context(), &options, policy, 2, param, COUNT);
    for (size_t t = 0; t < STEPS; t++)
        suite_run_step(&run, grad[t]);
    tik_optimizer_stats(run.optimizer, &stats);
    const size_t arrays = 1 + suite_run_states(&run);
    ck_assert_uint_eq(stats.steps, STEPS);
    ck_assert_uint_eq(stats.mismatches, 0);
    ck_assert_uint_eq(stats.fallbacks, 0);
    ck_assert_uint_eq(stats.verified_steps, judge_on_scalar() ? 0 : STEPS);
    const uint64_t all = (uint64_t)(STEPS * COUNT * arrays);
    if (judge_on_scalar())
        ck_assert_uint_eq(stats.verified_words, 0);
    else if (ways[_i].verify == TIK_VERIFY_ALL)
        ck_assert_uint_eq(stats.verified_words, all);
    else
        ck_assert(stats.verified_words > 0 && stats.verified_words <= 2 * all);
    suite_run_close(&run);
    tik_policy_destroy(policy);
}
END_TEST

static Suite *make_suite(void)
{
    int rules = 0;
    while (tik_rule_at((size_t)rules) != NULL)
        rules++;
    Suite *suite = suite_create("groups");
    TCase *test_case = tcase_create("groups");
    tcase_add_loop_test(test_case, test_huge_max_norm, 0, rules);
    tcase_add_test(test_case, test_groups_share_the_norm);
    tcase_add_test(test_case, test_norm_overflows);
    tcase_add_loop_test(test_case, test_inactive, 0, rules);
    tcase_add_loop_test(test_case, test_changed_options, 0, rules);
    tcase_add_loop_test(test_case, test_schedule_multiplies, 0, rules);
    tcase_add_loop_test(test_case, test_checkpoint, 0, rules);
    tcase_add_loop_test(test_case, test_report, 0, rules);
    tcase_add_test(test_case, test_report_of_another_step);
    tcase_add_loop_test(test_case, test_verify, 0, 4);
    suite_add_tcase(suite, test_case);
    return suite;
}

int main(int argc, char **argv)
{
    return judge_main(argc, argv, make_suite);
}
