/*
 * The sums of one block of gradients: of g^2, of p^2, and how many g are not finite. The gradient is
 * taken as step.cl takes it (GATHER, UNSCALE, LIMIT). SECOND is 1 where p^2 is wanted, CHECK where
 * gradients that are not finite are counted: before the limit, which would make an infinity finite.
 * Scalar twin: norm_block in src/scalar/launch.c.
 */
#include "numeric.cl"
#include "reduce.cl"
#include "span.cl"
#include "gradient.cl"

/* sums[slot], sums[plane + slot], sums[2*plane + slot] <- of the block at this place. */
__attribute__((always_inline))
void norm_sums(const struct tik_place place, __global const float *restrict param,
               __global const float *restrict grad, __global const float *restrict sum,
               const struct tik_offsets at, __global const struct tik_control *restrict control,
               const struct gradient_scalars k, __global float *restrict sums, const uint plane,
               __local float *scratch)
{
    float squares[ITEMS], second[SECOND ? ITEMS : 1], bad[CHECK ? ITEMS : 1];

    for (uint n = 0; n < ITEMS; n++) {
        const uint j = n * LOCAL_SIZE + get_local_id(0);
        const ulong i = place.first + j * place.stride;
        float g = 0.0f, p = 0.0f;
        if (j < place.length) {
            const float before = sum ? sum[at.state[TIK_SUM] + i] : 0.0f;
            g = GATHER(grad[at.grad + i], before, k);
            g = UNSCALE(g, control);
            if (SECOND)
                p = param[at.param + i];
        }
        if (CHECK)
            bad[n] = isfinite(g) ? 0.0f : 1.0f;
        g = LIMIT(g, k);
        squares[n] = g * g;
        if (SECOND)
            second[n] = p * p;
    }
    const float squares_sum = block_sum(squares, scratch);
    const float second_sum = SECOND ? block_sum(second, scratch) : 0.0f;
    const float bad_sum = CHECK ? block_sum(bad, scratch) : 0.0f;
    if (get_local_id(0) == 0) {
        sums[place.slot] = squares_sum;
        if (SECOND)
            sums[plane + place.slot] = second_sum;
        if (CHECK)
            sums[2 * plane + place.slot] = bad_sum;
    }
}
