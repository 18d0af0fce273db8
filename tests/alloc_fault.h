/*
 * Lets the n-th allocation of the library fail. The executable is linked with --wrap for malloc,
 * calloc, realloc and aligned_alloc and with the library's static archive, so that the library's
 * calls, and no other library's, come here.
 */
#ifndef TIK_TESTS_ALLOC_FAULT_H
#define TIK_TESTS_ALLOC_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* From now on calls are counted from 1, and the n-th fails. */
void alloc_fault_arm(uint64_t n);
/* None fails from now on. */
void alloc_fault_disarm(void);
/* While suspended, calls are the test's own: not counted, never failing. */
void alloc_fault_suspend(bool suspended);
/* Whether the n-th call came. */
bool alloc_fault_fired(void);
/* Calls since the program began. */
uint64_t alloc_fault_calls(void);

#endif
