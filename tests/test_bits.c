/*
 * The bits of the device against those of the scalar path: every rule in its forms, every penalty
 * in its applications and conventions, at awkward sizes, in every kind of memory. The device is
 * TIKHONOV_DEVICE, else "opencl"; TIKHONOV_TEST_SIZES=small or single is for slow runtimes,
 * TIKHONOV_LOCAL_SIZE for work-groups of another size. With TIKHONOV_CORRECT the programs have
 * to be exact, since what is tried is that they come to be.
 */
#include "twins.h"

#include "../src/opencl/cl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 20261122, FORMS = 16 };

static struct tik_context *scalar;
static struct twins_tally total = {.conformance = TIK_EXACT};
static size_t tamed;   /* combinations with finite parameters alone: see is_tame */
static bool left_out;  /* a rule that the device was found to compute wrongly: see is_left_out */
static size_t refused; /* penalties that a rule refuses beside it: not run, and counted */

static const struct twins_tensor tensors[] = {
    {0, 0, TIK_MEMORY_LIBRARY, 0, 0},    {0, 1, TIK_MEMORY_LIBRARY, 0, 0},
    {0, 7, TIK_MEMORY_LIBRARY, 0, 0},    {1, 93, TIK_MEMORY_OPENCL, 0, 0},
    {0, 93, TIK_MEMORY_LIBRARY, 0, 0},   {0, 1023, TIK_MEMORY_LIBRARY, 0, 0},
    {1, 7, TIK_MEMORY_HOST, 0, 0},       {0, 1024, TIK_MEMORY_LIBRARY, 0, 0},
    {0, 1025, TIK_MEMORY_LIBRARY, 0, 0}, {1, 1030, TIK_MEMORY_LIBRARY, 0, 0},
    {0, 4099, TIK_MEMORY_LIBRARY, 0, 0}, {1, 1025, TIK_MEMORY_HOST, 0, 0},
    {0, 1023, TIK_MEMORY_OPENCL, 0, 0},
};

static const struct twins_tensor small_tensors[] = {
    {0, 0, TIK_MEMORY_LIBRARY, 0, 0}, {0, 1, TIK_MEMORY_LIBRARY, 0, 0},
    {0, 7, TIK_MEMORY_LIBRARY, 0, 0}, {1, 93, TIK_MEMORY_OPENCL, 0, 0},
    {1, 7, TIK_MEMORY_HOST, 0, 0},    {0, 93, TIK_MEMORY_LIBRARY, 0, 0},
    {1, 7, TIK_MEMORY_LIBRARY, 0, 0}, {0, 1030, TIK_MEMORY_LIBRARY, 0, 0},
};

/* The last are for cl/many.cl, and where that is not tried they are left out. */
static const struct twins_tensor single_tensors[] = {
    {0, 1030, TIK_MEMORY_LIBRARY, 0, 0},
    {1, 93, TIK_MEMORY_HOST, 0, 0},
    {0, 7, TIK_MEMORY_OPENCL, 0, 0},
    {0, 1030, TIK_MEMORY_OPENCL, 0, 0},
};
enum { SINGLE_TENSORS = 2 };

/* Rows of less than a block and of more, columns likewise, a vector, and one tensor of rank 3. */
static const struct twins_tensor shaped_tensors[] = {
    {0, 40 * 25, TIK_MEMORY_LIBRARY, 40, 0}, {0, 3 * 700, TIK_MEMORY_LIBRARY, 3, 0},
    {1, 1030, TIK_MEMORY_LIBRARY, 0, 0},     {0, 7 * 5 * 31, TIK_MEMORY_LIBRARY, 7, 5},
    {0, 2 * 1030, TIK_MEMORY_OPENCL, 2, 0},  {1, 1030 * 2, TIK_MEMORY_HOST, 1030, 0},
    {1, 1 * 93, TIK_MEMORY_LIBRARY, 1, 0},   {0, 7, TIK_MEMORY_HOST, 7, 0},
};

static const struct twins_tensor small_shaped_tensors[] = {
    {0, 12 * 5, TIK_MEMORY_LIBRARY, 12, 0},
    {1, 93, TIK_MEMORY_HOST, 3, 0},
};

/*
 * For rules with numbers of rows and columns: both of less than a block and of two, few and many
 * rows, columns of several tiles, one row, one column, vectors, and tensors of rank 3.
 */
