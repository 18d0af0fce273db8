#include "run.h"

#include "optimizer.h"
#include "scalar/numeric.h"

const char *const tik_kernel_names[TIK_KERNELS] = {
    [TIK_ACCUMULATE] = "tik_accumulate",
    [TIK_NORM_BLOCKS] = "tik_norm_blocks",
    [TIK_NORM_MANY] = "tik_norm_many",
    [TIK_NORM_UNITS] = "tik_norm_units",
    [TIK_NORM_FINISH] = "tik_norm_finish",
    [TIK_GROUP_BLOCKS] = "tik_group_blocks",
    [TIK_GROUP_FACTORS] = "tik_group_factors",
    [TIK_ROW_SUMS] = "tik_row_sums",
    [TIK_COLUMN_SUMS] = "tik_column_sums",
    [TIK_LINE_ENDS] = "tik_line_ends",
    [TIK_MEANS] = "tik_means",
    [TIK_MEASURE] = "tik_measure",
    [TIK_RATIOS] = "tik_ratios",
    [TIK_NORMALIZE] = "tik_normalize",
    [TIK_PRODUCT] = "tik_product",
    [TIK_STEP_MANY] = "tik_step_many",
    [TIK_STEP] = "tik_step",
    [TIK_GROUP_SCALE] = "tik_group_scale",
    [TIK_GROUP_PROJECT] = "tik_group_project",
    [TIK_LATE] = "tik_late",
};

/* ---- the optimizer's own memory and programs ---- */

static const struct tik_arrays *own_arrays(const void *self, size_t piece)
{
    return &((const struct tik_optimizer *)self)->store.pieces[piece].memory;
}

static const struct tik_spans *own_spans(const void *self, size_t piece, enum tik_scope scope)
{
    return &((const struct tik_optimizer *)self)->store.pieces[piece].spans[scope];
}

static struct tik_program *own_program(const void *self, size_t group)
{
    return ((const struct tik_optimizer *)self)->groups[group].program;
}

static struct tik_program *own_units(const void *self, size_t group, size_t slot)
{
    return ((const struct tik_optimizer *)self)->groups[group].units[slot];
}

void tik_view_own(const struct tik_optimizer *optimizer, struct tik_view *view)
{
    *view = (struct tik_view){.work = &optimizer->store.work,
                              .arrays = own_arrays,
                              .spans = own_spans,
                              .program = own_program,
                              .units = own_units,
                              .norm = optimizer->norm_program,
                              .norm_packed = optimizer->norm_packed,
                              .norm_packs = optimizer->norm_packs,
                              .many = optimizer->many,
                              .self = optimizer};
}

/* ---- the list ---- */

struct list {
    const struct tik_optimizer *optimizer;
    const struct tik_view *view;
    struct tik_launch *launches; /* NULL: counted alone */
    size_t count, many_count;
};

/* What a launch over one piece has, whatever its kernel. NULL where they are counted alone. */
static struct tik_launch *add(struct list *list, enum tik_kernel kernel,
                              struct tik_program *program, size_t number, enum tik_scope scope,
                              size_t slot)
{
    const struct tik_optimizer *optimizer = list->optimizer;
    const struct tik_piece *piece = &optimizer->store.pieces[number];
    if (list->launches == NULL) {
        list->count++;
        return NULL;
    }
    struct tik_launch *launch = &list->launches[list->count++];
    *launch = (struct tik_launch){
        .kernel = kernel,
        .program = program,
        .spans = *list->view->spans(list->view->self, number, scope),
        .arrays = *list->view->arrays(list->view->self, number),
        .at = list->view->copied ? (struct tik_offsets){0} : piece->at,
        .work = list->view->work,
        .gradient = optimizer->gradient,
        .group = (uint32_t)piece->group,
        .slot = (uint32_t)slot,
        .values = &optimizer->groups[piece->group].values,
        .stream = list->view->copied ? NULL : piece->stream,
    };
    return launch;
}

static bool is_empty(const struct tik_optimizer *optimizer, size_t piece)
{
    return optimizer->store.pieces[piece].spans[TIK_SCOPE_TENSOR].blocks == 0;
}

/* ---- pieces of one tensor each, several a launch ---- */

/* What several pieces of a group may share: a kernel, and how many of them a launch takes. */
struct pack {
    enum tik_kernel kernel;
    struct tik_program *program; /* NULL: each has a launch of its own */
    size_t packs;
    bool (*takes)(const struct list *, size_t piece);
};

/* A tensor in buffers of its own on the device. */
static bool is_alone(const struct tik_piece *piece)
{
    return piece->kind != TIK_MEMORY_LIBRARY && piece->stream == NULL;
}

