/* Pages of the host's memory. */
#ifndef TIK_SRC_PAGES_H
#define TIK_SRC_PAGES_H

#include <stddef.h>

/* Less gains nothing: a few large pages. */
#define TIK_PAGES_LEAST ((size_t)8 << 20)

/*
 * Asks for large pages under memory that nobody has touched yet, where the system has them and the
 * memory is large: a stream over small ones waits for the translation of its addresses. No more
 * than a wish: nothing else changes.
 */
void tik_pages_advise(void *memory, size_t bytes);

#endif
