#include "array.h"

#include <stdlib.h>

/* A page: what drivers ask of host memory before they use it without a copy. */
#define ALIGNMENT 4096

void array_create(struct array *array, struct tik_context *context, size_t count)
{
    size_t bytes = (count * sizeof(float) + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
    void *memory = NULL;
    *array = (struct array){.count = count, .context = context};
    if (posix_memalign(&memory, ALIGNMENT, bytes))
        fail(EXIT_FAILED, "no memory for an array of %zu floats", count);
    array->memory = memory;
    for (size_t i = 0; i < count; i++)
        array->memory[i] = 0;
    if (tik_context_cl_queue(context))
        array_attach(array, bytes);
}

void array_destroy(struct array *array)
{
    if (array->buffer)
        array_detach(array);
    free(array->memory);
    *array = (struct array){0};
}

float *array_host(struct array *array)
{
    if (array->on_device) {
        array_map(array);
        array->on_device = false;
    }
    return array->memory;
}

struct _cl_mem *array_device(struct array *array)
{
    if (array->buffer && !array->on_device) {
        array_unmap(array);
        array->on_device = true;
    }
    return array->buffer;
}

void array_register(struct tik_optimizer *optimizer, size_t group, const char *name, size_t rank,
                    const size_t *shape, struct array *param, struct array *grad)
{
    struct tik_tensor tensor = {.name = name, .rank = rank, .shape = shape};
    if (param->buffer) {
        tensor.memory = TIK_MEMORY_OPENCL;
        tensor.cl_param = array_device(param);
        tensor.cl_grad = array_device(grad);
    } else {
        tensor.memory = TIK_MEMORY_HOST;
        tensor.param = param->memory;
        tensor.grad = grad->memory;
    }
    check(tik_optimizer_add_tensor(optimizer, group, &tensor, NULL), name);
}
