/* Many tensors in buffers of their own in one launch: as many as there is room for arguments. */
#include "inside.h"

#include <string.h>

#include "../error.h"

/* What the kernel takes beside its tensors: control, scalars, and what alignment may cost. */
static size_t fixed_bytes(const struct tik_plan *plan)
{
    return sizeof(cl_mem) + sizeof(struct step_scalars) + plan->rule->scalars_size + 32;
}

/* Pointers of a tensor, its length and its offsets. */
static size_t tensor_bytes(const struct tik_plan *plan)
{
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

/* struct tik_many of cl/many.cl: for each tensor its count and its offsets. */
static size_t write_offsets(const struct tik_launch *l, cl_ulong *at)
{
    const size_t states = l->program->state_count, row = 3 + states;
    memset(at, 0, l->program->packed * row * sizeof *at);
    for (size_t t = 0; t < l->many_count; t++) {
        const struct tik_many *tensor = &l->many[t];
        at[t * row] = tensor->count;
        at[t * row + 1] = tensor->at.param;
        at[t * row + 2] = tensor->at.grad;
        for (size_t k = 0; k < states; k++)
            at[t * row + 3 + k] = tensor->at.state[k];
    }
    return l->program->packed * row * sizeof *at;
}

static enum tik_status set(cl_kernel kernel, cl_uint *number, size_t size, const void *value)
{
    const cl_int error = clSetKernelArg(kernel, *number, size, value);
    if (error != CL_SUCCESS)
        return tik_error_set(TIK_ERROR_DEVICE, "clSetKernelArg %u of tik_step_many: %s",
                             (unsigned)*number, tik_opencl_error_name(error));
    (*number)++;
    return TIK_OK;
}

static enum tik_status set_buffer(cl_kernel kernel, cl_uint *number, const struct tik_buffer *b)
{
    return set(kernel, number, sizeof(cl_mem), b != NULL ? &b->mem : NULL);
}

/* Places that no tensor takes are filled with the first one's buffers, and have no elements. */
enum tik_status tik_opencl_set_many(const struct tik_launch *l)
{
    const cl_kernel kernel = l->program->kernels[TIK_STEP_MANY];
    cl_ulong offsets[TIK_MANY * (3 + TIK_MAX_STATES)];
    const size_t bytes = write_offsets(l, offsets);
    cl_uint number = 0;
    enum tik_status status = TIK_OK;
    for (size_t t = 0; t < l->program->packed && status == TIK_OK; t++) {
        const struct tik_arrays *arrays = &l->many[t < l->many_count ? t : 0].arrays;
        status = set_buffer(kernel, &number, arrays->param);
        if (status == TIK_OK)
            status = set_buffer(kernel, &number, arrays->grad);
        for (size_t k = 0; k < l->program->state_count && status == TIK_OK; k++)
            status = set_buffer(kernel, &number, arrays->state[k]);
    }
    if (status == TIK_OK)
        status = set(kernel, &number, bytes, offsets);
    if (status == TIK_OK)
        status = set_buffer(kernel, &number, l->work->control);
    if (status == TIK_OK)
        status = set(kernel, &number, sizeof l->values->row.step, &l->values->row.step);
    return status == TIK_OK ? set(kernel, &number, l->program->rule_size, l->values->row.rule)
                            : status;
}
