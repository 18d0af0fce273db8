/* The known-answer run: a program's kernels on edge cases and random values, on both backends. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "run.h"
#include "store.h"
#include "verify.h"

/* ---- values of the known-answer run ---- */

/* SplitMix64 (Steele, Lea and Flood, 2014), as a function of its counter. */
static uint64_t mix(uint64_t counter)
{
    uint64_t z = counter * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static const float edges[] = {
    0.0f,        -0.0f,   1.0f,     -1.0f,       0x1p-149f,      -0x1p-149f,
    0x1.8p-130f, FLT_MIN, -FLT_MIN, FLT_MAX,     -FLT_MAX,       INFINITY,
    -INFINITY,   NAN,     1e-20f,   1e20f,       0x1.fffffep-1f, 0x1.000002p+0f,
    1e-8f,       -1e-3f,  3.0f,     0x1.8p-149f, 1e-10f,         -7.0f,
};
enum { EDGES = sizeof edges / sizeof *edges };

/* Edge cases against each other first, then magnitudes over many decades. */
static float known_value(size_t array, size_t i)
{
    if (i < EDGES * EDGES)
        return edges[(array == 0 ? i : array == 1 ? i / EDGES : i * (array + 5)) % EDGES];
    const uint64_t bits = mix(i * 8 + array + 1);
    const double magnitude = (double)(bits >> 40) / 0x1p24 * 12 - 8;
    const double digits = 1 + (double)((bits >> 8) & 0xffffff) / 0x1p24;
    return (float)(ldexp(digits, (int)floor(magnitude * 3)) * (bits & 1 ? 1 : -1));
}

/* Second moments are not negative in life; one in sixteen is here. */
static float known_state(size_t k, size_t i)
{
    const float value = known_value(2 + k, i);
    return k == 0 || i % 16 == 0 ? value : fabsf(value);
}

static const float known_threshold = 0.01f;

/* Numbers that make every option visible: defaults, and 1/4 where the default is to do nothing. */
static void known_scalars(const struct tik_plan *plan, struct tik_plan_values *values)
{
    *values = (struct tik_plan_values){.lr = 0.1};
    if (plan->kind == TIK_PROGRAM_STEP) {
        const struct tik_rule_info *info = &plan->rule->info;
        double option[TIK_MAX_OPTIONS];
        for (size_t i = 0; i < info->option_count; i++) {
            const struct tik_option *o = &info->options[i];
            option[i] = o->type == TIK_OPTION_REAL && o->value == 0 ? 0.25 : o->value;
        }
        double carried[TIK_MAX_CARRIED] = {0.81, 0.81};
        plan->rule->scalars(option, values->lr, 3, carried, values->row.rule);
    }
    struct step_scalars *step = &values->row.step;
    step->decay = 0.013f;
    step->ema_decay = 0.9f;
    step->ema_intake = 0.1f;
    step->copy = tik_copy_scalars(UINT64_C(0x0123456789abcdef), (UINT64_C(1) << 32) + 3);
    step->gradient = (struct gradient_scalars){
        .share = 1.0f / 3, .limit = 1.75f, .max_norm = 0.5f, .eps = 1e-6f};
    for (size_t i = 0; i < TIK_PENALTY_SLOTS; i++)
        step->penalty[i] = (struct penalty_scalars){.l1 = 0.03f * (float)(i + 1),
                                                    .l2 = 0.7f,
                                                    .threshold = known_threshold,
                                                    .keep = 0.5f,
                                                    .shrink = 0.065f,
                                                    .weight = 0.06f,
                                                    .share = 0.04f,
                                                    .pull = 0.011f,
                                                    .exponent = 0x1.33p+0f,
                                                    .exponent_tail = 0x1.5p-14f,
                                                    .low = -3.5f,
                                                    .high = 2.25f,
                                                    .radius = 1.5f,
                                                    .total = 0.07f};
}

/* ---- what a run reads and writes ---- */

/* Not a whole number of blocks, so that the last one is short. */
enum {
    COUNT = TIK_KNOWN_ANSWERS - 5,
    TENSORS = 6,
    MATRICES = TENSORS + 2,
    UNITS = 4096,
    SLOTS = 4096,
    GROUPS = 2
};

/* Arrays of float32: all but the low-precision copy. */
enum { FLOATS = 2 + TIK_LOW };

/*
 * One element, short rows, longer ones, three matrices of one column, a column of two blocks, and two
 * rows of two.
 */
static const struct {
    uint32_t first, length, row, matrices;
} tensors[TENSORS] = {{0, 1, 1, 1},      {1, 93, 31, 1},
                      {94, 412, 103, 1}, {506, 471, 1, 3},
                      {977, 1030, 1, 1}, {2007, COUNT - 2007, (COUNT - 2007) / 2, 1}};

struct answers {
    float array[FLOATS][COUNT]; /* param, grad, and the others by number */
    uint16_t low[COUNT];
    float clips[UNITS], ratios[UNITS], factors[UNITS], stepped[COUNT];
    struct tik_partial partials[SLOTS];
    struct tik_control control;
    struct tik_progress progress[GROUPS];
    float sums[3 * SLOTS]; /* those of many tensors, which no launch makes anything of */
};

struct tables {
    struct tik_spans spans[TIK_SCOPES];
    struct tik_span span[TIK_SCOPES][TENSORS];
    struct tik_tensor_blocks blocks[TENSORS]; /* in the scope of the norms */
    struct tik_matrices matrices[TENSORS];
};

/* A unit takes a work-group: rows and columns that are units are few and long, of up to two blocks. */
static uint32_t row_of(enum tik_scope scope, size_t i)
{
    const uint32_t row = tensors[i].row, rows = tensors[i].length / row;
    const bool long_rows = row > rows;
    if (scope == TIK_SCOPE_ROW && !long_rows)
        return rows;
    if (scope == TIK_SCOPE_COLUMN && long_rows)
        return rows;
    return row;
}

/* Units and slots in the order of the tensors; returns the number of slots. */
static uint32_t fill_scope(enum tik_scope scope, struct tables *t)
{
    uint32_t units = 0, row_numbers = 0, column_numbers = 0, means = 0;
    struct tik_tally tally = {0};
    struct tik_spans *spans = &t->spans[scope];
    for (size_t i = 0; i < TENSORS; i++) {
        const uint32_t row = row_of(scope, i), rows = tensors[i].length / row;
        struct tik_span *span = &t->span[scope][i];
        const bool of_units = scope == TIK_SCOPE_ROW || scope == TIK_SCOPE_COLUMN;
        const uint32_t depth = of_units ? 1 : tensors[i].matrices;
        const struct tik_entry entry = {.rank = depth > 1 ? 3 : 2,
                                        .shape = depth > 1 ? (size_t[]){depth, rows / depth, row}
                                                           : (size_t[]){rows, row},
                                        .count = tensors[i].length,
                                        .first = tensors[i].first,
                                        .row = row_numbers,
                                        .column = column_numbers};
        tik_span_cut(&entry, scope, span);
        span->matrix = tensors[i].first;
        tik_span_place(scope, span, &tally);
        span->unit = scope == TIK_SCOPE_MATRIX ? means : units;
        means += (uint32_t)tik_matrices_cut(&entry, means, &t->matrices[i]);
        units += row > rows ? row : rows;
        row_numbers += rows;
        column_numbers += depth * row;
    }
    *spans = (struct tik_spans){.count = TENSORS, .blocks = tally.blocks, .units = tally.units};
    return (uint32_t)tally.slots;
}

static void fill_tables(const struct tik_gather *gather, struct tables *t)
{
    for (enum tik_scope scope = 0; scope < TIK_SCOPES; scope++) {
        const uint32_t slots = fill_scope(scope, t);
        if (scope != tik_gather_scope(gather))
            continue;
        for (size_t i = 0; i < TENSORS; i++) {
            const uint32_t next = i + 1 < TENSORS ? t->span[scope][i + 1].slot : slots;
            t->blocks[i] = (struct tik_tensor_blocks){.first = t->span[scope][i].slot,
                                                      .count = next - t->span[scope][i].slot};
        }
    }
}

/* ---- one run on one backend ---- */

struct run {
    struct tik_backend *backend;
    struct tik_program *program;
    const struct tik_plan *plan;
    struct tik_plan_values values;
    struct tables tables;
    struct tik_arrays arrays;
    struct tik_workspace work;
    struct tik_launch list[24];
    struct tik_many many[TENSORS];
    size_t count;
};

static struct tik_buffer **array_of(struct run *r, size_t k)
{
    return k == 0 ? &r->arrays.param : k == 1 ? &r->arrays.grad : &r->arrays.state[k - 2];
}

/* Arrays that the plan has no use for are left out, as an optimizer leaves them out. */
static bool is_used(const struct tik_plan *plan, size_t k)
{
    if (k < 2)
        return true;
    if (k - 2 == TIK_SUM)
        return plan->gather.mean;
    if (plan->kind != TIK_PROGRAM_STEP)
        return false;
    if (k - 2 == TIK_PAID)
        return plan->cumulative;
    if (k - 2 == TIK_LOW)
        return plan->copy != NULL;
    return k - 2 == TIK_EMA ? plan->ema : k - 2 < plan->variant->state_count;
}

/* What is iterated on, and room for the products of the most rows with themselves. */
static enum tik_status create_matrices(struct run *r)
{
    const size_t rows = tensors[2].length / tensors[2].row;
    const struct tik_backend_ops *ops = r->backend->ops;
    enum tik_status status = TIK_OK;
    for (size_t i = 0; i < 2 && status == TIK_OK; i++) {
        status = ops->memory_create(r->backend, COUNT * sizeof(float), &r->work.iterates[i]);
        if (status == TIK_OK)
            status = ops->memory_create(r->backend, rows * rows * sizeof(float), &r->work.grams[i]);
    }
    return status;
}

static enum tik_status upload_tables(struct run *r)
{
    enum tik_status status = TIK_OK;
    for (size_t scope = 0; scope < TIK_SCOPES && status == TIK_OK; scope++)
        status = tik_upload(r->backend, r->tables.span[scope], sizeof r->tables.span[scope],
                            &r->tables.spans[scope].table);
    if (status == TIK_OK)
        status =
            tik_upload(r->backend, r->tables.blocks, sizeof r->tables.blocks, &r->work.tensors);
    if (status == TIK_OK)
        status = tik_upload(r->backend, r->tables.matrices, sizeof r->tables.matrices,
                            &r->arrays.matrices);
    struct tik_row rows[GROUPS * TIK_ROWS];
    memset(rows, 0, sizeof rows);
    rows[0].active = rows[TIK_ROWS].active = 1;
    rows[TIK_ROWS + 2] = r->values.row; /* of group 1, two steps ahead */
    if (status == TIK_OK)
        status = tik_upload(r->backend, rows, sizeof rows, &r->work.rows);
    r->work.plane = SLOTS;
    if (status == TIK_OK)
        status =
            r->backend->ops->memory_create(r->backend, TENSORS * sizeof(float), &r->work.totals);
    if (status == TIK_OK)
        status =
            r->backend->ops->memory_create(r->backend, MATRICES * sizeof(float), &r->work.means);
    if (status == TIK_OK && r->plan->kind == TIK_PROGRAM_STEP &&
        r->plan->variant->iteration != NULL)
        status = create_matrices(r);
    return status;
}

/* Parts of the answers, with the buffers that they lie in. */
struct part {
    struct tik_buffer **buffer;
    void *values;
    size_t bytes;
    bool used;
};

enum { PARTS = TIK_MAX_PARTS + 8 };

static void list_parts(struct run *r, struct answers *a, struct part parts[PARTS])
{
    for (size_t k = 0; k < FLOATS; k++)
        parts[k] =
            (struct part){array_of(r, k), a->array[k], sizeof a->array[k], is_used(r->plan, k)};
    parts[FLOATS] =
        (struct part){array_of(r, FLOATS), a->low, sizeof a->low, is_used(r->plan, FLOATS)};
    const struct part others[] = {
        {&r->work.clips, a->clips, sizeof a->clips, true},
        {&r->work.ratios, a->ratios, sizeof a->ratios, true},
        {&r->work.factors, a->factors, sizeof a->factors, true},
        {&r->work.stepped, a->stepped, sizeof a->stepped, true},
        {&r->work.partials, a->partials, sizeof a->partials, true},
        {&r->work.control, &a->control, sizeof a->control, true},
        {&r->work.progress, a->progress, sizeof a->progress, true},
        {&r->work.sums, a->sums, sizeof a->sums, true},
    };
    memcpy(parts + FLOATS + 1, others, sizeof others);
}

static void add(struct run *r, enum tik_kernel kernel, enum tik_scope scope)
{
    struct tik_launch *l = &r->list[r->count++];
    *l = (struct tik_launch){.kernel = kernel,
                             .program = r->program,
                             .spans = r->tables.spans[scope],
                             .arrays = r->arrays,
                             .work = &r->work,
                             .gradient = r->values.row.step.gradient,
                             .guard = {.growth = 2, .backoff = 0.5f, .interval = 1},
                             .tensor_count = TENSORS,
                             .group_count = GROUPS,
                             .group = 1,
                             .slot = 1,
                             .values = &r->values,
                             .iterate = r->work.iterates[kernel == TIK_STEP]};
    if (kernel == TIK_NORM_FINISH)
        l->spans.blocks = 1;
}

/* The same elements as tensors in buffers of their own, or as many of them as a launch takes. */
static void list_many(struct run *r, enum tik_kernel kernel)
{
    add(r, kernel, TIK_SCOPE_TENSOR);
    struct tik_launch *l = &r->list[r->count - 1];
    l->spans = (struct tik_spans){0};
    l->many = r->many;
    l->many_count = r->plan->packed < TENSORS ? r->plan->packed : TENSORS;
    for (size_t i = 0; i < l->many_count; i++) {
        struct tik_many *many = &r->many[i];
        *many = (struct tik_many){.count = tensors[i].length,
                                  .slot = r->tables.span[TIK_SCOPE_TENSOR][i].slot,
                                  .arrays = r->arrays};
        many->at.param = many->at.grad = tensors[i].first;
        for (size_t k = 0; k < TIK_MAX_STATES; k++)
            many->at.state[k] = tensors[i].first;
        l->spans.blocks += (tensors[i].length + TIK_BLOCK - 1) / TIK_BLOCK;
    }
}

/* c <- alpha*a*b + beta*d */
static void add_product(struct run *r, struct tik_operands operands)
{
    add(r, TIK_PRODUCT, TIK_SCOPE_TENSOR);
    struct tik_launch *l = &r->list[r->count - 1];
    operands.scalars.count = 1;
    l->product = operands;
    l->spans = (struct tik_spans){.units = operands.scalars.m, .blocks = operands.scalars.m};
}

/* One iteration, with numbers of its own, on each tensor. */
static void list_iteration(struct run *r)
{
    struct tik_buffer *x = r->work.iterates[0], *y = r->work.iterates[1];
    struct tik_buffer *a = r->work.grams[0], *b = r->work.grams[1];
    add(r, TIK_NORMALIZE, TIK_SCOPE_TENSOR);
    for (size_t i = 0; i < TENSORS; i++) {
        const uint32_t row = tensors[i].row, rows = tensors[i].length / row;
        const uint32_t m = row < rows ? row : rows, n = row < rows ? rows : row;
        const uint64_t at = tensors[i].first;
        const struct tik_product gram = {
            .a = at, .b = at, .m = m, .n = m, .k = n, .transposed = 1, .alpha = 1};
        const struct tik_product square = {.m = m, .n = m, .k = m, .alpha = 2, .beta = -4.75f};
        const struct tik_product next = {
            .b = at, .d = at, .c = at, .m = m, .n = n, .k = m, .alpha = 1, .beta = 3.5f};
        add_product(r, (struct tik_operands){gram, .a = x, .b = x, .c = a});
        add_product(r, (struct tik_operands){square, .a = a, .b = a, .d = a, .c = b});
        add_product(r, (struct tik_operands){next, .a = b, .b = x, .d = x, .c = y});
    }
}

/* Of state 0 the rows, of state 1 the columns. */
static void list_lines(struct run *r)
{
    static const struct {
        enum tik_kernel kernel;
        enum tik_scope scope;
        uint32_t state;
    } launches[] = {{TIK_ROW_SUMS, TIK_SCOPE_MATRIX_ROW, 0},
                    {TIK_LINE_ENDS, TIK_SCOPE_MATRIX_ROW, 0},
                    {TIK_COLUMN_SUMS, TIK_SCOPE_MATRIX_COLUMN, 1},
                    {TIK_LINE_ENDS, TIK_SCOPE_MATRIX_COLUMN, 1},
                    {TIK_MEANS, TIK_SCOPE_MATRIX, 0}};
    for (size_t i = 0; i < sizeof launches / sizeof *launches; i++) {
        add(r, launches[i].kernel, launches[i].scope);
        r->list[r->count - 1].slot = launches[i].state;
    }
}

static void list_step(struct run *r)
{
    if (r->plan->packed > 0) {
        list_many(r, TIK_STEP_MANY);
        return;
    }
    if (r->plan->variant->lines != NULL)
        list_lines(r);
    if (r->plan->variant->measure != NULL) {
        add(r, TIK_MEASURE, TIK_SCOPE_TENSOR);
        add(r, TIK_RATIOS, TIK_SCOPE_TENSOR);
    }
    if (r->plan->variant->iteration != NULL)
        list_iteration(r);
    add(r, TIK_STEP, TIK_SCOPE_TENSOR);
    if (r->plan->late)
        add(r, TIK_LATE, TIK_SCOPE_TENSOR);
}

static void list_norm(struct run *r)
{
    const struct tik_gather *gather = &r->plan->gather;
    const enum tik_scope scope = tik_gather_scope(gather);
    if (r->plan->packed > 0) {
        list_many(r, TIK_NORM_MANY);
        return;
    }
    if (gather->mean)
        add(r, TIK_ACCUMULATE, TIK_SCOPE_TENSOR);
    if (!tik_gather_looks(gather))
        return;
    add(r, TIK_NORM_BLOCKS, scope);
    if (tik_gather_units(gather))
        add(r, TIK_NORM_UNITS, scope);
    if (tik_gather_finishes(gather))
        add(r, TIK_NORM_FINISH, scope);
}

static void list_group(struct run *r)
{
    static const enum tik_scope scopes[] = {TIK_SCOPE_ROW, TIK_SCOPE_COLUMN};
    for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++) {
        if (r->plan->group->factor == NULL) {
            add(r, TIK_GROUP_PROJECT, scopes[i]);
            continue;
        }
        add(r, TIK_GROUP_BLOCKS, scopes[i]);
        add(r, TIK_GROUP_FACTORS, scopes[i]);
        add(r, TIK_GROUP_SCALE, scopes[i]);
    }
}

