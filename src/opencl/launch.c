/* Launches: the arguments of each kernel of cl/, in the kernel's own order. */
#include "inside.h"

#include "../error.h"

struct argument {
    size_t size;
    const void *value;
};

/* As many as the longest list has. */
#define MOST_ARGUMENTS 30

struct arguments {
    size_t count;
    struct argument list[MOST_ARGUMENTS];
};

static void value(struct arguments *a, size_t size, const void *at)
{
    a->list[a->count++] = (struct argument){size, at};
}

/* One that is not used is NULL in the kernel. */
static void buffer(struct arguments *a, struct tik_buffer *const *memory)
{
    value(a, sizeof(cl_mem), *memory != NULL ? &(*memory)->mem : NULL);
}

/* The first arguments of nearly all: which spans. */
static void spans(struct arguments *a, const struct tik_launch *l)
{
    buffer(a, &l->spans.table);
    value(a, sizeof l->spans.count, &l->spans.count);
}

/* Where the device picks a group's scalars. */
static void rows(struct arguments *a, const struct tik_launch *l)
{
    buffer(a, &l->work->rows);
    buffer(a, &l->work->progress);
    value(a, sizeof l->group, &l->group);
}

static void step_values(struct arguments *a, const struct tik_launch *l)
{
    value(a, sizeof l->values->row.step, &l->values->row.step);
}

static void rule_values(struct arguments *a, const struct tik_launch *l)
{
    value(a, l->program->rule_size, l->values->row.rule);
}

static void penalty_values(struct arguments *a, const struct tik_launch *l)
{
    value(a, sizeof l->slot, &l->slot);
    value(a, sizeof l->values->row.step.penalty[0], &l->values->row.step.penalty[l->slot]);
}

static void sums(struct arguments *a, const struct tik_launch *l)
{
    buffer(a, &l->work->sums);
    value(a, sizeof l->work->plane, &l->work->plane);
}

static void accumulate(struct arguments *a, const struct tik_launch *l)
{
    spans(a, l);
    buffer(a, &l->arrays.grad);
    buffer(a, &l->arrays.state[TIK_SUM]);
    value(a, sizeof l->at, &l->at);
}

static void norm_blocks(struct arguments *a, const struct tik_launch *l)
{
    spans(a, l);
    buffer(a, &l->arrays.param);
    buffer(a, &l->arrays.grad);
    buffer(a, &l->arrays.state[TIK_SUM]);
    value(a, sizeof l->at, &l->at);
    buffer(a, &l->work->control);
    value(a, sizeof l->gradient, &l->gradient);
    sums(a, l);
}

static void norm_units(struct arguments *a, const struct tik_launch *l)
{
    spans(a, l);
    sums(a, l);
    value(a, sizeof l->gradient, &l->gradient);
    buffer(a, &l->work->clips);
}

static void norm_finish(struct arguments *a, const struct tik_launch *l)
{
    buffer(a, &l->work->tensors);
    value(a, sizeof l->tensor_count, &l->tensor_count);
    sums(a, l);
    buffer(a, &l->work->totals);
    value(a, sizeof l->gradient, &l->gradient);
    value(a, sizeof l->guard, &l->guard);
    buffer(a, &l->work->control);
    buffer(a, &l->work->rows);
    buffer(a, &l->work->progress);
    value(a, sizeof l->group_count, &l->group_count);
}

static void group_blocks(struct arguments *a, const struct tik_launch *l)
{
    spans(a, l);
    buffer(a, &l->arrays.param);
    value(a, sizeof l->at.param, &l->at.param);
    buffer(a, &l->work->sums);
}

static void group_factors(struct arguments *a, const struct tik_launch *l)
{
    spans(a, l);
    penalty_values(a, l);
    rows(a, l);
    buffer(a, &l->work->sums);
    buffer(a, &l->work->factors);
}

static void group_scale(struct arguments *a, const struct tik_launch *l)
{
    spans(a, l);
    buffer(a, &l->arrays.param);
    value(a, sizeof l->at.param, &l->at.param);
    buffer(a, &l->work->control);
    buffer(a, &l->work->factors);
}

static void group_project(struct arguments *a, const struct tik_launch *l)
{
    spans(a, l);
    buffer(a, &l->arrays.param);
    value(a, sizeof l->at.param, &l->at.param);
    penalty_values(a, l);
    buffer(a, &l->work->control);
    rows(a, l);
    buffer(a, &l->work->sums);
}

static void line_sums(struct arguments *a, const struct tik_launch *l)
{
    spans(a, l);
    buffer(a, &l->arrays.param);
    buffer(a, &l->arrays.grad);
    buffer(a, &l->arrays.state[l->slot]);
    buffer(a, &l->arrays.state[TIK_SUM]);
    value(a, sizeof l->at, &l->at);
    buffer(a, &l->work->control);
    buffer(a, &l->work->clips);
    buffer(a, &l->work->factors);
    buffer(a, &l->arrays.matrices);
    rows(a, l);
    step_values(a, l);
    rule_values(a, l);
    buffer(a, &l->work->sums);
}

