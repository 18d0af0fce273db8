/* tikhonov rules: the tables of rules, penalties and presets. */
#include "command.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include <getopt.h>

#include "rules.h"

static const char help[] =
    "usage: tikhonov rules [--json]\n"
    "       tikhonov rules --rule RULE [--policy ITEM,...] [--json]\n\n"
    "Lists the rules, the penalties and the presets: equation, options with default and range,\n"
    "states, bytes that a step moves for each float32 parameter, launches of a step, what a\n"
    "library has in another way, and the source. Or tells what a step of one policy costs.\n\n"
    "  --rule RULE        launches and bytes of this rule alone, as in adamw or\n"
    "                     sgd:momentum=0.9:nesterov=true\n"
    "  --policy ITEM,...  with these options, penalties and what is around the step, as in\n"
    "                     max_norm=1,ema=0.999,l1,weight=1e-4; see 'tikhonov bench --help'\n"
    "  --json             prints one JSON object\n"
    "  --help, -h         this text\n";

static const char *const applications[] = {"coupled", "decoupled", "proximal"};

static cJSON *default_json(const struct tik_option *option)
{
    switch (option->type) {
    case TIK_OPTION_FLAG:
        return cJSON_CreateBool(option->value != 0);
    case TIK_OPTION_CHOICE:
        return cJSON_CreateString(option->choices[(size_t)option->value]);
    case TIK_OPTION_REAL:
    case TIK_OPTION_INTEGER:
        break;
    }
    return cJSON_CreateNumber(option->value);
}

static bool add_options(cJSON *to, const struct tik_option *options, size_t count)
{
    cJSON *list = cJSON_AddArrayToObject(to, "options");
    for (size_t i = 0; i < count; i++) {
        cJSON *entry = cJSON_CreateObject();
        if (!cJSON_AddItemToArray(list, entry) ||
            cJSON_AddStringToObject(entry, "name", options[i].name) == NULL ||
            !cJSON_AddItemToObject(entry, "default", default_json(&options[i])) ||
            cJSON_AddStringToObject(entry, "range", options[i].range) == NULL ||
            cJSON_AddStringToObject(entry, "doc", options[i].doc) == NULL)
            return false;
    }
    return list != NULL;
}

/* What a step of the rule with its default options costs. */
struct cost {
    size_t states, launches, bytes, of_vector;
};

/* Asked of the scalar path, of a matrix or a vector; max_norm 0: without clipping. */
static enum tik_status cost_of(const struct tik_rule_info *rule, double max_norm, bool matrix,
                               struct cost *cost)
{
    struct tik_context_options options;
    struct tik_optimizer_options clipping;
    command_context_options(&options, "scalar", false);
    tik_optimizer_defaults(&clipping);
    clipping.max_norm = max_norm;
    struct tik_context *context = NULL;
    struct tik_policy *policy = NULL;
    struct tik_optimizer *optimizer = NULL;
    struct tik_tensor_info info;
    const size_t shape[] = {1, 1};
    const struct tik_tensor tensor = {
        .name = "p", .rank = matrix ? 2 : 1, .shape = shape, .memory = TIK_MEMORY_LIBRARY};
    size_t group = 0;
    enum tik_status status = tik_context_create(&options, &context);
    if (status == TIK_OK)
        status = tik_policy_create(rule->name, &policy);
    if (status == TIK_OK)
        status = tik_optimizer_create(context, &clipping, &optimizer);
    if (status == TIK_OK)
        status = tik_optimizer_add_group(optimizer, policy, &group);
    if (status == TIK_OK)
        status = tik_optimizer_add_tensor(optimizer, group, &tensor, NULL);
    if (status == TIK_OK)
        status = tik_optimizer_tensor(optimizer, 0, &info);
    if (status == TIK_OK)
        *cost = (struct cost){.states = info.state_count,
                              .launches = tik_optimizer_launches(optimizer),
                              .bytes = tik_optimizer_bytes(optimizer, group)};
    if (status == TIK_OK && cost->launches == 0)
        status = TIK_ERROR_MEMORY;
    tik_optimizer_destroy(optimizer);
    tik_policy_destroy(policy);
    tik_context_destroy(context);
    return status;
}

