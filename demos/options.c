#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whole numbers up to here are exact in JSON, whose numbers are doubles. */
#define MAX_SEED ((UINT64_C(1) << 53) - 1001)

enum {
    OPTION_LAMBDA = 1000,
    OPTION_PENALTY,
    OPTION_RULE,
    OPTION_PRESET,
    OPTION_LR,
    OPTION_EPOCHS,
    OPTION_SEED,
    OPTION_DEVICE,
    OPTION_VERIFY,
    OPTION_BLAS,
    OPTION_OUT,
    OPTION_JSON,
    OPTION_NO_PLOT,
    OPTION_TEXT,
    OPTION_HELP,
    OPTION_COMMON_END, /* from here on 02_digits only */
    OPTION_SETTING,
    OPTION_SEEDS,
    OPTION_DATA,
};

static const struct option long_options[] = {
    {"lambda", required_argument, NULL, OPTION_LAMBDA},
    {"penalty", required_argument, NULL, OPTION_PENALTY},
    {"rule", required_argument, NULL, OPTION_RULE},
    {"preset", required_argument, NULL, OPTION_PRESET},
    {"lr", required_argument, NULL, OPTION_LR},
    {"epochs", required_argument, NULL, OPTION_EPOCHS},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"device", required_argument, NULL, OPTION_DEVICE},
    {"verify", required_argument, NULL, OPTION_VERIFY},
    {"blas", required_argument, NULL, OPTION_BLAS},
    {"out", required_argument, NULL, OPTION_OUT},
    {"json", no_argument, NULL, OPTION_JSON},
    {"no-plot", no_argument, NULL, OPTION_NO_PLOT},
    {"text", no_argument, NULL, OPTION_TEXT},
    {"help", no_argument, NULL, OPTION_HELP},
    {"setting", required_argument, NULL, OPTION_SETTING},
    {"seeds", required_argument, NULL, OPTION_SEEDS},
    {"data", required_argument, NULL, OPTION_DATA},
    {NULL, 0, NULL, 0},
};

static void print_help(const struct options_about *about, const struct options *defaults)
{
    printf("usage: %s [options]\n\n%s\n", program_name(), about->summary);
    printf("  --lambda X       weight of the penalty; may be repeated, up to %d times\n"
           "  --penalty P      NAME[,key=value...] (default %s); `tikhonov rules` lists them\n"
           "  --rule NAME      update rule (default %s)\n"
           "  --preset NAME    rule and weight decay as keras, optax, caffe, ... have them\n"
           "  --lr X           learning rate (default %g)\n"
           "  --epochs N       passes over the training set (default %zu)\n"
           "  --seed N         of data, weights and shuffling (default %llu)\n",
           MAX_LAMBDAS, defaults->penalty, defaults->rule, defaults->lr, defaults->epochs,
           (unsigned long long)defaults->seed);
    printf("  --device D       auto, scalar, opencl, an index such as 1.0, or part of a name\n"
           "  --verify V       all, sample or off: compare the device's steps with the scalar\n"
           "                   path's (default all)\n"
           "  --blas B         matrix products: clblast, cblas, or auto, which takes products of\n"
           "                   fewer than %.0f multiply-adds to the host (default auto)\n",
           PRODUCT_THRESHOLD);
    if (about->data)
        printf("  --setting S      clean, noisy or both (default both)\n"
               "  --seeds N        repeat with seeds SEED, SEED+1, ... (default %zu)\n"
               "  --data FILE      64 pixels and a digit a line (default %s)\n",
               defaults->seeds, about->data);
    puts("  --out FOLDER     where figures go (default the current folder)\n"
         "  --no-plot        draw no figures\n"
         "  --text           draw the figures as text even when stdout is no terminal\n"
         "  --json           print one JSON object and nothing else\n"
         "  --help           print this");
}

_Noreturn static void reject(const char *option, const char *value, const char *right)
{
    fail(EXIT_USAGE, "%s %s: not accepted; give %s", option, value, right);
}

static double parse_real(const char *option, const char *text)
{
    const char *right = "a finite number that is 0 or more, such as 0.01";
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value) || value < 0)
        reject(option, text, right);
    return value;
}

