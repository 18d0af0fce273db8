/*
 * The library against the double oracle: every rule in its forms with every penalty in its
 * applications, one step at a time; clip, report and schedules. Arguments: a device ("scalar"), one
 * case (all: tables, a rule's name, shapes, clip, report, schedules), text in the label of a policy (all).
 */
#include "judge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { COUNT = 1100, SEED = 20261122 };

static const struct tik_schedule schedule = {
    .kind = TIK_SCHEDULE_COSINE,
    .warmup_steps = 2,
    .warmup_start = 0.25,
    .step_size = 1,
    .gamma = 0.1,
    .total_steps = 20,
    .final = 0.05,
};

static void set_option(struct oracle_policy *policy, const char *name, double value)
{
    size_t i = 0;
    while (i < ORACLE_OPTIONS && policy->options[i].name && strcmp(policy->options[i].name, name))
        i++;
    ck_assert_uint_lt(i, ORACLE_OPTIONS);
    policy->options[i] = (struct oracle_option){name, value};
}

static struct oracle_policy make_policy(const struct oracle_rule *rule,
                                        const struct oracle_form *form,
                                        const struct judge_form *penalty)
{
    struct oracle_policy policy = {.rule = rule->name};
    memcpy(policy.options, form->options, sizeof policy.options);
    memcpy(policy.penalties, penalty->penalties, sizeof policy.penalties);
    if (penalty->weight_decay >= 0 && oracle_has_option(rule, "weight_decay"))
        set_option(&policy, "weight_decay", penalty->weight_decay);
    return policy;
}

/* Whether a rule that has a weight_decay of its own refuses the penalty. */
static bool doubles_decay(const struct oracle_rule *rule, const struct oracle_penalty *penalty)
{
    return rule->own_decay && strcmp(penalty->name, "l2") == 0 &&
           strcmp(penalty->application, "proximal") != 0;
}

/* What a rule, or the rule beside a penalty, can be judged with at all. */
static bool is_possible(const struct oracle_rule *rule, const struct judge_form *form)
{
    if (form->penalties[0].name == NULL)
        return true;
    if (doubles_decay(rule, &form->penalties[0]))
        return false;
    return !rule->alone && (rule->diagonal || !form->penalties[0].diagonal);
}

/* The smaller of two limits, of which 0 is none. */
static double limit_of(const struct oracle_rule *rule, const struct judge_form *form)
{
    if (rule->limit == 0 || form->limit == 0)
        return fmax(rule->limit, form->limit);
    return fmin(rule->limit, form->limit);
}

/* COUNT elements, in the shape that the rule takes. */
static struct judge_part make_part(const struct oracle_policy *policy)
{
    struct judge_part part = {.policy = *policy, .count = COUNT};
    if (oracle_rule_find(policy->rule)->matrices) {
        part.rows = 25;
        part.cols = COUNT / part.rows;
    }
    return part;
}

/* From zero states on, then from states of the fixture; bias corrections large, small and none. */
static void judge_policy_steps(const struct oracle_policy *policy, const char *label,
                               const struct judge_form *form, struct judge_tally *tally)
{
    static const uint64_t steps[] = {1, 2, 3, 7, 8, 1000};
    bool plain = form->penalties[0].name == NULL && form->weight_decay == 0;
    struct judge_run run = {
        .label = label,
        .schedule = plain ? NULL : &schedule,
        .report = !plain,
        .parts = {make_part(policy)},
        .part_count = 1,
        .tally = tally,
    };
    judge_run_create(&run);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        bool continues = i > 0 && steps[i] == steps[i - 1] + 1;
        if (continues)
            judge_run_gradients(&run, SEED + steps[i]);
        else
            judge_run_fill(&run, SEED + steps[i], steps[i] == 1);
        judge_run_limit(&run, limit_of(oracle_rule_find(policy->rule), form));
        judge_run_step(&run, steps[i]);
    }
    judge_run_destroy(&run);
}

