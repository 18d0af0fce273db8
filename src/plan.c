#include "plan.h"

#include <stdarg.h>
#include <stdio.h>

#include "policy.h"

/* Penalties as the plan sees them: the rule's weight_decay first, then the policy's own. */
struct entry {
    struct tik_policy_penalty penalty;
    enum tik_application application;
};

/* NAdam and RAdam let an option choose. */
static enum tik_application decay_application(const struct tik_policy *policy)
{
    return tik_policy_option(policy, "decoupled_weight_decay") != 0 ? TIK_DECOUPLED
                                                                    : policy->rule->decay;
}

static size_t list_entries(const struct tik_policy *policy, struct entry *entries)
{
    size_t count = 0;
    const double decay = tik_policy_option(policy, "weight_decay");
    if (decay != 0 && policy->rule->own_decay == NULL) {
        tik_policy_make_decay(&entries[count].penalty, decay);
        entries[count++].application = decay_application(policy);
    }
    for (size_t i = 0; i < policy->penalty_count; i++)
        entries[count++] = (struct entry){
            .penalty = policy->penalty[i],
            .application = tik_policy_application(&policy->penalty[i]),
        };
    return count;
}

bool tik_gather_looks(const struct tik_gather *gather)
{
    return gather->clip != TIK_CLIP_NONE || gather->guard;
}

bool tik_gather_units(const struct tik_gather *gather)
{
    return gather->clip == TIK_CLIP_TENSOR || gather->clip == TIK_CLIP_ADAPTIVE;
}

bool tik_gather_finishes(const struct tik_gather *gather)
{
    return gather->clip == TIK_CLIP_ALL || gather->guard;
}

bool tik_gather_packs(const struct tik_gather *gather)
{
    return tik_gather_looks(gather) && !tik_gather_units(gather) && !gather->mean;
}

enum tik_scope tik_gather_scope(const struct tik_gather *gather)
{
    return gather->clip == TIK_CLIP_ADAPTIVE ? TIK_SCOPE_ROW : TIK_SCOPE_TENSOR;
}

/* One penalty's stages into its slot. */
static void fill_slot(const struct entry *entry, bool report, struct tik_plan *plan,
                      struct tik_plan_penalty *slot)
{
    const struct tik_penalty_row *row = entry->penalty.row;
    const struct tik_penalty_form *form = row->choose(entry->penalty.option);
    if (row->scope != NULL)
        slot->scope = row->scope(entry->penalty.option);
    if (entry->application == TIK_COUPLED) {
        slot->coupled = form->coupled;
        slot->group = form->group_coupled;
        slot->group_coupled = form->group_coupled != NULL;
    }
    if (entry->application == TIK_DECOUPLED) {
        slot->proximal = form->decoupled_rest;
        plan->decoupled = true;
        const enum tik_order order = tik_policy_order(&entry->penalty);
        plan->order = order != TIK_ORDER_BESIDE ? order : plan->order;
    }
    if (entry->application == TIK_PROXIMAL) {
        const bool diagonal = tik_policy_is_diagonal(&entry->penalty);
        slot->proximal = form->proximal;
        slot->own = diagonal ? form->diagonal : form->cumulative;
        slot->group = form->group_proximal;
        plan->diagonal |= diagonal;
        plan->cumulative |= row->carry != NULL;
    }
    if (report) {
        slot->value = form->value;
        slot->sums_norms = form->sums_norms;
    }
}

void tik_plan_make(const struct tik_policy *policy, const struct tik_gather *gather, bool report,
                   struct tik_plan *plan)
{
    *plan = (struct tik_plan){
        .kind = TIK_PROGRAM_STEP,
        .gather = *gather,
        .rule = policy->rule,
        .variant = policy->rule->choose(policy->option),
        .maximize = tik_policy_option(policy, "maximize") != 0,
        .ema = policy->ema_decay > 0,
        .copy = tik_copy_find(policy->copy_format, policy->copy_rounding),
        .report = report,
    };
    struct entry entries[TIK_PENALTY_SLOTS];
    plan->penalty_count = list_entries(policy, entries);
    for (size_t i = 0; i < plan->penalty_count; i++) {
        fill_slot(&entries[i], report, plan, &plan->penalty[i]);
        const struct tik_plan_penalty *slot = &plan->penalty[i];
        const bool on_units = slot->group != NULL && !slot->group_coupled;
        plan->moved |= on_units || slot->proximal.name != NULL || slot->own.name != NULL;
        if (on_units)
            plan->late = report || plan->ema || plan->copy != NULL ||
                         plan->variant->after != NULL || plan->variant->follow != NULL;
    }
}

