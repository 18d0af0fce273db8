/* The scalar path's launches: each of cl/'s kernels as a loop over blocks or units, on threads. */
#ifndef TIK_SRC_SCALAR_LAUNCH_H
#define TIK_SRC_SCALAR_LAUNCH_H

#include "../backend.h"

struct tik_buffer {
    unsigned char *bytes;
    bool owned;
};

struct tik_program {
    struct tik_plan plan;
};

/* Runs it to its end. */
void tik_scalar_launch(const struct tik_launch *launch, int threads);

#endif
