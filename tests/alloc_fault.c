#include "alloc_fault.h"

#include <stddef.h>

/* The linker's names for the true functions, and for those that stand in. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static uint64_t wanted, since, calls;
static bool suspended = true, fired;

void alloc_fault_arm(uint64_t n)
{
    wanted = n;
    since = 0;
    fired = false;
}

void alloc_fault_disarm(void)
{
    wanted = 0;
}

void alloc_fault_suspend(bool on)
{
    suspended = on;
}

bool alloc_fault_fired(void)
{
    return fired;
}

uint64_t alloc_fault_calls(void)
{
    return calls;
}

static bool fails(void)
{
    if (suspended)
        return false;
    calls++;
    if (++since != wanted)
        return false;
    fired = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, size);
}