void tik_plan_norm(const struct tik_gather *gather, struct tik_plan *plan)
{
    *plan = (struct tik_plan){.kind = TIK_PROGRAM_NORM, .gather = *gather};
}

void tik_plan_group(const struct tik_gather *gather, const struct tik_group_form *form,
                    struct tik_plan *plan)
{
    *plan =
        (struct tik_plan){.kind = TIK_PROGRAM_GROUP, .gather.guard = gather->guard, .group = form};
}

bool tik_plan_elementwise(const struct tik_plan *plan)
{
    const struct tik_gather *gather = &plan->gather;
    bool alone = plan->variant->measure == NULL && !plan->ema && plan->copy == NULL &&
                 !plan->report && !plan->cumulative && !gather->mean && !gather->guard &&
                 !gather->zero_grad && !gather->unscale &&
                 (gather->clip == TIK_CLIP_NONE || gather->clip == TIK_CLIP_ALL);
    for (size_t i = 0; i < plan->penalty_count; i++)
        alone &= plan->penalty[i].group == NULL;
    return alone;
}

bool tik_plan_asks_where(const struct tik_plan *plan)
{
    return plan->report || (plan->copy != NULL && plan->copy->random) ||
           plan->variant->measure != NULL || tik_gather_units(&plan->gather) ||
           tik_plan_coupled_group(plan) < TIK_PENALTY_SLOTS;
}

size_t tik_plan_coupled_group(const struct tik_plan *plan)
{
    size_t slot = 0;
    while (slot < TIK_PENALTY_SLOTS && !plan->penalty[slot].group_coupled)
        slot++;
    return slot;
}

/* The states of the rule's form. */
static struct tik_array state_array(const struct tik_variant *variant, size_t k)
{
    struct tik_array array = {.number = k,
                              .size = sizeof(float),
                              .name = variant->states[k],
                              .of_vector = variant->states[k]};
    if (variant->extents != NULL)
        array.extent = variant->extents[k];
    if (variant->lines != NULL)
        array.of_vector = array.extent == TIK_EACH_ROW ? variant->lines->of_vector : NULL;
    return array;
}

size_t tik_plan_arrays(const struct tik_plan *plan, struct tik_array arrays[TIK_ARRAYS])
{
    size_t count = 0;
    for (; count < plan->variant->state_count; count++)
        arrays[count] = state_array(plan->variant, count);
    const struct {
        bool used;
        struct tik_array array;
    } others[] = {
        {plan->gather.mean, {TIK_SUM, sizeof(float), "grad_sum", "grad_sum", TIK_EACH_ELEMENT}},
        {plan->ema, {TIK_EMA, sizeof(float), "ema", "ema", TIK_EACH_ELEMENT}},
        {plan->cumulative, {TIK_PAID, sizeof(float), "q", "q", TIK_EACH_ELEMENT}},
        {plan->copy != NULL, {TIK_LOW, sizeof(uint16_t), NULL, NULL, TIK_EACH_ELEMENT}}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].used)
            arrays[count++] = others[i].array;
    return count;
}

/* The letter is that of the paper: cl/cumulative.cl. */
const char *tik_plan_carried(const struct tik_plan *plan, size_t index)
{
    const struct tik_rule_row *rule = plan->rule;
    if (index < rule->carried_count)
        return rule->carried[index];
    return index == rule->carried_count && plan->cumulative ? "u" : NULL;
}

