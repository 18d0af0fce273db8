/* Tensors and steps for tests of the oracles themselves. */
#include "oracle_fixture.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct oracle_tensor fixture_create(size_t rows, size_t cols)
{
    struct oracle_tensor tensor = {
        .count = rows > 0 ? rows * cols : cols, .rows = rows, .cols = rows > 0 ? cols : 0};
    tensor.elements = calloc(tensor.count + 1, sizeof *tensor.elements);
    if (!tensor.elements) {
        fprintf(stderr, "no memory for %zu elements\n", tensor.count);
        abort();
    }
    return tensor;
}

struct oracle_tensor fixture_create_deep(size_t depth, size_t rows, size_t cols)
{
    struct oracle_tensor tensor = fixture_create(0, depth * rows * cols);
    tensor.depth = depth;
    tensor.rows = rows;
    tensor.cols = cols;
    return tensor;
}

void fixture_destroy(struct oracle_tensor *tensor)
{
    free(tensor->elements);
    tensor->elements = NULL;
}

/* splitmix64 (Steele, Lea and Flood, 2014) */
static uint64_t next_word(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

double fixture_uniform(uint64_t *seed, double low, double high)
{
    return low + (high - low) * ldexp((double)(next_word(seed) >> 11), -53);
}

float fixture_spread(uint64_t *seed, double low, double high)
{
    double size = pow(10, fixture_uniform(seed, low, high));
    return (float)((next_word(seed) & 1) != 0 ? size : -size);
}

void fixture_gradients(struct oracle_tensor *tensor, uint64_t seed, double low, double high)
{
    for (size_t i = 0; i < tensor->count; i++) {
        tensor->elements[i].g = fixture_spread(&seed, low, high);
        tensor->elements[i].g_error = 0;
    }
}

void fixture_fill(struct oracle_tensor *tensor, uint64_t seed, double low, double high)
{
    fixture_gradients(tensor, seed + 1, low, high);
    for (size_t i = 0; i < tensor->count; i++)
        tensor->elements[i].p = fixture_spread(&seed, low, high);
}

struct oracle_moment fixture_double(double t)
{
    return (struct oracle_moment){.t = t, .multiplier = 1};
}

struct oracle_moment fixture_single(double t)
{
    return (struct oracle_moment){
        .t = t, .multiplier = 1, .unit = ldexp(1, -24), .tiny = ldexp(1, -150)};
}

void fixture_step(const struct oracle_policy *policy, struct oracle_moment *moment,
                  struct oracle_tensor *tensor)
{
    double next[ORACLE_CARRIED] = {0};
    oracle_carry(policy, moment, next);
    oracle_step(policy, moment, tensor);
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        e->p = e->next.value;
        for (size_t s = 0; s < ORACLE_STATES; s++)
            e->state[s] = e->next_state[s].value;
    }
    memcpy(moment->carried, next, sizeof next);
    moment->t++;
}

void fixture_near(const char *what, size_t index, double got, double value, double tolerance)
{
    ck_assert_msg(fabs(got - value) <= tolerance * (fabs(value) + 1),
                  "%s, element %zu: got %.17g, should be %.17g", what, index, got, value);
}

void fixture_score_add(struct fixture_score *score, size_t index, double got,
                       const struct oracle_number *number)
{
    double error = fabs(got - number->value);
    double ratio = error == 0 ? 0 : error / number->bound;
    ck_assert_msg(
        isfinite(number->bound) && ratio <= 1,
        "%s, element %zu: float32 gives %.9g, the oracle %.17g +- %.3g: %.3g of the bound",
        score->what, index, got, number->value, number->bound, ratio);
    score->worst = fmax(score->worst, ratio);
    score->values++;
}

void fixture_score_end(const struct fixture_score *score)
{
    printf("float32 %s: worst %.2f of the bound over %zu values\n", score->what, score->worst,
           score->values);
    fflush(stdout);
    ck_assert_msg(score->values > 0, "%s: nothing was compared", score->what);
}
