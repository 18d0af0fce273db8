/*
 * The low-precision copy, from its definition: numbers of a format with so many binary digits and
 * exponents, in double arithmetic, where each float and each of their quotients by a step of the
 * format is exact. Shares nothing with cl/ or src/.
 */
#ifndef TIK_TESTS_ORACLE_COPY_H
#define TIK_TESTS_ORACLE_COPY_H

#include <stddef.h>
#include <stdint.h>

struct oracle_format {
    const char *name;
    int digits;    /* behind the point */
    int low, high; /* exponents of normal numbers */
};

extern const struct oracle_format oracle_bf16, oracle_fp16;

/* What a word stands for; NaN and infinity too. */
double oracle_copy_value(const struct oracle_format *format, uint16_t word);

/* The word next to p, ties to even; and that of either side, by 16 bits of chance. */
uint16_t oracle_copy_nearest(const struct oracle_format *format, float p);
uint16_t oracle_copy_stochastic(const struct oracle_format *format, float p, uint16_t chance);

/* Philox 4x32-10, from the paper: Salmon, Moraes, Dror, Shaw, SC 2011, sections 4.2 and 4.3. */
void oracle_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/*
 * The chance of an element of step t: in blocks of 1,024 elements, counted over all tensors in the
 * order of their registration from `block` on, element j of a block has the (j / 128)-th of the
 * eight 16-bit halves, lower ones first, of Philox with counter (j % 128, block, t) and the seed as
 * key, 64-bit numbers as two words, the lower one first.
 */
uint16_t oracle_copy_chance(uint64_t seed, uint64_t t, uint32_t block, size_t element);

#endif
