#define _DEFAULT_SOURCE
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pages.h"

/* The whole pages of `memory`; the kernel takes large ones where they fit between the ends. */
void tik_pages_advise(void *memory, size_t bytes)
{
    if (bytes < TIK_PAGES_LEAST)
        return;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = (uintptr_t)memory;
    const uintptr_t begin = (first + page - 1) / page * page, end = (first + bytes) / page * page;
    (void)madvise((unsigned char *)memory + (begin - first), end - begin, MADV_HUGEPAGE);
}
