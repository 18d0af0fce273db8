/* From a preset's row and settings to a policy and what belongs to the optimizer. */
#include "preset.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "policy.h"

/* Settings that are weights, not options. */
enum weight { DECAY, L1, L2, L1_RATIO, DECAY_MULT, WEIGHTS };

static const struct tik_option weights[WEIGHTS] = {
    [DECAY] = {.name = "weight_decay", .range = "[0, inf)", .high = INFINITY},
    [L1] = {.name = "l1", .range = "[0, inf)", .high = INFINITY},
    [L2] = {.name = "l2", .range = "[0, inf)", .high = INFINITY},
    [L1_RATIO] = {.name = "l1_ratio", .range = "[0, 1]", .high = 1},
    [DECAY_MULT] = {.name = "decay_mult", .range = "[0, inf)", .high = INFINITY},
};

/* Settings that belong to the optimizer. */
enum around { MAX_NORM, CLIP_NORM, CLIP_VALUE, AGC, AGC_EPS, ACCUMULATE, AROUND };

static const struct tik_option arounds[AROUND] = {
    [MAX_NORM] = {.name = "max_norm", .range = "[0, inf)", .high = INFINITY},
    [CLIP_NORM] = {.name = "clip_norm", .range = "[0, inf)", .high = INFINITY},
    [CLIP_VALUE] = {.name = "clip_value", .range = "[0, inf)", .high = INFINITY},
    [AGC] = {.name = "agc", .range = "[0, inf)", .high = INFINITY},
    [AGC_EPS] = {.name = "agc_eps", .range = "(0, 1000]", .low_open = true, .high = 1e3},
    [ACCUMULATE] = {.name = "accumulate",
                    .type = TIK_OPTION_INTEGER,
                    .range = "[1, 65535]",
                    .low = 1,
                    .high = 65535},
};

struct work {
    const struct tik_preset_row *row;
    const struct tik_preset_rule *rule;
    const char *name; /* of the rule */
    char owner[80];   /* "preset keras, rule adam" */
    struct tik_policy *policy;
    struct tik_optimizer_options *options; /* NULL: there are none */
    double weight[WEIGHTS];
    double clip[AROUND]; /* what was set of the optimizer's; below 0: nothing */
};

/* ---- rows ---- */

static const struct tik_preset_rule *find_rule(const struct tik_preset_row *row, const char *name)
{
    for (size_t i = 0; i < row->rule_count; i++)
        if (row->rules[i].rule == NULL || strcmp(row->rules[i].rule, name) == 0)
            return &row->rules[i];
    return NULL;
}

static void append(char *list, size_t size, const char *name)
{
    const size_t length = strlen(list);
    if (length < size)
        snprintf(list + length, size - length, "%s%s", length > 0 ? ", " : "", name);
}

static enum tik_status find_rows(struct work *work, const char *preset, const char *rule)
{
    char list[512] = "";
    work->row = tik_preset_row_find(preset);
    if (work->row == NULL) {
        for (size_t i = 0; tik_preset_at(i) != NULL; i++)
            append(list, sizeof list, tik_preset_at(i)->name);
        return tik_error_set(TIK_ERROR_ARGUMENT, "there is no preset '%s'; there are: %s", preset,
                             list);
    }
    work->rule = find_rule(work->row, rule);
    if (work->rule == NULL) {
        for (size_t i = 0; i < work->row->rule_count; i++)
            append(list, sizeof list, work->row->rules[i].rule);
        return tik_error_set(TIK_ERROR_ARGUMENT, "preset %s has no rule '%s'; it has: %s", preset,
                             rule, list);
    }
    work->name = rule;
    snprintf(work->owner, sizeof work->owner, "preset %s, rule %s", preset, rule);
    return TIK_OK;
}

/* ---- settings ---- */

/* A word's value in ours; NULL: it has no such value. */
static const char *translate_value(const struct tik_preset_word *word, const char *value)
{
    const struct tik_setting *one = word->values;
    while (one != NULL && one->name != NULL && strcmp(one->name, value) != 0)
        one++;
    return one != NULL ? one->value : value;
}

static void list_values(const struct tik_preset_word *word, char *list, size_t size)
{
    for (const struct tik_setting *one = word->values; one->name != NULL; one++)
        append(list, size, one->name);
}

/* From the library's words to ours. Of words with one name the first that has the value counts. */
static enum tik_status translate(const struct work *work, struct tik_setting *setting)
{
    char list[128] = "";
    for (size_t i = 0; i < work->row->info.word_count; i++) {
        const struct tik_preset_word *word = &work->row->info.words[i];
        if (strcmp(word->name, setting->name) != 0 ||
            (word->rule != NULL && strcmp(word->rule, work->name) != 0))
            continue;
        const char *value = translate_value(word, setting->value);
        if (value != NULL) {
            *setting = (struct tik_setting){word->ours, value};
            return TIK_OK;
        }
        list_values(word, list, sizeof list);
    }
    if (list[0] == '\0')
        return TIK_OK;
    return tik_error_set(TIK_ERROR_ARGUMENT, "%s: %s is '%s'; allowed is %s", work->owner,
                         setting->name, setting->value, list);
}