static bool takes_norm(const struct list *list, size_t i)
{
    const struct tik_piece *piece = &list->optimizer->store.pieces[i];
    return list->view->norm_packed != NULL && is_alone(piece) &&
           list->optimizer->groups[piece->group].alone > 1;
}

static bool takes_step(const struct list *list, size_t i)
{
    const struct tik_piece *piece = &list->optimizer->store.pieces[i];
    const struct tik_group *group = &list->optimizer->groups[piece->group];
    return list->view->many != NULL && group->packed != NULL && is_alone(piece) &&
           tik_plan_elementwise(&group->plan);
}

static void fill_many(const struct list *list, size_t i, struct tik_many *many)
{
    const struct tik_piece *piece = &list->optimizer->store.pieces[i];
    *many = (struct tik_many){.count = piece->elements,
                              .slot = piece->table[TIK_SCOPE_TENSOR][0].slot,
                              .arrays = *list->view->arrays(list->view->self, i),
                              .at = piece->at};
}

/* Piece i joins the launch that is open, NULL: none; returns the one that is open then, if any. */
static struct tik_launch *join(struct list *list, struct tik_launch *open, size_t i,
                               const struct pack *pack)
{
    struct tik_many *many = &list->view->many[list->many_count++];
    fill_many(list, i, many);
    if (open == NULL) {
        open = &list->launches[list->count];
        add(list, pack->kernel, pack->program, i, TIK_SCOPE_TENSOR, 0);
        open->arrays = (struct tik_arrays){0};
        open->spans = (struct tik_spans){0};
        open->many = many;
    }
    open->spans.blocks += (many->count + TIK_BLOCK - 1) / TIK_BLOCK;
    open->many_count++;
    return open->many_count < pack->packs ? open : NULL;
}

/* The pieces of a group, wherever others lie between them: no two touch the same elements. */
static void add_packed(struct list *list, size_t group, const struct pack *pack)
{
    const struct tik_store *store = &list->optimizer->store;
    struct tik_launch *open = NULL;
    size_t count = 0;
    for (size_t i = 0; i < store->piece_count; i++) {
        if (store->pieces[i].group != group || is_empty(list->optimizer, i) ||
            !pack->takes(list, i))
            continue;
        if (list->launches != NULL)
            open = join(list, open, i, pack);
        count++;
    }
    if (list->launches == NULL && count > 0)
        list->count += (count + pack->packs - 1) / pack->packs;
}

static void add_packed_steps(struct list *list, size_t g)
{
    const struct tik_group *group = &list->optimizer->groups[g];
    const struct pack steps = {TIK_STEP_MANY, group->packed, group->packed_plan.packed, takes_step};
    if (group->packed != NULL)
        add_packed(list, g, &steps);
}

/* ---- what all gradients have to be looked at for ---- */

static void add_norm(struct list *list)
{
    const struct tik_optimizer *optimizer = list->optimizer;
    const struct tik_gather *gather = &optimizer->gather;
    const enum tik_scope scope = tik_gather_scope(gather);
    const bool units = tik_gather_units(gather);
    struct tik_program *program = list->view->norm;
    const struct pack norms = {TIK_NORM_MANY, list->view->norm_packed, list->view->norm_packs,
                               takes_norm};
    for (size_t g = 0; g < optimizer->group_count && list->view->norm_packed != NULL; g++)
        add_packed(list, g, &norms);
    for (size_t i = 0; i < optimizer->store.piece_count; i++) {
        if (is_empty(optimizer, i) || norms.takes(list, i))
            continue;
        add(list, TIK_NORM_BLOCKS, program, i, scope, 0);
        if (units)
            add(list, TIK_NORM_UNITS, program, i, scope, 0);
    }
    if (gather->clip != TIK_CLIP_ALL && !gather->guard)
        return;
    if (list->launches != NULL)
        list->launches[list->count] = (struct tik_launch){
            .kernel = TIK_NORM_FINISH,
            .program = program,
            .spans.blocks = 1,
            .work = list->view->work,
            .gradient = optimizer->gradient,
            .guard = optimizer->scaling,
            .tensor_count = (uint32_t)optimizer->store.tensor_count,
            .group_count = (uint32_t)optimizer->group_count,
        };
    list->count++;
}

/* One launch of a penalty on units: over the parameters or, after a step from it, the iterate. */
static void add_units(struct list *list, enum tik_kernel kernel, size_t i, size_t slot)
{
    const size_t group = list->optimizer->store.pieces[i].group;
    const struct tik_plan *plan = &list->optimizer->groups[group].plan;
    const struct tik_plan_penalty *penalty = &plan->penalty[slot];
    add(list, kernel, list->view->units(list->view->self, group, slot), i, penalty->scope, slot);
    if (list->launches == NULL || penalty->group_coupled || plan->variant->follow == NULL)
        return;
    struct tik_launch *launch = &list->launches[list->count - 1];
    launch->arrays.param = list->view->work->stepped;
    launch->at.param = 0;
}

