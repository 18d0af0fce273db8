/* Small optimizers on the scalar path, for the tests of checkpoints. */
#include "checkpoint_fixture.h"

#include <check.h>
#include <string.h>
#include <tikhonov/rule.h>

#include "scratch.h"

const char *const fixture_names[FIXTURE_TENSORS] = {"layer.weight", "layer.bias", "scale"};
const size_t fixture_ranks[FIXTURE_TENSORS] = {2, 1, 0};
static const size_t shapes[FIXTURE_TENSORS][2] = {{4, 6}, {6}, {0}};
const size_t fixture_counts[FIXTURE_TENSORS] = {24, 6, 1};

static struct tik_context *context;

void fixture_start(void)
{
    scratch_enter();
    struct tik_context_options options;
    tik_context_defaults(&options);
    options.device = "scalar";
    const enum tik_status status = tik_context_create(&options, &context);
    ck_assert_msg(status == TIK_OK, "%s", tik_last_error());
}

void fixture_stop(void)
{
    tik_context_destroy(context);
    scratch_leave();
}

void fixture_ok(enum tik_status status)
{
    ck_assert_msg(status == TIK_OK, "%s: %s", tik_status_name(status), tik_last_error());
}

/* A policy with one option away from its default; NULL where they do not fit each other. */
struct tik_policy *fixture_policy(const char *rule, const char *option, double value)
{
    struct tik_policy *policy;
    fixture_ok(tik_policy_create(rule, &policy));
    if (option == NULL)
        return policy;
    fixture_ok(tik_policy_set(policy, option, value));
    if (tik_policy_check(policy) == TIK_OK)
        return policy;
    tik_policy_destroy(policy);
    return NULL;
}

/* The tensors of this file: the first in group 0, the others in the last. */
struct tik_optimizer *fixture_around(const struct tik_optimizer_options *options,
                                     const struct tik_policy *first,
                                     const struct tik_policy *second)
{
    struct tik_optimizer *optimizer;
    size_t group;
    fixture_ok(tik_optimizer_create(context, options, &optimizer));
    fixture_ok(tik_optimizer_add_group(optimizer, first, &group));
    if (second != NULL)
        fixture_ok(tik_optimizer_add_group(optimizer, second, &group));
    for (size_t i = 0; i < FIXTURE_TENSORS; i++) {
        float values[FIXTURE_LONGEST];
        for (size_t j = 0; j < fixture_counts[i]; j++)
            values[j] = 0.25f * (float)j - 1.0f;
        const size_t row[2] = {1, fixture_counts[i]};
        const char *rule;
        fixture_ok(tik_optimizer_group_rule(optimizer, i == 0 ? 0 : group, &rule));
        const bool matrix = fixture_ranks[i] == 2 || tik_rule_find(rule)->matrices;
        const struct tik_tensor tensor = {.name = fixture_names[i],
                                          .rank = matrix ? 2 : fixture_ranks[i],
                                          .shape = matrix && i > 0 ? row : shapes[i],
                                          .param = values};
        fixture_ok(tik_optimizer_add_tensor(optimizer, i == 0 ? 0 : group, &tensor, NULL));
    }
    return optimizer;
}

struct tik_optimizer *fixture_optimizer(const struct tik_policy *first,
                                        const struct tik_policy *second)
{
    return fixture_around(NULL, first, second);
}

struct tik_optimizer *fixture_make(const char *rule, const char *option, double value)
{
    struct tik_policy *policy = fixture_policy(rule, option, value);
    if (policy == NULL)
        return NULL;
    struct tik_optimizer *optimizer = fixture_optimizer(policy, NULL);
    tik_policy_destroy(policy);
    return optimizer;
}

/* Takes steps first .. last with gradients that the step's number decides. */
void fixture_steps(struct tik_optimizer *optimizer, unsigned first, unsigned last)
{
    for (unsigned step = first; step <= last; step++) {
        for (size_t i = 0; i < FIXTURE_TENSORS; i++) {
            float values[FIXTURE_LONGEST];
            for (size_t j = 0; j < fixture_counts[i]; j++)
                values[j] = 0.1f * (float)((step * 7 + j * 5 + i) % 13) - 0.6f;
            fixture_ok(tik_optimizer_write(optimizer, i, TIK_GRAD, values));
        }
        fixture_ok(tik_optimizer_step(optimizer));
    }
}

void fixture_copy_params(struct tik_optimizer *from, struct tik_optimizer *to)
{
    for (size_t i = 0; i < FIXTURE_TENSORS; i++) {
        float values[FIXTURE_LONGEST];
        fixture_ok(tik_optimizer_read(from, i, TIK_PARAM, values));
        fixture_ok(tik_optimizer_write(to, i, TIK_PARAM, values));
    }
}

/* Parameters, states and step counts, bit for bit. */
void fixture_assert_same(struct tik_optimizer *a, struct tik_optimizer *b)
{
    for (size_t i = 0; i < FIXTURE_TENSORS; i++) {
        struct tik_tensor_info info;
        fixture_ok(tik_optimizer_tensor(a, i, &info));
        for (int part = TIK_PARAM; part < (int)info.state_count; part++) {
            float one[FIXTURE_LONGEST], other[FIXTURE_LONGEST];
            if (part == TIK_GRAD)
                continue;
            fixture_ok(tik_optimizer_read(a, i, part, one));
            fixture_ok(tik_optimizer_read(b, i, part, other));
            size_t count;
            fixture_ok(tik_optimizer_part_shape(a, i, part, NULL, &count));
            ck_assert_msg(memcmp(one, other, count * sizeof *one) == 0, "%s, part %d",
                          fixture_names[i], part);
        }
    }
    for (size_t g = 0; g < tik_optimizer_groups(a); g++) {
        uint64_t one, other;
        fixture_ok(tik_optimizer_steps(a, g, &one));
        fixture_ok(tik_optimizer_steps(b, g, &other));
        ck_assert_uint_eq(one, other);
    }
}

/* The state, by way of a file. */
struct tik_tensors *fixture_state(struct tik_optimizer *optimizer)
{
    struct tik_tensors *state, *again;
    fixture_ok(tik_checkpoint_save(optimizer, &state));
    fixture_ok(
        tik_tensors_save((const struct tik_tensors *[]){state}, (const char *[]){"state"}, 1));
    tik_tensors_destroy(state);
    fixture_ok(tik_tensors_load("state", &again));
    return again;
}
