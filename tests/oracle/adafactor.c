/*
 * Adafactor (Shazeer and Stern, ICML 2018, algorithm 4) as PyTorch writes it (torch/optim/
 * _adafactor.py of 2.14): means in the place of sums, and eps1 not in the means but as floors of
 * what is divided by. For a matrix of R rows and C columns, w = t^beta2_decay:
 *
 *     row' = row + w (mean over the row of g^2 - row),  col' likewise over the column
 *     V    = row' col' / max(mean of row', eps1)
 *     var' = var + w (g^2 - var),  V = var'                             for a vector
 *     U    = g / sqrt(max(V, eps1^2))
 *     p'   = p - alpha / max(1, RMS(U) / d) U,   alpha = max(eps2, RMS(p)) min(lr, 1 / sqrt(t))
 *
 * A tensor of three dimensions is so many matrices of the last two, with a mean of row' each; the
 * two RMS are of the whole tensor. RMS(p) is of p before the decay, which is p lr weight_decay, decoupled.
 *
 * K. g^2's mean by a tree of depth d: d + 1, its division 2: in the carried part, since d is the
 * shape's. The lerp: a difference, w, a product, a sum: 4 of row + w (mean + row), so for var' with
 * the square: 5. All that follows is never below 0, and kept as intervals: a product and two
 * quotients 3, eps1 and its square 2, the roots 1 each, RMS a tree, a division and a root, alpha and
 * its product 3. The step's number then carries these and counts the product with g and the
 * division: K = 3 with the products of the errors.
 * carried. The intervals' ends; g's error as in Adam; underflow of g^2, row' col', and U.
 */
#include "oracle.h"

#include <float.h>
#include <math.h>

enum { ROW, COLUMN, FULL };

static const struct oracle_option options[] = {
    {"lr", 1e-2}, {"beta2_decay", -0.8}, {"eps1", FLT_EPSILON}, {"eps2", 1e-3},
    {"d", 1},     {"weight_decay", 0},   {"maximize", 0},       {NULL, 0},
};

static const struct oracle_state states[] = {
    {.name = "row_var", .positive = true, .roundings = 4, .extent = ORACLE_EACH_ROW},
    {.name = "col_var", .positive = true, .roundings = 4, .extent = ORACLE_EACH_COLUMN},
    {.name = "variance", .positive = true, .roundings = 5, .extent = ORACLE_EACH_OF_VECTOR},
    {.name = NULL},
};

static const struct oracle_form forms[] = {
    {"visible", {{"lr", 0.37}, {"beta2_decay", -0.6}, {"eps1", 1e-3}, {"eps2", 0.2}, {"d", 1.5}}},
    {"small d", {{"lr", 0.9}, {"beta2_decay", -0.3}, {"eps2", 1e-2}}},
    {"floors", {{"lr", 0.37}, {"eps1", 10}, {"eps2", 1e5}, {"d", 4}}},
    {"maximize", {{"lr", 0.37}, {"eps1", 1e-4}, {"d", 2}, {"maximize", 1}}},
    {"defaults", {{NULL, 0}}},
    {NULL, {{NULL, 0}}},
};

struct hyper {
    double weight, eps1, unit, tiny;
};

static struct oracle_number lerp(const struct hyper *h, double old, struct oracle_span mean)
{
    return (struct oracle_number){
        .value = old + h->weight * (mean.value - old),
        .scale = old + h->weight * (mean.value + old),
        .carried = h->weight * oracle_span_error(mean) + h->tiny,
    };
}

static struct oracle_span square(const struct hyper *h, const struct oracle_element *e)
{
    struct oracle_span g = oracle_span_of(fabs(e->g), e->g_error);
    return oracle_span_widen(oracle_span_multiply(g, g), 0, h->tiny);
}

static struct oracle_span mean_square(const struct hyper *h, const struct oracle_tensor *tensor,
                                      const struct oracle_slice *slice)
{
    struct oracle_span sum = {0};
    for (size_t i = 0; i < slice->count; i++)
        sum = oracle_span_add(sum, square(h, oracle_slice_at(tensor, slice, i)));
    struct oracle_span count = oracle_span_of((double)slice->count, 0);
    return oracle_span_widen(oracle_span_divide(sum, count),
                             (oracle_tree_depth(slice->count) + 3) * h->unit, h->tiny);
}

static struct oracle_span state_span(const struct hyper *h, const struct oracle_tensor *tensor,
                                     int state, size_t index)
{
    const struct oracle_number *n = &tensor->elements[index].next_state[state];
    return oracle_span_of(n->value, states[state].roundings * h->unit * n->scale + n->carried);
}

