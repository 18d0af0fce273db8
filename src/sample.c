/* Verification by sample: a few blocks of each piece, before and after a step. */
#include <stdlib.h>

#include "error.h"
#include "scalar/numeric.h"
#include "scalar/step.h"
#include "shadow.h"
#include "verify.h"

struct sampled_block {
    size_t piece;
    struct tik_place place;
    float values[TIK_MAX_PARTS][TIK_BLOCK]; /* param, grad, states before the step */
    uint16_t low[TIK_BLOCK];                /* the low-precision copy */
};

struct tik_sample {
    struct tik_optimizer *optimizer;
    bool accumulates; /* the step does nothing else */
    size_t count;
    struct sampled_block blocks[];
};

void tik_sample_destroy(struct tik_sample *sample)
{
    free(sample);
}

/* Never more than the piece has. */
static size_t count_wanted(const struct tik_optimizer *optimizer, const struct tik_piece *piece)
{
    const uint64_t most = optimizer->options.verify_blocks;
    const uint64_t blocks = piece->spans[TIK_SCOPE_TENSOR].blocks;
    return (size_t)(blocks < most ? blocks : most);
}

/* A block of a row or tensor that is changed as a whole says nothing by itself. */
static enum tik_status check_whole(const struct tik_optimizer *optimizer)
{
    for (size_t g = 0; g < optimizer->group_count; g++) {
        const struct tik_plan *plan = &optimizer->groups[g].plan;
        const char *what = plan->variant->iteration != NULL ? "iterates on whole matrices"
                           : plan->variant->lines != NULL
                               ? "keeps numbers of whole rows and columns"
                               : NULL;
        if (what != NULL)
            return tik_error_set(
                TIK_ERROR_ARGUMENT,
                "verify is TIK_VERIFY_SAMPLE, and rule %s of group %zu %s: a block "
                "cannot be judged by itself; use TIK_VERIFY_ALL or TIK_VERIFY_OFF",
                plan->rule->info.name, g, what);
        for (size_t i = 0; i < plan->penalty_count; i++)
            if (plan->penalty[i].group != NULL && !plan->penalty[i].group_coupled)
                return tik_error_set(TIK_ERROR_ARGUMENT,
                                     "verify is TIK_VERIFY_SAMPLE, and a penalty of group %zu is "
                                     "on whole rows, columns or tensors: a block cannot be judged "
                                     "by itself; use TIK_VERIFY_ALL or TIK_VERIFY_OFF",
                                     g);
    }
    return TIK_OK;
}

/* Where an array of the block's piece is kept. */
static void *values_of(struct sampled_block *s, const struct tik_piece *piece, size_t k)
{
    const bool low = k >= 2 && piece->layout.array[k - 2].number == TIK_LOW;
    return low ? (void *)s->low : (void *)s->values[k];
}

static enum tik_status take_block(struct tik_optimizer *optimizer, size_t i,
                                  struct sampled_block *s)
{
    const struct tik_piece *piece = &optimizer->store.pieces[i];
    const struct tik_spans *spans = &piece->spans[TIK_SCOPE_TENSOR];
    /* The golden ratio's multiples reach every block, none twice in a row. */
    const uint64_t spread = optimizer->sample++ * UINT64_C(0x9e3779b97f4a7c15);
    s->piece = i;
    s->place = find_place(piece->table[TIK_SCOPE_TENSOR], spans->count, 0,
                          (uint32_t)((spread >> 16) % spans->blocks));
    enum tik_status status = TIK_OK;
    for (size_t k = 0; k < 2 + piece->layout.count && status == TIK_OK; k++)
        status = tik_piece_read(&optimizer->store, piece, k, s->place.first, s->place.length,
                                values_of(s, piece, k));
    return status;
}

enum tik_status tik_sample_create(struct tik_optimizer *optimizer, struct tik_sample **sample)
{
    const struct tik_store *store = &optimizer->store;
    enum tik_status status = check_whole(optimizer);
    if (status != TIK_OK)
        return status;
    size_t bytes = sizeof **sample;
    for (size_t i = 0; i < store->piece_count; i++)
        bytes += count_wanted(optimizer, &store->pieces[i]) * sizeof(struct sampled_block);
    struct tik_sample *made = malloc(bytes);
    if (made == NULL)
        return tik_error_memory("a sample of blocks", bytes);
    *made = (struct tik_sample){.optimizer = optimizer,
                                .accumulates = tik_optimizer_accumulates(optimizer)};
    for (size_t i = 0; i < store->piece_count; i++) {
        const size_t wanted = count_wanted(optimizer, &store->pieces[i]);
        for (size_t j = 0; j < wanted && status == TIK_OK; j++)
            status = take_block(optimizer, i, &made->blocks[made->count++]);
    }
    if (status != TIK_OK) {
        tik_sample_destroy(made);
        return status;
    }
    *sample = made;
    return TIK_OK;
}

/* What the device decided and computed for the whole step, which the blocks then go by. */
struct decisions {
    struct tik_control control;
    struct tik_progress *progress;
    float *clips, *ratios, *factors;
};

