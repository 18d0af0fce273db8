/*
 * What must hold whatever the numbers are: identities between runs, bit for bit where the
 * arithmetic is the same. Arguments: a device ("scalar"), and one case.
 */
#include "suite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SEED = 20261122, COUNT = 2057, STEPS = 3 };

static float param[COUNT], grad[STEPS + 1][COUNT], first[COUNT], second[COUNT];

static void fill(enum suite_values kind)
{
    uint64_t seed = SEED;
    suite_fill(param, COUNT, kind, &seed);
    for (size_t t = 0; t <= STEPS; t++)
        suite_fill(grad[t], COUNT, kind, &seed);
}

static void open_run(struct suite_run *run, const struct tik_policy *policy, size_t parts)
{
    suite_run_open(run, judge_context(), NULL, policy, parts, param, COUNT);
}

/* ---- rules ---- */

static bool is_rule(const char *rule, const char *name)
{
    return strcmp(rule, name) == 0;
}

/* How many elements of `param` the steps move. */
static size_t count_moved(const struct tik_policy *policy, const struct tik_schedule *schedule)
{
    struct suite_run run;
    size_t moved = 0;
    open_run(&run, policy, 1);
    if (schedule != NULL) {
        judge_ok(tik_optimizer_set_schedule(run.optimizer, 0, schedule));
        judge_ok(tik_optimizer_set_steps(run.optimizer, 0, schedule->total_steps));
    }
    for (size_t t = 0; t < STEPS; t++)
        suite_run_step(&run, grad[t]);
    suite_run_read(&run, TIK_PARAM, first);
    for (size_t i = 0; i < COUNT; i++)
        moved += !(first[i] == param[i]);
    suite_run_close(&run);
    return moved;
}

/*
 * lr is a factor of the step of every rule but two. rprop's lr is where its step sizes start, and
 * step_min, 1e-6, raises them from 0 at once. ftrl divides by lr, so 0 is out of its range.
 */
START_TEST(test_lr_0)
{
    const char *rule = tik_rule_at((size_t)_i)->name;
    struct tik_policy *policy = suite_rich_policy(rule);
    fill(SUITE_EDGES);
    if (is_rule(rule, "ftrl")) {
        suite_refused(TIK_ERROR_ARGUMENT, tik_policy_set(policy, "lr", 0), "lr is 0", "(0, inf)");
    } else {
        judge_ok(tik_policy_set(policy, "lr", 0));
        const size_t moved = count_moved(policy, NULL);
        if (is_rule(rule, "rprop"))
            ck_assert_uint_gt(moved, 0);
        else
            ck_assert_uint_eq(moved, 0);
    }
    tik_policy_destroy(policy);
}
END_TEST

/* A schedule that ended at 0 stops ftrl too; rprop's step sizes no longer look at lr. */
START_TEST(test_schedule_at_0)
{
    const char *rule = tik_rule_at((size_t)_i)->name;
    struct tik_policy *policy = suite_rich_policy(rule);
    struct tik_schedule schedule;
    tik_schedule_defaults(&schedule);
    schedule.kind = TIK_SCHEDULE_LINEAR;
    schedule.total_steps = 7;
    fill(SUITE_EDGES);
    ck_assert_double_eq(tik_schedule_at(&schedule, schedule.total_steps + 1), 0);
    const size_t moved = count_moved(policy, &schedule);
    if (is_rule(rule, "rprop"))
        ck_assert_uint_gt(moved, COUNT / 2);
    else
        ck_assert_uint_eq(moved, 0);
    ck_assert_uint_gt(count_moved(policy, NULL), COUNT / 2);
    tik_policy_destroy(policy);
}
END_TEST