/* Sets the states of one matrix of the tensor, and returns max(mean of row', eps1). */
static struct oracle_span update_factors(const struct hyper *h, struct oracle_tensor *tensor,
                                         size_t matrix)
{
    size_t rows = tensor->rows, cols = tensor->cols;
    struct oracle_span sum = {0};
    for (size_t i = matrix * rows; i < (matrix + 1) * rows; i++) {
        struct oracle_element *e = &tensor->elements[i];
        struct oracle_slice row = {.first = i * cols, .stride = 1, .count = cols};
        e->next_state[ROW] = lerp(h, e->state[ROW], mean_square(h, tensor, &row));
        sum = oracle_span_add(sum, state_span(h, tensor, ROW, i));
    }
    for (size_t i = matrix * cols; i < (matrix + 1) * cols; i++) {
        struct oracle_element *e = &tensor->elements[i];
        struct oracle_slice col = {
            .first = matrix * rows * cols + i % cols, .stride = cols, .count = rows};
        e->next_state[COLUMN] = lerp(h, e->state[COLUMN], mean_square(h, tensor, &col));
    }
    struct oracle_span mean = oracle_span_divide(sum, oracle_span_of((double)rows, 0));
    mean = oracle_span_widen(mean, (oracle_tree_depth(rows) + 3) * h->unit, h->tiny);
    return oracle_span_at_least(mean, h->eps1);
}

static struct oracle_span second_moment(const struct hyper *h, struct oracle_tensor *tensor,
                                        struct oracle_span mean, size_t i)
{
    if (tensor->rows == 0)
        return state_span(h, tensor, FULL, i);
    size_t row = i / tensor->cols, col = i % tensor->cols + row / tensor->rows * tensor->cols;
    struct oracle_span product =
        oracle_span_multiply(state_span(h, tensor, ROW, row), state_span(h, tensor, COLUMN, col));
    product = oracle_span_widen(product, 2 * h->unit, h->tiny);
    return oracle_span_widen(oracle_span_divide(product, mean), 2 * h->unit, h->tiny);
}

/* Sets `next` to U, and returns RMS(U). */
static struct oracle_span divide_gradient(const struct hyper *h, struct oracle_tensor *tensor)
{
    struct oracle_span mean = {0};
    struct oracle_norm norm = {0};
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        if (tensor->rows > 0 && i % (tensor->rows * tensor->cols) == 0)
            mean = update_factors(h, tensor, i / (tensor->rows * tensor->cols));
        if (tensor->rows == 0)
            e->next_state[FULL] = lerp(h, e->state[FULL], square(h, e));
        struct oracle_span root = oracle_span_root(
            oracle_span_at_least(second_moment(h, tensor, mean, i), h->eps1 * h->eps1));
        struct oracle_number g = {.value = e->g, .scale = fabs(e->g), .carried = e->g_error};
        e->next = oracle_quotient(g, oracle_span_widen(root, 3 * h->unit, 0), h->tiny);
        oracle_norm_add(&norm, e->next.value, h->unit * e->next.scale + e->next.carried);
    }
    struct oracle_span rms = oracle_norm_take(&norm, h->unit, h->tiny);
    rms = oracle_span_divide(rms, oracle_span_of(sqrt((double)tensor->count), 0));
    return oracle_span_widen(rms, 3 * h->unit, 0);
}

static void step(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    const struct oracle_rule *rule = setting->rule;
    const struct oracle_policy *policy = setting->policy;
    struct hyper h = {
        .weight = pow(setting->t, oracle_value(rule, policy, "beta2_decay")),
        .eps1 = oracle_value(rule, policy, "eps1"),
        .unit = setting->unit,
        .tiny = setting->tiny,
    };
    if (tensor->count == 0)
        return;
    struct oracle_span size = oracle_norm_of_p(tensor, h.unit, h.tiny);
    size = oracle_span_divide(size, oracle_span_of(sqrt((double)tensor->count), 0));
    size = oracle_span_widen(size, 3 * h.unit, 0);
    size = oracle_span_at_least(size, oracle_value(rule, policy, "eps2"));
    struct oracle_span rho = oracle_span_of(fmin(setting->lr, 1 / sqrt(setting->t)), 0);
    struct oracle_span alpha = oracle_span_widen(oracle_span_multiply(size, rho), 3 * h.unit, 0);
    struct oracle_span rms = divide_gradient(&h, tensor);
    rms = oracle_span_divide(rms, oracle_span_of(oracle_value(rule, policy, "d"), 0));
    rms = oracle_span_at_least(oracle_span_widen(rms, 2 * h.unit, 0), 1);
    struct oracle_span factor =
        oracle_span_widen(oracle_span_divide(alpha, rms), 2 * h.unit, h.tiny);
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        oracle_subtract(e, oracle_scaled(e->next, factor, h.tiny));
    }
}

/* In float32, row' col' overflows from |g| = 1e9.5 on. */
const struct oracle_rule oracle_adafactor = {
    .name = "adafactor",
    .roundings = 3,
    .decay = "decoupled",
    .options = options,
    .states = states,
    .forms = forms,
    .step = step,
    .shaped = true,
    .limit = 1e4,
};
