/* The metadata of loss scale, skipped steps and accumulated gradients; tensors are checkpoint.c's. */
#include "checkpoint_around.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "optimizer.h"
#include "table.h"

/* A key, whether the optimizer's options need it, and what it may say at most. */
struct key {
    const char *name;
    bool needed, known; /* a known key that is not needed may be there, and says nothing */
    uint64_t most;
};

enum { CLEAN, SKIPPED, IN_ROW, GATHERED, KEYS };

static void list_keys(const struct tik_optimizer *optimizer, struct key keys[KEYS])
{
    const struct tik_gather *gather = &optimizer->gather;
    const unsigned accumulate = optimizer->options.accumulate;
    keys[CLEAN] = (struct key){"loss_scale_clean", gather->unscale, gather->unscale, UINT32_MAX};
    keys[SKIPPED] = (struct key){"skipped", false, true, UINT32_MAX};
    keys[IN_ROW] = (struct key){"skipped_in_row", false, true, UINT32_MAX};
    keys[GATHERED] = (struct key){"gathered", gather->mean, gather->mean, accumulate - 1};
}

static enum tik_status set_count(struct tik_tensors *state, const char *name, uint64_t value)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%" PRIu64, value);
    return tik_tensors_set_metadata(state, name, digits);
}

static bool parse_count(const char *text, uint64_t most, uint64_t *value)
{
    const size_t length = strlen(text);
    if (length == 0 || strspn(text, "0123456789") != length)
        return false;
    errno = 0;
    *value = strtoull(text, NULL, 10);
    return errno == 0 && *value <= most;
}

enum tik_status tik_checkpoint_save_around(struct tik_optimizer *optimizer,
                                           struct tik_tensors *state)
{
    const struct tik_gather *gather = &optimizer->gather;
    struct tik_scaling scaling;
    char digits[32];
    enum tik_status status = tik_optimizer_scaling(optimizer, &scaling);
    if (status == TIK_OK && gather->unscale) {
        tik_number_print(scaling.scale, digits, sizeof digits);
        status = tik_tensors_set_metadata(state, "loss_scale", digits);
    }
    if (status == TIK_OK && gather->unscale)
        status = set_count(state, "loss_scale_clean", scaling.clean);
    if (status == TIK_OK && gather->guard)
        status = set_count(state, "skipped", scaling.skipped);
    if (status == TIK_OK && gather->guard)
        status = set_count(state, "skipped_in_row", scaling.in_row);
    if (status == TIK_OK && gather->mean)
        status = set_count(state, "gathered", optimizer->gathered);
    return status;
}

static enum tik_status check_scale(const struct tik_optimizer *optimizer,
                                   const struct tik_tensors *state)
{
    const char *text = tik_tensors_metadata(state, "loss_scale");
    double scale;
    if (text == NULL && !optimizer->gather.unscale)
        return TIK_OK;
    if (text != NULL && !optimizer->gather.unscale)
        return tik_error_set(TIK_ERROR_FORMAT,
                             "the state's metadata 'loss_scale' is '%s'; the optimizer was made "
                             "without loss_scale",
                             text);
    if (text != NULL && tik_number_parse(text, &scale) && scale >= 0x1p-126 && scale <= 0x1p127)
        return TIK_OK;
    return tik_error_set(
        TIK_ERROR_FORMAT, "the state's metadata 'loss_scale' is %s%s%s; 2^-126 to 2^127 is due",
        text != NULL ? "'" : "", text != NULL ? text : "missing", text != NULL ? "'" : "");
}

static enum tik_status check_key(const struct key *key, const struct tik_tensors *state)
{
    const char *text = tik_tensors_metadata(state, key->name);
    uint64_t value;
    if (text == NULL && !key->needed)
        return TIK_OK;
    if (text != NULL && !key->known)
        return tik_error_set(TIK_ERROR_FORMAT,
                             "the state's metadata '%s' is '%s', for which the optimizer with "
                             "these options has no place",
                             key->name, text);
    if (text != NULL && parse_count(text, key->most, &value))
        return TIK_OK;
    return tik_error_set(TIK_ERROR_FORMAT,
                         "the state's metadata '%s' is %s%s%s; a whole number of at most %" PRIu64
                         " is due",
                         key->name, text != NULL ? "'" : "", text != NULL ? text : "missing",
                         text != NULL ? "'" : "", key->most);
}

enum tik_status tik_checkpoint_check_around(const struct tik_optimizer *optimizer,
                                            const struct tik_tensors *state)
{
    struct key keys[KEYS];
    list_keys(optimizer, keys);
    enum tik_status status = check_scale(optimizer, state);
    for (size_t i = 0; i < KEYS && status == TIK_OK; i++)
        status = check_key(&keys[i], state);
    return status;
}

enum tik_status tik_checkpoint_load_around(struct tik_optimizer *optimizer,
                                           const struct tik_tensors *state)
{
    struct key keys[KEYS];
    uint64_t values[KEYS] = {0};
    list_keys(optimizer, keys);
    for (size_t i = 0; i < KEYS; i++) {
        const char *text = tik_tensors_metadata(state, keys[i].name);
        if (text != NULL && !parse_count(text, keys[i].most, &values[i]))
            values[i] = 0;
    }
    optimizer->gathered = (unsigned)values[GATHERED];
    if (!optimizer->gather.guard)
        return TIK_OK;
    struct tik_scaling scaling = {
        .scale = 1, .clean = values[CLEAN], .skipped = values[SKIPPED], .in_row = values[IN_ROW]};
    if (optimizer->gather.unscale &&
        !tik_number_parse(tik_tensors_metadata(state, "loss_scale"), &scaling.scale))
        return tik_error_set(TIK_ERROR_FORMAT, "the state's metadata 'loss_scale' is no number");
    return tik_optimizer_set_scaling(optimizer, &scaling);
}

const char *tik_checkpoint_ema(const struct tik_optimizer *optimizer, size_t group)
{
    const struct tik_policy *policy = &optimizer->groups[group].policy;
    if (policy->ema_decay == 0)
        return NULL;
    return policy->ema_debias ? "debiased" : "plain";
}