/* What a decoupled decay is multiplied by: tik_conventions in their order. */
static double decay_factor(double convention, double lr, double multiplier)
{
    if (convention == 0)
        return lr;
    return convention == 1 ? multiplier : 1;
}

void tik_plan_values(const struct tik_plan *plan, const struct tik_policy *policy,
                     double multiplier, uint64_t step, double *carried,
                     struct tik_plan_values *values)
{
    *values = (struct tik_plan_values){.lr = tik_policy_option(policy, "lr") * multiplier};
    plan->rule->scalars(policy->option, values->lr, step, carried, values->row.rule);
    const double lr = plan->rule->effective_lr != NULL
                          ? plan->rule->effective_lr(policy->option, values->lr, step)
                          : values->lr;

    struct entry entries[TIK_PENALTY_SLOTS];
    const size_t count = list_entries(policy, entries);
    double decay = 0;
    for (size_t i = 0; i < count; i++) {
        const struct tik_policy_penalty *penalty = &entries[i].penalty;
        if (entries[i].application == TIK_DECOUPLED)
            decay += decay_factor(tik_policy_convention(penalty), lr, multiplier) *
                     penalty->row->decay(penalty->option);
        penalty->row->scalars(penalty->option, lr, &values->row.step.penalty[i]);
        if (penalty->row->carry != NULL) {
            double *total = &carried[plan->rule->carried_count];
            *total = penalty->row->carry(penalty->option, lr, *total);
            values->row.step.penalty[i].total = (float)*total;
        }
    }
    values->row.step.decay = (float)decay;
    values->row.step.ema_decay = (float)policy->ema_decay;
    values->row.step.ema_intake = (float)(1 - policy->ema_decay);
    values->row.step.copy = tik_copy_scalars(policy->copy_seed, step);
}

/* ---- text ---- */

struct text {
    char *at;
    size_t size, length;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    const bool room = text->length < text->size;
    const int n = vsnprintf(room ? text->at + text->length : NULL,
                            room ? text->size - text->length : 0, format, list);
    va_end(list);
    text->length += n > 0 ? (size_t)n : 0;
}

/* A stage's name, "coupled_none" where there is none. */
static const char *stage_name(const char *name, const char *none)
{
    return name != NULL ? name : none;
}

static const char *const unit_names[TIK_SCOPES] = {"unit_of_tensor", "unit_of_row",
                                                   "unit_of_column"};

/* The stages of gradient.cl; `unscale` as the program sees the loss scale. */
static void add_gather(struct text *text, const struct tik_gather *gather, const char *unscale)
{
    add(text, "-DGATHER=%s -DUNSCALE=%s -DLIMIT=%s -DGUARD=%d -DZERO_GRAD=%d",
        gather->mean ? "gather_mean" : "gather_alone", gather->unscale ? unscale : "unscale_none",
        gather->limit && !gather->late ? "limit_by_value" : "limit_none", gather->guard,
        gather->zero_grad);
}

static void add_clip(struct text *text, const struct tik_plan *plan)
{
    static const char *const clips[] = {"clip_none", "clip_by_norm", "clip_by_unit",
                                        "clip_by_unit"};
    const struct tik_gather *gather = &plan->gather;
    const size_t coupled = tik_plan_coupled_group(plan);
    const bool grouped = coupled < TIK_PENALTY_SLOTS;
    add(text, " -DCLIP=%s -DCLIP_AT=%s -DLIMIT_LATE=%s -DGROUPED=%s -DGROUPED_AT=%s",
        clips[gather->clip], unit_names[tik_gather_scope(gather)],
        gather->limit && gather->late ? "limit_by_value" : "limit_none",
        grouped ? "grouped_by_unit" : "grouped_none",
        unit_names[grouped ? plan->penalty[coupled].scope : TIK_SCOPE_TENSOR]);
}

/* States by row and column are not an element's to read or to store. */
static void add_lines(struct text *text, const struct tik_line_form *lines)
{
    add(text, " -DLINES=%d", lines != NULL);
    if (lines != NULL)
        add(text, " -DLINE=%s -DMEAN=%s", lines->line, lines->mean);
}