static const struct twins_tensor lined_tensors[] = {
    {0, 40 * 25, TIK_MEMORY_LIBRARY, 40, 0},     {0, 30 * 1100, TIK_MEMORY_LIBRARY, 30, 0},
    {0, 1100 * 70, TIK_MEMORY_LIBRARY, 1100, 0}, {0, 1030, TIK_MEMORY_LIBRARY, 0, 0},
    {0, 7 * 5 * 31, TIK_MEMORY_LIBRARY, 7, 5},   {0, 60 * 3 * 3, TIK_MEMORY_LIBRARY, 60, 3},
    {0, 2 * 1030, TIK_MEMORY_OPENCL, 2, 0},      {1, 1030 * 2, TIK_MEMORY_HOST, 1030, 0},
    {1, 1 * 93, TIK_MEMORY_LIBRARY, 1, 0},       {0, 7, TIK_MEMORY_HOST, 7, 0},
    {1, 65 * 129, TIK_MEMORY_LIBRARY, 65, 0},    {0, 93, TIK_MEMORY_OPENCL, 0, 0},
    {0, 3 * 2 * 70, TIK_MEMORY_HOST, 3, 2},      {0, 5 * 33, TIK_MEMORY_LIBRARY, 5, 33},
    {0, 3 * 1100, TIK_MEMORY_LIBRARY, 3, 1100},
};

static const struct twins_tensor small_lined_tensors[] = {
    {0, 12 * 5, TIK_MEMORY_LIBRARY, 12, 0},   {0, 2 * 66, TIK_MEMORY_LIBRARY, 2, 0},
    {0, 2 * 3 * 2, TIK_MEMORY_LIBRARY, 2, 3}, {0, 2 * 7, TIK_MEMORY_LIBRARY, 2, 7},
    {1, 93, TIK_MEMORY_HOST, 0, 0},
};

static const struct twins_tensor large_tensors[] = {
    {0, 1 << 20, TIK_MEMORY_LIBRARY, 0, 0},
    {1, 93, TIK_MEMORY_LIBRARY, 0, 0},
};

#define LENGTH(array) (sizeof array / sizeof *array)

/* Norms are finite first, then huge, then not finite at all: those of huge gradients or of NaN. */
static const enum suite_values clipped[] = {SUITE_EDGES, SUITE_HUGE, SUITE_OVERFLOW};
static const enum suite_values clipped_to_nan[] = {SUITE_EDGES, SUITE_EDGES, SUITE_WILD};
static const enum suite_values unclipped[] = {SUITE_EDGES, SUITE_OVERFLOW, SUITE_EDGES};
static const enum suite_values unclipped_wild[] = {SUITE_WILD, SUITE_WILD, SUITE_WILD};

/* ---- forms of a rule, from its row ---- */

static void add_option(struct oracle_policy *policy, const char *name, double value)
{
    size_t i = 0;
    while (policy->options[i].name != NULL)
        i++;
    ck_assert_uint_lt(i, ORACLE_OPTIONS - 1);
    policy->options[i] = (struct oracle_option){name, value};
}

/* Adds the form where the rule's options fit each other. */
static void add_form(const struct oracle_policy *form, struct oracle_policy *forms, size_t *count)
{
    struct tik_policy *policy;
    judge_ok(tik_policy_create(form->rule, &policy));
    for (size_t i = 0; form->options[i].name != NULL; i++)
        judge_ok(tik_policy_set(policy, form->options[i].name, form->options[i].value));
    const bool fits = tik_policy_check(policy) == TIK_OK;
    tik_policy_destroy(policy);
    if (!fits)
        return;
    ck_assert_uint_lt(*count, FORMS);
    forms[(*count)++] = *form;
}

/* A value of the options by which a part of a rule comes into play that by default does not. */
static double value_in_use(const struct tik_option *option)
{
    static const struct oracle_option values[] = {
        {"dampening", 0.25}, {"l1", 0.2},   {"l2", 0.3},       {"l2_shrinkage", 0.1},
        {"lr_power", -0.7},  {"beta", 0.5}, {"lr_decay", 0.1}, {"t0", 2}};
    if (option->type == TIK_OPTION_FLAG)
        return 1;
    for (size_t i = 0; i < LENGTH(values); i++)
        if (strcmp(values[i].name, option->name) == 0)
            return values[i].value;
    return 0;
}

/* At single sizes only what makes another program: not numbers, and ascent once. */
static bool is_tried(const struct tik_rule_info *rule, const struct tik_option *option)
{
    return !suite_single() || (option->type != TIK_OPTION_REAL &&
                               (strcmp(option->name, "maximize") != 0 || rule == tik_rule_at(0)));
}