/*
 * Every form of a rule with every penalty on the scalar path. On a device, where each policy is a
 * program to build, every form without penalty, all penalties with the first form of the first
 * rule, and every 36th with that of each other, which of them by the rule. That the device gives the
 * scalar path's bits for the rest is another suite's work.
 */
static bool is_judged(int rule, size_t form, size_t penalty)
{
    if (judge_on_scalar() || judge_narrowed() || penalty == 0)
        return true;
    return form == 0 && (rule == 0 || penalty % 36 == (size_t)rule % 36);
}

START_TEST(test_rule_steps)
{
    const struct oracle_rule *rule = oracle_rule_find(tik_rule_at((size_t)_i)->name);
    ck_assert_msg(rule != NULL, "rule %s has no oracle", tik_rule_at((size_t)_i)->name);
    struct judge_tally tally = {.subject = rule->name};
    const struct judge_form *forms;
    size_t form_count = judge_forms(&forms);
    for (size_t j = 0; j < form_count; j++) /* without penalty first: what is wrong is soon seen */
        for (size_t i = 0; rule->forms[i].name; i++) {
            if (!is_possible(rule, &forms[j]) || !is_judged(_i, i, j))
                continue;
            struct oracle_policy policy = make_policy(rule, &rule->forms[i], &forms[j]);
            char label[160];
            snprintf(label, sizeof label, "%s, %s", rule->forms[i].name, forms[j].label);
            if (judge_wanted(label) && tally.failures == 0)
                judge_policy_steps(&policy, label, &forms[j], &tally);
        }
    judge_finish(&tally);
}
END_TEST

/* New tensors whose gradients are all 0, then new ones of which p is: a norm to divide by is 0. */
static void judge_still(struct judge_run *run)
{
    for (int still = 0; still < 2; still++) {
        judge_run_fill(run, SEED, true);
        judge_run_level(run, SEED);
        judge_run_uniform(run, SEED, still == 0 ? 0 : 0.7);
        for (size_t i = 0; i < run->part_count && still == 1; i++)
            memset(run->parts[i].p, 0, run->parts[i].count * sizeof *run->parts[i].p);
        judge_run_step(run, 1);
    }
}

/*
 * Tensors of one group, of several blocks, as vectors and matrices; parameters and gradients of one
 * size, so that every element counts in a norm. The fixture's states at t = 7.
 */
static void judge_shapes(const struct oracle_policy *policy, const char *label, double limit,
                         struct judge_tally *tally)
{
    const bool matrices = oracle_rule_find(policy->rule)->matrices;
    struct judge_run run = {
        .label = label,
        .report = true,
        .parts = {{.policy = *policy, .count = 40 * 25, .rows = 40, .cols = 25},
                  {.policy = *policy, .count = 3 * 700, .rows = 3, .cols = 700, .joins = true},
                  {.policy = *policy, .count = 1030, .joins = true},
                  {.policy = *policy,
                   .count = 7 * 5 * 31,
                   .depth = 7,
                   .rows = 5,
                   .cols = 31,
                   .joins = true},
                  {.policy = *policy,
                   .count = 3 * 33,
                   .depth = 3,
                   .rows = 33,
                   .cols = 1,
                   .joins = true}},
        .part_count = matrices ? 3 : 5,
        .tally = tally,
    };
    if (matrices) /* the transpose of the first's shape, which a rule may take together with it */
        run.parts[2] = (struct judge_part){
            .policy = *policy, .count = 25 * 40, .rows = 25, .cols = 40, .joins = true};
    judge_run_create(&run);
    for (uint64_t t = 1; t <= 7; t += 3) {
        judge_run_fill(&run, SEED + t, t == 1);
        if (t != 4) {
            judge_run_level(&run, SEED + t);
            judge_run_uniform(&run, SEED + t, t == 1 ? 3 : 0.02);
        }
        judge_run_limit(&run, limit);
        judge_run_step(&run, t);
    }
    judge_still(&run);
    judge_run_destroy(&run);
}

