/* One step as launches of a backend: what all gradients have to be looked at for, then each piece. */
#ifndef TIK_SRC_RUN_H
#define TIK_SRC_RUN_H

#include "backend.h"

struct tik_optimizer;

/* Where a step takes place: an optimizer's own memory and programs, or a copy's. */
struct tik_view {
    const struct tik_workspace *work;
    const struct tik_arrays *(*arrays)(const void *self, size_t piece);
    const struct tik_spans *(*spans)(const void *self, size_t piece, enum tik_scope scope);
    struct tik_program *(*program)(const void *self, size_t group);
    struct tik_program *(*units)(const void *self, size_t group, size_t slot);
    struct tik_program *norm, *norm_packed; /* the latter NULL: one piece a launch */
    size_t norm_packs;
    bool copied;           /* arrays begin at element 0 */
    struct tik_many *many; /* room for a piece each; NULL: no launch takes several */
    const void *self;
};

/* The optimizer's own. */
void tik_view_own(const struct tik_optimizer *optimizer, struct tik_view *view);

/*
 * The launches of a step, in order; of one that only accumulates gradients. Returns how many; only
 * that where `list` is NULL.
 */
size_t tik_run_list(const struct tik_optimizer *optimizer, const struct tik_view *view,
                    bool accumulates, struct tik_launch *list);

/* Enqueues all of them, or, on an error, lets none of it happen. */
enum tik_status tik_run_enqueue(struct tik_backend *backend, const struct tik_launch *list,
                                size_t count);

#endif