static void add_measure(struct text *text, const struct tik_variant *variant)
{
    static const struct tik_measure none = {.measure = "measure_none", .ratio_of = "ratio_of_none"};
    const struct tik_measure *measure = variant->measure != NULL ? variant->measure : &none;
    const struct tik_iteration *iteration = variant->iteration;
    const size_t states = variant->lines != NULL ? 0 : variant->state_count;
    add(text, " -DSTATES=%zu -DSTORED=%zu -DRATIO=%d -DRATIO_IN=%s", states,
        states - measure->states, measure->ratio_in != NULL,
        stage_name(measure->ratio_in, "ratio_none"));
    add(text, " -DMEASURE=%s -DRATIO_OF=%s -DMEASURES=%zu -DMEASURED=%zu", measure->measure,
        measure->ratio_of, measure->reads, measure->states);
    add(text, " -DITERATED=%d -DADJUST=%s", iteration != NULL,
        iteration != NULL ? iteration->adjust : "adjust_none");
}

/* The rule, and how the frame takes its step. */
static void add_rule(struct text *text, const struct tik_plan *plan)
{
    const struct tik_variant *variant = plan->variant;
    const bool follows = variant->follow != NULL;
    const bool beside = plan->decoupled && plan->order == TIK_ORDER_BESIDE;
    add(text, " -DDIRECTION=%s -DBEFORE=%s -DBEHIND=%s -DRULE=%s -DSCALARS=%s_scalars",
        plan->maximize ? "ascend" : "descend", plan->order == TIK_ORDER_BEFORE ? "decay" : "stay",
        plan->order == TIK_ORDER_AFTER ? "decay" : "stay", variant->stage, plan->rule->stem);
    add(text, " -DFROM=%s -DTAKE=%s -DSUBTRACT=%s -DFOLLOWS=%d -DMOVED=%d",
        follows ? "from_state" : "from_parameter", beside ? "take_decay_and_step" : "take_step",
        plan->rule->replaces ? "replace" : "subtract", follows, follows && plan->moved);
    add(text, " -DFOLLOW=%s -DAFTER=%s -DSTATES_AFTER=%zu",
        stage_name(variant->follow, "follow_none"), stage_name(variant->after, "after_none"),
        follows || variant->after != NULL ? variant->state_count : 0);
}

static void define_step(struct text *text, const struct tik_plan *plan)
{
    add_gather(text, &plan->gather, "unscale_by_control");
    add_clip(text, plan);
    add_rule(text, plan);
    add_measure(text, plan->variant);
    add_lines(text, plan->variant->lines);
    add(text, " -DRATE=%s -DPAID=%d",
        stage_name(plan->diagonal ? plan->variant->rate : NULL, "rate_none"), plan->cumulative);
    add(text, " -DSUM=%d -DEMA=%d -DREPORT=%d -DLATE=%d", plan->gather.mean, plan->ema,
        plan->report, plan->late);
    add(text, " -DCOPY=%s -DCOPIES=%d -DRANDOM=%d",
        plan->copy != NULL ? plan->copy->name : "copy_none", plan->copy != NULL,
        plan->copy != NULL && plan->copy->random);
    for (size_t i = 0; i < TIK_PENALTY_SLOTS; i++) {
        const struct tik_plan_penalty *slot = &plan->penalty[i];
        add(text, " -DCOUPLED_%zu=%s -DPROXIMAL_%zu=%s -DVALUE_%zu=%s", i,
            stage_name(slot->coupled.name, "coupled_none"), i,
            slot->own.name != NULL ? slot->own.name
                                   : stage_name(slot->proximal.name, "proximal_none"),
            i, stage_name(slot->value.name, "value_none"));
    }
}

static void define_norm(struct text *text, const struct tik_gather *gather)
{
    add_gather(text, gather, "unscale_by_coming");
    add(text, " -DSUM=%d -DCLIP_ALL=%d -DUNITS=%d -DSECOND=%d -DCHECK=%d -DCLIP_UNIT=%s",
        gather->mean, gather->clip == TIK_CLIP_ALL, tik_gather_units(gather),
        gather->clip == TIK_CLIP_ADAPTIVE, gather->guard,
        gather->clip == TIK_CLIP_ADAPTIVE ? "clip_adaptive" : "clip_norm");
}