static uint64_t parse_whole(const char *option, const char *text, uint64_t low, uint64_t high)
{
    char right[80];
    snprintf(right, sizeof right, "a whole number from %llu to %llu", (unsigned long long)low,
             (unsigned long long)high);
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (!*text || strspn(text, "0123456789") != strlen(text) || *end || errno || value < low ||
        value > high)
        reject(option, text, right);
    return value;
}

/* The index of `text` among `words`. */
static size_t parse_word(const char *option, const char *text, const char *const *words)
{
    char right[80] = "";
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(text, words[i]) == 0)
            return i;
        strcat(strcat(right, !i ? "" : words[i + 1] ? ", " : " or "), words[i]);
    }
    reject(option, text, right);
}

static void set_setting(struct options *options, const char *text)
{
    static const char *const words[] = {"clean", "noisy", "both", NULL};
    size_t index = parse_word("--setting", text, words);
    options->clean = index != 1;
    options->noisy = index != 0;
}

static void add_lambda(struct options *options, const char *text)
{
    if (options->lambda_count == MAX_LAMBDAS)
        fail(EXIT_USAGE, "--lambda %s: one too many; give it at most %d times", text, MAX_LAMBDAS);
    options->lambdas[options->lambda_count++] = parse_real("--lambda", text);
}

static void set_verify(struct options *options, const char *text)
{
    static const char *const words[] = {"all", "sample", "off", NULL};
    static const enum tik_verify values[] = {TIK_VERIFY_ALL, TIK_VERIFY_SAMPLE, TIK_VERIFY_OFF};
    options->verify = values[parse_word("--verify", text, words)];
}

static void set_blas(struct options *options, const char *text)
{
    static const char *const words[] = {"auto", "clblast", "cblas", NULL};
    static const enum product_choice values[] = {PRODUCT_AUTO, PRODUCT_CLBLAST, PRODUCT_CBLAS};
    options->blas = values[parse_word("--blas", text, words)];
}

static void set_number(struct options *options, int option, const char *text)
{
    switch (option) {
    case OPTION_LAMBDA:
        add_lambda(options, text);
        break;
    case OPTION_LR:
        options->lr = parse_real("--lr", text);
        break;
    case OPTION_EPOCHS:
        options->epochs = parse_whole("--epochs", text, 1, 100000);
        break;
    case OPTION_SEED:
        options->seed = parse_whole("--seed", text, 0, MAX_SEED);
        break;
    case OPTION_SEEDS:
        options->seeds = parse_whole("--seeds", text, 1, 1000);
        break;
    default:
        fail(EXIT_USAGE, "`%s --help` lists the options", program_name());
    }
}

static void set_option(struct options *options, int option, const char *text)
{
    switch (option) {
    case OPTION_PENALTY:
        options->penalty = text;
        break;
    case OPTION_RULE:
        options->rule = text;
        break;
    case OPTION_PRESET:
        options->preset = text;
        break;
    case OPTION_DEVICE:
        options->device = text;
        break;
    case OPTION_VERIFY:
        set_verify(options, text);
        break;
    case OPTION_BLAS:
        set_blas(options, text);
        break;
    case OPTION_OUT:
        options->out = text;
        break;
    case OPTION_JSON:
        options->json = true;
        break;
    case OPTION_NO_PLOT:
        options->plot = false;
        break;
    case OPTION_TEXT:
        options->text = true;
        break;
    case OPTION_SETTING:
        set_setting(options, text);
        break;
    case OPTION_DATA:
        options->data = text;
        break;
    default:
        set_number(options, option, text);
    }
}

void options_parse(int argc, char **argv, const struct options_about *about,
                   struct options *options)
{
    const struct options defaults = *options;
    int option, index = 0;
    set_program_name(argv[0]);
    while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1) {
        if (option == OPTION_HELP) {
            print_help(about, &defaults);
            exit(EXIT_SUCCESS);
        }
        if (option > OPTION_COMMON_END && !about->data)
            fail(EXIT_USAGE, "--%s: an option of 02_digits; `%s --help` lists those of this demo",
                 long_options[index].name, program_name());
        set_option(options, option, optarg);
    }
    if (optind < argc)
        fail(EXIT_USAGE, "%s: not an option; `%s --help` lists them", argv[optind], program_name());
}
