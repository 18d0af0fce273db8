/* The arguments of tikhonov bench. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <getopt.h>

#include "bench.h"
#include "command.h"

#define MOST_PARAMETERS 0x1p40
#define MOST_ROUNDS     100000
#define MOST_BYTES      0x1p48

static const char help[] =
    "usage: tikhonov bench [OPTION...]\n\n"
    "Measures steps, and holds each against its limit: a loop with the policy's own streams (the\n"
    "same reads and writes, footprint and threads, trivial arithmetic), in C and as an OpenCL\n"
    "kernel, whichever is faster. They take turns within each round, and the ratio is the median\n"
    "over the rounds. Tensors lie in the library's memory; a step is measured until it is done.\n\n"
    "  --rules A,B         rules; RULE:KEY=VALUE:... sets options of one of them (default:\n"
    "                      sgd,sgd:momentum=0.9,lion,adamw)\n"
    "  --policy ITEM,...   for all rules: KEY=VALUE sets an option of the rule, NAME adds a\n"
    "                      penalty, which takes the KEY=VALUE after it, as in l1,weight=1e-4;\n"
    "                      and what is around the step: max_norm=X, clip_norm=X, agc=X or\n"
    "                      clip_value=X clip the gradients, ema=D averages the parameters,\n"
    "                      zero_grad=true clears the gradients, loss_scale=X divides by it,\n"
    "                      copy=bf16 or fp16 makes a low-precision copy, copy_rounding=stochastic\n"
    "                      rounds it by chance\n"
    "  --sizes N,M         parameters, as in 256, 1e6 or 64Mi; 2000x256 is 2,000 tensors of 256\n"
    "                      (default: 256,4Ki,64Ki,1Mi,16Mi,64Mi)\n"
    "  --tensors K         how many tensors a size is divided into (default 1)\n"
    "  --device D          auto, scalar, opencl, an index such as 0.1, or part of a name\n"
    "                      (default: the variable TIKHONOV_DEVICE, else auto); repeatable\n"
    "  --threads N         threads of the scalar path and of its limit (default: OpenMP's number)\n"
    "  --memory-limit N    bytes that the device may take, as in 256Mi: a row that needs more streams\n"
    "                      chunks, and its limit is their copies to the device and back alone\n"
    "  --rounds R          rounds of each row (default: as many as take a second, 21 at least)\n"
    "  --json              prints one JSON object\n"
    "  --plot FILE         draws GB/s against size by gnuplot: FILE.svg, or FILE.png and the SVG\n"
    "                      beside it; gnuplot's script is kept as FILE.gp\n"
    "  --help, -h          this text\n\n"
    "Seconds are medians, and the best; GB/s are of the bytes that a step has to move.\n";

enum { RULES = 256, POLICY, SIZES, TENSORS, DEVICE, THREADS, ROUNDS, JSON, PLOT, MEMORY };

static const struct option options[] = {
    {"rules", required_argument, NULL, RULES},
    {"policy", required_argument, NULL, POLICY},
    {"sizes", required_argument, NULL, SIZES},
    {"tensors", required_argument, NULL, TENSORS},
    {"device", required_argument, NULL, DEVICE},
    {"threads", required_argument, NULL, THREADS},
    {"rounds", required_argument, NULL, ROUNDS},
    {"json", no_argument, NULL, JSON},
    {"plot", required_argument, NULL, PLOT},
    {"memory-limit", required_argument, NULL, MEMORY},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* Lists and numbers are read when all options are known: one may bear on another. */
struct texts {
    const char *rules, *policy, *sizes, *tensors, *rounds, *memory;
};

/* "64Mi", or "2000x256": tensors times elements. */
static int read_size(const char *item, size_t length, size_t tensors, struct bench_size *size)
{
    const char *times = memchr(item, 'x', length);
    size_t each = 0;
    if (times == NULL && command_parse_count(item, length, MOST_PARAMETERS, &size->parameters)) {
        size->tensors = tensors;
        if (tensors > size->parameters)
            return command_error(COMMAND_USAGE,
                                 "--tensors is %zu, more than the %zu parameters of --sizes",
                                 tensors, size->parameters);
        return COMMAND_OK;
    }
    if (times != NULL &&
        command_parse_count(item, (size_t)(times - item), MOST_PARAMETERS, &size->tensors) &&
        command_parse_count(times + 1, length - (size_t)(times - item) - 1,
                            MOST_PARAMETERS / (double)size->tensors, &each)) {
        size->parameters = size->tensors * each;
        return COMMAND_OK;
    }
    return command_error(COMMAND_USAGE,
                         "--sizes has '%.*s'; a whole number of parameters up to 1024Gi is due, as "
                         "in 256, 1e6 or 64Mi, or 2000x256 for 2,000 tensors of 256",
                         (int)length, item);
}

static size_t count_items(const char *list)
{
    size_t count = 1;
    for (; *list != '\0'; list++)
        count += *list == ',';
    return count;
}