/* Rules that look at a tensor in all their forms, others in one. */
START_TEST(test_rule_shapes)
{
    const struct oracle_rule *rule = oracle_rule_find(tik_rule_at((size_t)_i)->name);
    ck_assert_msg(rule != NULL, "rule %s has no oracle", tik_rule_at((size_t)_i)->name);
    struct judge_tally tally = {.subject = rule->name};
    const struct judge_form none = {.weight_decay = -1};
    for (size_t i = 0; rule->forms[i].name && (i == 0 || rule->shaped); i++) {
        struct oracle_policy policy = make_policy(rule, &rule->forms[i], &none);
        char label[160];
        snprintf(label, sizeof label, "%s, shapes", rule->forms[i].name);
        if (judge_wanted(label))
            judge_shapes(&policy, label, rule->limit, &tally);
    }
    if (judge_narrowed() && tally.values == 0)
        return; /* the text is of a label of the steps, which fail where there is none */
    judge_finish(&tally);
}
END_TEST

/* Penalties of every form beside the first rule and beside an adaptive one. */
START_TEST(test_penalty_shapes)
{
    static const char *const names[] = {"sgd", "adamw"};
    const struct oracle_rule *rule = oracle_rule_find(names[_i]);
    struct judge_tally tally = {.subject = "shapes"};
    const struct judge_form *forms;
    size_t form_count = judge_forms(&forms);
    for (size_t i = 0; i < form_count; i++) {
        const struct oracle_penalty *penalty = &forms[i].penalties[0];
        bool shaped = penalty->name && oracle_penalty_find(penalty->name)->shaped;
        if (!is_possible(rule, &forms[i]) || (!shaped && i % 5 != 0) || !is_judged(_i, 0, i))
            continue;
        struct oracle_policy policy = make_policy(rule, &rule->forms[0], &forms[i]);
        char label[160];
        snprintf(label, sizeof label, "%s, %s, shapes", rule->name, forms[i].label);
        if (judge_wanted(label))
            judge_shapes(&policy, label, forms[i].limit, &tally);
    }
    judge_finish(&tally);
}
END_TEST

/* Clipped steps of three groups; the last one has a tensor that is idle but for one step. */
static void judge_clip(double size, double ratio, struct judge_tally *tally)
{
    const struct oracle_policy plain = {.rule = "sgd", .options = {{"lr", 0.37}}};
    const struct oracle_policy decayed = {.rule = "adamw",
                                          .options = {{"lr", 0.37}, {"eps", 1e-3}}};
    char label[64];
    snprintf(label, sizeof label, "gradients %g, max_norm %g of the norm", size, ratio);
    /* The norm of n uniform numbers in [-size, size] is near size sqrt(n / 3). */
    double norm = size * sqrt((1300 + 7 + 20) / 3.0);
    struct judge_run run = {
        .label = label,
        .max_norm = norm > 0 ? ratio * norm : ratio,
        .report = true,
        .parts = {{.policy = plain, .count = 1300},
                  {.policy = decayed, .count = 7},
                  {.policy = decayed, .count = 20, .joins = true},
                  {.policy = plain, .count = 11, .idle = true}},
        .part_count = 4,
        .tally = tally,
    };
    judge_run_create(&run);
    for (uint64_t t = 1; t <= 3; t++) {
        run.parts[3].idle = t != 2;
        judge_run_fill(&run, SEED + t, t == 1);
        judge_run_uniform(&run, SEED + 10 * t, size);
        judge_run_step(&run, t);
    }
    judge_run_destroy(&run);
}

START_TEST(test_clip)
{
    static const double sizes[] = {1, 1e-7, 1e8}, ratios[] = {0.03, 0.9, 1.3, 40};
    struct judge_tally tally = {.subject = "clip"};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (size_t j = 0; j < sizeof ratios / sizeof ratios[0]; j++)
            judge_clip(sizes[i], ratios[j], &tally);
    judge_clip(0, 1, &tally);      /* no gradient at all: nothing to divide by */
    judge_clip(0, 1e-8, &tally);   /* and max_norm below eps */
    judge_clip(1e30, 0.5, &tally); /* finite, but the norm is not: the factor is 0 */
    judge_finish(&tally);
}
END_TEST

