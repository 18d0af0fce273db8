/*
 * What the kernels and their scalar twins share and what holds no mathematics: the constants of
 * the block, the table of blocks, the scalars of one step. Legal OpenCL C and legal C11.
 */
#ifndef TIK_LAYOUT_H
#define TIK_LAYOUT_H

/*
 * Elements in a block: the unit of the scalar path's loops and of every sum. A constant of the
 * numeric contract, never derived from a device (docs/numerics.md).
 */
#define TIK_BLOCK 1024

/* Slots for penalties: TIK_MAX_PENALTIES of the policy and one for the rule's weight_decay. */
#define TIK_PENALTY_SLOTS 5

/* One block of one tensor: elements first .. first + length - 1 of the arena. */
struct tik_block {
    ulong first;
    uint length; /* 1 .. TIK_BLOCK */
    uint slot;   /* where its partial sums go */
};

/* The blocks of one tensor among the partial sums. */
struct tik_tensor_blocks {
    uint first;
    uint count;
};

/* Partial sums of one block for the report of a step. */
struct tik_partial {
    float penalty;
    float squares;
    uint zeros;
};

/* Where a tensor's elements begin in each buffer, counted in elements. */
struct tik_offsets {
    ulong param;
    ulong grad;
    ulong state[4];
};

/* Of one penalty, for one step: the weights of its elementwise terms. */
struct penalty_scalars {
    float l1;        /* of l1*|p| */
    float l2;        /* of 1/2*l2*p^2 */
    float threshold; /* proximal: lr * l1 */
    float keep;      /* proximal: 1/(1 + lr * l2) = keep - shrink, */
    float shrink;    /* keep a power of two */
    float weight;    /* of weight/q*|p|^q */
    float share;     /* weight / q */
    float pull;      /* proximal: lr * weight */
    float low;       /* bounds of the box */
    float high;
    float exponent; /* of |p|^(q - 1): 12 bits of it, and the rest; see power.cl */
    float exponent_tail;
};

/* Of the step, whatever the rule. */
struct step_scalars {
    float decay; /* decoupled decay: p <- p - (decay*p + step) */
    struct penalty_scalars penalty[TIK_PENALTY_SLOTS];
};

#endif