static void line_ends(struct arguments *a, const struct tik_launch *l)
{
    spans(a, l);
    value(a, sizeof l->slot, &l->slot);
    buffer(a, &l->arrays.state[l->slot]);
    buffer(a, &l->work->control);
    buffer(a, &l->arrays.matrices);
    rows(a, l);
    rule_values(a, l);
    buffer(a, &l->work->sums);
}

static void means(struct arguments *a, const struct tik_launch *l)
{
    spans(a, l);
    buffer(a, &l->arrays.state[l->slot]);
    buffer(a, &l->arrays.matrices);
    rows(a, l);
    rule_values(a, l);
    buffer(a, &l->work->sums);
    buffer(a, &l->work->means);
}

static void measure(struct arguments *a, const struct tik_launch *l)
{
    spans(a, l);
    buffer(a, &l->arrays.param);
    buffer(a, &l->arrays.grad);
    buffer(a, &l->arrays.state[0]);
    buffer(a, &l->arrays.state[1]);
    buffer(a, &l->arrays.state[TIK_SUM]);
    value(a, sizeof l->at, &l->at);
    buffer(a, &l->work->control);
    buffer(a, &l->work->clips);
    buffer(a, &l->work->factors);
    buffer(a, &l->arrays.matrices);
    buffer(a, &l->work->means);
    rows(a, l);
    step_values(a, l);
    rule_values(a, l);
    sums(a, l);
    buffer(a, &l->iterate);
}

static void ratios(struct arguments *a, const struct tik_launch *l)
{
    spans(a, l);
    rows(a, l);
    rule_values(a, l);
    sums(a, l);
    buffer(a, &l->work->ratios);
}

static void normalize(struct arguments *a, const struct tik_launch *l)
{
    spans(a, l);
    buffer(a, &l->work->ratios);
    buffer(a, &l->iterate);
}

static void product(struct arguments *a, const struct tik_launch *l)
{
    buffer(a, &l->product.a);
    buffer(a, &l->product.b);
    buffer(a, &l->product.d);
    buffer(a, &l->product.c);
    value(a, sizeof l->product.scalars, &l->product.scalars);
}

static void step(struct arguments *a, const struct tik_launch *l)
{
    value(a, sizeof l->count, &l->count);
    spans(a, l);
    buffer(a, &l->arrays.param);
    buffer(a, &l->arrays.grad);
    for (size_t k = 0; k < TIK_MAX_STATES; k++)
        buffer(a, &l->arrays.state[k]);
    buffer(a, &l->arrays.state[TIK_SUM]);
    buffer(a, &l->arrays.state[TIK_EMA]);
    buffer(a, &l->arrays.state[TIK_PAID]);
    buffer(a, &l->work->stepped);
    buffer(a, &l->arrays.state[TIK_LOW]);
    value(a, sizeof l->at, &l->at);
    buffer(a, &l->work->control);
    buffer(a, &l->work->clips);
    buffer(a, &l->work->factors);
    buffer(a, &l->work->ratios);
    buffer(a, &l->iterate);
    buffer(a, &l->arrays.matrices);
    buffer(a, &l->work->means);
    rows(a, l);
    step_values(a, l);
    rule_values(a, l);
    buffer(a, &l->work->partials);
}

static void late(struct arguments *a, const struct tik_launch *l)
{
    spans(a, l);
    buffer(a, &l->arrays.param);
    for (size_t k = 0; k < TIK_MAX_STATES; k++)
        buffer(a, &l->arrays.state[k]);
    buffer(a, &l->arrays.state[TIK_EMA]);
    buffer(a, &l->work->stepped);
    buffer(a, &l->arrays.state[TIK_LOW]);
    value(a, sizeof l->at, &l->at);
    buffer(a, &l->work->control);
    rows(a, l);
    step_values(a, l);
    rule_values(a, l);
    buffer(a, &l->work->partials);
}

static const struct {
    void (*list)(struct arguments *, const struct tik_launch *);
    bool units;                           /* a work-group a unit, not a block */
    bool reads_grad, writes_grad, writes; /* what it does to memory that may be the caller's */
} kernels[TIK_KERNELS] = {
    [TIK_ACCUMULATE] = {.list = accumulate, .reads_grad = true},
    [TIK_NORM_BLOCKS] = {.list = norm_blocks, .reads_grad = true},
    [TIK_NORM_MANY] = {.reads_grad = true},
    [TIK_NORM_UNITS] = {.list = norm_units, .units = true},
    [TIK_NORM_FINISH] = {.list = norm_finish},
    [TIK_GROUP_BLOCKS] = {.list = group_blocks},
    [TIK_GROUP_FACTORS] = {.list = group_factors, .units = true},
    [TIK_ROW_SUMS] = {.list = line_sums, .reads_grad = true},
    [TIK_COLUMN_SUMS] = {.list = line_sums, .reads_grad = true},
    [TIK_LINE_ENDS] = {.list = line_ends, .units = true},
    [TIK_MEANS] = {.list = means},
    [TIK_MEASURE] = {.list = measure, .reads_grad = true},
    [TIK_RATIOS] = {.list = ratios, .units = true},
    [TIK_NORMALIZE] = {.list = normalize},
    [TIK_PRODUCT] = {.list = product, .units = true},
    [TIK_STEP_MANY] = {.reads_grad = true, .writes = true},
    [TIK_STEP] = {.list = step, .reads_grad = true, .writes = true},
    [TIK_GROUP_SCALE] = {.list = group_scale, .writes = true},
    [TIK_GROUP_PROJECT] = {.list = group_project, .units = true, .writes = true},
    [TIK_LATE] = {.list = late, .writes = true},
};

