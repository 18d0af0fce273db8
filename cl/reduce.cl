/*
 * Sums of one fixed shape, so that every device rounds them alike: TIK_BLOCK values are added in
 * pairs at distance TIK_BLOCK/2, TIK_BLOCK/4, ..., 1; longer rows block by block, then the sums of
 * the blocks in the same way. Missing values are +0. LOCAL_SIZE divides the labour, never the tree.
 * Scalar twin: src/scalar/reduce.c.
 */
#include "layout.h"

/* Work-items in a work-group: a power of two, at most TIK_BLOCK. */
#ifndef LOCAL_SIZE
#define LOCAL_SIZE 256
#endif

/* Values of a block that each work-item holds. */
#define ITEMS (TIK_BLOCK / LOCAL_SIZE)

/*
 * A work-item by itself has nobody to wait for. PoCL copies what follows a barrier once for each
 * way to it: with barriers in nested loops and branches it compiled for a minute.
 */
void sync_local(void)
{
    if (LOCAL_SIZE > 1)
        barrier(CLK_LOCAL_MEM_FENCE);
}

void sync_global(void)
{
    if (LOCAL_SIZE > 1)
        barrier(CLK_GLOBAL_MEM_FENCE);
}

/*
 * The sum of a block, for all work-items of the group: x[k] of item l is the block's value
 * k*LOCAL_SIZE + l. Overwrites x. First the distances that lie within one item, then those
 * between items.
 */
float block_sum(float *x, __local float *scratch)
{
    const uint l = get_local_id(0);
    for (uint distance = ITEMS / 2; distance > 0; distance /= 2)
        for (uint k = 0; k < distance; k++)
            x[k] += x[k + distance];
    scratch[l] = x[0];
    for (uint distance = LOCAL_SIZE / 2; distance > 0; distance /= 2) {
        sync_local();
        if (l < distance)
            scratch[l] += scratch[l + distance];
    }
    sync_local();
    const float sum = scratch[0];
    sync_local(); /* the caller may use scratch again */
    return sum;
}

/* A row of at most so many values is summed by one work-item: FEW_BLOCKS <= TIK_BLOCK. */
#define FEW_BLOCKS 64

/*
 * The sum of x[0] .. x[count - 1], count <= TIK_BLOCK, by one work-item in place; it ends in x[0].
 * The distances at which all partners are missing are left out: they add +0, to what is never -0.
 */
void item_sum(__global float *x, const uint count)
{
    uint distance = 1;
    while (2 * distance < count)
        distance *= 2;
    for (; distance > 0; distance /= 2)
        for (uint k = 0; k + distance < count && k < distance; k++)
            x[k] += x[k + distance];
}

/*
 * The sum of x[0] .. x[count - 1] by one work-group, level by level in place; it ends in x[0]. One
 * loop over the blocks of all levels: see sync_local.
 */
void row_sum(__global float *x, uint count, __local float *scratch)
{
    float part[ITEMS];
    uint b = 0;
    while (count > 1) {
        for (uint k = 0; k < ITEMS; k++) {
            const uint j = b * TIK_BLOCK + k * LOCAL_SIZE + get_local_id(0);
            part[k] = j < count ? x[j] : 0.0f;
        }
        const float sum = block_sum(part, scratch); /* all have read before x[b] is written */
        if (get_local_id(0) == 0)
            x[b] = sum;
        sync_global();
        b++;
        if (b * TIK_BLOCK >= count) {
            count = b;
            b = 0;
        }
    }
}
