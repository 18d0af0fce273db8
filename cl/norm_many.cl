/*
 * norm_blocks of norm.cl for many tensors, each in a buffer of its own: as many a launch as the
 * device takes arguments for (each.cl). For gradients that are clipped all together, or only looked
 * at. Scalar twin: in src/scalar/launch.c.
 */
#include "norm_sums.cl"
#include "each.cl"

#define GRADIENT(n) __global const float *g##n,
#define CHOOSE(n) case n: tensor = table.tensor[n]; grad = g##n; break;

/* Elements of a tensor, where they begin in its gradient, and the slot of its first block's sums. */
struct tik_norm_tensor {
    ulong count, at, slot;
};

struct tik_norm_tensors {
    struct tik_norm_tensor tensor[TENSORS];
};

/* Work-groups take the blocks of the tensors one after the other. */
__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_norm_many(EACH(GRADIENT)
                   const struct tik_norm_tensors many,
                   __global const struct tik_control *restrict control,
                   const struct gradient_scalars gradient,
                   __global float *restrict sums,
                   const uint plane)
{
    __local float scratch[LOCAL_SIZE];
    /* Copied, and by numbers that are constants: Mesa cannot look into an argument in another way. */
    const struct tik_norm_tensors table = many;
    const struct gradient_scalars k = gradient;
    const ulong b = get_group_id(0);
    ulong before = 0, first = 0;
    uint t = 0;
    EACH(FIND)

    struct tik_norm_tensor tensor = table.tensor[0];
    __global const float *grad = 0;
    switch (t) {
        EACH(CHOOSE)
    }
    struct tik_place place = find_place(0, 0, tensor.count, (uint)(b - first));
    place.slot += (uint)tensor.slot;
    const struct tik_offsets none = {0};
    norm_sums(place, 0, grad + tensor.at, 0, none, control, k, sums, plane, scratch);
}