static void add_penalty(struct list *list, size_t i, size_t slot)
{
    const size_t group = list->optimizer->store.pieces[i].group;
    const struct tik_plan_penalty *penalty = &list->optimizer->groups[group].plan.penalty[slot];
    if (penalty->group->factor == NULL) {
        add_units(list, TIK_GROUP_PROJECT, i, slot);
        return;
    }
    add_units(list, TIK_GROUP_BLOCKS, i, slot);
    add_units(list, TIK_GROUP_FACTORS, i, slot);
    if (!penalty->group_coupled)
        add_units(list, TIK_GROUP_SCALE, i, slot);
}

static void add_penalties(struct list *list, size_t i, bool coupled)
{
    const struct tik_piece *piece = &list->optimizer->store.pieces[i];
    const struct tik_plan *plan = &list->optimizer->groups[piece->group].plan;
    for (size_t slot = 0; slot < plan->penalty_count; slot++)
        if (plan->penalty[slot].group != NULL && plan->penalty[slot].group_coupled == coupled)
            add_penalty(list, i, slot);
}

/* ---- rules that iterate on matrices: cl/iterate.cl ---- */

/* Where the matrices of a piece are, and where they will be: they change places at each step. */
struct iteration {
    struct list *list;
    struct tik_program *program;
    size_t piece;
    struct tik_buffer *now, *next;
};

/* c <- alpha*a*b + beta*d for a batch of m x n results; the caller sets what differs from 1 and 0. */
static void add_product(const struct iteration *it, const struct tik_batch *batch,
                        const struct tik_operands *operands)
{
    struct tik_launch *l = add(it->list, TIK_PRODUCT, it->program, it->piece, TIK_SCOPE_TENSOR, 0);
    if (l == NULL)
        return;
    l->product = *operands;
    l->product.scalars.m = batch->rows;
    l->product.scalars.count = batch->count;
    l->product.large = batch->large;
    const uint64_t rows = (uint64_t)batch->rows * batch->count;
    const uint64_t work = (uint64_t)operands->scalars.n * operands->scalars.k;
    l->spans = (struct tik_spans){.units = rows, .blocks = rows * work / TIK_BLOCK + 1};
}

/* A <- X X^T;  B <- c*A A + b*A;  X <- B X + a*X */
static void add_iteration(struct iteration *it, const struct tik_batch *batch,
                          const struct tik_polynomial *k)
{
    const struct tik_workspace *work = it->list->view->work;
    struct tik_buffer *const *gram = work->grams;
    const uint32_t m = batch->rows, n = batch->cols;
    const uint64_t at = batch->first;
    add_product(
        it, batch,
        &(struct tik_operands){{.a = at, .b = at, .n = m, .k = n, .transposed = 1, .alpha = 1},
                               .a = it->now,
                               .b = it->now,
                               .c = gram[0]});
    add_product(it, batch,
                &(struct tik_operands){{.n = m, .k = m, .alpha = k->c, .beta = k->b},
                                       .a = gram[0],
                                       .b = gram[0],
                                       .d = gram[0],
                                       .c = gram[1]});
    add_product(it, batch,
                &(struct tik_operands){
                    {.b = at, .c = at, .d = at, .n = n, .k = m, .alpha = 1, .beta = k->a},
                    .a = gram[1],
                    .b = it->now,
                    .d = it->now,
                    .c = it->next});
}

/* Rounded to nearest whatever mode the caller has set. */
static void read_polynomial(const struct tik_group *group, struct tik_polynomial *polynomial)
{
    fenv_t saved;
    tik_numeric_enter(&saved);
    group->plan.variant->iteration->polynomial(group->policy.option, polynomial);
    tik_numeric_leave(&saved);
}

/* Returns where the matrices are in the end. */
static struct tik_buffer *add_iterations(struct list *list, size_t i, struct tik_program *program)
{
    const struct tik_piece *piece = &list->optimizer->store.pieces[i];
    const struct tik_group *group = &list->optimizer->groups[piece->group];
    struct tik_buffer *const *iterates = list->view->work->iterates;
    struct iteration it = {list, program, i, iterates[0], iterates[1]};
    struct tik_polynomial polynomial;
    read_polynomial(group, &polynomial);
    for (unsigned step = 0; step < polynomial.steps; step++) {
        for (size_t b = 0; b < piece->batch_count; b++)
            add_iteration(&it, &piece->batches[b], &polynomial);
        struct tik_buffer *old = it.now;
        it.now = it.next;
        it.next = old;
    }
    return it.now;
}