/* Without a buffer dampening has nothing to damp, and the step is p - lr*g. */
START_TEST(test_momentum_0_is_sgd)
{
    struct tik_policy *policy = suite_policy(
        "sgd", (struct oracle_option[]){{"lr", 0.3}, {"momentum", 0}, {"dampening", 0.5}, {0}});
    struct suite_run run;
    fill(SUITE_EDGES);
    open_run(&run, policy, 1);
    ck_assert_uint_eq(suite_run_states(&run), 0);
    memcpy(second, param, sizeof second);
    for (size_t t = 0; t < STEPS; t++) {
        suite_run_step(&run, grad[t]);
        for (size_t i = 0; i < COUNT; i++) {
            const float step = 0.3F * grad[t][i];
            second[i] = second[i] - step;
        }
    }
    suite_run_read(&run, TIK_PARAM, first);
    suite_check_words("sgd by hand", first, second, COUNT);
    suite_run_close(&run);
    tik_policy_destroy(policy);
}
END_TEST

/* A rule of norms goes by the tensor: parts of it have other norms than the whole. */
static bool looks_at_tensors(const char *rule)
{
    return oracle_rule_find(rule)->shaped;
}

/* A norm of wild values is not finite, and so would be all that a rule of norms makes of it. */
static enum suite_values values_for(const char *rule)
{
    return looks_at_tensors(rule) ? SUITE_EDGES : SUITE_WILD;
}

/* The parameters in `first` and `second`. */
static void check_different(const char *what)
{
    size_t different = 0;
    for (size_t i = 0; i < COUNT; i++)
        different += !(first[i] == second[i]);
    ck_assert_msg(different > COUNT / 2, "%s: only %zu of %d parameters differ", what, different,
                  COUNT);
}

START_TEST(test_split)
{
    static const size_t parts[] = {2, SUITE_PARTS};
    const char *rule = tik_rule_at((size_t)_i)->name;
    struct tik_policy *policy = suite_rich_policy(rule);
    fill(values_for(rule));
    for (size_t k = 0; k < 2; k++) {
        struct suite_run whole, split;
        open_run(&whole, policy, 1);
        open_run(&split, policy, parts[k]);
        for (size_t t = 0; t < STEPS; t++) {
            suite_run_step(&whole, grad[t]);
            suite_run_step(&split, grad[t]);
        }
        if (looks_at_tensors(rule)) {
            suite_run_read(&whole, TIK_PARAM, first);
            suite_run_read(&split, TIK_PARAM, second);
            check_different("split into tensors");
        } else {
            suite_run_check_same("split into tensors", &whole, &split);
        }
        suite_run_close(&whole);
        suite_run_close(&split);
    }
    tik_policy_destroy(policy);
}
END_TEST

/* Two optimizers over the halves are one over the whole, as long as no norm is shared. */
START_TEST(test_split_step)
{
    enum { HALF = COUNT / 2 };
    const char *rule = tik_rule_at((size_t)_i)->name;
    struct tik_policy *policy = suite_rich_policy(rule);
    struct suite_run whole, lower, upper;
    fill(values_for(rule));
    open_run(&whole, policy, 1);
    suite_run_open(&lower, judge_context(), NULL, policy, 1, param, HALF);
    suite_run_open(&upper, judge_context(), NULL, policy, 1, param + HALF, COUNT - HALF);
    for (size_t t = 0; t < STEPS; t++) {
        suite_run_step(&whole, grad[t]);
        suite_run_step(&lower, grad[t]);
        suite_run_step(&upper, grad[t] + HALF);
    }
    for (int part = TIK_PARAM; part < (int)suite_run_states(&whole); part++) {
        suite_run_read(&whole, part, first);
        suite_run_read(&lower, part, second);
        suite_run_read(&upper, part, second + HALF);
        if (!looks_at_tensors(rule))
            suite_check_words("two halves", first, second, COUNT);
        else if (part == TIK_PARAM)
            check_different("two halves");
    }
    suite_run_close(&whole);
    suite_run_close(&lower);
    suite_run_close(&upper);
    tik_policy_destroy(policy);
}
END_TEST

