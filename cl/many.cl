/*
 * One step of many small tensors, each in buffers of its own: as many a launch as the device takes
 * arguments for (each.cl). POINTERS is one of POINTERS_0 to POINTERS_4, and CHOICE likewise: by the
 * number of the rule's states.
 *
 * For policies that go element by element, with a clip factor at most (the bare call). The stages
 * are those of step.cl. Scalar twin: in src/scalar/launch.c.
 */
#include "step.cl"
#include "each.cl"

/* The arguments of tensor n. */
#define POINTERS_0(n) __global float *p##n, __global const float *g##n,
#define POINTERS_1(n) POINTERS_0(n) __global float *a##n,
#define POINTERS_2(n) POINTERS_1(n) __global float *b##n,
#define POINTERS_3(n) POINTERS_2(n) __global float *c##n,
#define POINTERS_4(n) POINTERS_3(n) __global float *d##n,

/* Their choice, by number. */
#define CHOICE_0(n) case n: tensor = table.tensor[n]; param = p##n; grad = g##n;
#define CHOICE_1(n) CHOICE_0(n) s0 = a##n;
#define CHOICE_2(n) CHOICE_1(n) s1 = b##n;
#define CHOICE_3(n) CHOICE_2(n) s2 = c##n;
#define CHOICE_4(n) CHOICE_3(n) s3 = d##n;
#define CHOOSE(n) CHOICE(n) break;

/* Elements of a tensor, and where they begin in parameter, gradient and states. */
struct tik_many_tensor {
    ulong count;
    ulong at[2 + STATES];
};

struct tik_many {
    struct tik_many_tensor tensor[TENSORS];
};

/* The pointers are as they begin; `restrict` is believed of arguments alone. */
__attribute__((always_inline))
void step_many(const struct tik_place place, __global float *restrict param,
               __global const float *restrict grad, __global float *restrict state0,
               __global float *restrict state1, __global float *restrict state2,
               __global float *restrict state3, const struct surroundings around,
               const struct step_scalars step, const struct SCALARS rule)
{
    for (uint j = get_local_id(0); j < place.length; j += LOCAL_SIZE) {
        const ulong i = place.first + j;
        float s[4];
        if (STATES > 0)
            s[0] = state0[i];
        if (STATES > 1)
            s[1] = state1[i];
        if (STATES > 2)
            s[2] = state2[i];
        if (STATES > 3)
            s[3] = state3[i];

        const float p = param[i];
        const float g = prepare(p, grad[i], 0.0f, around, place, j, step);
        float paid = 0.0f; /* cumulative penalties are not for lists */
        param[i] = step_element(p, g, s, &paid, step, rule);

        if (STORED > 0)
            state0[i] = s[0];
        if (STORED > 1)
            state1[i] = s[1];
        if (STORED > 2)
            state2[i] = s[2];
        if (STORED > 3)
            state3[i] = s[3];
    }
}

/* Work-groups take the blocks of the tensors one after the other. */
__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_step_many(EACH(POINTERS)
                   const struct tik_many many,
                   __global const struct tik_control *restrict control,
                   const struct step_scalars step_values,
                   const struct SCALARS rule_values)
{
    const struct step_scalars step = step_values;
    const struct SCALARS rule = rule_values;
    const struct surroundings around = {control, 0, 0};
    /* Copied, and by numbers that are constants: Mesa cannot look into an argument in another way. */
    const struct tik_many table = many;
    const ulong b = get_group_id(0);
    ulong before = 0, first = 0;
    uint t = 0;
    EACH(FIND)

    struct tik_many_tensor tensor = table.tensor[0];
    __global float *param = 0, *s0 = 0, *s1 = 0, *s2 = 0, *s3 = 0;
    __global const float *grad = 0;
    switch (t) {
        EACH(CHOOSE)
    }
    const struct tik_place place = find_place(0, 0, tensor.count, (uint)(b - first));
    step_many(place, param + tensor.at[0], grad + tensor.at[1],
              STATES > 0 ? s0 + tensor.at[2] : 0, STATES > 1 ? s1 + tensor.at[STATES > 1 ? 3 : 0] : 0,
              STATES > 2 ? s2 + tensor.at[STATES > 2 ? 4 : 0] : 0,
              STATES > 3 ? s3 + tensor.at[STATES > 3 ? 5 : 0] : 0, around, step, rule);
}