/*
 * Parameters of one size in tensors of several blocks and of none, and one that is idle: what the
 * rules' own fixtures, where the largest parameter hides the others, cannot show of the sums.
 */
START_TEST(test_report)
{
    struct judge_tally tally = {.subject = "report"};
    const struct judge_form *forms;
    size_t form_count = judge_forms(&forms);
    for (size_t i = 0; i < form_count; i++) {
        if (i % 4 != 0 && !judge_on_scalar())
            continue;
        const char *name = forms[i].penalties[0].diagonal ? "adamw" : tik_rule_at(0)->name;
        const struct oracle_rule *rule = oracle_rule_find(name);
        struct oracle_policy policy = make_policy(rule, &rule->forms[0], &forms[i]);
        struct judge_run run = {
            .label = forms[i].label,
            .schedule = &schedule,
            .report = true,
            .parts = {{.policy = policy, .count = 2500},
                      {.policy = policy, .count = 0, .joins = true},
                      {.policy = policy, .count = 1024, .joins = true},
                      {.policy = policy, .count = 30, .joins = true, .idle = true}},
            .part_count = 4,
            .tally = &tally,
        };
        judge_run_create(&run);
        judge_run_fill(&run, SEED, true);
        judge_run_level(&run, SEED + i);
        judge_run_uniform(&run, SEED, 0.1);
        judge_run_step(&run, 1);
        judge_run_destroy(&run);
    }
    judge_finish(&tally);
}
END_TEST

/* What a missing oracle, option, default or state would hide. */
START_TEST(test_rule_tables)
{
    const struct tik_rule_info *info = tik_rule_at((size_t)_i);
    const struct oracle_rule *rule = oracle_rule_find(info->name);
    ck_assert_msg(rule != NULL, "rule %s has no oracle", info->name);
    ck_assert_msg(rule->forms[0].name != NULL, "the oracle of %s has no form", info->name);
    for (size_t i = 0; i < info->option_count; i++) {
        const struct tik_option *option = &info->options[i];
        ck_assert_msg(oracle_has_option(rule, option->name), "the oracle of %s knows no option %s",
                      info->name, option->name);
        double value =
            oracle_value(rule, &(struct oracle_policy){.rule = info->name}, option->name);
        ck_assert_msg(option->value == value, "%s: %s is %.17g, should be %.17g", info->name,
                      option->name, option->value, value);
    }
    size_t options = 0, states = 0;
    while (rule->options[options].name)
        options++;
    while (states < ORACLE_STATES && rule->states[states].name)
        states++;
    ck_assert_msg(options == info->option_count, "%s has %zu options, should have %zu", info->name,
                  info->option_count, options);
    ck_assert_msg(states == info->state_count, "%s has %zu states, should have %zu", info->name,
                  info->state_count, states);
    for (size_t i = 0; i < states; i++)
        ck_assert_str_eq(info->states[i], rule->states[i].name);
}
END_TEST

/* Beside the application, whose default is a word and not a number, all that the oracle knows. */
static void check_penalty_options(const struct tik_penalty_info *info,
                                  const struct oracle_option *options)
{
    for (; options && options->name; options++) {
        size_t i = 0;
        while (i < info->option_count && strcmp(info->options[i].name, options->name) != 0)
            i++;
        ck_assert_msg(i < info->option_count, "%s has no option %s", info->name, options->name);
        ck_assert_msg(info->options[i].value == options->value, "%s: %s is %.17g, should be %.17g",
                      info->name, options->name, info->options[i].value, options->value);
    }
}

/* What has no form would be judged with no rule. */
static void check_penalty_forms(const struct tik_penalty_info *info)
{
    const struct judge_form *forms;
    size_t count = judge_forms(&forms), found = 0;
    for (size_t i = 0; i < count; i++)
        found += forms[i].penalties[0].name && strcmp(forms[i].penalties[0].name, info->name) == 0;
    ck_assert_msg(found > 0, "the judge has no form of the penalty %s", info->name);
}