START_TEST(test_adamw_without_decay_is_adam)
{
    struct tik_policy *adam = suite_rich_policy("adam"), *adamw = suite_rich_policy("adamw");
    struct suite_run one, other;
    judge_ok(tik_policy_set(adam, "weight_decay", 0));
    judge_ok(tik_policy_set(adamw, "weight_decay", 0));
    judge_ok(tik_policy_set(adam, "amsgrad", _i));
    judge_ok(tik_policy_set(adamw, "amsgrad", _i));
    fill(SUITE_WILD);
    open_run(&one, adam, 1);
    open_run(&other, adamw, 1);
    for (size_t t = 0; t < STEPS; t++) {
        suite_run_step(&one, grad[t]);
        suite_run_step(&other, grad[t]);
    }
    suite_run_check_same("adamw without decay", &one, &other);
    suite_run_close(&one);
    suite_run_close(&other);
    tik_policy_destroy(adam);
    tik_policy_destroy(adamw);
}
END_TEST

static struct tik_policy *decaying_sgd(const char *application, double weight, double lr)
{
    struct tik_policy *policy = suite_policy("sgd", (struct oracle_option[]){{"lr", lr}, {0}});
    judge_ok(tik_policy_add_penalty(policy, "l2", NULL));
    judge_ok(tik_policy_set_penalty(policy, 0, "weight", weight));
    judge_ok(tik_policy_set_penalty_text(policy, 0, "application", application));
    return policy;
}

/*
 * lr*(g + w*p) and lr*w*p + lr*g: at most four roundings each on terms, the step's scalars among
 * them, and one of p on either side.
 */
START_TEST(test_sgd_decoupled_is_coupled)
{
    const double lr = 0.3, weight = 0.2;
    struct tik_policy *coupled = decaying_sgd("coupled", weight, lr);
    struct tik_policy *decoupled = decaying_sgd("decoupled", weight, lr);
    struct suite_run one, other;
    fill(SUITE_LEVEL);
    open_run(&one, coupled, 1);
    open_run(&other, decoupled, 1);
    suite_run_step(&one, grad[0]);
    suite_run_step(&other, grad[0]);
    suite_run_read(&one, TIK_PARAM, first);
    suite_run_read(&other, TIK_PARAM, second);
    size_t moved = 0;
    for (size_t i = 0; i < COUNT; i++) {
        const double p = fabs((double)param[i]), g = fabs((double)grad[0][i]);
        const double terms = lr * g + lr * weight * p;
        const double bound = 0x1p-24 * (8 * terms + 2 * (p + terms)) + 0x1p-148;
        ck_assert_msg(fabs((double)first[i] - (double)second[i]) <= bound,
                      "element %zu: coupled 0x%08x, decoupled 0x%08x", i, suite_bits(first[i]),
                      suite_bits(second[i]));
        moved += first[i] != param[i];
    }
    ck_assert_uint_gt(moved, COUNT / 2);
    suite_run_close(&one);
    suite_run_close(&other);
    tik_policy_destroy(coupled);
    tik_policy_destroy(decoupled);
}
END_TEST

/* ---- decay must not be lost ---- */

enum { DECAYING = 1024, LONG = 2000 };

/*
 * A decay of 1e-6, or 1e-8, of p in each of many steps whose gradients are random: these dither
 * the rounding of p, so that on the average over all elements the small decay is there, where it
 * is computed. The loss of |p| by decay, summed over the elements, is compared with doubles; what
 * is left of the dither is below 0.2 % of it. The factor form, p*(1 - decay) - step, is run
 * beside: it is 1.3 % off at 1e-6 and loses all of the decay at 1e-8. The proximal step, which has a
 * rounding of p to itself, keeps 1e-6 so, and loses 1e-8 with any formula (docs/numerics.md).
 */
