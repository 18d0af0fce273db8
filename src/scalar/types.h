/* The shapes of the scalar path's stages: plain loops over n <= TIK_BLOCK elements. */
#ifndef TIK_SRC_SCALAR_TYPES_H
#define TIK_SRC_SCALAR_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Before a function with a loop over many elements: it is compiled for the wide vectors of newer
 * processors as well, and the loader takes the best of them (src/meson.build says where). Operations
 * are rounded alike in vectors of every width, so that no bit depends on it. At the definition; or
 * at the prototype, of what other files know by pointers alone.
 */
#ifndef TIK_WIDE
#define TIK_WIDE
#endif

/* OpenCL C's names, for the headers that both sides read. */
typedef uint32_t tik_uint;
typedef uint64_t tik_ulong;
#define uint  tik_uint
#define ulong tik_ulong
#include "layout.h"
#undef uint
#undef ulong

/*
 * A rule: reads p and g, updates the states s[0..], writes what the step takes from p. Behind the
 * states of one that iterates on matrices lie the elements of what it came to.
 */
typedef void tik_rule_twin(size_t n, const float *p, const float *g, float *const *s,
                           const void *scalars, float *step);

/* A rule and what usually surrounds it, in one loop: fuse.h. */
struct tik_frame;
typedef void tik_fused_twin(const struct tik_frame *frame, size_t n, float *p, float *g,
                            float *const *s, const void *scalars);

/* Each element's own step, from the states before and after the rule. */
typedef void tik_rate_twin(size_t n, float *const *old, float *const *s, const void *scalars,
                           float *rate);

/* p of a rule with an iterate: what p was becomes what it is, next is the iterate's. */
typedef void tik_follow_twin(size_t n, const float *next, const float *taken, float *const *s,
                             const void *scalars, float *p);

/* What a rule does after the proximal stages, with the new p. */
typedef void tik_after_twin(size_t n, const float *p, float *const *s, const void *scalars);

/* A low-precision copy: the 16 bits that stand for each p, rounded by its dice or not. */
typedef void tik_copy_twin(size_t n, const float *p, const uint16_t *dice, uint16_t *copy);

/*
 * A rule that measures: reads p and g, updates the states s[0..], writes the two numbers of each
 * element whose squares are summed; and the ratio that follows from the two sums over `count`.
 */
typedef void tik_measure_twin(size_t n, const float *p, const float *g, float *const *s,
                              const void *scalars, float *first, float *second);
typedef float tik_ratio_twin(float first, float second, float count, const void *scalars);

/*
 * The new numbers of n rows or columns of that length, of the sums of their squares; and what is made
 * of the mean of a matrix's rows.
 */
typedef void tik_line_twin(size_t n, float *numbers, const float *squares, float length,
                           const void *scalars);
typedef float tik_mean_twin(float sum, float rows, const void *scalars);

/* What a rule that iterates on matrices makes of a tensor's shape: one of its scalars. */
typedef void tik_adjust_twin(void *scalars, uint32_t rows, uint32_t cols);

/* A penalty on units: the factor that follows from a unit's sum of squares. */
typedef float tik_factor_twin(float squares, const struct penalty_scalars *k);

/* A projection: how far an element stands out, what is left of it. */
struct tik_shape_twin {
    float (*height)(float p);
    float (*rest)(float rest, float p);
    bool ball; /* points inside stay */
};

/* A penalty's stage: coupled changes g, proximal changes p, value adds to the sum's terms. */
typedef void tik_penalty_twin(size_t n, const float *p, const struct penalty_scalars *k,
                              float *result);

/* A proximal stage that asks for each element's own step, or for what it has paid. */
typedef void tik_own_twin(size_t n, const float *rate, float *paid, const struct penalty_scalars *k,
                          float *p);

#endif