/* With each flag, choice and part alone, and, where the rule has momentum, the same with momentum. */
static size_t list_forms(const struct tik_rule_info *rule, struct oracle_policy *forms)
{
    static const char *const momenta[] = {NULL, "momentum"};
    size_t count = 0;
    for (size_t m = 0; m < LENGTH(momenta); m++) {
        if (momenta[m] != NULL && !suite_has_option(rule, momenta[m]))
            continue;
        struct oracle_policy base = {.rule = rule->name};
        add_option(&base, "lr", 0.05);
        if (suite_has_option(rule, "eps"))
            add_option(&base, "eps", 1e-3);
        if (momenta[m] != NULL)
            add_option(&base, momenta[m], 0.9);
        add_form(&base, forms, &count);
        for (size_t i = 0; i < rule->option_count; i++) {
            const struct tik_option *option = &rule->options[i];
            if (!is_tried(rule, option))
                continue;
            const bool words = option->type == TIK_OPTION_CHOICE;
            const double first = words ? 1 : value_in_use(option);
            for (double value = first; value > 0 && value <= (words ? option->high : first);
                 value++) {
                struct oracle_policy form = base;
                add_option(&form, option->name, value);
                add_form(&form, forms, &count);
            }
        }
    }
    return count;
}

static void describe(const struct oracle_policy *policy, const char *form, double max_norm,
                     char *text, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; policy->options[i].name != NULL && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s=%g ", policy->options[i].name,
                                   policy->options[i].value);
    if (length < size)
        snprintf(text + length, size - length, "with %s, max_norm %g", form, max_norm);
}

/* ---- runs ---- */

/* Whether a penalty fits the rule; that it is refused where it does not is seen here too. */
static bool is_taken(const char *name, const struct oracle_penalty *penalty)
{
    const struct oracle_rule *rule = oracle_rule_find(name);
    if (penalty->name == NULL)
        return true;
    if (!suite_takes_penalties(name))
        return false;
    const bool doubles = rule->own_decay && strcmp(penalty->name, "l2") == 0 &&
                         strcmp(penalty->application, "proximal") != 0;
    if (!doubles && (rule->diagonal || !penalty->diagonal))
        return true;
    struct tik_policy *policy;
    judge_ok(tik_policy_create(name, &policy));
    judge_ok(tik_policy_add_penalty(policy, penalty->name, NULL));
    judge_ok(tik_policy_set_penalty_text(policy, 0, "application", penalty->application));
    if (penalty->diagonal)
        judge_ok(tik_policy_set_penalty_text(policy, 0, "metric", "diagonal"));
    suite_refused(TIK_ERROR_ARGUMENT, tik_policy_check(policy), penalty->name,
                  doubles ? "not proximal" : "diagonal", name);
    tik_policy_destroy(policy);
    return false;
}

/*
 * Mesa 22.3 seems to leave a loop that has a loop in it after one round where the inner length is no
 * constant. So llvmpipe sums rows wrongly, the known-answer run finds it, and the scalar path takes
 * over (docs/numerics.md). There that is what is seen of the rule, and no bits are compared.
 */
static bool is_left_out(const char *rule)
{
    if (strcmp(rule, "adafactor") != 0 ||
        strstr(tik_context_device(judge_context())->name, "llvmpipe") == NULL)
        return false;
    struct tik_policy *policy;
    struct tik_optimizer *optimizer;
    judge_ok(tik_policy_create(rule, &policy));
    judge_ok(tik_optimizer_create(judge_context(), NULL, &optimizer));
    judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    const enum tik_status status = tik_optimizer_prepare(optimizer);
    if (status != TIK_OK)
        suite_refused(TIK_ERROR_DEVICE, status, "known-answer run", rule);
    tik_optimizer_destroy(optimizer);
    tik_policy_destroy(policy);
    left_out |= status != TIK_OK;
    return status != TIK_OK;
}

struct plan {
    const struct tik_rule_info *rule;
    struct oracle_policy form;
    const struct judge_form *penalties;
    const struct twins_tensor *tensors;
    size_t tensor_count, steps;
    double max_norm;
};

static void choose_tensors(struct plan *plan)
{
    plan->tensors = suite_single() ? single_tensors : suite_small() ? small_tensors : tensors;
    plan->tensor_count = suite_single()  ? SINGLE_TENSORS
                         : suite_small() ? LENGTH(small_tensors)
                                         : LENGTH(tensors);
}

/*
 * Mesa 22.3 takes a comparison for the opposite of its opposite, which it is not where there is a
 * NaN: what llvmpipe makes of a unit with one, or with an infinity, under a projection is not what
 * others make of it (docs/numerics.md). There, and there alone, the parameters are finite.
 */
static bool is_tame(const struct judge_form *form)
{
    const char *name = form->penalties[0].name;
    return name != NULL && (strcmp(name, "l1_ball") == 0 || strcmp(name, "simplex") == 0) &&
           strstr(tik_context_device(judge_context())->name, "llvmpipe") != NULL;
}

