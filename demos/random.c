#include "random.h"

#include <math.h>

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void rng_init(struct rng *rng, uint64_t seed, enum rng_stream stream)
{
    /* Mixed twice, so that neighbouring seeds and streams start far apart. */
    *rng = (struct rng){.counter = mix(mix(seed) + (uint64_t)stream)};
}

uint64_t rng_bits(struct rng *rng)
{
    rng->counter += UINT64_C(0x9e3779b97f4a7c15); /* 2^64 divided by the golden ratio */
    return mix(rng->counter);
}

double rng_uniform(struct rng *rng)
{
    return (double)(rng_bits(rng) >> 11) * 0x1p-53;
}

size_t rng_below(struct rng *rng, size_t n)
{
    /* n is far below 2^32 here, so some values come at most n / 2^32 too often: not visible. */
    return (size_t)(((rng_bits(rng) >> 32) * (uint64_t)n) >> 32);
}

/*
 * Box and Muller (1958): u, v uniform give sqrt(-2 ln u) cos(2 pi v) and … sin(2 pi v), two
 * independent normals. Computed in double and rounded to float by the caller, so that the last bit
 * of a platform's log or cos hardly ever shows.
 */
double rng_normal(struct rng *rng)
{
    const double two_pi = 6.283185307179586476925;
    if (rng->has_spare) {
        rng->has_spare = 0;
        return rng->spare;
    }
    double u = 1.0 - rng_uniform(rng); /* in (0, 1]: the logarithm is finite */
    double v = rng_uniform(rng);
    double radius = sqrt(-2.0 * log(u));
    rng->spare = radius * sin(two_pi * v);
    rng->has_spare = 1;
    return radius * cos(two_pi * v);
}

/* Fisher and Yates's shuffle, in Durstenfeld's form. */
void rng_order(struct rng *rng, size_t n, size_t *order)
{
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n; i > 1; i--) {
        size_t j = rng_below(rng, i);
        size_t swap = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swap;
    }
}
