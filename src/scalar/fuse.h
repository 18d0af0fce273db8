/*
 * A rule and what usually surrounds it, in one loop: chunk by chunk, a few lines of the cache each,
 * goes through all of it while it is at hand, so that all streams of memory run on side by side. The
 * rule is inlined, so each has a loop of its own, made by TIK_TWINS. Same operations, same order,
 * same bits as the stages of step.c one after the other.
 */
#ifndef TIK_SRC_SCALAR_FUSE_H
#define TIK_SRC_SCALAR_FUSE_H

#include "../plan.h"
#include "types.h"

/* Elements of a chunk, and how far ahead of it memory is asked. */
enum { TIK_CHUNK = 64, TIK_AHEAD = 512 };

/* What surrounds a rule whose stages go element by element, without numbers of units. */
struct tik_frame {
    const struct tik_plan *plan;
    const struct step_scalars *step;
    float unscale, clip;
    bool scales, couples, moves; /* factors of g; coupled penalties; proximal ones */
    float *ema;                  /* NULL: none */
};

#ifdef __GNUC__
#define TIK_INLINE            static inline __attribute__((always_inline))
#define tik_prefetch(address) __builtin_prefetch(address, 1)
#else
#define TIK_INLINE            static inline
#define tik_prefetch(address) ((void)(address))
#endif

/* The gradient as it comes to the rule: itself, or what was made of it in `out`. */
TIK_INLINE const float *tik_fuse_gradient(const struct tik_frame *f, size_t n, const float *p,
                                          const float *g, float *restrict out)
{
    const struct tik_plan *plan = f->plan;
    if (!f->scales && !f->couples && !plan->maximize)
        return g;
    for (size_t i = 0; i < n && f->scales; i++)
        out[i] = g[i] * f->unscale * f->clip;
    for (size_t i = 0; i < n && !f->scales; i++)
        out[i] = g[i];
    for (size_t i = 0; i < n && plan->maximize; i++)
        out[i] = -out[i];
    for (size_t k = 0; k < plan->penalty_count && f->couples; k++)
        if (plan->penalty[k].coupled.twin != NULL)
            plan->penalty[k].coupled.twin(n, p, &f->step->penalty[k], out);
    return out;
}

TIK_INLINE void tik_fuse_chunk(tik_rule_twin *rule, const struct tik_frame *f, size_t n,
                               float *restrict p, float *restrict g, float *const *s,
                               const void *scalars, float *restrict ema)
{
    _Alignas(64) float prepared[TIK_CHUNK], taken[TIK_CHUNK];
    const struct tik_plan *plan = f->plan;
    const float decay = f->step->decay, keep = f->step->ema_decay, intake = f->step->ema_intake;

    rule(n, p, tik_fuse_gradient(f, n, p, g, prepared), s, scalars, taken);
    if (plan->rule->replaces)
        for (size_t i = 0; i < n; i++)
            p[i] = taken[i];
    else if (plan->decoupled)
        for (size_t i = 0; i < n; i++)
            p[i] = p[i] - (decay * p[i] + taken[i]);
    else
        for (size_t i = 0; i < n; i++)
            p[i] = p[i] - taken[i];
    for (size_t k = 0; k < plan->penalty_count && f->moves; k++)
        if (plan->penalty[k].proximal.twin != NULL)
            plan->penalty[k].proximal.twin(n, NULL, &f->step->penalty[k], p);
    for (size_t i = 0; i < n && ema != NULL; i++)
        ema[i] = keep * ema[i] + intake * p[i];
    for (size_t i = 0; i < n && plan->gather.zero_grad; i++)
        g[i] = 0.0f;
}

TIK_INLINE void tik_fuse_ahead(const float *x)
{
    for (size_t i = 0; i < TIK_CHUNK; i += 64 / sizeof *x)
        tik_prefetch(x + TIK_AHEAD + i);
}

TIK_INLINE void tik_fuse(tik_rule_twin *rule, size_t states, const struct tik_frame *frame,
                         size_t n, float *p, float *g, float *const *s, const void *scalars)
{
    const struct tik_frame f = *frame;
    for (size_t at = 0; at < n; at += TIK_CHUNK) {
        const size_t rest = n - at;
        float *here[TIK_MAX_STATES] = {NULL}, *ema = f.ema != NULL ? f.ema + at : NULL;
        for (size_t k = 0; k < states; k++)
            here[k] = s[k] + at;
        if (rest >= TIK_AHEAD + TIK_CHUNK) {
            tik_fuse_ahead(p + at);
            tik_fuse_ahead(g + at);
            for (size_t k = 0; k < states; k++)
                tik_fuse_ahead(here[k]);
        }
        if (rest >= TIK_CHUNK) /* a constant, for which loops are unrolled */
            tik_fuse_chunk(rule, &f, TIK_CHUNK, p + at, g + at, here, scalars, ema);
        else
            tik_fuse_chunk(rule, &f, rest, p + at, g + at, here, scalars, ema);
    }
}

/* What the linker sees of a rule's loop: by itself, and with what surrounds it. */
#define TIK_TWINS(name, states)                                                                    \
    void tik_scalar_##name(size_t n, const float *p, const float *g, float *const *s,              \
                           const void *scalars, float *step)                                       \
    {                                                                                              \
        name(n, p, g, s, scalars, step);                                                           \
    }                                                                                              \
    void tik_fused_##name(const struct tik_frame *frame, size_t n, float *p, float *g,             \
                          float *const *s, const void *scalars)                                    \
    {                                                                                              \
        tik_fuse(name, states, frame, n, p, g, s, scalars);                                        \
    }

#endif
