/*
 * Many tensors a launch, each in buffers of its own. A kernel cannot be given an array of pointers in
 * OpenCL 1.2, so each tensor has its pointers among the arguments, and its length and offsets in a
 * struct beside them:
 *
 *     TENSORS    tensors a launch takes: 2, 4, 8, 16 or 32
 *     EACH       EACH_2, EACH_4, ...: X(0) X(1) ... for all of them
 */

#define EACH_2(X)  X(0) X(1)
#define EACH_4(X)  EACH_2(X) X(2) X(3)
#define EACH_8(X)  EACH_4(X) X(4) X(5) X(6) X(7)
#define EACH_16(X) EACH_8(X) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define EACH_32(X)                                                                                \
    EACH_16(X) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28)      \
    X(29) X(30) X(31)

/* Whose block b is: the last tensor's that begins with it or before it. */
#define FIND(n)                                                                                   \
    if (b >= before) {                                                                            \
        t = n;                                                                                    \
        first = before;                                                                           \
    }                                                                                             \
    before += (table.tensor[n].count + TIK_BLOCK - 1) / TIK_BLOCK;