static enum tik_status run_launches(struct run *r, struct answers *answers)
{
    const struct tik_backend_ops *ops = r->backend->ops;
    struct part parts[PARTS];
    list_parts(r, answers, parts);
    enum tik_status status = upload_tables(r);
    for (size_t i = 0; i < PARTS && status == TIK_OK; i++)
        if (parts[i].used)
            status = tik_upload(r->backend, parts[i].values, parts[i].bytes, parts[i].buffer);
    if (status != TIK_OK)
        return status;
    if (r->plan->kind == TIK_PROGRAM_STEP)
        list_step(r);
    else if (r->plan->kind == TIK_PROGRAM_NORM)
        list_norm(r);
    else
        list_group(r);
    status = tik_run_enqueue(r->backend, r->list, r->count);
    if (status == TIK_OK)
        status = ops->finish(r->backend);
    for (size_t i = 0; i < PARTS && status == TIK_OK; i++)
        if (parts[i].used)
            status =
                ops->memory_read(r->backend, *parts[i].buffer, 0, parts[i].bytes, parts[i].values);
    return status;
}

static void release(struct run *r)
{
    const struct tik_backend_ops *ops = r->backend->ops;
    for (size_t k = 0; k < TIK_MAX_PARTS; k++)
        ops->memory_destroy(r->backend, *array_of(r, k));
    for (size_t scope = 0; scope < TIK_SCOPES; scope++)
        ops->memory_destroy(r->backend, r->tables.spans[scope].table);
    tik_workspace_destroy(r->backend, &r->work);
    ops->memory_destroy(r->backend, r->work.control);
    ops->memory_destroy(r->backend, r->work.progress);
    ops->memory_destroy(r->backend, r->work.rows);
    ops->memory_destroy(r->backend, r->arrays.matrices);
}