static int read_sizes(struct bench_arguments *arguments, const struct texts *texts)
{
    size_t tensors = 1;
    if (texts->tensors != NULL &&
        !command_parse_count(texts->tensors, strlen(texts->tensors), MOST_PARAMETERS, &tensors))
        return command_error(COMMAND_USAGE, "--tensors is '%s'; a whole number from 1 is due",
                             texts->tensors);
    const char *item = texts->sizes;
    if (item == NULL)
        item = tensors > 1 ? "1Mi,16Mi,64Mi" : "256,4Ki,64Ki,1Mi,16Mi,64Mi";
    arguments->default_sizes = texts->sizes == NULL;
    arguments->sizes = calloc(count_items(item), sizeof *arguments->sizes);
    if (arguments->sizes == NULL)
        return command_error(COMMAND_FAILED, "no memory for the arguments");
    for (bool more = true; more;) {
        const size_t length = strcspn(item, ",");
        struct bench_size *size = &arguments->sizes[arguments->size_count];
        const int code = read_size(item, length, tensors, size);
        if (code != COMMAND_OK)
            return code;
        arguments->size_count++;
        more = item[length] == ',';
        item += length + 1;
    }
    return COMMAND_OK;
}

static int read_rules(struct bench_arguments *arguments, const struct texts *texts)
{
    const char *list = texts->rules != NULL ? texts->rules : "sgd,sgd:momentum=0.9,lion,adamw";
    arguments->policies = calloc(count_items(list), sizeof *arguments->policies);
    char *copy = malloc(strlen(list) + 1);
    int code = COMMAND_OK;
    if (arguments->policies == NULL || copy == NULL)
        code = command_error(COMMAND_FAILED, "no memory for the arguments");
    else
        strcpy(copy, list);
    for (char *item = copy; code == COMMAND_OK && item != NULL;) {
        char *comma = strchr(item, ',');
        if (comma != NULL)
            *comma = '\0';
        struct bench_policy *policy = &arguments->policies[arguments->policy_count++];
        code = bench_policy_make(item, texts->policy, policy);
        policy->options.memory_limit = arguments->memory_limit;
        item = comma != NULL ? comma + 1 : NULL;
    }
    free(copy);
    return code;
}

static int read_texts(struct bench_arguments *arguments, const struct texts *texts)
{
    if (texts->rounds != NULL &&
        !command_parse_count(texts->rounds, strlen(texts->rounds), MOST_ROUNDS, &arguments->rounds))
        return command_error(COMMAND_USAGE, "--rounds is '%s'; a whole number from 1 to %d is due",
                             texts->rounds, MOST_ROUNDS);
    if (texts->memory != NULL && !command_parse_count(texts->memory, strlen(texts->memory),
                                                      MOST_BYTES, &arguments->memory_limit))
        return command_error(COMMAND_USAGE,
                             "--memory-limit is '%s'; a whole number of bytes is due, as in 256Mi",
                             texts->memory);
    int code = read_sizes(arguments, texts);
    if (code == COMMAND_OK)
        code = read_rules(arguments, texts);
    if (code == COMMAND_OK && arguments->plot != NULL)
        code = bench_plot_check(arguments->plot);
    if (arguments->device_count == 0)
        arguments->device_count = 1; /* the default: NULL */
    return code;
}

static int read_option(struct bench_arguments *arguments, struct texts *texts, int option,
                       const char *text)
{
    const char **const places[] = {
        [RULES - RULES] = &texts->rules,
        [POLICY - RULES] = &texts->policy,
        [SIZES - RULES] = &texts->sizes,
        [TENSORS - RULES] = &texts->tensors,
        [ROUNDS - RULES] = &texts->rounds,
        [PLOT - RULES] = &arguments->plot,
        [MEMORY - RULES] = &texts->memory,
        [DEVICE - RULES] = &arguments->devices[arguments->device_count],
    };
    if (option == THREADS)
        return command_parse_threads(text, &arguments->threads);
    if (option == JSON) {
        arguments->json = true;
        return COMMAND_OK;
    }
    *places[option - RULES] = text;
    arguments->device_count += option == DEVICE;
    return COMMAND_OK;
}

int bench_arguments_read(struct bench_arguments *arguments, int argc, char **argv, bool *done)
{
    struct texts texts = {.rules = NULL};
    *arguments = (struct bench_arguments){.threads = 0};
    *done = false;
    arguments->devices = calloc((size_t)argc + 1, sizeof *arguments->devices);
    if (arguments->devices == NULL)
        return command_error(COMMAND_FAILED, "no memory for the arguments");
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        if (option == '?' || option == ':')
            return command_bad_option(option, argv);
        if (option == 'h') {
            fputs(help, stdout);
            *done = true;
            return COMMAND_OK;
        }
        const int code = read_option(arguments, &texts, option, optarg);
        if (code != COMMAND_OK)
            return code;
    }
    if (optind < argc)
        return command_bad_operand(argv[optind]);
    return read_texts(arguments, &texts);
}

void bench_arguments_finish(struct bench_arguments *arguments)
{
    for (size_t i = 0; i < arguments->policy_count; i++)
        bench_policy_finish(&arguments->policies[i]);
    free(arguments->policies);
    free(arguments->sizes);
    free(arguments->devices);
}