START_TEST(test_penalty_tables)
{
    size_t count = 0;
    for (; tik_penalty_at(count); count++) {
        const struct tik_penalty_info *info = tik_penalty_at(count);
        const struct oracle_penalty_rule *rule = oracle_penalty_find(info->name);
        ck_assert_msg(rule != NULL, "penalty %s has no oracle", info->name);
        ck_assert_msg(rule->applications == info->applications,
                      "%s allows the applications 0x%x, should allow 0x%x", info->name,
                      info->applications, rule->applications);
        check_penalty_options(info, rule->options);
        check_penalty_forms(info);
    }
    ck_assert_msg(count > 0, "there is no penalty");
}
END_TEST

/* Whether the library takes the penalty beside the rule; an error has to name the rule. */
static void check_pair(const struct oracle_rule *rule, const struct oracle_penalty *penalty)
{
    const bool good = !rule->alone && !doubles_decay(rule, penalty);
    struct tik_policy *policy;
    judge_ok(tik_policy_create(rule->name, &policy));
    judge_ok(tik_policy_add_penalty(policy, penalty->name, NULL));
    judge_ok(tik_policy_set_penalty_text(policy, 0, "application", penalty->application));
    enum tik_status status = tik_policy_check(policy);
    ck_assert_msg(status == (good ? TIK_OK : TIK_ERROR_ARGUMENT), "%s with %s, %s, is %s, not %s",
                  rule->name, penalty->name, penalty->application, tik_status_name(status),
                  good ? "ok" : "an error");
    ck_assert_msg(good || strstr(tik_last_error(), rule->name),
                  "the error does not name the rule %s: %s", rule->name, tik_last_error());
    tik_policy_destroy(policy);
}

/* A rule that takes no penalty, or no second decay, says so where others take all. */
START_TEST(test_rule_penalties)
{
    static const struct {
        enum tik_application bit;
        const char *application;
    } ways[] = {{TIK_COUPLED, "coupled"}, {TIK_DECOUPLED, "decoupled"}, {TIK_PROXIMAL, "proximal"}};
    const struct oracle_rule *rule = oracle_rule_find(tik_rule_at((size_t)_i)->name);
    ck_assert_msg(rule != NULL, "rule %s has no oracle", tik_rule_at((size_t)_i)->name);
    for (size_t i = 0; tik_penalty_at(i); i++)
        for (size_t k = 0; k < sizeof ways / sizeof ways[0]; k++)
            if (tik_penalty_at(i)->applications & (unsigned)ways[k].bit)
                check_pair(rule, &(struct oracle_penalty){.name = tik_penalty_at(i)->name,
                                                          .application = ways[k].application});
}
END_TEST

/* A rule of matrices refuses other tensors, and names itself; all others take them. */
START_TEST(test_rule_ranks)
{
    const struct oracle_rule *rule = oracle_rule_find(tik_rule_at((size_t)_i)->name);
    ck_assert_msg(rule != NULL, "rule %s has no oracle", tik_rule_at((size_t)_i)->name);
    for (size_t rank = 1; rank <= 3; rank++) {
        const size_t shape[] = {3, 2, 5};
        const struct oracle_policy policy = {.rule = rule->name};
        struct tik_policy *made = judge_policy(&policy);
        struct tik_optimizer *optimizer;
        size_t group, index;
        judge_ok(tik_optimizer_create(judge_context(), NULL, &optimizer));
        judge_ok(tik_optimizer_add_group(optimizer, made, &group));
        struct tik_tensor tensor = {
            .name = "p", .rank = rank, .shape = shape, .memory = TIK_MEMORY_LIBRARY};
        enum tik_status status = tik_optimizer_add_tensor(optimizer, group, &tensor, &index);
        bool good = rank == 2 || !rule->matrices;
        ck_assert_msg(status == (good ? TIK_OK : TIK_ERROR_ARGUMENT),
                      "%s with a tensor of rank %zu is %s, should be %s", rule->name, rank,
                      tik_status_name(status), good ? "ok" : "an error");
        ck_assert_msg(good || strstr(tik_last_error(), rule->name),
                      "the error does not name the rule %s: %s", rule->name, tik_last_error());
        tik_optimizer_destroy(optimizer);
        tik_policy_destroy(made);
    }
}
END_TEST