static void run_plan(const struct plan *plan, struct twins_tally *tally)
{
    if (!is_taken(plan->rule->name, &plan->penalties->penalties[0])) {
        refused++;
        return;
    }
    struct oracle_policy policy = plan->form;
    memcpy(policy.penalties, plan->penalties->penalties, sizeof policy.penalties);
    if (plan->penalties->weight_decay >= 0 && suite_has_option(plan->rule, "weight_decay"))
        add_option(&policy, "weight_decay", plan->penalties->weight_decay);
    struct tik_policy *first = judge_policy(&policy), *second = judge_policy(&policy);
    judge_ok(tik_policy_set(second, "lr", 0.3));

    char text[256];
    describe(&policy, plan->penalties->label, plan->max_norm, text, sizeof text);
    const bool clips = plan->max_norm > 0, odd = tally->combinations % 2 == 1;
    const bool tame = is_tame(plan->penalties);
    tamed += tame;
    struct twins_spec spec = {
        .rule = plan->rule->name,
        .policy = text,
        .seed = SEED + tally->combinations,
        .policies = {first, second},
        .tensors = plan->tensors,
        .tensor_count = plan->tensor_count,
        .max_norm = plan->max_norm,
        .report = clips,
        .grads = clips ? clipped : unclipped,
        .wild_grads = !clips         ? unclipped_wild
                      : odd && !tame ? clipped_to_nan
                                     : clipped,
        .tame = tame,
        .steps = plan->steps,
    };
    twins_run(judge_context(), scalar, &spec, tally);
    tik_policy_destroy(first);
    tik_policy_destroy(second);
}

static void add_to_total(const struct twins_tally *tally)
{
    total.combinations += tally->combinations;
    total.words += tally->words;
    total.different += tally->different;
    if (tally->conformance > total.conformance)
        total.conformance = tally->conformance;
    ck_assert_msg(tally->words > 0, "nothing was compared");
    ck_assert_msg(tally->different == 0, "%" PRIu64 " of %" PRIu64 " words differ; first: %s",
                  tally->different, tally->words, tally->first);
}

/* ---- which forms and penalties come together ---- */

/*
 * Where the local size is set, what is tried is the frame and its sums, which know no rule, and
 * with TIKHONOV_CORRECT the quotients and roots.
 */
static bool is_narrow(void)
{
    return getenv("TIKHONOV_LOCAL_SIZE") != NULL || getenv("TIKHONOV_CORRECT") != NULL;
}

