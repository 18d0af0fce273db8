/* Many tensors in buffers of their own in one launch: as many as there is room for arguments. */
#include "inside.h"

#include "../error.h"

/* What the kernel takes beside its tensors, and what alignment may cost. */
static size_t fixed_bytes(const struct tik_plan *plan)
{
    if (plan->kind == TIK_PROGRAM_NORM)
        return 2 * sizeof(cl_mem) + sizeof(struct gradient_scalars) + sizeof(cl_uint) + 32;
    return sizeof(cl_mem) + sizeof(struct step_scalars) + plan->rule->scalars_size + 32;
}

/* Pointers of a tensor and its row of numbers: its length, an offset for each pointer, its slot. */
static size_t tensor_bytes(const struct tik_plan *plan)
{
    if (plan->kind == TIK_PROGRAM_NORM)
        return sizeof(cl_mem) + 3 * sizeof(cl_ulong);
    const size_t arrays = 2 + plan->variant->state_count;
    return arrays * sizeof(cl_mem) + (1 + arrays) * sizeof(cl_ulong);
}

uint32_t tik_opencl_program_packs(struct tik_backend *backend, const struct tik_plan *plan)
{
    const struct opencl_device *device = ((struct opencl_backend *)backend)->device;
    size_t room = 0;
    if (clGetDeviceInfo(device->id, CL_DEVICE_MAX_PARAMETER_SIZE, sizeof room, &room, NULL) !=
        CL_SUCCESS)
        return 0;
    uint32_t count = TIK_MANY;
    while (count > 1 && fixed_bytes(plan) + count * tensor_bytes(plan) > room)
        count /= 2;
    return count > 1 ? count : 0;
}

/* The arguments of a kernel one after the other, up to the first that it refuses. */
struct setting {
    const struct tik_launch *launch;
    cl_uint number;
    enum tik_status status;
};

static void set(struct setting *s, size_t size, const void *value)
{
    if (s->status != TIK_OK)
        return;
    const enum tik_kernel kernel = s->launch->kernel;
    const cl_int error =
        clSetKernelArg(s->launch->program->kernels[kernel], s->number, size, value);
    if (error != CL_SUCCESS)
        s->status =
            tik_error_set(TIK_ERROR_DEVICE, "clSetKernelArg %u of %s: %s", (unsigned)s->number,
                          tik_kernel_names[kernel], tik_opencl_error_name(error));
    s->number++;
}

static void set_buffer(struct setting *s, const struct tik_buffer *b)
{
    set(s, sizeof(cl_mem), b != NULL ? &b->mem : NULL);
}

/* Places that no tensor takes have the first one's buffers, and no elements. */
static const struct tik_arrays *arrays_at(const struct tik_launch *l, size_t t)
{
    return &l->many[t < l->many_count ? t : 0].arrays;
}

/* struct tik_many of cl/many.cl: for each tensor its count and its offsets. */
static void set_step_tensors(struct setting *s)
{
    const struct tik_launch *l = s->launch;
    const size_t states = l->program->state_count, row = 3 + states;
    cl_ulong at[TIK_MANY * (3 + TIK_MAX_STATES)] = {0};
    for (size_t t = 0; t < l->program->packed; t++) {
        set_buffer(s, arrays_at(l, t)->param);
        set_buffer(s, arrays_at(l, t)->grad);
        for (size_t k = 0; k < states; k++)
            set_buffer(s, arrays_at(l, t)->state[k]);
    }
    for (size_t t = 0; t < l->many_count; t++) {
        const struct tik_many *tensor = &l->many[t];
        at[t * row] = tensor->count;
        at[t * row + 1] = tensor->at.param;
        at[t * row + 2] = tensor->at.grad;
        for (size_t k = 0; k < states; k++)
            at[t * row + 3 + k] = tensor->at.state[k];
    }
    set(s, l->program->packed * row * sizeof *at, at);
}

static void set_step(struct setting *s)
{
    const struct tik_launch *l = s->launch;
    set_step_tensors(s);
    set_buffer(s, l->work->control);
    set(s, sizeof l->values->row.step, &l->values->row.step);
    set(s, l->program->rule_size, l->values->row.rule);
}

/* struct tik_norm_tensors of cl/norm_many.cl: for each tensor its count, its offset and its slot. */
static void set_norm(struct setting *s)
{
    const struct tik_launch *l = s->launch;
    cl_ulong at[TIK_MANY * 3] = {0};
    for (size_t t = 0; t < l->program->packed; t++)
        set_buffer(s, arrays_at(l, t)->grad);
    for (size_t t = 0; t < l->many_count; t++) {
        at[3 * t] = l->many[t].count;
        at[3 * t + 1] = l->many[t].at.grad;
        at[3 * t + 2] = l->many[t].slot;
    }
    set(s, l->program->packed * 3 * sizeof *at, at);
    set_buffer(s, l->work->control);
    set(s, sizeof l->gradient, &l->gradient);
    set_buffer(s, l->work->sums);
    set(s, sizeof l->work->plane, &l->work->plane);
}

enum tik_status tik_opencl_set_many(const struct tik_launch *l)
{
    struct setting setting = {.launch = l, .status = TIK_OK};
    if (l->kernel == TIK_NORM_MANY)
        set_norm(&setting);
    else
        set_step(&setting);
    return setting.status;
}
