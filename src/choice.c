#include "choice.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "policy.h"
#include "program.h"
#include "tuned.h"

const char *tik_conformance_name(enum tik_conformance conformance)
{
    static const char *const names[] = {"untested", "exact", "bounded", "wrong"};
    return (unsigned)conformance < 4 ? names[conformance] : "unknown";
}

const char *tik_device_type_name(enum tik_device_type type)
{
    static const char *const names[] = {"scalar", "cpu", "gpu", "other"};
    return (unsigned)type < 4 ? names[type] : "unknown";
}

/* The probe's plan has a stage of every kind: adamw with l1 by soft threshold, clip and report. */
static enum tik_status probe_plan(struct tik_plan *plan)
{
    struct tik_policy *policy;
    enum tik_status status = tik_policy_create("adamw", &policy);
    if (status != TIK_OK)
        return status;
    status = tik_policy_add_penalty(policy, "l1", NULL);
    if (status == TIK_OK)
        tik_plan_make(policy, &(struct tik_gather){.clip = TIK_CLIP_ALL}, true, plan);
    tik_policy_destroy(policy);
    return status;
}

static void describe_verdict(struct tik_backend *backend, struct tik_device_info *info)
{
    const char *cache = tik_opencl_cache_reason(backend);
    const int length = snprintf(info->reason, sizeof info->reason,
                                "known-answer run of adamw with l1, clip and report: %s",
                                info->conformance == TIK_EXACT ? "every bit as on the scalar path"
                                                               : "within the bound, not every bit");
    if (cache[0] != '\0' && length > 0)
        snprintf(info->reason + length, sizeof info->reason - (size_t)length,
                 "; no binary cache: %s", cache);
}

/* What was tuned for the device; an entry that is no use is told of and, where it can be, dropped. */
static bool find_tuned(const struct tik_context *context, const struct tik_device_info *info,
                       struct tik_tuned *tuned)
{
    char why[TIK_TUNED_WHY];
    switch (tik_tuned_find(info, tuned, why)) {
    case TIK_TUNED_FOUND:
        return true;
    case TIK_TUNED_STALE:
        tik_context_log(context, TIK_LOG_INFO,
                        "what was tuned for %s is of another driver or library, and is dropped: "
                        "'tikhonov tune' measures anew",
                        info->name);
        tik_tuned_drop(info);
        return false;
    case TIK_TUNED_IGNORED:
        tik_context_log(context, TIK_LOG_INFO, "what was tuned for %s is not used: %s", info->name,
                        why);
        return false;
    case TIK_TUNED_NONE:
        return false;
    }
    return false;
}

static enum tik_status open_and_judge(struct tik_context *context,
                                      const struct tik_opencl_options *own,
                                      struct tik_opencl_device *device,
                                      struct tik_backend **backend)
{
    struct tik_device_info *info = &device->info;
    struct tik_program *program = NULL;
    struct tik_plan plan;
    context->device = *info; /* for the message of a program that computes wrongly */
    enum tik_status status = probe_plan(&plan);
    if (status == TIK_OK)
        status = tik_opencl_backend_create(device->id, own, backend);
    if (status == TIK_OK)
        status = tik_program_prepare(context, *backend, &plan, &program, &info->conformance);
    if (status == TIK_OK)
        (*backend)->ops->program_destroy(*backend, program);
    return status;
}

enum tik_status tik_choice_probe(struct tik_context *context,
                                 const struct tik_context_options *options,
                                 struct tik_opencl_device *device, struct tik_backend **backend)
{
    struct tik_opencl_options own = {.kernel_path = options->kernel_path,
                                     .cache_path = options->cache_path,
                                     .local_size = options->local_size,
                                     .context = options->cl_context,
                                     .queue = options->cl_queue};
    struct tik_device_info *info = &device->info;
    struct tik_backend *made = NULL;
    struct tik_tuned tuned;
    if (own.local_size == 0 && find_tuned(context, info, &tuned)) {
        own.local_size = tuned.local_size;
        own.local_size_tuned = true;
    }
    enum tik_status status = open_and_judge(context, &own, device, &made);
    if (own.local_size_tuned && (status != TIK_OK || info->conformance > tuned.conformance)) {
        tik_context_log(context, TIK_LOG_WARNING,
                        "what was tuned for %s fails its known-answer run, and is dropped",
                        info->name);
        tik_tuned_drop(info);
        if (made != NULL)
            made->ops->destroy(made);
        made = NULL;
        own.local_size = 0;
        status = open_and_judge(context, &own, device, &made);
    }
    if (status == TIK_OK) {
        describe_verdict(made, info);
        *backend = made;
        return TIK_OK;
    }
    snprintf(info->reason, sizeof info->reason, "%s", tik_last_error());
    info->usable = false;
    if (made != NULL)
        made->ops->destroy(made);
    return status;
}

