/* tikhonov prior: the penalty's weight that belongs to a prior, and back. */
#include "command.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include <getopt.h>

static const char help[] =
    "usage: tikhonov prior --gaussian TAU | --laplace B | --lambda L [OPTION...]\n\n"
    "A penalty is a prior. Prints the lambda of l2 for the prior N(0, TAU^2) of each parameter, or\n"
    "that of l1 for Laplace(B); with --lambda the priors behind it, both as l2 and as l1. For the\n"
    "loss 1/n sum 1/2 (y - f)^2 and noise of variance S^2:\n\n"
    "    l2: lambda = S^2/(n TAU^2)      l1: lambda = S^2/(n B)\n\n"
    "  --gaussian TAU     standard deviation of the parameters\n"
    "  --laplace B        mean size of the parameters\n"
    "  --lambda L         weight of the penalty\n"
    "  --noise S          standard deviation of the noise (default 1, which is right for a mean\n"
    "                     negative log-likelihood)\n"
    "  --samples N        number of samples; needed unless the loss is a sum\n"
    "  --sum-loss         the loss is a sum over the samples, not a mean\n"
    "  --no-half-loss     the loss has (y - f)^2 without 1/2: lambda doubles\n"
    "  --l2-without-half  l2 is lambda ||p||^2, as in Keras: its lambda halves\n"
    "  --json             prints one JSON object\n"
    "  --help, -h         this text\n";

enum {
    GAUSSIAN = 256,
    LAPLACE,
    LAMBDA,
    NOISE,
    SAMPLES,
    SUM_LOSS,
    NO_HALF_LOSS,
    L2_WITHOUT_HALF,
    JSON
};