static enum tik_status read_floats(struct tik_optimizer *optimizer, struct tik_buffer *buffer,
                                   float **values)
{
    const size_t bytes = (size_t)optimizer->store.units * sizeof **values;
    if (buffer == NULL)
        return TIK_OK;
    *values = malloc(bytes + 1);
    if (*values == NULL)
        return tik_error_memory("the factors of a step", bytes);
    return optimizer->backend->ops->memory_read(optimizer->backend, buffer, 0, bytes, *values);
}

static enum tik_status read_decisions(struct tik_optimizer *optimizer, struct decisions *d)
{
    const struct tik_workspace *work = &optimizer->store.work;
    const struct tik_backend_ops *ops = optimizer->backend->ops;
    const size_t bytes = optimizer->group_count * sizeof *d->progress;
    enum tik_status status = TIK_OK;
    if (work->control != NULL)
        status =
            ops->memory_read(optimizer->backend, work->control, 0, sizeof d->control, &d->control);
    if (status == TIK_OK && optimizer->gather.guard) {
        d->progress = malloc(bytes + 1);
        status = d->progress != NULL
                     ? ops->memory_read(optimizer->backend, work->progress, 0, bytes, d->progress)
                     : tik_error_memory("the counts of steps", bytes);
    }
    if (status == TIK_OK)
        status = read_floats(optimizer, work->clips, &d->clips);
    if (status == TIK_OK)
        status = read_floats(optimizer, work->ratios, &d->ratios);
    return status == TIK_OK ? read_floats(optimizer, work->factors, &d->factors) : status;
}

static void free_decisions(struct decisions *d)
{
    free(d->progress);
    free(d->clips);
    free(d->ratios);
    free(d->factors);
}

/* The scalars that the device picked; `unread` counts this step already. */
static struct tik_row find_row(const struct tik_optimizer *optimizer, size_t group,
                               const struct decisions *d)
{
    const struct tik_guard *guard = &optimizer->guard;
    if (!optimizer->gather.guard)
        return optimizer->groups[group].values.row;
    return guard->posted[guard->unread - 1][group * TIK_ROWS + d->progress[group].row];
}

/* The scalar path's step of one block, in place. */
static void step_block(const struct tik_sample *sample, struct sampled_block *s,
                       const struct decisions *d)
{
    const struct tik_optimizer *optimizer = sample->optimizer;
    const struct tik_piece *piece = &optimizer->store.pieces[s->piece];
    const struct tik_plan *plan = &optimizer->groups[piece->group].plan;
    struct tik_partial partial;
    struct tik_block block = {.place = s->place,
                              .p = s->values[0],
                              .g = s->values[1],
                              .control = &d->control,
                              .clips = d->clips,
                              .factors = d->factors,
                              .low = s->low,
                              .partial = &partial};
    for (size_t k = 0; k < piece->layout.states; k++)
        block.state[piece->layout.array[k].number] = s->values[2 + k];

    if (sample->accumulates) {
        tik_scalar_accumulate(plan, &block);
        return;
    }
    if (plan->gather.guard && d->control.skip) {
        tik_scalar_clear(plan, &block);
        return;
    }
    struct tik_row row = find_row(optimizer, piece->group, d);
    if (plan->variant->measure != NULL) {
        float first, second;
        tik_scalar_measure(plan, &row, &block, &first, &second);
        row.rule[plan->variant->measure->ratio_index] = d->ratios[s->place.unit];
    }
    tik_scalar_step(plan, &row, &block);
}

static enum tik_status compare_block(const struct tik_sample *sample, struct sampled_block *s,
                                     bool loose, uint64_t *words, uint64_t *mismatches)
{
    const struct tik_store *store = &sample->optimizer->store;
    const struct tik_piece *piece = &store->pieces[s->piece];
    enum tik_status status = TIK_OK;
    for (size_t k = 0; k < 2 + piece->layout.count && status == TIK_OK; k++) {
        union {
            float values[TIK_BLOCK];
            uint16_t low[TIK_BLOCK];
        } there;
        if (k == 1 && !store->writes_grad)
            continue;
        status = tik_piece_read(store, piece, k, s->place.first, s->place.length, &there);
        if (status != TIK_OK)
            break;
        *mismatches += tik_verify_array(&piece->layout, k, &there, values_of(s, piece, k),
                                        s->place.length, loose, 0);
        *words += s->place.length;
    }
    return status;
}

enum tik_status tik_sample_compare(struct tik_sample *sample, uint64_t *words, uint64_t *mismatches)
{
    struct tik_optimizer *optimizer = sample->optimizer;
    const bool loose = tik_optimizer_conformance(optimizer) != TIK_EXACT;
    struct decisions d = {0};
    enum tik_status status = read_decisions(optimizer, &d);
    fenv_t saved;
    tik_numeric_enter(&saved);
    for (size_t i = 0; i < sample->count && status == TIK_OK; i++)
        step_block(sample, &sample->blocks[i], &d);
    tik_numeric_leave(&saved);
    for (size_t i = 0; i < sample->count && status == TIK_OK; i++)
        status = compare_block(sample, &sample->blocks[i], loose, words, mismatches);
    free_decisions(&d);
    return status;
}