static bool rule_has(const struct work *work, const char *name)
{
    const struct tik_rule_info *info = &work->policy->rule->info;
    return tik_option_find(info->options, info->option_count, name) < info->option_count;
}

static enum tik_status no_weight(const struct work *work, const char *name)
{
    return tik_error_set(TIK_ERROR_ARGUMENT, "%s has no %s: %s", work->owner, name,
                         work->row->info.differs);
}

/* Whether the library has a weight of this kind. */
static bool has_weight(const struct work *work, enum weight weight)
{
    const struct tik_preset_rule *rule = work->rule;
    switch (weight) {
    case L1:
        return rule->l1 != NULL;
    case L2:
        return rule->l2 != NULL;
    case L1_RATIO:
        return rule->decay != NULL && rule->l1 != NULL && rule->l2 == NULL;
    default:
        return rule->decay != NULL;
    }
}

static enum tik_status set_weight(struct work *work, enum weight weight, const char *text)
{
    if (!has_weight(work, weight))
        return no_weight(work, weights[weight].name);
    return tik_option_parse(&weights[weight], work->owner, text, &work->weight[weight]);
}

static enum tik_status set_around(struct work *work, enum around around, const char *text)
{
    if (work->options == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "%s: %s belongs to the optimizer, and its options are NULL",
                             work->owner, arounds[around].name);
    return tik_option_parse(&arounds[around], work->owner, text, &work->clip[around]);
}

/* The rule's own weight_decay is not the preset's, unless its row says so. */
static bool is_own_option(const struct work *work, const char *name)
{
    const bool decay = strcmp(name, weights[DECAY].name) == 0;
    return rule_has(work, name) &&
           (!decay || (work->rule->decay != NULL && work->rule->decay->penalty == NULL));
}

static enum tik_status set_one(struct work *work, const struct tik_setting *given)
{
    struct tik_setting setting = *given;
    if (setting.name == NULL || setting.value == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s: a setting's %s is NULL", work->owner,
                             setting.name == NULL ? "name" : "value");
    const enum tik_status status = translate(work, &setting);
    if (status != TIK_OK)
        return status;
    if (is_own_option(work, setting.name))
        return tik_policy_set_text(work->policy, setting.name, setting.value);
    const size_t weight = tik_option_find(weights, WEIGHTS, setting.name);
    if (weight < WEIGHTS)
        return set_weight(work, (enum weight)weight, setting.value);
    const size_t around = tik_option_find(arounds, AROUND, setting.name);
    if (around < AROUND)
        return set_around(work, (enum around)around, setting.value);
    /* For its words about the options that there are. */
    return tik_policy_set_text(work->policy, setting.name, setting.value);
}

/* ---- what follows from them ---- */

static enum tik_status add_penalty(struct work *work, const struct tik_preset_form *form,
                                   double weight)
{
    size_t index;
    if (weight == 0)
        return TIK_OK;
    enum tik_status status = tik_policy_add_penalty(work->policy, form->penalty, &index);
    if (status == TIK_OK)
        status = tik_policy_set_penalty(work->policy, index, "weight", weight * form->factor);
    for (const struct tik_setting *option = form->options; status == TIK_OK && option->name != NULL;
         option++)
        status = tik_policy_set_penalty_text(work->policy, index, option->name, option->value);
    return status;
}

static enum tik_status add_decay(struct work *work)
{
    const struct tik_preset_rule *rule = work->rule;
    if (rule->decay == NULL)
        return TIK_OK;
    const double all = work->weight[DECAY] * work->weight[DECAY_MULT];
    if (rule->decay->penalty == NULL) {
        const double weight = tik_policy_option(work->policy, weights[DECAY].name);
        return work->weight[DECAY_MULT] == 1 ? TIK_OK
                                             : tik_policy_set(work->policy, weights[DECAY].name,
                                                              weight * work->weight[DECAY_MULT]);
    }
    const double share = work->weight[L1_RATIO], decay = all * (1 - share);
    const double lr = tik_policy_option(work->policy, "lr");
    if (work->row->decay_clamp && lr * decay > 1)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "%s: lr*weight_decay is %g; the library keeps 1 - lr*weight_decay "
                             "from falling below 0, which is not here: allowed is at most 1",
                             work->owner, lr * decay);
    const enum tik_status status = add_penalty(work, rule->decay, decay);
    return status == TIK_OK && share > 0 ? add_penalty(work, rule->l1, all * share) : status;
}