static void check_decay(const char *application, double decay)
{
    const double lr = 0x1p-8, bound = 0.005;
    static float start[DECAYING], g[DECAYING], left[DECAYING], factored[DECAYING];
    static double exact[DECAYING], plain[DECAYING];
    const float factor = (float)(1 - decay), rate = (float)lr;
    uint64_t seed = SEED;
    for (size_t i = 0; i < DECAYING; i++) {
        start[i] = (float)suite_uniform(&seed, 1, 2) * (i % 2 ? 1 : -1);
        exact[i] = plain[i] = (double)start[i];
        factored[i] = start[i];
    }
    const bool proximal = strcmp(application, "proximal") == 0;
    struct tik_policy *policy = decaying_sgd(application, decay / lr, lr);
    struct suite_run run;
    suite_run_open(&run, judge_context(), NULL, policy, 1, start, DECAYING);
    for (int t = 0; t < LONG; t++) {
        for (size_t i = 0; i < DECAYING; i++) {
            g[i] = (float)suite_uniform(&seed, -0.01, 0.01);
            const double step = lr * (double)g[i];
            exact[i] =
                proximal ? (exact[i] - step) / (1 + decay) : exact[i] - decay * exact[i] - step;
            plain[i] -= lr * (double)g[i];
            factored[i] = factored[i] * factor - rate * g[i];
        }
        suite_run_step(&run, g);
    }
    suite_run_read(&run, TIK_PARAM, left);
    double due = 0, error = 0, factor_error = 0;
    for (size_t i = 0; i < DECAYING; i++) {
        const double sign = i % 2 ? 1 : -1;
        due += sign * (plain[i] - exact[i]);
        error += sign * ((double)left[i] - exact[i]);
        factor_error += sign * ((double)factored[i] - exact[i]);
    }
    ck_assert_msg(fabs(error) <= bound * due, "%s decay %g: off by %.3f %%", application, decay,
                  100 * error / due);
    ck_assert_msg(fabs(factor_error) > bound * due,
                  "decay %g: the factor form is off by %.3f %% only: the test sees nothing", decay,
                  100 * factor_error / due);
    suite_run_close(&run);
    tik_policy_destroy(policy);
}

START_TEST(test_small_decay)
{
    check_decay(_i < 2 ? "decoupled" : "proximal", _i == 1 ? 1e-8 : 1e-6);
}
END_TEST

/* ---- a rule with an iterate ---- */

/* In a box, where a proximal stage keeps z: lr 1/8, so that the first steps reach its walls. */
static struct tik_policy *make_mean(double beta1)
{
    struct tik_policy *policy = suite_policy(
        "schedule_free_adamw",
        (struct oracle_option[]){
            {"lr", 0.125}, {"beta1", beta1}, {"warmup_steps", 4}, {"weight_lr_power", 2}, {0}});
    judge_ok(tik_policy_add_penalty(policy, "box", NULL));
    judge_ok(tik_policy_set_penalty(policy, 0, "low", -0.5));
    judge_ok(tik_policy_set_penalty(policy, 0, "high", 0.75));
    return policy;
}

/*
 * x, as it is read from y and z, is the mean of all z, weighted with lr_t^2: here from its
 * definition, in double. y and z are within 2, 4 roundings of y a step and those of reading it, each
 * of half an ulp of 2 and times 1/beta1, are within 2^-19. So x is in the box, from the first step
 * on, wherever it was before.
 */
START_TEST(test_eval_is_the_mean)
{
    struct tik_policy *policy = make_mean(0.75);
    struct suite_run run;
    double mean[COUNT], sum = 0;
    fill(SUITE_LEVEL);
    open_run(&run, policy, 1);
    for (size_t t = 0; t < STEPS; t++) {
        const double weight = (double)((t + 1) * (t + 1));
        suite_run_step(&run, grad[t]);
        suite_run_read(&run, TIK_STATE, first);
        sum += weight;
        judge_ok(tik_optimizer_read_eval(run.optimizer, 0, second));
        for (size_t i = 0; i < COUNT; i++) {
            mean[i] =
                (t == 0 ? 0 : mean[i]) + ((double)first[i] - (t == 0 ? 0 : mean[i])) * weight / sum;
            ck_assert_double_eq_tol((double)second[i], mean[i], 0x1p-19);
            ck_assert(first[i] >= -0.5F && first[i] <= 0.75F);
        }
    }
    suite_run_close(&run);
    tik_policy_destroy(policy);
}
END_TEST

