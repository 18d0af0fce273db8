/*
 * The factor that clips gradients by their global norm, in two launches:
 *
 *     norm_blocks   sums[slot] <- sum of g^2 over one block; one work-group a block
 *     norm_finish   norm <- sqrt(sum over all), factor <- min(1, max_norm / (norm + 1e-6))
 *
 * The factor stays on the device, where the next kernel reads it. Scalar twins: in
 * src/scalar/step.c and src/scalar/backend.c.
 */
#include "numeric.cl"
#include "reduce.cl"

__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_norm_blocks(__global const struct tik_block *restrict blocks,
                     __global const float *restrict grad,
                     const ulong at,
                     __global float *restrict sums)
{
    __local float scratch[LOCAL_SIZE];
    const struct tik_block block = blocks[get_group_id(0)];
    float squares[ITEMS];

    for (uint k = 0; k < ITEMS; k++) {
        const uint j = k * LOCAL_SIZE + get_local_id(0);
        const float g = j < block.length ? grad[at + block.first + j] : 0.0f;
        squares[k] = g * g;
    }
    const float sum = block_sum(squares, scratch);
    if (get_local_id(0) == 0)
        sums[block.slot] = sum;
}

__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_norm_finish(__global const struct tik_tensor_blocks *restrict tensors,
                     const uint tensor_count,
                     __global float *sums,
                     __global float *totals,
                     const float max_norm,
                     __global float *restrict factor)
{
    __local float scratch[LOCAL_SIZE];

    for (uint t = 0; t < tensor_count; t++)
        if (tensors[t].count > 1)
            row_sum(sums + tensors[t].first, tensors[t].count, scratch);
    barrier(CLK_GLOBAL_MEM_FENCE);
    for (uint t = get_local_id(0); t < tensor_count; t += LOCAL_SIZE)
        totals[t] = tensors[t].count > 0 ? sums[tensors[t].first] : 0.0f;
    barrier(CLK_GLOBAL_MEM_FENCE);
    row_sum(totals, tensor_count, scratch);

    if (get_local_id(0) == 0) {
        const float norm = square_root(tensor_count > 0 ? totals[0] : 0.0f);
        const float clip = divide(max_norm, norm + 1e-6f);
        factor[0] = clip >= 1.0f ? 1.0f : clip; /* a NaN stays one */
        factor[1] = norm;
    }
}