static enum tik_status add_penalties(struct work *work)
{
    enum tik_status status = add_decay(work);
    if (status == TIK_OK && work->weight[L1] > 0)
        status = add_penalty(work, work->rule->l1, work->weight[L1]);
    if (status == TIK_OK && work->weight[L2] > 0)
        status = add_penalty(work, work->rule->l2, work->weight[L2]);
    return status == TIK_OK ? tik_policy_check(work->policy) : status;
}

static enum tik_status check_clips(const struct work *work, const double clip[AROUND])
{
    const char *used = NULL;
    for (size_t i = MAX_NORM; work->row->one_clip && i <= CLIP_VALUE; i++) {
        if (clip[i] > 0 && used != NULL)
            return tik_error_set(TIK_ERROR_ARGUMENT,
                                 "%s: %s and %s are both given; the library takes one clip",
                                 work->owner, used, arounds[i].name);
        used = clip[i] > 0 ? arounds[i].name : used;
    }
    const bool regularized = work->weight[L1] > 0 || work->weight[L2] > 0;
    const bool by_norm = clip[MAX_NORM] > 0 || clip[CLIP_NORM] > 0 || clip[AGC] > 0;
    if (work->row->loss_clip && regularized && by_norm)
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "%s: l1 and l2 are part of the loss there, so that a norm would be of "
                             "gradient and regularizer together, which is not here; clip_value "
                             "takes them, and weight_decay is outside of any clip",
                             work->owner);
    return TIK_OK;
}

static double chosen(double set, double before)
{
    return set >= 0 ? set : before;
}

static enum tik_status set_options(const struct work *work)
{
    struct tik_optimizer_options *o = work->options;
    if (o == NULL)
        return TIK_OK;
    const double sum = chosen(work->clip[ACCUMULATE], o->accumulate);
    const double share = work->row->sum_clip ? sum : 1;
    const double clip[AROUND] = {
        [MAX_NORM] = work->clip[MAX_NORM] >= 0 ? work->clip[MAX_NORM] / share : o->max_norm,
        [CLIP_NORM] = chosen(work->clip[CLIP_NORM], o->clip_norm),
        [CLIP_VALUE] = chosen(work->clip[CLIP_VALUE], o->clip_value),
        [AGC] = chosen(work->clip[AGC], o->agc),
    };
    const enum tik_status status = check_clips(work, clip);
    if (status != TIK_OK)
        return status;
    const bool regularized = work->weight[L1] > 0 || work->weight[L2] > 0;
    o->max_norm = clip[MAX_NORM];
    o->clip_norm = clip[CLIP_NORM];
    o->clip_value = clip[CLIP_VALUE];
    o->agc = clip[AGC];
    o->agc_eps = chosen(work->clip[AGC_EPS], o->agc_eps);
    o->accumulate = (unsigned)sum;
    o->clip_eps = work->row->clip_eps;
    o->clip_late = work->rule->clip_late || (work->row->loss_clip && regularized);
    return TIK_OK;
}

static enum tik_status apply(struct work *work, const struct tik_setting *settings, size_t count)
{
    enum tik_status status = TIK_OK;
    if (work->rule->decay == NULL || work->rule->decay->penalty != NULL)
        tik_policy_clear_penalties(work->policy); /* the rule's own weight_decay */
    for (const struct tik_setting *one = work->rule->settings;
         status == TIK_OK && one != NULL && one->name != NULL; one++)
        status = set_one(work, one);
    for (size_t i = 0; status == TIK_OK && i < count; i++)
        status = set_one(work, &settings[i]);
    if (status == TIK_OK)
        status = add_penalties(work);
    return status == TIK_OK ? set_options(work) : status;
}

enum tik_status tik_preset_apply(const char *preset, const char *rule,
                                 const struct tik_setting *settings, size_t count,
                                 struct tik_policy **policy, struct tik_optimizer_options *options)
{
    if (preset == NULL || rule == NULL || policy == NULL || (settings == NULL && count > 0))
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL",
                             preset == NULL   ? "preset"
                             : rule == NULL   ? "rule"
                             : policy == NULL ? "policy"
                                              : "settings");
    struct work work = {.options = options, .weight = {[DECAY_MULT] = 1}};
    for (size_t i = 0; i < AROUND; i++)
        work.clip[i] = -1;
    enum tik_status status = find_rows(&work, preset, rule);
    if (status == TIK_OK)
        status = tik_policy_create(rule, &work.policy);
    if (status != TIK_OK)
        return status;
    status = apply(&work, settings, count);
    if (status != TIK_OK) {
        tik_policy_destroy(work.policy);
        return status;
    }
    *policy = work.policy;
    return TIK_OK;
}
