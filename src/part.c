#include "part.h"

#include <stdio.h>
#include <stdlib.h>

#include "error.h"

/* "state[0]", "tensor 7, state[0]" */
static const char *describe(const struct tik_part *part, char text[static 64])
{
    if (part->tensor == SIZE_MAX)
        snprintf(text, 64, "%s", part->name);
    else
        snprintf(text, 64, "tensor %zu, %s", part->tensor, part->name);
    return text;
}

enum tik_status tik_part_borrow(struct tik_backend *backend, const struct tik_part *part)
{
    char text[64];
    if (part->handle == NULL)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s is NULL", describe(part, text));
    if (part->count > SIZE_MAX / sizeof(float) ||
        part->offset > SIZE_MAX / sizeof(float) - part->count)
        return tik_error_set(TIK_ERROR_ARGUMENT, "%s: offset %zu and count %zu are too large",
                             describe(part, text), part->offset, part->count);
    const size_t bytes = (part->offset + part->count) * sizeof(float);
    const enum tik_status status =
        backend->ops->memory_borrow(backend, part->handle, bytes, part->written, part->buffer);
    return status == TIK_OK ? TIK_OK : tik_error_prefix(status, "%s: ", describe(part, text));
}

static int compare(const void *a, const void *b)
{
    const struct tik_part *one = a, *other = b;
    if (one->handle != other->handle)
        return (uintptr_t)one->handle < (uintptr_t)other->handle ? -1 : 1;
    return (one->offset > other->offset) - (one->offset < other->offset);
}

static enum tik_status refuse(const struct tik_part *a, const struct tik_part *b)
{
    char one[64], other[64];
    return tik_error_set(TIK_ERROR_ARGUMENT,
                         "%s and %s have elements in common: each needs its own", describe(a, one),
                         describe(b, other));
}

/* The part, of those before i on the same handle, that reaches furthest; NULL: there is none. */
static const struct tik_part *further(const struct tik_part *furthest, const struct tik_part *part)
{
    if (furthest == NULL || furthest->handle != part->handle ||
        part->offset + part->count > furthest->offset + furthest->count)
        return part;
    return furthest;
}

static bool meets(const struct tik_part *before, const struct tik_part *part)
{
    return before != NULL && before->handle == part->handle &&
           part->offset < before->offset + before->count && part->count > 0;
}

enum tik_status tik_parts_check(struct tik_part *parts, size_t count)
{
    if (count > 1)
        qsort(parts, count, sizeof *parts, compare);
    const struct tik_part *any = NULL, *written = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct tik_part *part = &parts[i];
        const struct tik_part *before = part->written ? any : written;
        if (meets(before, part))
            return refuse(before, part);
        any = further(any, part);
        if (part->written)
            written = further(written, part);
    }
    return TIK_OK;
}