/*
 * A diagonal metric is for a proximal penalty that is a sum over elements, under a rule whose
 * elements have a step of their own; elsewhere it is an error.
 */
START_TEST(test_metric)
{
    const struct oracle_rule *rule = oracle_rule_find(tik_rule_at((size_t)_i)->name);
    for (size_t i = 0; tik_penalty_at(i) && rule && !rule->alone; i++) {
        const struct tik_penalty_info *info = tik_penalty_at(i);
        bool known = false;
        for (size_t k = 0; k < info->option_count; k++)
            known |= strcmp(info->options[k].name, "metric") == 0;
        bool good = known && rule->diagonal && oracle_penalty_find(info->name)->separable;
        struct tik_policy *policy;
        judge_ok(tik_policy_create(rule->name, &policy));
        judge_ok(tik_policy_add_penalty(policy, info->name, NULL));
        judge_ok(tik_policy_set_penalty_text(policy, 0, "application", "proximal"));
        enum tik_status status = tik_policy_set_penalty_text(policy, 0, "metric", "diagonal");
        if (status == TIK_OK)
            status = tik_policy_check(policy);
        ck_assert_msg(status == (good ? TIK_OK : TIK_ERROR_ARGUMENT),
                      "%s with a diagonal %s is %s, should be %s", rule->name, info->name,
                      tik_status_name(status), good ? "ok" : "an error");
        tik_policy_destroy(policy);
    }
}
END_TEST

static void judge_schedule(const char *label, const struct tik_schedule *one,
                           struct judge_tally *tally)
{
    judge_ok(tik_schedule_check(one));
    for (uint64_t t = 1; t <= 64; t++)
        judge_value(tally, label, t, tik_schedule_at(one, t), oracle_schedule(one, t), 1e-13);
}

START_TEST(test_schedules)
{
    struct judge_tally tally = {.subject = "schedules", .conformance = TIK_EXACT};
    for (uint64_t warmup = 0; warmup <= 9; warmup += 3) {
        struct tik_schedule one;
        tik_schedule_defaults(&one);
        one.warmup_steps = warmup;
        one.warmup_start = warmup == 9 ? 0.2 : 0;
        judge_schedule("constant", &one, &tally);
        one.kind = TIK_SCHEDULE_STEP;
        one.step_size = 7;
        one.gamma = 0.6;
        judge_schedule("step", &one, &tally);
        one.kind = TIK_SCHEDULE_COSINE;
        one.total_steps = 40;
        judge_schedule("cosine to 0", &one, &tally);
        one.final = 0.1;
        judge_schedule("cosine to 0.1", &one, &tally);
    }
    judge_finish(&tally);
}
END_TEST

/*
 * A cosine down to 0 and on: p is then moved by nothing but a box, and no rule that divides by lr,
 * or penalty whose closed form has lr in it, makes a NaN of it.
 */
START_TEST(test_schedule_to_0)
{
    const struct tik_schedule cosine = {
        .kind = TIK_SCHEDULE_COSINE, .step_size = 1, .gamma = 0.1, .total_steps = 4};
    const struct oracle_rule *rule = oracle_rule_find(tik_rule_at((size_t)_i)->name);
    struct judge_tally tally = {.subject = "lr of 0"};
    const struct judge_form *forms;
    size_t form_count = judge_forms(&forms);
    ck_assert_double_eq(tik_schedule_at(&cosine, 5), 0);
    for (size_t i = 0; i < form_count; i++) {
        if (!is_possible(rule, &forms[i]) || !is_judged(_i, 0, i))
            continue;
        struct oracle_policy policy = make_policy(rule, &rule->forms[0], &forms[i]);
        struct judge_run run = {
            .label = forms[i].label,
            .schedule = &cosine,
            .parts = {make_part(&policy)},
            .part_count = 1,
            .tally = &tally,
        };
        judge_run_create(&run);
        judge_run_fill(&run, SEED + i, false);
        for (uint64_t t = 4; t <= 6; t++) {
            judge_run_limit(&run, limit_of(rule, &forms[i]));
            judge_run_step(&run, t);
        }
        judge_run_destroy(&run);
    }
    judge_finish(&tally);
}
END_TEST

