/* tikhonov verify: the self-test. Every rule takes steps on the device and on the scalar path. */
#include "verify.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include <getopt.h>

#include "command.h"

static const char help[] =
    "usage: tikhonov verify [--device D] [--strict] [--json]\n\n"
    "The self-test: every rule in its main forms, and every penalty in each application, takes\n"
    "some steps on the device and on the scalar path, with edge values among the elements, and\n"
    "every word is compared. One line each; exit status 1 where a word differs, or where there is\n"
    "a device, but none that works.\n\n"
    "  --device D     auto, scalar, opencl, an index such as 0.1, or part of a name\n"
    "                 (default: the variable TIKHONOV_DEVICE, else auto)\n"
    "  --strict       fails where there is nothing to compare, or the scalar path takes over\n"
    "  --json         prints one JSON object\n"
    "  --help, -h     this text\n";

static void print_result(const struct verify_result *result)
{
    printf("%-50s %-9s %8llu words %8llu mismatches%s\n", result->name,
           tik_conformance_name(result->conformance),
           (unsigned long long)result->stats.verified_words,
           (unsigned long long)result->stats.mismatches, result->ok ? "" : "  FAILED");
    fflush(stdout);
}

static bool add_result(cJSON *list, const struct verify_result *result)
{
    cJSON *entry = cJSON_CreateObject();
    return cJSON_AddItemToArray(list, entry) &&
           cJSON_AddStringToObject(entry, "name", result->name) != NULL &&
           cJSON_AddStringToObject(entry, "conformance",
                                   tik_conformance_name(result->conformance)) != NULL &&
           cJSON_AddNumberToObject(entry, "words", (double)result->stats.verified_words) != NULL &&
           cJSON_AddNumberToObject(entry, "mismatches", (double)result->stats.mismatches) != NULL &&
           cJSON_AddNumberToObject(entry, "fallbacks", (double)result->stats.fallbacks) != NULL &&
           cJSON_AddBoolToObject(entry, "ok", result->ok) != NULL;
}

struct totals {
    size_t forms, failed;
    uint64_t words, mismatches;
};

static void count(struct totals *totals, const struct verify_result *result)
{
    totals->forms++;
    totals->failed += !result->ok;
    totals->words += result->stats.verified_words;
    totals->mismatches += result->stats.mismatches;
}

/* `results` NULL: for people. */
static enum tik_status try_all(struct tik_context *context, const struct verify_forms *forms,
                               cJSON *results, struct totals *totals)
{
    for (size_t i = 0; i < forms->count; i++) {
        struct verify_result result;
        const enum tik_status status = verify_try(context, &forms->items[i], &result);
        if (status != TIK_OK)
            return status;
        count(totals, &result);
        if (results == NULL)
            print_result(&result);
        else if (!add_result(results, &result))
            return TIK_ERROR_MEMORY;
    }
    return TIK_OK;
}

static int report_failure(enum tik_status status)
{
    return status == TIK_ERROR_MEMORY ? command_error(COMMAND_FAILED, "no memory for the self-test")
                                      : command_error(COMMAND_FAILED, "%s", tik_last_error());
}

static int finish_json(cJSON *root, const struct tik_context *context, const struct totals *totals,
                       bool ok)
{
    if (cJSON_AddStringToObject(root, "device", tik_context_device(context)->name) == NULL ||
        cJSON_AddStringToObject(root, "backend", tik_context_backend(context)) == NULL ||
        cJSON_AddNumberToObject(root, "words", (double)totals->words) == NULL ||
        cJSON_AddNumberToObject(root, "mismatches", (double)totals->mismatches) == NULL ||
        cJSON_AddNumberToObject(root, "failed", (double)totals->failed) == NULL ||
        cJSON_AddBoolToObject(root, "ok", ok) == NULL) {
        cJSON_Delete(root);
        root = NULL;
    }
    return command_print_json(root);
}

static int verify_device(struct tik_context *context, bool json)
{
    struct verify_forms forms = {.count = 0};
    struct totals totals = {.forms = 0};
    cJSON *root = json ? cJSON_CreateObject() : NULL;
    cJSON *results = json ? cJSON_AddArrayToObject(root, "results") : NULL;
    enum tik_status status = verify_forms_make(&forms);
    if (status == TIK_OK && json && results == NULL)
        status = TIK_ERROR_MEMORY;
    if (!json)
        puts(tik_context_choice(context));
    if (status == TIK_OK)
        status = try_all(context, &forms, results, &totals);
    verify_forms_finish(&forms);
    if (status != TIK_OK) {
        cJSON_Delete(root);
        return report_failure(status);
    }
    const bool ok = totals.failed == 0 && totals.forms > 0;
    const int code = ok ? COMMAND_OK : COMMAND_FAILED;
    if (json)
        return finish_json(root, context, &totals, ok) == COMMAND_OK ? code : COMMAND_FAILED;
    printf("%zu forms, %llu words compared, %llu mismatches: %s\n", totals.forms,
           (unsigned long long)totals.words, (unsigned long long)totals.mismatches,
           ok ? "ok" : "FAILED");
    return code;
}

/* A device that is there and does not work has not passed; no device at all is a normal case. */
static int nothing_to_compare(const struct tik_context *context, bool json, bool strict)
{
    const struct totals none = {.forms = 0};
    cJSON *root = json ? cJSON_CreateObject() : NULL;
    const bool unfit = tik_context_fallbacks(context) > 0;
    const bool failed = strict || unfit;
    const int code = failed ? COMMAND_FAILED : COMMAND_OK;
    if (json && cJSON_AddArrayToObject(root, "results") == NULL)
        return report_failure(TIK_ERROR_MEMORY);
    if (json)
        return finish_json(root, context, &none, !failed) == COMMAND_OK ? code : COMMAND_FAILED;
    puts(unfit ? tik_context_choice(context)
               : "no device is in use, so there is nothing to compare");
    return code;
}

static int verify(const char *device, bool strict, bool json)
{
    struct tik_context_options options;
    command_context_options(&options, device, strict);
    struct tik_context *context;
    const enum tik_status status = tik_context_create(&options, &context);
    if (status != TIK_OK)
        return command_failure(status);
    const bool scalar = strcmp(tik_context_backend(context), "scalar") == 0;
    const int code =
        scalar ? nothing_to_compare(context, json, strict) : verify_device(context, json);
    tik_context_destroy(context);
    return code;
}

int verify_run(int argc, char **argv)
{
    enum { DEVICE = 256, STRICT, JSON };
    static const struct option options[] = {
        {"device", required_argument, NULL, DEVICE},
        {"strict", no_argument, NULL, STRICT},
        {"json", no_argument, NULL, JSON},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *device = NULL;
    bool strict = false, json = false;
    opterr = 0;
    for (int result; (result = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        if (result == '?' || result == ':')
            return command_bad_option(result, argv);
        if (result == 'h') {
            fputs(help, stdout);
            return COMMAND_OK;
        }
        device = result == DEVICE ? optarg : device;
        strict = strict || result == STRICT;
        json = json || result == JSON;
    }
    if (optind < argc)
        return command_bad_operand(argv[optind]);
    return verify(device, command_strict(strict), json);
}
