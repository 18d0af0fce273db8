/*
 * Random numbers that are the same everywhere: the seed decides, not the platform's rand().
 *
 * SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA
 * 2014; in the public domain as Vigna published it): a counter, stepped by an odd constant and
 * mixed. Its n-th number needs no other number, and two seeds share no state.
 */
#ifndef DEMOS_RANDOM_H
#define DEMOS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t counter;
    double spare; /* Box-Muller makes two normals at a time */
    int has_spare;
};

/*
 * A stream for each purpose, so that one more draw here moves no number there: the same seed gives
 * the same data, whatever the batch size or the number of epochs.
 */
enum rng_stream { STREAM_DATA = 1, STREAM_WEIGHTS, STREAM_SHUFFLE, STREAM_LABELS };

void rng_init(struct rng *rng, uint64_t seed, enum rng_stream stream);

uint64_t rng_bits(struct rng *rng);
/* Uniform in [0, 1), a multiple of 2^-53. */
double rng_uniform(struct rng *rng);
/* Uniform in 0 … n-1, n > 0. */
size_t rng_below(struct rng *rng, size_t n);
/* Normal with mean 0 and variance 1. */
double rng_normal(struct rng *rng);
/* Fills order[0 … n-1] with 0 … n-1, shuffled. */
void rng_order(struct rng *rng, size_t n, size_t *order);

#endif