static bool same_word(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool is_shaped(const struct judge_form *form)
{
    const char *name = form->penalties[0].name;
    return name != NULL && oracle_penalty_find(name)->shaped;
}

/* Alike are penalties that are applied in the same way: coupled, decoupled by lr, proximal, ... */
static bool are_alike(const struct judge_form *a, const struct judge_form *b)
{
    const struct oracle_penalty *p = a->penalties, *q = b->penalties;
    return (p[0].name == NULL) == (q[0].name == NULL) &&
           (p[1].name == NULL) == (q[1].name == NULL) &&
           (a->weight_decay != 0) == (b->weight_decay != 0) &&
           same_word(p[0].application, q[0].application) &&
           same_word(p[0].convention, q[0].convention) && p[0].diagonal == q[0].diagonal &&
           is_shaped(a) == is_shaped(b);
}

/* The which-th of the rules that take a penalty this one is, and how many there are. */
static size_t rank_rule(size_t rule, const struct oracle_penalty *penalty, size_t *count)
{
    size_t rank = 0;
    *count = 0;
    for (size_t r = 0; tik_rule_at(r) != NULL; r++)
        if (is_taken(tik_rule_at(r)->name, penalty)) {
            rank += r < rule;
            (*count)++;
        }
    return rank;
}

/*
 * The sample: of the n penalties that are alike and the R rules that take them, as many pairs as
 * the greater of the two, so that each penalty comes with a rule and each rule with one of them.
 */
static bool is_drawn(size_t rule, size_t penalty)
{
    const struct judge_form *all;
    const size_t count = judge_forms(&all);
    size_t rules, alike = 0, before = 0;
    const size_t rank = rank_rule(rule, &all[penalty].penalties[0], &rules);
    for (size_t k = 1; k < count; k++)
        if (are_alike(&all[k], &all[penalty])) {
            before += k < penalty;
            alike++;
        }
    const size_t turn = alike < rules ? alike : rules;
    return rank % turn == before % turn;
}

/*
 * TIKHONOV_TEST_SIZES=whole: every penalty with every form of sgd, adam and adamw, the other rules'
 * forms without penalty and with weight_decay and soft threshold. Else every form without penalty,
 * and of the pairs of rules and penalties the sample above, the rule's forms taking turns. At small
 * sizes, where each program is dear, every form without penalty, and every penalty with sgd, whose
 * programs they share; at single sizes see run_singles. Penalties on rows, columns and tensors come
 * with the first form alone. Where it is narrow, one policy a rule will do: weight_decay and soft
 * threshold.
 */
static bool is_wanted(size_t rule, size_t form, size_t form_count, size_t penalty)
{
    const struct judge_form *penalties;
    judge_forms(&penalties);
    const char *name = tik_rule_at(rule)->name;
    const bool few = penalty == 0 || penalty == 2;
    const bool shaped = is_shaped(&penalties[penalty]);
    if (form > 0 && shaped)
        return false;
    if (is_narrow())
        return form == 0 && penalty == (oracle_rule_find(name)->alone ? 0 : 2);
    if (suite_whole())
        return few || strcmp(name, "sgd") == 0 || strcmp(name, "adam") == 0 ||
               strcmp(name, "adamw") == 0;
    if (penalty == 0)
        return true;
    if (suite_small())
        return form == 0 && strcmp(name, "sgd") == 0;
    return (shaped || form == penalty % form_count) && is_drawn(rule, penalty);
}

static bool has_closed_form(double p)
{
    return p == 1 || p == 1.5 || p == 2 || p == 3;
}

/* Whether an earlier penalty has the same stages: it differs in numbers or in its convention. */
static bool is_repeated(const struct judge_form *all, size_t penalty)
{
    const struct oracle_penalty *p = all[penalty].penalties;
    for (size_t k = 0; k < penalty; k++) {
        const struct oracle_penalty *q = all[k].penalties;
        if (same_word(p[0].name, q[0].name) && same_word(p[1].name, q[1].name) &&
            same_word(p[0].application, q[0].application) && p[0].diagonal == q[0].diagonal &&
            (p[0].p == q[0].p || !(has_closed_form(p[0].p) || has_closed_form(q[0].p))))
            return true;
    }
    return false;
}

static bool tried[128]; /* penalties, at single sizes */

/* One that a rule takes and that was not tried yet; 0: none. */
static size_t next_penalty(const char *rule)
{
    const struct judge_form *all;
    const size_t count = judge_forms(&all);
    ck_assert_uint_le(count, LENGTH(tried));
    for (size_t k = 1; k < count; k++)
        if (!tried[k] && !is_shaped(&all[k]) && !is_repeated(all, k) &&
            is_taken(rule, &all[k].penalties[0])) {
            tried[k] = true;
            return k;
        }
    return 0;
}

/* At single sizes: each form once and each penalty once, three of them with a rule. */
static void run_singles(struct plan *plan, const struct oracle_policy *forms, size_t form_count,
                        struct twins_tally *tally)
{
    const struct judge_form *penalties;
    judge_forms(&penalties);
    for (size_t turn = 0; turn < form_count || turn < 3; turn++) {
        const size_t k = next_penalty(plan->rule->name);
        if (k == 0 && turn >= form_count)
            break;
        plan->form = forms[turn % form_count];
        plan->penalties = &penalties[k];
        run_plan(plan, tally);
    }
}

static void run_sample(struct plan *plan, size_t rule, const struct oracle_policy *forms,
                       size_t form_count, struct twins_tally *tally)
{
    const struct judge_form *penalties;
    const size_t penalty_count = judge_forms(&penalties);
    for (size_t k = 0; k < penalty_count; k++) {
        if (!is_taken(plan->rule->name, &penalties[k].penalties[0])) {
            refused++;
            continue;
        }
        if (suite_small() && k > 0) { /* without the longest */
            plan->tensor_count = LENGTH(small_tensors) - 1;
            plan->steps = 1;
        }
        for (size_t f = 0; f < form_count; f++) {
            if (!is_wanted(rule, f, form_count, k))
                continue;
            plan->form = forms[f];
            plan->penalties = &penalties[k];
            run_plan(plan, tally);
        }
    }
}

START_TEST(test_policies)
{
    struct oracle_policy forms[FORMS];
    struct plan plan = {
        .rule = tik_rule_at((size_t)_i),
        .steps = suite_single()  ? 1
                 : suite_small() ? 2
                                 : 3,
        .max_norm = 1e4,
    };
    if (is_left_out(plan.rule->name))
        return;
    choose_tensors(&plan);
    const size_t form_count = list_forms(plan.rule, forms);
    struct twins_tally tally = {.conformance = TIK_EXACT};
    if (suite_single())
        run_singles(&plan, forms, form_count, &tally);
    else
        run_sample(&plan, (size_t)_i, forms, form_count, &tally);
    add_to_total(&tally);
    if (suite_single() && tik_rule_at((size_t)_i + 1) == NULL)
        ck_assert_msg(next_penalty("adamw") == 0, "there are penalties that came with no rule");
}
END_TEST

/* Whether no rule before has as many states: cl/many.cl goes by their number alone. */
static bool is_first_of_size(size_t rule)
{
    for (size_t r = 0; r < rule; r++)
        if (tik_rule_at(r)->state_count == tik_rule_at(rule)->state_count)
            return false;
    return true;
}

/* Without clip and report, so that infinities and NaN in the gradients reach the rules. */
START_TEST(test_unclipped)
{
    const struct judge_form *penalties;
    judge_forms(&penalties);
    struct oracle_policy forms[FORMS];
    struct plan plan = {
        .rule = tik_rule_at((size_t)_i),
        .steps = suite_small() ? 1 : 3,
    };
    if (is_left_out(plan.rule->name))
        return;
    choose_tensors(&plan);
    if (suite_single() && !is_first_of_size((size_t)_i))
        return;
    if (suite_single())
        plan.tensor_count = LENGTH(single_tensors);
    const size_t form_count = list_forms(plan.rule, forms);
    struct twins_tally tally = {.conformance = TIK_EXACT};
    /* Without penalty; of the whole also weight_decay and soft threshold. */
    for (size_t f = 0; f < (suite_small() || is_narrow() ? 1 : form_count); f++)
        for (size_t k = 0; k < (suite_whole() ? 3 : 1); k += 2) {
            plan.form = forms[f];
            plan.penalties = &penalties[k];
            run_plan(&plan, &tally);
        }
    add_to_total(&tally);
}
END_TEST

/* ---- what is done around the step ---- */

enum { AROUND_STEPS = 5, AROUND_RULES = 3 };

/* Group 0 has gradients that are not finite in the second step and, group 1, in the last. */
static const enum suite_values around_grads[AROUND_STEPS] = {SUITE_EDGES, SUITE_WILD, SUITE_HUGE,
                                                             SUITE_OVERFLOW, SUITE_EDGES};
static const enum suite_values around_wild[AROUND_STEPS] = {SUITE_EDGES, SUITE_EDGES, SUITE_EDGES,
                                                            SUITE_EDGES, SUITE_WILD};

static struct tik_optimizer_options around_options(size_t way)
{
    struct tik_optimizer_options o;
    tik_optimizer_defaults(&o);
    o.loss_scale_interval = 1;
    switch (way) {
    case 0:
        o.loss_scale = 3000;
        o.max_norm = 0.5;
        o.zero_grad = true;
        break;
    case 1:
        o.accumulate = 2;
        o.clip_norm = 0.5;
        o.clip_value = 100;
        o.zero_grad = true;
        o.nonfinite = TIK_NONFINITE_SKIP;
        break;
    case 2:
        o.agc = 0.05;
        o.clip_value = 3;
        o.clip_late = true;
        o.loss_scale = 0.25;
        break;
    case 3:
        o.accumulate = 3;
        o.agc = 0.5;
        break;
    default:
        o.nonfinite = TIK_NONFINITE_SKIP;
        o.clip_value = 2;
    }
    return o;
}
enum { WAYS = 5 };

static void run_around(const char *rule, size_t way, enum tik_verify verify,
                       const struct judge_form *penalties, struct twins_tally *tally)
{
    struct oracle_policy form = {.rule = rule, .options = {{"lr", 0.05}}};
    struct tik_optimizer_options options = around_options(way);
    struct plan plan = {.rule = tik_rule_find(rule)};
    char text[160];
    choose_tensors(&plan);
    memcpy(form.penalties, penalties->penalties, sizeof form.penalties);
    struct tik_policy *first = judge_policy(&form), *second = judge_policy(&form);
    judge_ok(tik_policy_set_ema(first, 0.9, false));
    judge_ok(tik_policy_set_ema(second, 0.999, true));
    options.verify = verify;
    options.verify_blocks = 3;
    snprintf(text, sizeof text, "around the step in way %zu, verify %d, %s", way, (int)verify,
             penalties->label);
    const struct twins_spec spec = {
        .rule = rule,
        .policy = text,
        .seed = SEED + 7 * way,
        .policies = {first, second},
        .tensors = plan.tensors,
        .tensor_count = plan.tensor_count,
        .around = &options,
        .grads = around_grads,
        .wild_grads = around_wild,
        .steps = suite_small() ? 2 : AROUND_STEPS,
    };
    twins_run(judge_context(), scalar, &spec, tally);
    tik_policy_destroy(first);
    tik_policy_destroy(second);
}

/* Reports have their own tests, and none after a call that only adds up: none here. */
START_TEST(test_around)
{
    static const char *const rules[AROUND_RULES] = {"adamw", "sgd", "nadam"};
    static const enum tik_verify verify[] = {TIK_VERIFY_OFF, TIK_VERIFY_ALL, TIK_VERIFY_SAMPLE};
    const struct judge_form *penalties;
    judge_forms(&penalties);
    struct twins_tally tally = {.conformance = TIK_EXACT};
    const size_t way = (size_t)_i;
    for (size_t r = 0; r < (suite_small() ? 1 : AROUND_RULES); r++)
        for (size_t v = 0; v < (r == 0 ? LENGTH(verify) : 1); v++) {
            if (suite_single() && v != way % LENGTH(verify))
                continue;
            run_around(rules[r], way, verify[v], &penalties[r == 2 ? 2 : 0], &tally);
        }
    add_to_total(&tally);
}
END_TEST

/* A gradient that is to be set to 0 has to be one that kernels may write. */
START_TEST(test_read_only_gradient)
{
    struct tik_optimizer_options options;
    struct tik_optimizer *optimizer;
    struct tik_policy *policy = suite_policy("sgd", NULL);
    const size_t count = 4;
    cl_int error;
    const cl_context context = tik_context_cl_context(judge_context());
    cl_mem param = clCreateBuffer(context, CL_MEM_READ_WRITE, 16, NULL, &error);
    ck_assert_int_eq(error, CL_SUCCESS);
    cl_mem grad = clCreateBuffer(context, CL_MEM_READ_ONLY, 16, NULL, &error);
    ck_assert_int_eq(error, CL_SUCCESS);
    const struct tik_tensor tensor = {.name = "p",
                                      .rank = 1,
                                      .shape = &count,
                                      .memory = TIK_MEMORY_OPENCL,
                                      .cl_param = param,
                                      .cl_grad = grad};
    for (int clears = 0; clears < 2; clears++) {
        tik_optimizer_defaults(&options);
        options.zero_grad = clears == 1;
        judge_ok(tik_optimizer_create(judge_context(), &options, &optimizer));
        judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
        const enum tik_status status = tik_optimizer_add_tensor(optimizer, 0, &tensor, NULL);
        if (clears)
            suite_refused(TIK_ERROR_ARGUMENT, status, "CL_MEM_READ_ONLY", "written");
        else
            judge_ok(status);
        tik_optimizer_destroy(optimizer);
    }
    tik_policy_destroy(policy);
    clReleaseMemObject(param);
    clReleaseMemObject(grad);
}
END_TEST

START_TEST(test_large)
{
    const struct judge_form *penalties;
    judge_forms(&penalties);
    struct oracle_policy forms[FORMS];
    struct plan plan = {
        .rule = tik_rule_at((size_t)_i),
        .tensors = large_tensors,
        .tensor_count = LENGTH(large_tensors),
        .steps = 2,
        .max_norm = 1e6,
    };
    list_forms(plan.rule, forms);
    struct twins_tally tally = {.conformance = TIK_EXACT};
    const bool alone = oracle_rule_find(plan.rule->name)->alone;
    for (size_t k = suite_whole() || alone ? 0 : 2; k < 3; k += 2) {
        plan.form = forms[0];
        plan.penalties = &penalties[k];
        run_plan(&plan, &tally);
    }
    add_to_total(&tally);
}
END_TEST

/* What is on units, in tensors that have rows and columns; with asgd, whose average is last. */
START_TEST(test_units)
{
    static const char *const rules[] = {"sgd", "asgd", "adamw"};
    const struct judge_form *penalties;
    const size_t penalty_count = judge_forms(&penalties);
    struct oracle_policy forms[FORMS];
    const bool small = suite_small();
    struct plan plan = {
        .rule = tik_rule_find(rules[_i]),
        .tensors = small ? small_shaped_tensors : shaped_tensors,
        .tensor_count = small ? LENGTH(small_shaped_tensors) : LENGTH(shaped_tensors),
        .steps = small ? 1 : 3,
        .max_norm = 1e4,
    };
    list_forms(plan.rule, forms);
    plan.form = forms[0];
    struct twins_tally tally = {.conformance = TIK_EXACT};
    for (size_t k = 0; k < penalty_count; k++) {
        plan.penalties = &penalties[k];
        if (is_shaped(plan.penalties) && !(suite_single() && is_repeated(penalties, k)))
            run_plan(&plan, &tally);
    }
    add_to_total(&tally);
}
END_TEST

/* Finite first, so that sums can be told apart; a NaN spreads over its row, column and matrix. */
static const enum suite_values lined[] = {SUITE_LEVEL, SUITE_EDGES, SUITE_HUGE};
static const enum suite_values lined_wild[] = {SUITE_LEVEL, SUITE_EDGES, SUITE_WILD};

static void run_lined(const struct judge_form *penalties,
                      const struct tik_optimizer_options *around, struct twins_tally *tally)
{
    struct oracle_policy form = {.rule = "adafactor", .options = {{"lr", 0.3}, {"eps1", 1e-3}}};
    const bool small = suite_small();
    memcpy(form.penalties, penalties->penalties, sizeof form.penalties);
    if (penalties->weight_decay > 0)
        add_option(&form, "weight_decay", penalties->weight_decay);
    struct tik_policy *first = judge_policy(&form), *second = judge_policy(&form);
    judge_ok(tik_policy_set(second, "d", 3));
    const struct twins_spec spec = {
        .rule = form.rule,
        .policy = penalties->label,
        .seed = SEED,
        .policies = {first, second},
        .tensors = small ? small_lined_tensors : lined_tensors,
        .tensor_count = small ? LENGTH(small_lined_tensors) : LENGTH(lined_tensors),
        .report = around == NULL,
        .around = around,
        .grads = around != NULL ? around_grads : lined,
        .wild_grads = around != NULL ? around_wild : lined_wild,
        .steps = small ? 1 : 3,
    };
    twins_run(judge_context(), scalar, &spec, tally);
    tik_policy_destroy(first);
    tik_policy_destroy(second);
}

/*
 * Decay and soft threshold; what is done to gradients before; coupled on columns. A few at another
 * local size.
 */
START_TEST(test_lines)
{
    const bool few = getenv("TIKHONOV_LOCAL_SIZE") != NULL || getenv("TIKHONOV_CORRECT") != NULL;
    const struct judge_form *penalties;
    const size_t count = judge_forms(&penalties);
    struct twins_tally tally = {.conformance = TIK_EXACT};
    if (is_left_out("adafactor"))
        return;
    run_lined(&penalties[2], NULL, &tally);
    for (size_t way = 1; way < 3 && !suite_small(); way++) {
        struct tik_optimizer_options options = around_options(way);
        options.verify = way == 1 ? TIK_VERIFY_ALL : TIK_VERIFY_OFF;
        if (!few || way == 2)
            run_lined(&penalties[0], &options, &tally);
    }
    for (size_t k = 0; k < count && !few && !suite_small(); k++)
        if (strcmp(penalties[k].label, "group_lasso by column coupled ") == 0)
            run_lined(&penalties[k], NULL, &tally);
    ck_assert_uint_eq(tally.combinations, suite_small() ? 1 : few ? 2 : 4);
    add_to_total(&tally);
}
END_TEST

static void print_total(void)
{
    const struct tik_device_info *device = tik_context_device(judge_context());
    if (total.conformance == TIK_EXACT)
        printf("bits: %zu combinations, %" PRIu64 " words compared, %" PRIu64 " different, %zu "
               "penalties refused by their rule; %s, exact\n",
               total.combinations, total.words, total.different, refused, device->name);
    else
        printf("bits: %zu combinations, %" PRIu64 " words compared, not by bits but by the bound "
               "of %d ulp, %" PRIu64 " beyond it, %zu penalties refused by their rule; %s, %s\n",
               total.combinations, total.words, TIK_BOUND_ULPS, total.different, refused,
               device->name, tik_conformance_name(total.conformance));
    if (tamed > 0)
        printf("bits: %zu of them, projections, without NaN and infinities among the parameters\n",
               tamed);
    if (left_out)
        printf("bits: adafactor is left out: the known-answer run found it wrong on this device\n");
    fflush(stdout);
}

/* The last to run. */
START_TEST(test_total)
{
    print_total();
    tik_context_destroy(scalar);
    scalar = NULL;
    ck_assert_uint_gt(total.words, 0);
    if (getenv("TIKHONOV_CORRECT") != NULL)
        ck_assert_str_eq(tik_conformance_name(total.conformance), "exact");
    ck_assert_uint_eq(total.different, 0);
}
END_TEST

static Suite *make_suite(void)
{
    int rules = 0;
    while (tik_rule_at((size_t)rules) != NULL)
        rules++;
    scalar = suite_scalar(0);
    Suite *suite = suite_create("bits");
    TCase *units = tcase_create("units"), *test_case = tcase_create("bits");
    tcase_add_loop_test(units, test_units, 0, suite_small() || is_narrow() ? 1 : 3);
    suite_add_tcase(suite, units);
    TCase *lines = tcase_create("lines");
    tcase_set_timeout(lines, 300);
    tcase_add_test(lines, test_lines);
    suite_add_tcase(suite, lines);
    tcase_add_loop_test(test_case, test_policies, 0, rules);
    if (getenv("TIKHONOV_LOCAL_SIZE") == NULL)
        tcase_add_loop_test(test_case, test_unclipped, 0, rules);
    if (!suite_small())
        tcase_add_loop_test(test_case, test_large, 0, is_narrow() ? 1 : rules);
    suite_add_tcase(suite, test_case);
    test_case = tcase_create("around");
    tcase_set_timeout(test_case, 120);
    tcase_add_loop_test(test_case, test_around, 0, WAYS);
    tcase_add_test(test_case, test_read_only_gradient);
    suite_add_tcase(suite, test_case);
    test_case = tcase_create("total");
    tcase_add_test(test_case, test_total);
    suite_add_tcase(suite, test_case);
    return suite;
}

int main(void)
{
    char *device = getenv("TIKHONOV_DEVICE");
    char *arguments[] = {(char[]){"test_bits"}, device != NULL ? device : (char[]){"opencl"}};
    return judge_main(2, arguments, make_suite);
}