enum tik_status tik_opencl_set_arguments(const struct tik_launch *l)
{
    if (l->many != NULL)
        return tik_opencl_set_many(l);
    struct arguments a = {0};
    kernels[l->kernel].list(&a, l);
    for (size_t i = 0; i < a.count; i++) {
        const cl_int error = clSetKernelArg(l->program->kernels[l->kernel], (cl_uint)i,
                                            a.list[i].size, a.list[i].value);
        if (error != CL_SUCCESS)
            return tik_error_set(TIK_ERROR_DEVICE, "clSetKernelArg %zu of %s: %s", i,
                                 tik_kernel_names[l->kernel], tik_opencl_error_name(error));
    }
    return TIK_OK;
}

static uint64_t count_groups(const struct tik_launch *l)
{
    if (l->kernel == TIK_NORM_FINISH)
        return 1;
    return kernels[l->kernel].units ? l->spans.units : l->spans.blocks;
}

/* Host memory that the kernel touches is lent to the device. */
static enum tik_status lend(struct opencl_backend *b, const struct tik_launch *l)
{
    const bool clears =
        l->program->zero_grad && (l->kernel == TIK_ACCUMULATE || l->kernel == TIK_STEP);
    enum tik_status status =
        tik_opencl_memory_to_device(b, l->arrays.param, kernels[l->kernel].writes);
    for (size_t t = 0; t < l->many_count && status == TIK_OK; t++) {
        status = tik_opencl_memory_to_device(b, l->many[t].arrays.param, kernels[l->kernel].writes);
        if (status == TIK_OK)
            status = tik_opencl_memory_to_device(b, l->many[t].arrays.grad, false);
    }
    if (status == TIK_OK && kernels[l->kernel].reads_grad)
        status = tik_opencl_memory_to_device(b, l->arrays.grad, clears);
    return status;
}

/*
 * What a command of the step waits for: the gate, and a BLAS's product before it, so that none of
 * them runs when that has failed. The queue alone would keep the order, but not hold them back.
 */
static cl_uint list_waits(const struct opencl_backend *b, cl_event waits[2])
{
    cl_uint count = 0;
    if (b->gate != NULL)
        waits[count++] = b->gate;
    if (b->product != NULL)
        waits[count++] = b->product;
    return count;
}

enum tik_status tik_opencl_launch(struct tik_backend *backend, const struct tik_launch *l)
{
    struct opencl_backend *b = (struct opencl_backend *)backend;
    if (l->stream != NULL)
        return tik_opencl_launch_stream(b, l);
    if (l->kernel == TIK_PRODUCT && l->product.large && tik_opencl_blas_is_ready(backend))
        return tik_opencl_blas_product(b, &l->product);
    const size_t local = l->program->entry->local_size;
    const uint64_t groups = count_groups(l);
    enum tik_status status = lend(b, l);
    if (status == TIK_OK)
        status = tik_opencl_set_arguments(l);
    if (status != TIK_OK)
        return status;
    if (groups > SIZE_MAX / local)
        return tik_error_set(TIK_ERROR_DEVICE, "%llu blocks are too many for one launch",
                             (unsigned long long)groups);
    const size_t global = (size_t)groups * local;
    cl_event waits[2], event;
    const cl_uint wait_count = list_waits(b, waits);
    const cl_int error =
        clEnqueueNDRangeKernel(b->device->queue, l->program->kernels[l->kernel], 1, NULL, &global,
                               &local, wait_count, wait_count > 0 ? waits : NULL, &event);
    if (error != CL_SUCCESS)
        return tik_opencl_failed("clEnqueueNDRangeKernel", error);
    b->events[b->event_count++] = event;
    return TIK_OK;
}

enum tik_status tik_opencl_memory_post(struct tik_backend *backend, struct tik_buffer *memory,
                                       size_t at, size_t bytes, const void *values)
{
    struct opencl_backend *b = (struct opencl_backend *)backend;
    cl_event event;
    const cl_int error =
        clEnqueueWriteBuffer(b->device->queue, memory->mem, CL_FALSE, at, bytes, values,
                             b->gate != NULL, b->gate != NULL ? &b->gate : NULL, &event);
    if (error != CL_SUCCESS)
        return tik_opencl_failed("clEnqueueWriteBuffer", error);
    b->events[b->event_count++] = event;
    return TIK_OK;
}