/* Of a matrix; and of a vector, where a rule takes any and moves more of it. */
static enum tik_status default_cost(const struct tik_rule_info *rule, double max_norm,
                                    struct cost *cost)
{
    struct cost vector;
    const enum tik_status status = cost_of(rule, max_norm, true, cost);
    if (status == TIK_OK && cost_of(rule, max_norm, false, &vector) == TIK_OK)
        cost->of_vector = vector.bytes;
    return status;
}

/* A state that the default options do not need is read and written; one of vectors alone is not. */
static size_t bytes_of_all(const struct tik_rule_info *rule, const struct cost *cost)
{
    if (cost->of_vector > cost->bytes)
        return cost->bytes;
    return cost->bytes + (rule->state_count - cost->states) * 2 * sizeof(float);
}

/* The scalar path fails for want of memory only. */
static bool add_cost(cJSON *entry, const struct tik_rule_info *rule)
{
    struct cost cost, clipped;
    if (default_cost(rule, 0, &cost) != TIK_OK || default_cost(rule, 1, &clipped) != TIK_OK)
        return false;
    const struct {
        const char *name;
        size_t value;
    } numbers[] = {{"launches", cost.launches},
                   {"launches_with_max_norm", clipped.launches},
                   {"bytes_per_parameter", cost.bytes},
                   {"bytes_per_parameter_with_every_state", bytes_of_all(rule, &cost)}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (cJSON_AddNumberToObject(entry, numbers[i].name, (double)numbers[i].value) == NULL)
            return false;
    return true;
}

static bool add_rule(cJSON *list, const struct tik_rule_info *rule)
{
    cJSON *entry = cJSON_CreateObject();
    return cJSON_AddItemToArray(list, entry) &&
           cJSON_AddStringToObject(entry, "name", rule->name) != NULL &&
           cJSON_AddStringToObject(entry, "equation", rule->equation) != NULL &&
           add_options(entry, rule->options, rule->option_count) &&
           cJSON_AddItemToObject(entry, "states",
                                 cJSON_CreateStringArray(rule->states, (int)rule->state_count)) &&
           cJSON_AddStringToObject(entry, "citation", rule->citation) != NULL &&
           cJSON_AddBoolToObject(entry, "matrices", rule->matrices) != NULL &&
           cJSON_AddStringToObject(entry, "conformance", rule->bounded ? "bounded" : "exact") !=
               NULL &&
           add_cost(entry, rule);
}

static bool add_penalty(cJSON *list, const struct tik_penalty_info *penalty)
{
    cJSON *entry = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(list, entry) ||
        cJSON_AddStringToObject(entry, "name", penalty->name) == NULL ||
        cJSON_AddStringToObject(entry, "equation", penalty->equation) == NULL ||
        !add_options(entry, penalty->options, penalty->option_count))
        return false;
    cJSON *names = cJSON_AddArrayToObject(entry, "applications");
    for (size_t i = 0; i < sizeof applications / sizeof *applications; i++)
        if ((penalty->applications >> i & 1) != 0 &&
            !cJSON_AddItemToArray(names, cJSON_CreateString(applications[i])))
            return false;
    return names != NULL && cJSON_AddStringToObject(entry, "citation", penalty->citation) != NULL;
}

/* The names that a preset's library has for options of ours. */
static bool add_words(cJSON *entry, const struct tik_preset_info *preset)
{
    cJSON *words = cJSON_AddArrayToObject(entry, "words");
    for (size_t i = 0; i < preset->word_count; i++) {
        cJSON *word = cJSON_CreateObject();
        if (!cJSON_AddItemToArray(words, word) ||
            cJSON_AddStringToObject(word, "name", preset->words[i].name) == NULL ||
            cJSON_AddStringToObject(word, "ours", preset->words[i].ours) == NULL ||
            (preset->words[i].rule != NULL &&
             cJSON_AddStringToObject(word, "rule", preset->words[i].rule) == NULL))
            return false;
    }
    return words != NULL;
}