static enum tik_status run_plan(struct tik_backend *backend, const struct tik_plan *plan,
                                struct tik_program *program, float max_norm,
                                struct answers *answers)
{
    struct run *r = calloc(1, sizeof *r);
    if (r == NULL)
        return tik_error_memory("the known-answer run", sizeof *r);
    r->backend = backend;
    r->plan = plan;
    r->program = program;
    known_scalars(plan, &r->values);
    r->values.row.step.gradient.max_norm = max_norm;
    fill_tables(&plan->gather, &r->tables);
    const enum tik_status status = run_launches(r, answers);
    release(r);
    free(r);
    return status;
}

/* ---- verdicts ---- */

/* The zeros of a block must be those of the same run's parameters, whatever these are. */
static bool zeros_are_counted(const struct answers *answers)
{
    size_t slot = 0;
    for (size_t i = 0; i < TENSORS; i++)
        for (uint32_t done = 0; done < tensors[i].length; done += TIK_BLOCK, slot++) {
            uint32_t zeros = 0;
            for (uint32_t j = done; j < tensors[i].length && j < done + TIK_BLOCK; j++)
                zeros += answers->array[0][tensors[i].first + j] == 0.0f;
            if (answers->partials[slot].zeros != zeros)
                return false;
        }
    return true;
}

