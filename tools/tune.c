/* tikhonov tune: what suits a device, measured and remembered. */
#include "command.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <getopt.h>

static const char help[] =
    "usage: tikhonov tune [--device D] [--threads N] [--dry-run] [--json]\n\n"
    "Measures steps of adamw with groups of 1, 2, 4, ... work-items on a device, and on a CPU also\n"
    "the scalar path. A candidate counts only when it passed the known-answer run. The fastest is\n"
    "kept by device and driver in the user's configuration folder, and used from then on; where the\n"
    "scalar path wins, 'auto' takes it. No bit of any result depends on it.\n\n"
    "  --device D     an OpenCL device: opencl, an index such as 0.1, or part of a name\n"
    "                 (default: the variable TIKHONOV_DEVICE, else opencl)\n"
    "  --threads N    threads of the scalar path (default: as many as OpenMP takes)\n"
    "  --dry-run      keeps nothing\n"
    "  --json         prints one JSON object\n"
    "  --help, -h     this text\n\n"
    "TIKHONOV_CONFIG_DIR names the folder instead of $XDG_CONFIG_HOME/tikhonov or\n"
    "~/.config/tikhonov; off: none.\n";

static cJSON *add_seconds(cJSON *object, const char *name, double seconds)
{
    return isnan(seconds) ? cJSON_AddNullToObject(object, name)
                          : cJSON_AddNumberToObject(object, name, seconds);
}

static bool add_candidate(cJSON *list, const struct tik_tune_candidate *candidate)
{
    cJSON *entry = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(list, entry))
        return false;
    return cJSON_AddNumberToObject(entry, "local_size", (double)candidate->local_size) != NULL &&
           cJSON_AddStringToObject(entry, "conformance",
                                   tik_conformance_name(candidate->conformance)) != NULL &&
           add_seconds(entry, "seconds", candidate->seconds) != NULL;
}

static int print_json(const char *device, const struct tik_tune_result *result)
{
    cJSON *root = cJSON_CreateObject();
    bool complete = cJSON_AddStringToObject(root, "device", device) != NULL;
    cJSON *list = cJSON_AddArrayToObject(root, "candidates");
    for (size_t i = 0; complete && i < result->count; i++)
        complete = add_candidate(list, &result->candidates[i]);
    complete = complete &&
               cJSON_AddNumberToObject(root, "local_size", (double)result->local_size) != NULL &&
               add_seconds(root, "seconds", result->seconds) != NULL &&
               add_seconds(root, "scalar_seconds", result->scalar_seconds) != NULL &&
               cJSON_AddBoolToObject(root, "scalar_wins", result->scalar_wins) != NULL &&
               cJSON_AddStringToObject(root, "path", result->path) != NULL;
    if (!complete) {
        cJSON_Delete(root);
        root = NULL;
    }
    return command_print_json(root);
}

static void print_table(const char *device, const struct tik_tune_result *result)
{
    printf("%s\n\nlocal size  conformance       a step\n", device);
    for (size_t i = 0; i < result->count; i++) {
        const struct tik_tune_candidate *c = &result->candidates[i];
        printf("%10zu  %-11s", c->local_size, tik_conformance_name(c->conformance));
        if (isnan(c->seconds))
            puts("            -");
        else
            printf("  %8.3f ms%s\n", 1e3 * c->seconds,
                   c->local_size == result->local_size ? "  (best)" : "");
    }
    if (!isnan(result->scalar_seconds))
        printf("scalar path             %8.3f ms%s\n", 1e3 * result->scalar_seconds,
               result->scalar_wins ? "  (auto takes it)" : "");
    printf("\n%s%s\n", result->path[0] != '\0' ? "kept in " : "nothing was kept", result->path);
}

static int tune_device(const char *device, const struct tik_tune_options *options, bool json)
{
    struct tik_context_options own;
    command_context_options(&own, device, true);
    struct tik_context *context;
    enum tik_status status = tik_context_create(&own, &context);
    if (status != TIK_OK)
        return command_failure(status);
    struct tik_tune_result result;
    status = tik_tune(context, options, &result);
    int code = status == TIK_OK ? COMMAND_OK : command_failure(status);
    const char *name = tik_context_device(context)->name;
    if ((status == TIK_OK || status == TIK_ERROR_FILE) && json)
        code = print_json(name, &result) != COMMAND_OK ? COMMAND_FAILED : code;
    else if (status == TIK_OK || status == TIK_ERROR_FILE)
        print_table(name, &result);
    tik_context_destroy(context);
    return code;
}

/* Where nothing is asked for: a device, whatever auto would take. */
static const char *default_device(void)
{
    const char *variable = getenv("TIKHONOV_DEVICE");
    return variable != NULL && variable[0] != '\0' ? NULL : "opencl";
}

int tune_run(int argc, char **argv)
{
    enum { DEVICE = 256, THREADS, DRY_RUN, JSON };
    static const struct option known[] = {
        {"device", required_argument, NULL, DEVICE},
        {"threads", required_argument, NULL, THREADS},
        {"dry-run", no_argument, NULL, DRY_RUN},
        {"json", no_argument, NULL, JSON},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *device = default_device();
    struct tik_tune_options options;
    tik_tune_defaults(&options);
    bool json = false;
    int code = COMMAND_OK;
    opterr = 0;
    for (int result;
         code == COMMAND_OK && (result = getopt_long(argc, argv, ":h", known, NULL)) != -1;) {
        switch (result) {
        case DEVICE:
            device = optarg;
            break;
        case THREADS:
            code = command_parse_threads(optarg, &options.threads);
            break;
        case DRY_RUN:
            options.keep = false;
            break;
        case JSON:
            json = true;
            break;
        case 'h':
            fputs(help, stdout);
            return COMMAND_OK;
        default:
            return command_bad_option(result, argv);
        }
    }
    if (code != COMMAND_OK)
        return code;
    if (optind < argc)
        return command_bad_operand(argv[optind]);
    return tune_device(device, &options, json);
}
