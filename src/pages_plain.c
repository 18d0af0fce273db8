#include "pages.h"

/* A system without such a wish. */
void tik_pages_advise(void *memory, size_t bytes)
{
    (void)memory, (void)bytes;
}