/*
 * An array of both runs. What an element is large against: itself before the step, and for the
 * parameter the threshold that the proximal stage takes off, for a state the gradient that enters.
 */
static uint64_t compare_array(const struct answers *a, const struct answers *b,
                              const struct answers *before, size_t k, bool bounded)
{
    uint64_t wrong = 0;
    for (size_t i = 0; i < COUNT; i++) {
        const float other = k == 0 ? known_threshold : fabsf(before->array[1][i]);
        const float own = fabsf(before->array[k][i]);
        const float scale = own >= other ? own : other;
        wrong += tik_verify_compare(&a->array[k][i], &b->array[k][i], &scale, 1, bounded, 0);
    }
    return wrong;
}

static uint64_t compare_control(const struct tik_control *a, const struct tik_control *b,
                                bool bounded)
{
    const float one[] = {a->clip, a->norm, a->unscale, a->scale, a->coming};
    const float other[] = {b->clip, b->norm, b->unscale, b->scale, b->coming};
    uint64_t wrong = tik_verify_compare(one, other, NULL, sizeof one / sizeof *one, bounded, 0);
    wrong += a->skip != b->skip || a->clean != b->clean || a->in_row != b->in_row ||
             a->skipped != b->skipped || a->halted != b->halted;
    return wrong;
}