/* The closed forms themselves, at points known without them. */
START_TEST(test_schedule_points)
{
    struct tik_schedule one;
    tik_schedule_defaults(&one);
    ck_assert_double_eq(tik_schedule_at(&one, 1), 1);
    one.warmup_steps = 4;
    ck_assert_double_eq(tik_schedule_at(&one, 1), 0.25);
    ck_assert_double_eq(tik_schedule_at(&one, 4), 1);
    ck_assert_double_eq(tik_schedule_at(&one, 5), 1);
    one.kind = TIK_SCHEDULE_COSINE;
    one.total_steps = 104;
    ck_assert_double_eq_tol(tik_schedule_at(&one, 5), 1, 1e-15);
    ck_assert_double_eq_tol(tik_schedule_at(&one, 55), 0.5, 1e-15);
    ck_assert_double_eq_tol(tik_schedule_at(&one, 105), 0, 1e-15);
    one.kind = TIK_SCHEDULE_STEP;
    one.step_size = 10;
    one.gamma = 0.5;
    ck_assert_double_eq(tik_schedule_at(&one, 14), 1);
    ck_assert_double_eq(tik_schedule_at(&one, 15), 0.5);
    ck_assert_double_eq(tik_schedule_at(&one, 25), 0.25);
}
END_TEST

static int rule_count(void)
{
    int count = 0;
    while (tik_rule_at((size_t)count))
        count++;
    return count;
}

static Suite *make_suite(void)
{
    Suite *suite = suite_create("oracle");
    TCase *tables = tcase_create("tables");
    tcase_add_loop_test(tables, test_rule_tables, 0, rule_count());
    tcase_add_loop_test(tables, test_rule_penalties, 0, rule_count());
    tcase_add_loop_test(tables, test_metric, 0, rule_count());
    tcase_add_loop_test(tables, test_rule_ranks, 0, rule_count());
    tcase_add_test(tables, test_penalty_tables);
    suite_add_tcase(suite, tables);
    for (int i = 0; i < rule_count(); i++) {
        TCase *steps = tcase_create(tik_rule_at((size_t)i)->name);
        tcase_set_timeout(steps, 600);
        tcase_add_loop_test(steps, test_rule_steps, i, i + 1);
        tcase_add_loop_test(steps, test_rule_shapes, i, i + 1);
        suite_add_tcase(suite, steps);
    }
    TCase *clip = tcase_create("clip");
    tcase_add_test(clip, test_clip);
    suite_add_tcase(suite, clip);
    TCase *report = tcase_create("report");
    tcase_set_timeout(report, 600);
    tcase_add_test(report, test_report);
    suite_add_tcase(suite, report);
    TCase *shapes = tcase_create("shapes");
    tcase_set_timeout(shapes, 600);
    tcase_add_loop_test(shapes, test_penalty_shapes, 0, 2);
    suite_add_tcase(suite, shapes);
    TCase *schedules = tcase_create("schedules");
    tcase_add_test(schedules, test_schedules);
    tcase_add_test(schedules, test_schedule_points);
    tcase_add_loop_test(schedules, test_schedule_to_0, 0, rule_count());
    tcase_set_timeout(schedules, 600);
    suite_add_tcase(suite, schedules);
    return suite;
}

int main(int argc, char **argv)
{
    return judge_main(argc, argv, make_suite);
}