static const struct option options[] = {
    {"gaussian", required_argument, NULL, GAUSSIAN},
    {"laplace", required_argument, NULL, LAPLACE},
    {"lambda", required_argument, NULL, LAMBDA},
    {"noise", required_argument, NULL, NOISE},
    {"samples", required_argument, NULL, SAMPLES},
    {"sum-loss", no_argument, NULL, SUM_LOSS},
    {"no-half-loss", no_argument, NULL, NO_HALF_LOSS},
    {"l2-without-half", no_argument, NULL, L2_WITHOUT_HALF},
    {"json", no_argument, NULL, JSON},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct arguments {
    struct tik_prior_convention convention;
    int given; /* GAUSSIAN, LAPLACE or LAMBDA; 0: none yet */
    double value;
    bool json, help;
};

/* A prior and the penalty that it is. */
struct row {
    enum tik_prior prior;
    double scale, lambda;
};

static int take_number(const char *name, double *value)
{
    if (command_parse_real(optarg, value) && *value > 0)
        return COMMAND_OK;
    return command_error(COMMAND_USAGE, "--%s is '%s'; allowed is a number above 0", name, optarg);
}

static int take_samples(uint64_t *samples)
{
    double value;
    const bool whole = strspn(optarg, "0123456789") == strlen(optarg);
    if (!whole || !command_parse_real(optarg, &value) || value < 1 || value > 0x1p53)
        return command_error(COMMAND_USAGE, "--samples is '%s'; allowed is 1 to 2^53", optarg);
    *samples = (uint64_t)value;
    return COMMAND_OK;
}

static int take_value(int option, const char *name, struct arguments *arguments)
{
    if (arguments->given != 0)
        return command_error(COMMAND_USAGE,
                             "--%s is one too many: allowed is one of --gaussian, "
                             "--laplace and --lambda",
                             name);
    arguments->given = option;
    return take_number(name, &arguments->value);
}

static int take_option(int option, const char *name, struct arguments *arguments)
{
    switch (option) {
    case GAUSSIAN:
    case LAPLACE:
    case LAMBDA:
        return take_value(option, name, arguments);
    case NOISE:
        return take_number(name, &arguments->convention.noise);
    case SAMPLES:
        return take_samples(&arguments->convention.samples);
    case SUM_LOSS:
        arguments->convention.mean_loss = false;
        break;
    case NO_HALF_LOSS:
        arguments->convention.half_loss = false;
        break;
    case L2_WITHOUT_HALF:
        arguments->convention.half_l2 = false;
        break;
    case JSON:
        arguments->json = true;
        break;
    default:
        arguments->help = true;
    }
    return COMMAND_OK;
}

static int parse(int argc, char **argv, struct arguments *arguments)
{
    int index = 0;
    opterr = 0;
    for (int result; (result = getopt_long(argc, argv, ":h", options, &index)) != -1;) {
        if (result == ':' || result == '?')
            return command_bad_option(result, argv);
        const int code = take_option(result, options[index].name, arguments);
        if (code != COMMAND_OK || arguments->help)
            return code;
    }
    if (optind < argc)
        return command_bad_operand(argv[optind]);
    if (arguments->given == 0)
        return command_error(COMMAND_USAGE, "--gaussian, --laplace or --lambda is missing; see "
                                            "'tikhonov prior --help'");
    if (arguments->convention.mean_loss && arguments->convention.samples == 0)
        return command_error(COMMAND_USAGE, "--samples is missing, over which the loss is a mean; "
                                            "or --sum-loss");
    return COMMAND_OK;
}

/* The rows that are asked for: one prior, or both that a lambda may mean. */
static enum tik_status compute(const struct arguments *arguments, struct row rows[2], size_t *count)
{
    const struct tik_prior_convention *c = &arguments->convention;
    const double value = arguments->value;
    rows[0] = (struct row){TIK_PRIOR_GAUSSIAN, value, value};
    rows[1] = (struct row){TIK_PRIOR_LAPLACE, value, value};
    *count = 1;
    if (arguments->given == GAUSSIAN)
        return tik_prior_to_lambda(TIK_PRIOR_GAUSSIAN, value, c, &rows[0].lambda);
    if (arguments->given == LAPLACE) {
        rows[0] = rows[1];
        return tik_prior_to_lambda(TIK_PRIOR_LAPLACE, value, c, &rows[0].lambda);
    }
    *count = 2;
    const enum tik_status status =
        tik_prior_from_lambda(TIK_PRIOR_GAUSSIAN, value, c, &rows[0].scale);
    if (status != TIK_OK)
        return status;
    return tik_prior_from_lambda(TIK_PRIOR_LAPLACE, value, c, &rows[1].scale);
}

static bool add_row(cJSON *to, const struct row *row)
{
    const bool gaussian = row->prior == TIK_PRIOR_GAUSSIAN;
    cJSON *entry = cJSON_CreateObject();
    return cJSON_AddItemToArray(to, entry) &&
           cJSON_AddStringToObject(entry, "prior", gaussian ? "gaussian" : "laplace") != NULL &&
           cJSON_AddNumberToObject(entry, "scale", row->scale) != NULL &&
           cJSON_AddStringToObject(entry, "penalty", gaussian ? "l2" : "l1") != NULL &&
           cJSON_AddNumberToObject(entry, "lambda", row->lambda) != NULL;
}

static int print_json(const struct tik_prior_convention *c, const struct row *rows, size_t count)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(root, "priors");
    bool made = list != NULL && cJSON_AddNumberToObject(root, "noise", c->noise) != NULL &&
                cJSON_AddNumberToObject(root, "samples", (double)c->samples) != NULL &&
                cJSON_AddBoolToObject(root, "mean_loss", c->mean_loss) != NULL &&
                cJSON_AddBoolToObject(root, "half_loss", c->half_loss) != NULL &&
                cJSON_AddBoolToObject(root, "half_l2", c->half_l2) != NULL;
    for (size_t i = 0; i < count; i++)
        made = made && add_row(list, &rows[i]);
    if (!made) {
        cJSON_Delete(root);
        root = NULL;
    }
    return command_print_json(root);
}

static void print_row(const struct row *row)
{
    const bool gaussian = row->prior == TIK_PRIOR_GAUSSIAN;
    printf("%-9s %-3s = %-12.9g %s with lambda = %.9g\n", gaussian ? "gaussian" : "laplace",
           gaussian ? "tau" : "b", row->scale, gaussian ? "l2" : "l1", row->lambda);
}

int prior_run(int argc, char **argv)
{
    struct arguments arguments = {.given = 0};
    tik_prior_defaults(&arguments.convention);
    const int code = parse(argc, argv, &arguments);
    if (code != COMMAND_OK)
        return code;
    if (arguments.help) {
        fputs(help, stdout);
        return COMMAND_OK;
    }
    struct row rows[2];
    size_t count;
    const enum tik_status status = compute(&arguments, rows, &count);
    if (status != TIK_OK)
        return command_failure(status);
    if (arguments.json)
        return print_json(&arguments.convention, rows, count);
    for (size_t i = 0; i < count; i++)
        print_row(&rows[i]);
    return COMMAND_OK;
}
