/*
 * The scalar path as the judge of a device at run time: the known-answer run that decides what a
 * program is, and the comparison of steps.
 */
#ifndef TIK_SRC_VERIFY_H
#define TIK_SRC_VERIFY_H

#include "backend.h"

/* Elements of a known-answer run. */
#define TIK_KNOWN_ANSWERS 4096

/*
 * Runs a program on edge cases and random values on both backends and compares. TIK_OK with the verdict in *conformance, also when it is TIK_WRONG; another
 * status when it could not be run at all.
 */
enum tik_status tik_verify_program(struct tik_backend *device, struct tik_backend *scalar,
                                   const struct tik_plan *plan, struct tik_program *program,
                                   enum tik_conformance *conformance);

/* The same bits; NaNs are equal whatever their payload. */
bool tik_verify_same(float a, float b);

/*
 * Words of a[0..n) that differ from the scalar path's b. Where the device is only bounded: that
 * differ by more than TIK_BOUND_ULPS units in the last place of the largest of a, b and `before`
 * (NULL: none), and by `slack` beside. Values that overflow or are subnormal are not judged then.
 */
uint64_t tik_verify_compare(const float *a, const float *b, const float *before, size_t n,
                            bool bounded, double slack);

/*
 * Likewise of low-precision copies. Where the device is bounded they may differ by what p may, and
 * by one step of their format more: to either side of p.
 */
uint64_t tik_verify_copy(const struct tik_copy_stage *stage, const uint16_t *a, const uint16_t *b,
                         const float *before, size_t n, bool bounded, double slack);

struct tik_layout;

/* Likewise of an array of a piece, as tik_piece_read numbers and gives it. */
uint64_t tik_verify_array(const struct tik_layout *layout, size_t array, const void *a,
                          const void *b, size_t n, bool bounded, double slack);

#endif