static uint64_t compare_answers(const struct answers *a, const struct answers *b,
                                const struct answers *before, const struct tik_plan *plan,
                                bool bounded)
{
    uint64_t wrong = compare_control(&a->control, &b->control, bounded);
    for (size_t k = 0; k < FLOATS; k++)
        wrong += compare_array(a, b, before, k, bounded);
    if (plan->kind == TIK_PROGRAM_STEP && plan->copy != NULL)
        wrong += tik_verify_copy(plan->copy, a->low, b->low, before->array[0], COUNT, bounded, 0);
    wrong += tik_verify_compare(a->clips, b->clips, NULL, UNITS, bounded, 0);
    wrong += tik_verify_compare(a->ratios, b->ratios, NULL, UNITS, bounded, 0);
    wrong += tik_verify_compare(a->factors, b->factors, NULL, UNITS, bounded, 0);
    wrong += tik_verify_compare(a->stepped, b->stepped, before->array[2], COUNT, bounded, 0);
    for (size_t i = 0; i < SLOTS; i++) {
        const struct tik_partial *one = &a->partials[i], *other = &b->partials[i];
        wrong += tik_verify_compare(&one->penalty, &other->penalty, NULL, 1, bounded, 0);
        wrong += tik_verify_compare(&one->squares, &other->squares, NULL, 1, bounded, 0);
    }
    if (plan->kind == TIK_PROGRAM_NORM && plan->packed > 0)
        wrong += tik_verify_compare(a->sums, b->sums, NULL, 3 * SLOTS, bounded, 0);
    wrong += plan->kind == TIK_PROGRAM_STEP && plan->report && !zeros_are_counted(a);
    wrong += memcmp(a->progress, b->progress, sizeof a->progress) != 0;
    return wrong;
}

