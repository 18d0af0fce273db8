/* The steps of a row of tikhonov bench: the optimizer, and what a step of it costs. */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "command.h"

/* The first tensors have one element more where the division leaves a rest. */
static size_t tensor_length(struct bench_size size, size_t index)
{
    return size.parameters / size.tensors + (index < size.parameters % size.tensors);
}

/* The squarest matrix of so many elements: to most policies its shape is nothing. */
static void make_shape(size_t length, size_t shape[2])
{
    size_t rows = 1;
    for (size_t side = 2; side <= length / side; side++)
        if (length % side == 0)
            rows = side;
    shape[0] = rows;
    shape[1] = length / rows;
}

static enum tik_status add_tensors(struct tik_optimizer *optimizer, size_t group,
                                   struct bench_size size)
{
    enum tik_status status = TIK_OK;
    for (size_t i = 0; status == TIK_OK && i < size.tensors; i++) {
        char name[32];
        snprintf(name, sizeof name, "t%zu", i);
        size_t shape[2];
        make_shape(tensor_length(size, i), shape);
        const struct tik_tensor tensor = {
            .name = name, .rank = 2, .shape = shape, .memory = TIK_MEMORY_LIBRARY};
        status = tik_optimizer_add_tensor(optimizer, group, &tensor, NULL);
    }
    return status;
}

enum tik_status bench_steps_prepare(struct tik_optimizer *optimizer, struct bench_size size)
{
    const size_t longest = tensor_length(size, 0);
    float *values = malloc(longest * sizeof *values);
    if (values == NULL)
        return TIK_ERROR_MEMORY;
    for (size_t i = 0; i < longest; i++)
        values[i] = 1e-3f * (float)(i % 97 + 1);
    enum tik_status status = TIK_OK;
    for (size_t i = 0; status == TIK_OK && i < size.tensors; i++)
        status = tik_optimizer_write(optimizer, i, TIK_GRAD, values);
    free(values);
    return status == TIK_OK ? tik_optimizer_prepare(optimizer) : status;
}

enum tik_status bench_steps_create(struct tik_context *context, const struct bench_policy *policy,
                                   struct bench_size size, struct tik_optimizer **optimizer)
{
    size_t group = 0;
    enum tik_status status = tik_optimizer_create(context, &policy->options, optimizer);
    if (status == TIK_OK)
        status = tik_optimizer_add_group(*optimizer, policy->policy, &group);
    return status == TIK_OK ? add_tensors(*optimizer, group, size) : status;
}

/* Asked of the scalar path, with one tensor of one element. */
int bench_steps_streams(const struct bench_policy *policy, struct bench_streams *streams)
{
    struct tik_context_options options;
    command_context_options(&options, "scalar", false);
    struct tik_context *context = NULL;
    struct tik_optimizer *optimizer = NULL;
    struct tik_tensor_info info = {.state_count = 0};
    const struct bench_size one = {.parameters = 1, .tensors = 1};
    enum tik_status status = tik_context_create(&options, &context);
    if (status == TIK_OK)
        status = bench_steps_create(context, policy, one, &optimizer);
    if (status == TIK_OK)
        status = tik_optimizer_tensor(optimizer, 0, &info);
    tik_optimizer_destroy(optimizer);
    tik_context_destroy(context);
    const struct tik_optimizer_options *o = &policy->options;
    const bool looks = o->max_norm > 0 || o->clip_norm > 0 || o->agc > 0 || o->loss_scale > 0;
    *streams = (struct bench_streams){
        .updated = 1 + info.state_count,
        .before = (size_t)looks + (o->agc > 0),
        .clears = o->zero_grad,
        .copies = policy->copy != TIK_COPY_NONE,
    };
    return status == TIK_OK ? COMMAND_OK : command_failure(status);
}

/* Parameters, gradients, states and copy, once for the steps and once for the limit. */
size_t bench_steps_memory(const struct bench_streams *streams, size_t parameters)
{
    const size_t bytes =
        (streams->updated + 1) * sizeof(float) + streams->copies * sizeof(uint16_t);
    return 2 * bytes * parameters;
}
