/*
 * Muon (Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024) as PyTorch
 * writes it (torch/optim/_muon.py of 2.14), in exact arithmetic where PyTorch rounds to bf16:
 *
 *     buf' = buf + (1 - momentum)(g - buf)
 *     u    = g + momentum (buf' - g) with nesterov, else buf'
 *     X    = u / max(|u|_F, eps)
 *     ns_steps times: A = X X^T,  X = a X + (b A + c A^2) X;   a, b, c are ns_a, ns_b, ns_c
 *     p'   = p - lr k X,  k = sqrt(max(1, rows / cols))        adjust_lr_fn = original
 *                         k = 0.2 sqrt(max(rows, cols))                     match_rms_adamw
 *
 * The decay is decoupled, by the lr that k does not multiply. A X = X (X^T X), so that whether the
 * matrix is transposed first, as PyTorch does when rows > cols, changes nothing.
 *
 * K of buf'. 1 - momentum, a difference, a product, a sum: 4 of |buf| + (1 - momentum)(|g| + |buf|).
 *
 * The bound of p' is no forward analysis: products are a BLAS's, and rounded as it likes. A step of
 * the iteration maps every singular value s by a s + b s^3 + c s^5, whose slope is at most 3.9 for
 * s <= 1.2, where they stay (of the cubic's 1.5, -0.5, 0 it is at most 1.5 for s <= 1); so does it
 * enlarge an error matrix, in the Frobenius norm. What is rounded at the start of n steps comes out
 * 3.9^n times as large, later roundings less: S = sum of 3.9^j, j <= n. Each of them is a few u of
 * entries that are below 1: the largest entry of the error is allowed 8 S u, which for 5 steps is
 * 6e-4 of what is added to p times lr k; a float32 run of tests/test_judge_singles.c shows how much
 * of it is used. A wrong coefficient is 14 % off and more.
 */
#include "oracle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER };
enum { ORIGINAL, MATCH_RMS_ADAMW };

static const struct oracle_option options[] = {
    {"lr", 1e-3},       {"weight_decay", 0.1},
    {"momentum", 0.95}, {"nesterov", 1},
    {"eps", 1e-7},      {"ns_steps", 5},
    {"ns_a", 3.4445},   {"ns_b", -4.775},
    {"ns_c", 2.0315},   {"adjust_lr_fn", ORIGINAL},
    {"maximize", 0},    {NULL, 0},
};

static const struct oracle_state states[] = {
    {.name = "momentum_buffer", .roundings = 4},
    {.name = NULL},
};

static const struct oracle_form forms[] = {
    {"visible", {{"lr", 0.37}, {"momentum", 0.8}, {"weight_decay", 0}}},
    {"plain", {{"lr", 0.37}, {"momentum", 0.7}, {"nesterov", 0}, {"weight_decay", 0}}},
    {"rms", {{"lr", 0.2}, {"momentum", 0.9}, {"adjust_lr_fn", MATCH_RMS_ADAMW}}},
    {"3 steps", {{"lr", 0.37}, {"ns_steps", 3}, {"maximize", 1}}},
    {"eps", {{"lr", 0.37}, {"eps", 1e6}, {"weight_decay", 0}}},
    {"cubic", {{"lr", 0.37}, {"ns_steps", 4}, {"ns_a", 1.5}, {"ns_b", -0.5}, {"ns_c", 0}}},
    {"defaults", {{NULL, 0}}},
    {NULL, {{NULL, 0}}},
};

/* Row by row; the rows are the shorter side. */
struct matrix {
    size_t rows, cols;
    double *at;
};

static struct matrix create(size_t rows, size_t cols)
{
    struct matrix m = {.rows = rows, .cols = cols, .at = calloc(rows * cols + 1, sizeof *m.at)};
    if (!m.at) {
        fprintf(stderr, "the oracle of muon has no memory for %zu x %zu\n", rows, cols);
        abort();
    }
    return m;
}

/* out = left right, or left right^T */
static void multiply(const struct matrix *left, const struct matrix *right, bool transposed,
                     struct matrix *out)
{
    for (size_t i = 0; i < out->rows; i++)
        for (size_t j = 0; j < out->cols; j++) {
            double sum = 0;
            for (size_t k = 0; k < left->cols; k++)
                sum += left->at[i * left->cols + k] * (transposed ? right->at[j * right->cols + k]
                                                                  : right->at[k * right->cols + j]);
            out->at[i * out->cols + j] = sum;
        }
}