static void define_group(struct text *text, const struct tik_plan *plan)
{
    const struct tik_group_form *form = plan->group;
    const char *shape = stage_name(form->shape, "l1_ball");
    add(text, "-DGUARD=%d -DPROJECT=%d -DFACTOR=%s -DHEIGHT=height_%s -DREST=rest_%s -DBALL=%d",
        plan->gather.guard, form->factor == NULL, stage_name(form->factor, "factor_ball"), shape,
        shape, form->shape_twin != NULL && form->shape_twin->ball);
}

/* Pointers and their choice in many.cl, by the number of states. */
static void define_many(struct text *text, const struct tik_plan *plan)
{
    add(text, " -DTENSORS=%u -DEACH=EACH_%u -DPOINTERS=POINTERS_%zu -DCHOICE=CHOICE_%zu",
        plan->packed, plan->packed, plan->variant->state_count, plan->variant->state_count);
}

size_t tik_plan_defines(const struct tik_plan *plan, char *at, size_t size)
{
    struct text text = {.at = at, .size = size};
    switch (plan->kind) {
    case TIK_PROGRAM_STEP:
        define_step(&text, plan);
        if (plan->packed > 0)
            define_many(&text, plan);
        break;
    case TIK_PROGRAM_NORM:
        define_norm(&text, &plan->gather);
        if (plan->packed > 0)
            add(&text, " -DTENSORS=%u -DEACH=EACH_%u", plan->packed, plan->packed);
        break;
    case TIK_PROGRAM_GROUP:
        define_group(&text, plan);
        break;
    }
    return text.length;
}

const char *tik_plan_name(const struct tik_plan *plan)
{
    if (plan->kind == TIK_PROGRAM_STEP)
        return plan->variant->stage;
    return plan->kind == TIK_PROGRAM_NORM ? "norm" : "group";
}

void tik_plan_source(const struct tik_plan *plan, char name[static TIK_SOURCE_NAME])
{
    const char *stem = plan->kind == TIK_PROGRAM_STEP ? plan->rule->stem : tik_plan_name(plan);
    snprintf(name, TIK_SOURCE_NAME, "%s%s", stem, plan->packed > 0 ? "_many" : "");
}

static bool same_gather(const struct tik_gather *a, const struct tik_gather *b)
{
    return a->mean == b->mean && a->unscale == b->unscale && a->limit == b->limit &&
           a->late == b->late && a->clip == b->clip && a->guard == b->guard &&
           a->zero_grad == b->zero_grad;
}

static bool same_stages(const struct tik_plan_penalty *a, const struct tik_plan_penalty *b)
{
    return a->coupled.twin == b->coupled.twin && a->proximal.twin == b->proximal.twin &&
           a->own.twin == b->own.twin && a->value.twin == b->value.twin && a->group == b->group &&
           a->scope == b->scope && a->group_coupled == b->group_coupled &&
           a->sums_norms == b->sums_norms;
}

/* By what the defines are made of, not by their text: it is asked at every step. */
bool tik_plan_equal(const struct tik_plan *a, const struct tik_plan *b)
{
    bool equal = a->kind == b->kind && same_gather(&a->gather, &b->gather) && a->rule == b->rule &&
                 a->variant == b->variant && a->maximize == b->maximize &&
                 a->decoupled == b->decoupled && a->order == b->order &&
                 a->diagonal == b->diagonal && a->cumulative == b->cumulative && a->ema == b->ema &&
                 a->copy == b->copy && a->report == b->report && a->late == b->late &&
                 a->packed == b->packed && a->group == b->group;
    for (size_t i = 0; i < TIK_PENALTY_SLOTS; i++)
        equal &= same_stages(&a->penalty[i], &b->penalty[i]);
    return equal;
}
