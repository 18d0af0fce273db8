/*
 * What the kernels and their scalar twins share and what holds no mathematics: the constants of
 * the block, the table of spans, the scalars of one step. Legal OpenCL C and legal C11.
 */
#ifndef TIK_LAYOUT_H
#define TIK_LAYOUT_H

/*
 * Elements in a block: the unit of the scalar path's loops and of every sum. A constant of the
 * numeric contract, never derived from a device (docs/numerics.md).
 */
#define TIK_BLOCK 1024

/* Throws of the dice for a block's low-precision copy: eight elements share one (cl/copy.cl). */
#define TIK_THROWS 128

/* Slots for penalties: TIK_MAX_PENALTIES of the policy and one for the rule's weight_decay. */
#define TIK_PENALTY_SLOTS 5

/* Arrays beside parameter and gradient: the rule's states 0 to 3, then these. */
#define TIK_SUM    4 /* of the gradients so far, while they accumulate */
#define TIK_EMA    5 /* moving average of the parameters */
#define TIK_PAID   6 /* what a cumulative penalty has taken so far */
#define TIK_LOW    7 /* the low-precision copy of the parameters; the others are float32 */
#define TIK_ARRAYS 8

/* A row of at most so many elements is summed by one work-item, which takes several. */
#define TIK_FEW 64

/* Columns side by side that a work-group sums. */
#define TIK_TILE 128

/* Rows of scalars for one group: as many steps may be under way whose fate the host does not know.
 */
#define TIK_ROWS 17

/* Room for the largest struct RULE_scalars, in floats. */
#define TIK_RULE_SCALARS 16

/*
 * One tensor in a launch, cut into units (the tensor itself, its rows or its columns), each of
 * them cut into blocks. A tensor that is one unit has stride 1, and its row length as `step`.
 */
struct tik_span {
    ulong first;  /* element of the arena where its first unit begins */
    ulong length; /* elements of a unit */
    ulong step;   /* from one unit to the next */
    ulong matrix; /* where its matrix begins among those that are iterated on */
    uint stride;  /* from one element of a unit to the next */
    uint units;
    uint block;   /* its first block among those of the launch */
    uint order;   /* its first unit among those of the launch */
    uint slot;    /* where the partial sums of its first block go */
    uint unit;    /* where the factor of its first unit is */
    uint columns; /* of the tensor; 1 of a vector */
    uint rows;    /* likewise */
};

/*
 * A tensor as matrices of its last two dimensions, whose rows and columns have a number each in a
 * state. A vector is one matrix of rows of one element, without columns.
 */
struct tik_matrices {
    ulong row;     /* the number of its first row, */
    ulong column;  /* and of its first column */
    ulong length;  /* elements that one index of its first dimension leaves; all of a vector */
    uint mean;     /* of its first matrix */
    uint rows;     /* of a matrix */
    uint columns;  /* of a matrix */
    uint factored; /* 0: a vector */
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

/*
 * c <- alpha*a*b + beta*d for `count` matrices side by side: a is m x k, b is k x n, or n x k and
 * transposed, c and d are m x n, all of them row by row. d is not read where beta is 0.
 */
struct tik_product {
    ulong a, b, c, d; /* elements of their buffers where the first of each begins */
    uint m, n, k;
    uint count;
    uint transposed;
    float alpha, beta;
    uint unused;
};

/* Where a tensor's elements begin in each buffer, counted in elements. */
struct tik_offsets {
    ulong param;
    ulong grad;
    ulong state[TIK_ARRAYS];
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
    float radius; /* of the ball or simplex */
    float total;  /* cumulative: what each element could have paid so far */
};

/* How gradients are prepared, the same for all groups. */
struct gradient_scalars {
    float share;    /* 1 / number of gradients that are averaged */
    float limit;    /* of |g| */
    float max_norm; /* of all gradients, or of a unit's: as a multiple of ||p|| where it adapts */
    float eps;      /* added to the norm; the least ||p|| where it adapts */
};

/* Of a copy that is rounded by chance: two words each, the lower one first. */
struct copy_scalars {
    uint seed[2];
    uint step[2]; /* t */
};

/* Of the step, whatever the rule. */
struct step_scalars {
    float decay;      /* decoupled decay: p <- p - (decay*p + step) */
    float ema_decay;  /* ema <- ema_decay*ema + ema_intake*p */
    float ema_intake; /* 1 - ema_decay */
    struct gradient_scalars gradient;
    struct penalty_scalars penalty[TIK_PENALTY_SLOTS];
    struct copy_scalars copy;
};

/* The scalars of a group for one count of applied steps. */
struct tik_row {
    struct step_scalars step;
    float rule[TIK_RULE_SCALARS];
    uint active; /* of row 0: whether the group has tensors that take part */
};

/* Of one group on the device, which alone knows how many steps were applied. */
struct tik_progress {
    uint row;   /* of the step in hand */
    uint count; /* applied since the host last looked */
};

/* What a step decides before it is taken; read by its kernels, and by the host when it looks. */
struct tik_control {
    float clip;    /* what the gradients are multiplied by */
    float norm;    /* of all gradients, before that */
    float unscale; /* 1 / loss scale of the gradients of this step */
    float scale;   /* of the loss, for the gradients of the next step */
    float coming;  /* 1 / scale */
    uint skip;     /* this step changes nothing */
    uint clean;    /* steps since the scale changed */
    uint in_row;   /* skipped one after another */
    uint skipped;  /* in all */
    uint halted;   /* no step is applied any more until the host has seen why */
};

/* How the loss scale moves, and when steps are skipped. */
struct guard_scalars {
    float growth;  /* of the scale, after `interval` clean steps; 0: never */
    float backoff; /* of the scale, after a skipped step */
    uint interval;
    uint patience; /* skipped steps in a row that halt; 0: none do */
};

#endif