/* What a rule with norms of its tensors has before its step; returns what it iterated to, if so. */
static struct tik_buffer *add_measure(struct list *list, size_t i, struct tik_program *program,
                                      bool iterates)
{
    struct tik_buffer *first = iterates ? list->view->work->iterates[0] : NULL;
    struct tik_launch *l = add(list, TIK_MEASURE, program, i, TIK_SCOPE_TENSOR, 0);
    if (l != NULL)
        l->iterate = first;
    add(list, TIK_RATIOS, program, i, TIK_SCOPE_TENSOR, 0);
    if (!iterates)
        return NULL;
    l = add(list, TIK_NORMALIZE, program, i, TIK_SCOPE_TENSOR, 0);
    if (l != NULL)
        l->iterate = first;
    return add_iterations(list, i, program);
}

/* The step of a piece: over runs of tensors where it does not matter which one an element is of. */
static void add_step(struct list *list, struct tik_program *program, size_t i,
                     struct tik_buffer *iterate)
{
    const struct tik_piece *piece = &list->optimizer->store.pieces[i];
    struct tik_launch *l = add(list, TIK_STEP, program, i, TIK_SCOPE_TENSOR, 0);
    if (l == NULL)
        return;
    l->iterate = iterate;
    if (!list->view->copied && piece->runs.count > 0 &&
        !tik_plan_asks_where(&list->optimizer->groups[piece->group].plan))
        l->spans = piece->runs;
}

/* Lines of one scope, where the piece has any; those of several blocks end in a second launch. */
static void add_scope(struct list *list, size_t i, enum tik_kernel kernel, enum tik_scope scope,
                      size_t state)
{
    const struct tik_piece *piece = &list->optimizer->store.pieces[i];
    struct tik_program *program = list->view->program(list->view->self, piece->group);
    if (piece->spans[scope].blocks > 0)
        add(list, kernel, program, i, scope, state);
    if (piece->spans[scope].units > 0 && kernel != TIK_MEANS)
        add(list, TIK_LINE_ENDS, program, i, scope, state);
}

static void add_lines(struct list *list, size_t i)
{
    add_scope(list, i, TIK_ROW_SUMS, TIK_SCOPE_MATRIX_ROW, 0);
    add_scope(list, i, TIK_COLUMN_SUMS, TIK_SCOPE_MATRIX_COLUMN, 1);
    add_scope(list, i, TIK_MEANS, TIK_SCOPE_MATRIX, 0);
}

static void add_piece(struct list *list, size_t i)
{
    const size_t group = list->optimizer->store.pieces[i].group;
    const struct tik_plan *plan = &list->optimizer->groups[group].plan;
    struct tik_program *program = list->view->program(list->view->self, group);
    add_penalties(list, i, true);
    if (plan->variant->lines != NULL)
        add_lines(list, i);
    struct tik_buffer *iterate = NULL;
    if (plan->variant->measure != NULL)
        iterate = add_measure(list, i, program, plan->variant->iteration != NULL);
    add_step(list, program, i, iterate);
    add_penalties(list, i, false);
    if (plan->late)
        add(list, TIK_LATE, program, i, TIK_SCOPE_TENSOR, 0);
}

size_t tik_run_list(const struct tik_optimizer *optimizer, const struct tik_view *view,
                    bool accumulates, struct tik_launch *launches)
{
    struct list list = {.optimizer = optimizer, .view = view, .launches = launches};
    if (!accumulates && tik_gather_looks(&optimizer->gather))
        add_norm(&list);
    for (size_t i = 0; i < optimizer->store.piece_count; i++) {
        if (is_empty(optimizer, i))
            continue;
        if (accumulates)
            add(&list, TIK_ACCUMULATE, view->norm, i, TIK_SCOPE_TENSOR, 0);
        else if (!takes_step(&list, i))
            add_piece(&list, i);
    }
    for (size_t g = 0; g < optimizer->group_count && !accumulates && view->many != NULL; g++)
        add_packed_steps(&list, g);
    return list.count;
}

enum tik_status tik_run_enqueue(struct tik_backend *backend, const struct tik_launch *list,
                                size_t count)
{
    enum tik_status status = backend->ops->step_begin(backend, count);
    if (status != TIK_OK)
        return status;
    for (size_t i = 0; i < count && status == TIK_OK; i++)
        status = backend->ops->launch(backend, &list[i]);
    return backend->ops->step_end(backend, status);
}
