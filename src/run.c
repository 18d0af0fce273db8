#include "run.h"

#include "optimizer.h"

const char *const tik_kernel_names[TIK_KERNELS] = {
    [TIK_ACCUMULATE] = "tik_accumulate",
    [TIK_NORM_BLOCKS] = "tik_norm_blocks",
    [TIK_NORM_UNITS] = "tik_norm_units",
    [TIK_NORM_FINISH] = "tik_norm_finish",
    [TIK_GROUP_BLOCKS] = "tik_group_blocks",
    [TIK_GROUP_FACTORS] = "tik_group_factors",
    [TIK_MEASURE] = "tik_measure",
    [TIK_RATIOS] = "tik_ratios",
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

/* What a launch over one piece has, whatever its kernel. */
static void add(struct list *list, enum tik_kernel kernel, struct tik_program *program,
                size_t number, enum tik_scope scope, size_t slot)
{
    const struct tik_optimizer *optimizer = list->optimizer;
    const struct tik_piece *piece = &optimizer->store.pieces[number];
    if (list->launches == NULL) {
        list->count++;
        return;
    }
    list->launches[list->count++] = (struct tik_launch){
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
}

static bool is_empty(const struct tik_optimizer *optimizer, size_t piece)
{
    return optimizer->store.pieces[piece].spans[TIK_SCOPE_TENSOR].blocks == 0;
}

static void add_norm(struct list *list)
{
    const struct tik_optimizer *optimizer = list->optimizer;
    const struct tik_gather *gather = &optimizer->gather;
    const enum tik_scope scope = tik_gather_scope(gather);
    const bool units = tik_gather_units(gather);
    struct tik_program *program = list->view->norm;
    for (size_t i = 0; i < optimizer->store.piece_count; i++) {
        if (is_empty(optimizer, i))
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
    launch->arrays.param = list->view->work->iterate;
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

static void add_piece(struct list *list, size_t i)
{
    const size_t group = list->optimizer->store.pieces[i].group;
    const struct tik_plan *plan = &list->optimizer->groups[group].plan;
    struct tik_program *program = list->view->program(list->view->self, group);
    add_penalties(list, i, true);
    if (plan->variant->measure != NULL) {
        add(list, TIK_MEASURE, program, i, TIK_SCOPE_TENSOR, 0);
        add(list, TIK_RATIOS, program, i, TIK_SCOPE_TENSOR, 0);
    }
    add(list, TIK_STEP, program, i, TIK_SCOPE_TENSOR, 0);
    add_penalties(list, i, false);
    if (plan->late)
        add(list, TIK_LATE, program, i, TIK_SCOPE_TENSOR, 0);
}

/* ---- pieces of one tensor each, several a launch ---- */

static bool is_packed(const struct list *list, size_t i)
{
    const struct tik_piece *piece = &list->optimizer->store.pieces[i];
    const struct tik_group *group = &list->optimizer->groups[piece->group];
    return list->view->many != NULL && group->packed != NULL && piece->kind != TIK_MEMORY_LIBRARY &&
           tik_plan_elementwise(&group->plan);
}

static void fill_many(const struct list *list, size_t i, struct tik_many *many)
{
    const struct tik_piece *piece = &list->optimizer->store.pieces[i];
    *many = (struct tik_many){.count = piece->elements,
                              .arrays = *list->view->arrays(list->view->self, i),
                              .at = piece->at};
}

/* Piece i joins the launch that is open, NULL: none; returns the one that is open then, if any. */
static struct tik_launch *join(struct list *list, struct tik_launch *open, size_t i)
{
    const struct tik_piece *piece = &list->optimizer->store.pieces[i];
    const struct tik_group *group = &list->optimizer->groups[piece->group];
    struct tik_many *many = &list->view->many[list->many_count++];
    fill_many(list, i, many);
    if (open == NULL) {
        open = &list->launches[list->count];
        add(list, TIK_STEP_MANY, group->packed, i, TIK_SCOPE_TENSOR, 0);
        open->arrays = (struct tik_arrays){0};
        open->spans = (struct tik_spans){0};
        open->many = many;
    }
    open->spans.blocks += (many->count + TIK_BLOCK - 1) / TIK_BLOCK;
    open->many_count++;
    return open->many_count < group->packed_plan.packed ? open : NULL;
}

/* The pieces of a group, wherever others lie between them: no two touch the same elements. */
static void add_packed(struct list *list, size_t group)
{
    const struct tik_store *store = &list->optimizer->store;
    const size_t packs = list->optimizer->groups[group].packed_plan.packed;
    struct tik_launch *open = NULL;
    size_t count = 0;
    for (size_t i = 0; i < store->piece_count; i++) {
        if (store->pieces[i].group != group || is_empty(list->optimizer, i) || !is_packed(list, i))
            continue;
        if (list->launches != NULL)
            open = join(list, open, i);
        count++;
    }
    if (list->launches == NULL && count > 0)
        list->count += (count + packs - 1) / packs;
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
        else if (!is_packed(&list, i))
            add_piece(&list, i);
    }
    for (size_t g = 0; g < optimizer->group_count && !accumulates && view->many != NULL; g++)
        if (optimizer->groups[g].packed != NULL)
            add_packed(&list, g);
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
