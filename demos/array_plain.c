/* Built without OpenCL: no context has a queue, so nothing here is ever called with work to do. */
#include <assert.h>

#include "array.h"

void array_attach(struct array *array, size_t bytes)
{
    (void)bytes;
    assert(!array->buffer);
}

void array_detach(struct array *array)
{
    assert(!array->buffer);
    (void)array;
}

void array_map(struct array *array)
{
    assert(!array->buffer);
    (void)array;
}

void array_unmap(struct array *array)
{
    assert(!array->buffer);
    (void)array;
}