/* A case: what the gradients are multiplied by, what they are clipped to, whether one is NaN. */
static const struct known_case {
    float scale, max_norm;
    bool bad;
} cases[] = {
    {1.0f, 0.5f, false},    /* clipped */
    {1.0f, 1e30f, false},   /* not clipped */
    {1e-12f, 3e-9f, false}, /* the 1e-6 in the denominator shows */
    {1e17f, 0.5f, false},   /* the squares overflow: the clip is 0 */
    {1.0f, 0.5f, true},     /* skipped by a guard */
};

/* Parameters that most rules leave as they are, halfway between those of the copy's format. */
static void fill_ties(struct answers *a)
{
    static const float ties[] = {0x1.01p+0f,      0x1.03p+0f,   0x1.002p+0f,   0x1.006p+0f,
                                 0x1.fffp+15f,    0x1.ffep+15f, 0x1p-25f,      0x1.8p-24f,
                                 0x1.fffffep+15f, 0x1p-134f,    0x1.ff8p+127f, 0x1.ffep-15f};
    const size_t count = sizeof ties / sizeof *ties;
    for (size_t i = COUNT - 2 * count; i < COUNT; i++) {
        for (size_t k = 1; k < FLOATS; k++)
            a->array[k][i] = 0.0f;
        a->array[0][i] = i % 2 == 0 ? ties[i / 2 % count] : -ties[i / 2 % count];
    }
}