/* Before a step x is the parameter; read as written: one rounding an operation. */
START_TEST(test_eval_bits)
{
    struct tik_policy *policy = make_mean(0.9);
    struct suite_run run;
    double weight;
    fill(SUITE_LEVEL);
    open_run(&run, policy, 1);
    judge_ok(tik_optimizer_read_eval(run.optimizer, 0, second));
    suite_check_words("before a step", second, param, COUNT);
    suite_run_step(&run, grad[0]);
    suite_run_step(&run, grad[1]);
    judge_ok(tik_policy_eval_weight(policy, &weight));
    ck_assert_double_eq(weight, 1 - 1 / 0.9);
    static float z[COUNT];
    suite_run_read(&run, TIK_PARAM, first);
    suite_run_read(&run, TIK_STATE, z);
    for (size_t i = 0; i < COUNT; i++) {
        const float way = z[i] - first[i];
        const float part = (float)weight * way;
        first[i] = first[i] + part;
    }
    judge_ok(tik_optimizer_read_eval(run.optimizer, 0, second));
    suite_check_words("evaluation point", second, first, COUNT);
    suite_run_close(&run);
    tik_policy_destroy(policy);
}
END_TEST

START_TEST(test_eval_refused)
{
    struct tik_policy *mean = make_mean(0), *other = suite_rich_policy("adamw");
    struct suite_run run;
    double weight;
    fill(SUITE_LEVEL);
    suite_refused(TIK_ERROR_ARGUMENT, tik_policy_eval_weight(mean, &weight), "schedule_free_adamw",
                  "beta1");
    suite_refused(TIK_ERROR_ARGUMENT, tik_policy_eval_weight(other, &weight), "adamw",
                  "at its parameters");
    open_run(&run, other, 1);
    suite_refused(TIK_ERROR_ARGUMENT, tik_optimizer_read_eval(run.optimizer, 0, second), "adamw");
    suite_refused(TIK_ERROR_ARGUMENT, tik_optimizer_read_eval(run.optimizer, 1, second),
                  "tensor 1");
    suite_run_close(&run);
    judge_ok(tik_policy_add_penalty(mean, "l2", NULL));
    judge_ok(tik_policy_set_penalty_text(mean, 1, "application", "decoupled"));
    judge_ok(tik_policy_check(mean));
    judge_ok(tik_policy_set_penalty_text(mean, 1, "order", "before"));
    suite_refused(TIK_ERROR_ARGUMENT, tik_policy_check(mean), "l2", "order", "schedule_free_adamw");
    tik_policy_destroy(mean);
    tik_policy_destroy(other);
}
END_TEST

static Suite *make_suite(void)
{
    int rules = 0;
    while (tik_rule_at((size_t)rules) != NULL)
        rules++;
    Suite *suite = suite_create("properties");
    TCase *test_case = tcase_create("properties");
    tcase_add_loop_test(test_case, test_lr_0, 0, rules);
    tcase_add_loop_test(test_case, test_schedule_at_0, 0, rules);
    tcase_add_test(test_case, test_momentum_0_is_sgd);
    tcase_add_loop_test(test_case, test_split, 0, rules);
    tcase_add_loop_test(test_case, test_split_step, 0, rules);
    tcase_add_loop_test(test_case, test_adamw_without_decay_is_adam, 0, 2);
    tcase_add_test(test_case, test_sgd_decoupled_is_coupled);
    tcase_add_loop_test(test_case, test_small_decay, 0, 3);
    tcase_add_test(test_case, test_eval_is_the_mean);
    tcase_add_test(test_case, test_eval_bits);
    tcase_add_test(test_case, test_eval_refused);
    suite_add_tcase(suite, test_case);
    return suite;
}

int main(int argc, char **argv)
{
    return judge_main(argc, argv, make_suite);
}