/* ---- candidates ---- */

/* Whether `part` occurs in `text`, letters of either case. */
static bool contains(const char *text, const char *part)
{
    const size_t length = strlen(part);
    for (; strlen(text) >= length; text++) {
        size_t i = 0;
        while (i < length && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
            i++;
        if (i == length)
            return true;
    }
    return false;
}

static bool is_index(const char *wanted)
{
    const size_t digits = strspn(wanted, "0123456789");
    return digits > 0 && wanted[digits] == '.' && wanted[digits + 1] != '\0' &&
           strspn(wanted + digits + 1, "0123456789") == strlen(wanted + digits + 1);
}

enum wish { WISH_AUTO, WISH_OPENCL, WISH_SCALAR, WISH_INDEX, WISH_NAME };

static enum wish read_wish(const char *wanted)
{
    if (strcmp(wanted, "auto") == 0)
        return WISH_AUTO;
    if (strcmp(wanted, "opencl") == 0)
        return WISH_OPENCL;
    if (strcmp(wanted, "scalar") == 0)
        return WISH_SCALAR;
    return is_index(wanted) ? WISH_INDEX : WISH_NAME;
}

/* 0: not a candidate; else candidates are tried in the order of this number, then OpenCL's. */
static int preference(enum wish wish, const char *wanted, const struct tik_device_info *info)
{
    switch (wish) {
    case WISH_AUTO:
        return info->type == TIK_DEVICE_GPU ? 1 : info->type == TIK_DEVICE_CPU ? 2 : 0;
    case WISH_OPENCL:
        return 1;
    case WISH_INDEX:
        return strcmp(info->index, wanted) == 0;
    case WISH_NAME:
        return contains(info->name, wanted) || contains(info->platform, wanted);
    case WISH_SCALAR:
        return 0;
    }
    return 0;
}

static void take_scalar(struct tik_context *context, const char *why)
{
    context->backend = context->scalar;
    context->device = (struct tik_device_info){.type = TIK_DEVICE_SCALAR,
                                               .usable = true,
                                               .chosen = true,
                                               .host_unified_memory = true,
                                               .conformance = TIK_EXACT,
                                               .blas = context->scalar->ops->blas(context->scalar)};
    snprintf(context->device.index, sizeof context->device.index, "scalar");
    snprintf(context->device.name, sizeof context->device.name, "scalar path");
    snprintf(context->device.platform, sizeof context->device.platform, "CPU");
    snprintf(context->device.reason, sizeof context->device.reason, "it is what exact means");
    snprintf(context->choice, sizeof context->choice, "scalar path: %s", why);
}

static void take_device(struct tik_context *context, struct tik_opencl_device *device,
                        struct tik_backend *backend, const char *why)
{
    device->info.chosen = true;
    context->backend = backend;
    context->device = device->info;
    snprintf(context->choice, sizeof context->choice, "%.128s (%s), %s: %.128s", device->info.name,
             device->info.index, tik_conformance_name(device->info.conformance), why);
}

struct search {
    struct tik_context *context;
    const struct tik_context_options *options;
    const struct tik_choice_list *list;
    enum wish wish;
    const char *wanted;
    /* The first device that opened, but is not exact. */
    struct tik_opencl_device *second;
    struct tik_backend *second_backend;
    /* Candidates, fit or not, and why the unfit ones are. */
    size_t candidates;
    char unfit[2048];
};

/* Why a candidate that works is the one. */
static void explain(const struct search *search, const struct tik_opencl_device *device, char *why,
                    size_t size)
{
    if (search->wish != WISH_AUTO)
        snprintf(why, size, "asked for '%.64s'", search->wanted);
    else if (device->info.type == TIK_DEVICE_GPU)
        snprintf(why, size, "the first exact GPU");
    else
        snprintf(why, size, "there is no exact GPU, and it is the first exact CPU device");
}

/*
 * Whether the scalar path was measured to beat the CPU's OpenCL device; then it is taken. Not where
 * the caller wants another number of threads than was measured.
 */
static bool follow_tuning(struct search *search, const struct tik_opencl_device *device)
{
    struct tik_tuned tuned;
    char why[TIK_TUNED_WHY];
    if (search->wish != WISH_AUTO || search->options->threads != 0 ||
        device->info.type != TIK_DEVICE_CPU || !device->info.usable ||
        tik_tuned_find(&device->info, &tuned, why) != TIK_TUNED_FOUND || !tuned.scalar_wins)
        return false;
    char text[256];
    snprintf(text, sizeof text,
             "'tikhonov tune' measured that it beats %.128s here, %.3g ms a step against %.3g",
             device->info.name, 1e3 * tuned.scalar_seconds, 1e3 * tuned.seconds);
    take_scalar(search->context, text);
    return true;
}

/* Tries one candidate; true when it is taken. */
static bool try_candidate(struct search *search, struct tik_opencl_device *device)
{
    struct tik_backend *backend;
    search->candidates++;
    if (follow_tuning(search, device))
        return true;
    if (!device->info.usable ||
        tik_choice_probe(search->context, search->options, device, &backend) != TIK_OK) {
        const size_t length = strlen(search->unfit);
        snprintf(search->unfit + length, sizeof search->unfit - length, "; %.100s: %.400s",
                 device->info.name, device->info.reason);
        return false;
    }
    if (device->info.conformance == TIK_EXACT || search->wish == WISH_INDEX) {
        char why[128];
        explain(search, device, why, sizeof why);
        take_device(search->context, device, backend, why);
        return true;
    }
    if (search->second == NULL && search->wish != WISH_AUTO) {
        search->second = device;
        search->second_backend = backend;
    } else {
        backend->ops->destroy(backend);
    }
    return false;
}

/*
 * The error of a search that ended with no device fit for use. Of one candidate the whole message is
 * still there, build log and all; of several each one's beginning is.
 */
static enum tik_status unfit(const struct search *search, enum tik_status status)
{
    const char *strict = search->context->strict ? "strict, and " : "";
    if (search->candidates == 1)
        return tik_error_prefix(status, "%sthe device for '%s' is not fit for use: ", strict,
                                search->wanted);
    return tik_error_set(status, "%sno device for '%s' is fit for use%s", strict, search->wanted,
                         search->unfit);
}

/* No device at all is a normal case; one that is there and does not work is a fallback. */
static enum tik_status settle_auto(struct search *search)
{
    struct tik_context *context = search->context;
    if (search->unfit[0] == '\0') {
        take_scalar(context, search->candidates == 0 ? "no OpenCL device is present"
                                                     : "no OpenCL device is exact");
        return TIK_OK;
    }
    if (context->strict)
        return unfit(search, TIK_ERROR_FALLBACK);
    tik_context_fell_back(context, search->unfit + strlen("; "), true);
    take_scalar(context, "no OpenCL device is fit for use; 'tikhonov devices' says why");
    return TIK_OK;
}

/* Nothing exact was found: the first that works, the scalar path, or an error. */
static enum tik_status settle(struct search *search)
{
    struct tik_context *context = search->context;
    if (search->wish == WISH_SCALAR) {
        take_scalar(context, "asked for");
        return TIK_OK;
    }
    if (search->second != NULL) {
        char why[128];
        explain(search, search->second, why, sizeof why);
        take_device(context, search->second, search->second_backend, why);
        return TIK_OK;
    }
    if (search->wish == WISH_AUTO)
        return settle_auto(search);
    if (search->candidates == 0)
        return tik_error_set(TIK_ERROR_NO_DEVICE,
                             "no OpenCL device answers to '%s'; 'tikhonov devices' lists what "
                             "there is",
                             search->wanted);
    if (search->wish == WISH_OPENCL)
        return unfit(search, TIK_ERROR_DEVICE);
    if (context->strict)
        return unfit(search, TIK_ERROR_FALLBACK);
    tik_context_fell_back(context, search->unfit + strlen("; "), true);
    take_scalar(context, "the device asked for is not fit for use");
    return TIK_OK;
}

static enum tik_status search_devices(struct search *search)
{
    for (int round = 1; round <= 2; round++)
        for (size_t i = 0; i < search->list->count; i++) {
            struct tik_opencl_device *device = &search->list->devices[i];
            /* A platform without a device is listed, but is none. */
            if (device->id == NULL ||
                preference(search->wish, search->wanted, &device->info) != round)
                continue;
            if (try_candidate(search, device)) {
                if (search->second_backend != NULL)
                    search->second_backend->ops->destroy(search->second_backend);
                return TIK_OK;
            }
        }
    return settle(search);
}

static const char *wanted_device(const struct tik_context_options *options)
{
    if (options->device != NULL)
        return options->device;
    const char *variable = getenv("TIKHONOV_DEVICE");
    return variable != NULL && variable[0] != '\0' ? variable : "auto";
}

enum tik_status tik_choice_make(struct tik_context *context,
                                const struct tik_context_options *options,
                                struct tik_choice_list *list)
{
    const char *wanted = wanted_device(options);
    struct search search = {.context = context,
                            .options = options,
                            .wish = read_wish(wanted),
                            .wanted = wanted,
                            .list = list};
    struct tik_choice_list own = {0};
    if (list == NULL) {
        search.list = &own;
        if (search.wish != WISH_SCALAR) {
            const enum tik_status status = tik_opencl_devices(&own.devices, &own.count);
            if (status != TIK_OK)
                return status;
        }
    }
    const enum tik_status status = search_devices(&search);
    free(own.devices);
    return status;
}

/* ---- the list for people ---- */

static void probe_rest(struct tik_context *context, const struct tik_context_options *options,
                       struct tik_choice_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct tik_opencl_device *device = &list->devices[i];
        struct tik_backend *backend;
        if (device->info.usable && device->info.conformance == TIK_UNTESTED &&
            tik_choice_probe(context, options, device, &backend) == TIK_OK)
            backend->ops->destroy(backend);
    }
}