static bool add_preset(cJSON *list, const struct tik_preset_info *preset)
{
    cJSON *entry = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(list, entry) ||
        cJSON_AddStringToObject(entry, "name", preset->name) == NULL)
        return false;
    cJSON *rules = cJSON_AddArrayToObject(entry, "rules");
    for (size_t i = 0; tik_preset_rule(preset->name, i) != NULL; i++)
        if (!cJSON_AddItemToArray(rules, cJSON_CreateString(tik_preset_rule(preset->name, i))))
            return false;
    return rules != NULL && cJSON_AddStringToObject(entry, "differs", preset->differs) != NULL &&
           add_words(entry, preset) &&
           cJSON_AddStringToObject(entry, "citation", preset->citation) != NULL;
}

static int print_json(void)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *rules = cJSON_AddArrayToObject(root, "rules");
    cJSON *penalties = cJSON_AddArrayToObject(root, "penalties");
    cJSON *presets = cJSON_AddArrayToObject(root, "presets");
    bool complete = rules != NULL && penalties != NULL && presets != NULL;
    for (size_t i = 0; complete && tik_rule_at(i) != NULL; i++)
        complete = add_rule(rules, tik_rule_at(i));
    for (size_t i = 0; complete && tik_penalty_at(i) != NULL; i++)
        complete = add_penalty(penalties, tik_penalty_at(i));
    for (size_t i = 0; complete && tik_preset_at(i) != NULL; i++)
        complete = add_preset(presets, tik_preset_at(i));
    if (!complete) {
        cJSON_Delete(root);
        root = NULL;
    }
    return command_print_json(root);
}