/* Edge cases for what goes element by element, finite values for what is summed. */
static void fill_answers(const struct tik_plan *plan, const struct known_case *c, size_t number,
                         struct answers *a)
{
    const bool edge = plan->kind == TIK_PROGRAM_STEP;
    for (size_t i = 0; i < COUNT; i++) {
        a->array[0][i] = known_value(0, edge ? i : EDGES * EDGES + i);
        a->array[1][i] = edge ? known_value(1, i) : known_value(number, EDGES * EDGES + i);
        a->array[1][i] *= c->scale;
        for (size_t k = 0; k < TIK_LOW; k++)
            a->array[2 + k][i] = k < TIK_SUM ? known_state(k, i) : known_value(2 + k, i);
    }
    if (edge && plan->copy != NULL)
        fill_ties(a);
    for (size_t i = 0; i < COUNT && !edge; i++)
        a->array[2 + TIK_SUM][i] = a->array[1][COUNT - 1 - i];
    if (c->bad)
        a->array[1][COUNT / 2] = NAN;
    for (size_t u = 0; u < UNITS; u++) {
        a->clips[u] = 0.25f + (float)(u % 7) / 8;
        a->ratios[u] = 0.5f + (float)(u % 5) / 4;
        a->factors[u] = 0.125f + (float)(u % 3) / 2;
    }
    a->control =
        (struct tik_control){.clip = 0.37f, .unscale = 0.125f, .scale = 16.0f, .coming = 0.0625f};
    a->progress[1] = (struct tik_progress){.row = 2, .count = 2};
}

static enum tik_status judge_case(struct tik_backend *device, struct tik_backend *scalar,
                                  const struct tik_plan *plan, struct tik_program *program,
                                  struct tik_program *twin, size_t number, struct answers *a,
                                  enum tik_conformance *conformance)
{
    const struct known_case *c = &cases[number];
    memset(a, 0, 3 * sizeof *a);
    fill_answers(plan, c, number, &a[0]);
    a[1] = a[2] = a[0];
    enum tik_status status = run_plan(scalar, plan, twin, c->max_norm, &a[2]);
    if (status == TIK_OK)
        status = run_plan(device, plan, program, c->max_norm, &a[1]);
    if (status != TIK_OK)
        return status;
    enum tik_conformance found = TIK_WRONG;
    if (compare_answers(&a[1], &a[2], &a[0], plan, true) == 0)
        found = TIK_BOUNDED;
    if (compare_answers(&a[1], &a[2], &a[0], plan, false) == 0)
        found = TIK_EXACT;
    *conformance = found > *conformance ? found : *conformance;
    return TIK_OK;
}

enum tik_status tik_verify_program(struct tik_backend *device, struct tik_backend *scalar,
                                   const struct tik_plan *plan, struct tik_program *program,
                                   enum tik_conformance *conformance)
{
    /* Before, on the device, on the scalar path. */
    struct answers *answers = calloc(3, sizeof *answers);
    if (answers == NULL)
        return tik_error_memory("the known-answer run", 3 * sizeof *answers);
    const size_t count = plan->kind == TIK_PROGRAM_NORM ? sizeof cases / sizeof *cases : 1;
    struct tik_program *twin = NULL;
    enum tik_status status = scalar->ops->program_create(scalar, plan, &twin);
    *conformance = TIK_EXACT;
    for (size_t i = 0; i < count && status == TIK_OK; i++)
        status = judge_case(device, scalar, plan, program, twin, i, answers, conformance);
    scalar->ops->program_destroy(scalar, twin);
    free(answers);
    return status;
}
