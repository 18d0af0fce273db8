#include "lab.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "progress.h"

/* The library never prints: its warnings come here, and are the demo's to show. */
static void show_log(enum tik_log_level level, const char *message, void *unused)
{
    (void)unused;
    if (level == TIK_LOG_WARNING)
        fprintf(stderr, "%s: warning: %s\n", program_name(), message);
}

void lab_open(struct lab *lab, const struct options *options)
{
    struct tik_context_options how;
    *lab = (struct lab){.options = options};
    tik_context_defaults(&how);
    how.device = options->device;
    how.log = show_log;
    progress_start("opening the device and testing it");
    enum tik_status status = tik_context_create(&how, &lab->context);
    progress_stop();
    if (status != TIK_OK && options->device)
        fail(EXIT_USAGE, "--device %s: %s", options->device, tik_last_error());
    check(status, "opening the device");
    products_init(&lab->products, lab->context, options->blas);
}

void lab_close(struct lab *lab)
{
    tik_context_destroy(lab->context);
    lab->context = NULL;
}

struct tik_optimizer *lab_optimizer(struct lab *lab, double lambda, struct groups *groups)
{
    struct tik_optimizer *optimizer = NULL;
    struct tik_optimizer_options how;
    tik_optimizer_defaults(&how);
    how.verify = lab->options->verify;
    how.report = true; /* 1/2 ||w||^2 of the new weights, from the same pass over them */
    check(tik_optimizer_create(lab->context, &how, &optimizer), "creating the optimizer");

    struct tik_policy *weights = options_weight_policy(lab->options, lambda);
    struct tik_policy *biases = options_bias_policy(lab->options);
    check(tik_optimizer_add_group(optimizer, weights, &groups->weights), "the weights' group");
    check(tik_optimizer_add_group(optimizer, biases, &groups->biases), "the biases' group");
    tik_policy_destroy(weights);
    tik_policy_destroy(biases);
    return optimizer;
}

void lab_prepare(struct tik_optimizer *optimizer)
{
    progress_start("building the optimizer's kernels and testing them");
    check(tik_optimizer_prepare(optimizer), "building the optimizer's kernels");
    progress_stop();
}

void lab_step(struct tik_optimizer *optimizer)
{
    check(tik_optimizer_step(optimizer), "the optimizer's step");
    check(tik_optimizer_sync(optimizer), "waiting for the step");
}

void lab_account(struct lab *lab, const struct tik_optimizer *optimizer)
{
    struct tik_optimizer_stats stats;
    tik_optimizer_stats(optimizer, &stats);
    lab->steps += stats.steps;
    lab->verified_steps += stats.verified_steps;
    lab->mismatches += stats.mismatches;
    /* From exact over bounded to wrong, the enumeration counts upwards. */
    enum tik_conformance seen = tik_optimizer_conformance(optimizer);
    if (seen > lab->conformance)
        lab->conformance = seen;
}

void lab_print_device(const struct lab *lab)
{
    const struct tik_device_info *device = tik_context_device(lab->context);
    printf("device    %s\n", device->name);
    printf("          %s\n", tik_context_choice(lab->context));
}

void lab_print_account(const struct lab *lab)
{
    const struct products *products = &lab->products;
    const char *backend = tik_context_backend(lab->context);
    printf("backend   %s, conformance %s, %llu fallbacks\n", backend,
           tik_conformance_name(lab->conformance),
           (unsigned long long)tik_context_fallbacks(lab->context));
    printf("steps     %llu, of which %llu were verified against the scalar path: %llu words "
           "differ\n",
           (unsigned long long)lab->steps, (unsigned long long)lab->verified_steps,
           (unsigned long long)lab->mismatches);
    printf("products  %lu on the host (%s), %lu on the device (CLBlast)", products->on_host,
           product_host_name, products->on_device);
    if (products->first_seconds > 0)
        printf(", which took %.1f s to compile", products->first_seconds);
    putchar('\n');
}

double unsigned_nan(double value)
{
    return isnan(value) ? (double)NAN : value;
}

void json_add(cJSON *object, const char *key, double value)
{
    cJSON *item = isfinite(value) ? cJSON_AddNumberToObject(object, key, value)
                                  : cJSON_AddNullToObject(object, key);
    if (!item)
        fail(EXIT_FAILED, "no memory for \"%s\" in the JSON", key);
}

cJSON *lab_json(const struct lab *lab)
{
    cJSON *object = cJSON_CreateObject();
    if (!object ||
        !cJSON_AddStringToObject(object, "device", tik_context_device(lab->context)->name) ||
        !cJSON_AddStringToObject(object, "backend", tik_context_backend(lab->context)) ||
        !cJSON_AddStringToObject(object, "conformance", tik_conformance_name(lab->conformance)))
        fail(EXIT_FAILED, "no memory for the JSON");
    json_add(object, "verified_steps", (double)lab->verified_steps);
    json_add(object, "mismatches", (double)lab->mismatches);
    json_add(object, "fallbacks", (double)tik_context_fallbacks(lab->context));
    return object;
}

void json_print(cJSON *object)
{
    char *text = cJSON_Print(object);
    if (!text)
        fail(EXIT_FAILED, "no memory for the JSON's text");
    puts(text);
    cJSON_free(text);
    cJSON_Delete(object);
}

int lab_verdict(const struct lab *lab)
{
    if (!lab->mismatches)
        return EXIT_SUCCESS;
    warn("%llu words differ from the scalar path's: do not trust this device; --device scalar",
         (unsigned long long)lab->mismatches);
    return EXIT_FAILED;
}