static void iterate(const struct oracle_setting *setting, struct matrix *x, int steps)
{
    double a = oracle_value(setting->rule, setting->policy, "ns_a");
    double b = oracle_value(setting->rule, setting->policy, "ns_b");
    double c = oracle_value(setting->rule, setting->policy, "ns_c");
    struct matrix gram = create(x->rows, x->rows), square = create(x->rows, x->rows);
    struct matrix product = create(x->rows, x->cols);
    for (int step = 0; step < steps; step++) {
        multiply(x, x, true, &gram);
        multiply(&gram, &gram, false, &square);
        for (size_t i = 0; i < gram.rows * gram.cols; i++)
            square.at[i] = b * gram.at[i] + c * square.at[i];
        multiply(&square, x, false, &product);
        for (size_t i = 0; i < x->rows * x->cols; i++)
            x->at[i] = a * x->at[i] + product.at[i];
    }
    free(gram.at);
    free(square.at);
    free(product.at);
}

/* Sets the buffer, and returns u, transposed where that makes its rows the shorter side. */
static struct matrix momentum(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    double mu = oracle_value(setting->rule, setting->policy, "momentum");
    bool nesterov = oracle_value(setting->rule, setting->policy, "nesterov") != 0;
    bool tall = tensor->rows > tensor->cols;
    struct matrix u =
        tall ? create(tensor->cols, tensor->rows) : create(tensor->rows, tensor->cols);
    for (size_t i = 0; i < tensor->count; i++) {
        struct oracle_element *e = &tensor->elements[i];
        double old = e->state[BUFFER], buffer = old + (1 - mu) * (e->g - old);
        size_t row = i / tensor->cols, col = i % tensor->cols;
        e->next_state[BUFFER] = (struct oracle_number){
            .value = buffer,
            .scale = fabs(old) + (1 - mu) * (fabs(e->g) + fabs(old)),
            .carried = (1 - mu) * e->g_error + setting->tiny,
        };
        u.at[tall ? col * u.cols + row : i] = nesterov ? e->g + mu * (buffer - e->g) : buffer;
    }
    return u;
}

static double adjustment(const struct oracle_setting *setting, const struct oracle_tensor *tensor)
{
    double rows = (double)tensor->rows, cols = (double)tensor->cols;
    if (oracle_value(setting->rule, setting->policy, "adjust_lr_fn") == MATCH_RMS_ADAMW)
        return 0.2 * sqrt(fmax(rows, cols));
    return sqrt(fmax(1, rows / cols));
}

static void step(const struct oracle_setting *setting, struct oracle_tensor *tensor)
{
    int steps = (int)oracle_value(setting->rule, setting->policy, "ns_steps");
    double eps = oracle_value(setting->rule, setting->policy, "eps"), squares = 0;
    double size = setting->lr * adjustment(setting, tensor), growth = 0;
    struct matrix x = momentum(setting, tensor);
    for (size_t i = 0; i < tensor->count; i++)
        squares += x.at[i] * x.at[i];
    for (size_t i = 0; i < tensor->count; i++)
        x.at[i] /= fmax(sqrt(squares), eps);
    iterate(setting, &x, steps);
    for (int j = 0; j <= steps; j++)
        growth += pow(3.9, j);
    for (size_t i = 0; i < tensor->count; i++) {
        size_t row = i / tensor->cols, col = i % tensor->cols;
        double at = x.at[tensor->rows > tensor->cols ? col * x.cols + row : i];
        oracle_subtract(&tensor->elements[i],
                        (struct oracle_number){.value = size * at,
                                               .scale = size * fabs(at),
                                               .carried = size * 8 * setting->unit * growth});
    }
    free(x.at);
}

const struct oracle_rule oracle_muon = {
    .name = "muon",
    .roundings = 3,
    .decay = "decoupled",
    .options = options,
    .states = states,
    .forms = forms,
    .step = step,
    .matrices = true,
    .shaped = true,
};