/* Words of `text`, wrapped at column 100; the first line goes on where `indent` columns are. */
static void print_wrapped(int indent, const char *text)
{
    int column = indent;
    while (*text != '\0') {
        const int length = (int)strcspn(text, " ");
        if (column > indent && column + 1 + length > 100) {
            printf("\n%*s", indent, "");
            column = indent;
        }
        column += printf("%s%.*s", column > indent ? " " : "", length, text);
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void print_labelled(const char *label, const char *text)
{
    printf("    %-10s", label);
    print_wrapped(14, text);
}

/* Where the next column is, or after a blank: a long name moves what follows it. */
static int pad(int from, int to)
{
    return from + printf("%*s", to > from ? to - from : 1, "");
}

static void print_option(const struct tik_option *option)
{
    char value[32];
    if (option->type == TIK_OPTION_FLAG)
        snprintf(value, sizeof value, "%s", option->value != 0 ? "true" : "false");
    else if (option->type == TIK_OPTION_CHOICE)
        snprintf(value, sizeof value, "%s", option->choices[(size_t)option->value]);
    else
        snprintf(value, sizeof value, "%g", option->value);
    int column = pad(printf("        %s", option->name), 22);
    column = pad(column + printf("%s", value), 33);
    column += printf("%s", option->range);
    if (column < 52)
        printf("%*s", 52 - column, "");
    else
        printf("\n%*s", 52, "");
    print_wrapped(52, option->doc);
}

static void print_options(const struct tik_option *options, size_t count)
{
    printf("    options:  %-10s%-11s%s\n", "", "default", "range");
    for (size_t i = 0; i < count; i++)
        print_option(&options[i]);
}

static enum tik_status print_states(const struct tik_rule_info *rule)
{
    struct cost cost, clipped;
    enum tik_status status = default_cost(rule, 0, &cost);
    if (status == TIK_OK)
        status = default_cost(rule, 1, &clipped);
    if (status != TIK_OK)
        return status;
    printf("    states:   ");
    for (size_t i = 0; i < rule->state_count; i++)
        printf("%s%s", i > 0 ? ", " : "", rule->states[i]);
    printf("%s\n", rule->state_count > 0 ? "" : "none");
    printf("    bytes:    %zu a parameter", cost.bytes);
    if (cost.of_vector > cost.bytes)
        printf(" of a matrix, whose states are its rows' and columns'; %zu of a vector",
               cost.of_vector);
    else if (rule->state_count > cost.states)
        printf(" with the default options, %zu with every state", bytes_of_all(rule, &cost));
    putchar('\n');
    /* The sums of blocks take one more a group, and one finishes them. */
    char launches[160];
    snprintf(launches, sizeof launches,
             "%zu a step for a group's tensors in the library's memory; with --max-norm %zu a "
             "group and 1 more, so %zu for one group",
             cost.launches, clipped.launches - 1, clipped.launches);
    print_labelled("launches:", launches);
    return TIK_OK;
}

static enum tik_status print_rule(const struct tik_rule_info *rule)
{
    printf("%s\n", rule->name);
    print_labelled("step:", rule->equation);
    const enum tik_status status = print_states(rule);
    if (status != TIK_OK)
        return status;
    if (rule->matrices)
        print_labelled("tensors:", "of rank 2 alone");
    if (rule->bounded != NULL)
        print_labelled("bounded:", rule->bounded);
    print_labelled("source:", rule->citation);
    print_options(rule->options, rule->option_count);
    putchar('\n');
    return TIK_OK;
}

static void print_penalty(const struct tik_penalty_info *penalty)
{
    printf("%s\n", penalty->name);
    print_labelled("value:", penalty->equation);
    print_labelled("source:", penalty->citation);
    print_options(penalty->options, penalty->option_count);
    putchar('\n');
}

static void print_preset(const struct tik_preset_info *preset)
{
    char list[1024] = "";
    size_t length = 0;
    for (size_t i = 0; tik_preset_rule(preset->name, i) != NULL && length < sizeof list; i++) {
        const char *rule = tik_preset_rule(preset->name, i);
        length += (size_t)snprintf(list + length, sizeof list - length, "%s%s", i > 0 ? ", " : "",
                                   rule[0] != '\0' ? rule : "every rule");
    }
    printf("%s\n", preset->name);
    print_labelled("differs:", preset->differs);
    print_labelled("rules:", list);
    length = 0;
    for (size_t i = 0; i < preset->word_count && length < sizeof list; i++)
        length += (size_t)snprintf(list + length, sizeof list - length, "%s%s = %s",
                                   i > 0 ? ", " : "", preset->words[i].name, preset->words[i].ours);
    if (preset->word_count > 0)
        print_labelled("words:", list);
    print_labelled("source:", preset->citation);
    putchar('\n');
}

static int print_tables(void)
{
    puts(
        "Rules (p parameter, g gradient, t the step from 1; a step moves the bytes once: a moving\n"
        "average adds 8, gradients that are cleared 4, a low-precision copy 2)\n");
    for (size_t i = 0; tik_rule_at(i) != NULL; i++) {
        const enum tik_status status = print_rule(tik_rule_at(i));
        if (status != TIK_OK)
            return command_failure(status);
    }
    puts("Penalties (weight_decay of a rule is short for l2 in the rule's own application)\n");
    for (size_t i = 0; tik_penalty_at(i) != NULL; i++)
        print_penalty(tik_penalty_at(i));
    puts("Presets (--preset NAME: rules and penalties as that library has them)\n");
    for (size_t i = 0; tik_preset_at(i) != NULL; i++)
        print_preset(tik_preset_at(i));
    return COMMAND_OK;
}

int rules_run(int argc, char **argv)
{
    enum { JSON = 256, RULE, POLICY };
    static const struct option options[] = {
        {"rule", required_argument, NULL, RULE},
        {"policy", required_argument, NULL, POLICY},
        {"json", no_argument, NULL, JSON},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *rule = NULL, *policy = NULL;
    bool json = false;
    opterr = 0;
    for (int result; (result = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        switch (result) {
        case JSON:
            json = true;
            break;
        case RULE:
            rule = optarg;
            break;
        case POLICY:
            policy = optarg;
            break;
        case 'h':
            fputs(help, stdout);
            return COMMAND_OK;
        default:
            return command_bad_option(result, argv);
        }
    }
    if (optind < argc)
        return command_bad_operand(argv[optind]);
    if (policy != NULL && rule == NULL)
        return command_error(COMMAND_USAGE, "--policy is '%s', but there is no --rule", policy);
    if (rule != NULL)
        return rules_policy_print(rule, policy, json);
    return json ? print_json() : print_tables();
}
