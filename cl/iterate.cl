/*
 * Rules that iterate on whole matrices (Newton-Schulz), in launches before the step itself:
 *
 *     measure      writes u, transposed where the matrix has more rows than columns, as X
 *     ratios       ratio[unit] <- RATIO_OF(sums of the tensor)                   both measure.cl
 *     normalize    X <- X / ratio
 *     product      A <- X X^T;  B <- c*A A + b*A;  X <- B X + a*X                as often as asked
 *
 * The step then finds its element of X beside the states. All of these write to memory of their own
 * alone: until the step comes, parameters and states are as they were. Matrices of one shape lie side
 * by side, and one launch multiplies them all. Large ones are multiplied by a BLAS instead, where
 * there is one: src/run.c makes the list, src/opencl/clblast.c and src/scalar/blas/ do those.
 * Scalar twin: src/scalar/iterate.c.
 */
#include "measure.cl"

__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_normalize(__global const struct tik_span *restrict spans,
                   const uint span_count,
                   __global const float *restrict ratios,
                   __global float *restrict iterate)
{
    const struct tik_place place = find_place(spans, span_count, 0, (uint)get_group_id(0));
    __global float *x = iterate + place.matrix + place.inside;
    for (uint j = get_local_id(0); j < place.length; j += LOCAL_SIZE)
        x[j] = divide(x[j], ratios[place.unit]);
}

/*
 * c <- alpha*a*b + beta*d, or of b its transpose, for all matrices of one shape; work-group n takes
 * row n of them all. An element is one sum in the order of k, whoever takes it: the same bits
 * everywhere. a, b and d may be the same memory, c is not.
 */
__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_product(__global const float *a,
                 __global const float *b,
                 __global const float *d,
                 __global float *c,
                 const struct tik_product given)
{
    const struct tik_product p = given;
    const ulong number = get_group_id(0) / p.m, row = get_group_id(0);
    const ulong size = (ulong)p.k * p.n;
    a += p.a + row * p.k;
    b += p.b + number * size;
    c += p.c + row * p.n;
    for (uint j = get_local_id(0); j < p.n; j += LOCAL_SIZE) {
        float sum = 0.0f;
        for (uint k = 0; k < p.k; k++)
            sum += a[k] * b[p.transposed ? (ulong)j * p.k + k : (ulong)k * p.n + j];
        c[j] = p.beta == 0.0f ? p.alpha * sum : p.alpha * sum + p.beta * d[p.d + row * p.n + j];
    }
}
