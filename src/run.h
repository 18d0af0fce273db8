/* One step as commands of a backend: norm over all pieces, then one launch a piece. */
#ifndef TIK_SRC_RUN_H
#define TIK_SRC_RUN_H

#include "backend.h"

struct tik_run {
    bool clip;
    struct tik_program *norm_program; /* when it clips */
    struct tik_norm_finish norm;
    size_t piece_count;
    struct tik_apply *pieces; /* those without a block are left out */
};

/* Only the norm, for its known-answer run. */
enum tik_status tik_run_norm(struct tik_backend *backend, const struct tik_run *run);

/* Enqueues all of it, or, on an error, lets none of it happen. */
enum tik_status tik_run_enqueue(struct tik_backend *backend, const struct tik_run *run);

#endif