static enum tik_status fill_list(struct tik_device_list *made, struct tik_context *context,
                                 const struct tik_context_options *options, bool probe,
                                 struct tik_choice_list *found)
{
    const enum tik_status status = tik_choice_make(context, options, found);
    if (status == TIK_OK)
        snprintf(made->choice, sizeof made->choice, "%s", context->choice);
    else
        snprintf(made->choice, sizeof made->choice, "none: %.500s", tik_last_error());
    const bool scalar = status == TIK_OK && context->backend == context->scalar;
    if (probe)
        probe_rest(context, options, found);

    made->count = found->count + 1;
    made->devices = calloc(made->count, sizeof *made->devices);
    if (made->devices == NULL)
        return tik_error_memory("the list of devices", made->count * sizeof *made->devices);
    for (size_t i = 0; i < found->count; i++)
        made->devices[i] = found->devices[i].info;

    struct tik_context last = {.scalar = context->scalar};
    take_scalar(&last, "");
    made->devices[found->count] = last.device;
    made->devices[found->count].chosen = scalar;
    return TIK_OK;
}

enum tik_status tik_device_list_create(const struct tik_context_options *options, bool probe,
                                       struct tik_device_list **list)
{
    struct tik_context_options defaults;
    tik_context_defaults(&defaults);
    options = options != NULL ? options : &defaults;
    if (list == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "list is NULL");
    struct tik_device_list *made = calloc(1, sizeof *made);
    if (made == NULL)
        return tik_error_memory("the list of devices", sizeof *made);

    struct tik_context context = {0};
    atomic_init(&context.fallbacks, 0);
    struct tik_choice_list found = {0};
    enum tik_status status = tik_scalar_backend_create(1, &context.scalar);
    if (status == TIK_OK)
        status = tik_opencl_devices(&found.devices, &found.count);
    if (status == TIK_OK)
        status = fill_list(made, &context, options, probe, &found);
    if (context.backend != NULL && context.backend != context.scalar)
        context.backend->ops->destroy(context.backend);
    if (context.scalar != NULL)
        context.scalar->ops->destroy(context.scalar);
    free(found.devices);
    if (status != TIK_OK) {
        tik_device_list_destroy(made);
        return status;
    }
    *list = made;
    return TIK_OK;
}

void tik_device_list_destroy(struct tik_device_list *list)
{
    if (list != NULL)
        free(list->devices);
    free(list);
}
