/*
 * Float32 runs of the rules that look at a whole tensor, and their mutants: single.h.
 */
#include "single.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static double option(const struct single_trial *trial, const char *name)
{
    return oracle_value(oracle_rule_find(trial->policy.rule), &trial->policy, name);
}

/* A scalar of the step: in double, and rounded once. */
static float correction(double beta, double t)
{
    return (float)(1 - pow(beta, t));
}

static float mean(double beta, float old, float g)
{
    return (float)beta * old + (float)(1 - beta) * g;
}

/* ---- lamb ---- */

static const char *const lamb_mutants[] = {
    "no ratio", "|g| for |u|",         "decay beside u",    "eps in the root", "lr +0.1 %",
    "no bc2",   "the last 6 left out", "ratio upside down", "v is not stored", NULL};

static void run_lamb(const struct single_trial *trial, struct single *x, int mutant)
{
    enum { RIGHT, NO_RATIO, GRADIENT, BESIDE, INSIDE, LR, NO_BC2, LAST, INVERSE, NOT_STORED };
    double beta1 = option(trial, "beta1"), beta2 = option(trial, "beta2");
    float eps = single_option(trial, "eps"), decay = single_option(trial, "weight_decay");
    float lr = single_option(trial, "lr") * (mutant == LR ? 1.001F : 1);
    float bc1 = correction(beta1, x->t), bc2 = mutant == NO_BC2 ? 1 : correction(beta2, x->t);
    float *u = calloc(x->count, sizeof *u);
    ck_assert_ptr_nonnull(u);
    for (size_t i = 0; i < x->count; i++) {
        float g = x->g[i];
        float m = x->state[0][i] = mean(beta1, x->state[0][i], g);
        float v = (float)beta2 * x->state[1][i] + (float)(1 - beta2) * g * g;
        x->state[1][i] = mutant == NOT_STORED ? x->state[1][i] : v;
        float d = mutant == INSIDE ? sqrtf(v / bc2 + eps * eps) : sqrtf(v) / sqrtf(bc2) + eps;
        u[i] = m / bc1 / d + (mutant == BESIDE ? 0 : decay * x->p[i]);
    }
    size_t count = mutant == LAST ? x->count - 6 : x->count;
    float norm_p = single_norm(x->p, 0, 1, count);
    float norm_u = single_norm(mutant == GRADIENT ? x->g : u, 0, 1, count);
    float ratio = mutant == INVERSE ? norm_u / norm_p : norm_p / norm_u;
    for (size_t i = 0; i < x->count; i++) {
        float extra = mutant == BESIDE ? lr * decay * x->p[i] : 0;
        x->p[i] -= lr * (mutant == NO_RATIO ? 1 : ratio) * u[i] + extra;
    }
    free(u);
}

/* ---- lars ---- */

static const char *const lars_mutants[] = {"lr outside the buffer",
                                           "no decay in the divisor",
                                           "no decay in the step",
                                           "no eps",
                                           "lr +0.1 %",
                                           "|g + decay p| for |g|",
                                           "no coefficient",
                                           NULL};

static void run_lars(const struct single_trial *trial, struct single *x, int mutant)
{
    enum { RIGHT, OUTSIDE, DIVISOR, STEP, EPS, LR, DECAYED, COEFFICIENT };
    float lr = single_option(trial, "lr") * (mutant == LR ? 1.001F : 1);
    float decay = single_option(trial, "weight_decay"), mu = single_option(trial, "momentum");
    float eps = mutant == EPS ? 0 : single_option(trial, "eps");
    float c = mutant == COEFFICIENT ? 1 : single_option(trial, "trust_coefficient");
    float in_step = mutant == STEP ? 0 : decay, in_divisor = mutant == DIVISOR ? 0 : decay;
    if (mutant == DECAYED)
        for (size_t i = 0; i < x->count; i++)
            x->g[i] += decay * x->p[i];
    float p = single_norm(x->p, 0, 1, x->count), g = single_norm(x->g, 0, 1, x->count);
    float local = c * p / (g + in_divisor * p + eps);
    for (size_t i = 0; i < x->count; i++) {
        float raw = x->g[i] + (mutant == DECAYED ? 0 : in_step * x->p[i]);
        float d = mutant == OUTSIDE ? local * raw : lr * local * raw;
        x->state[0][i] = mu * x->state[0][i] + d;
        x->p[i] -= mutant == OUTSIDE ? lr * x->state[0][i] : x->state[0][i];
    }
}

/* ---- schedule-free AdamW ---- */

static const char *const free_mutants[] = {
    "z stays",        "c of t + 1", "decay of z", "k = 1 - beta1", "eps before the correction",
    "y steps as SGD", "no lr_max",  NULL};

static void run_schedule_free(const struct single_trial *trial, struct single *x, int mutant)
{
    enum { RIGHT, STAYS, LATER, OF_Z, CONSTANT, BEFORE, SGD, NO_MAX };
    double beta1 = option(trial, "beta1"), beta2 = option(trial, "beta2");
    float eps = single_option(trial, "eps"), decay = single_option(trial, "weight_decay");
    double t = mutant == LATER ? x->t + 1 : x->t, lr = option(trial, "lr");
    double largest = mutant == NO_MAX ? lr : fmax(lr, x->carried[1]);
    double weight = pow(t, 0.5) * largest * largest;
    double c = weight / (x->carried[0] + weight);
    float rate = (float)lr, part = (float)c, root = (float)sqrt(1 - pow(beta2, x->t));
    float k = (float)(mutant == CONSTANT ? 1 - beta1 : 1 - beta1 * (1 - c));
    k = mutant == SGD ? 1 : k;
    for (size_t i = 0; i < x->count; i++) {
        float g = x->g[i], y = x->p[i], z = x->state[0][i];
        float v = x->state[1][i] = (float)beta2 * x->state[1][i] + (float)(1 - beta2) * g * g;
        float divisor = mutant == BEFORE ? (sqrtf(v) + eps) / root : sqrtf(v) / root + eps;
        float step = rate * (g / divisor + decay * (mutant == OF_Z ? z : y));
        x->state[0][i] = mutant == STAYS ? z : z - step;
        x->p[i] = y - (part * (y - z) + k * step);
    }
}

/* ---- adafactor ---- */

static const char *const adafactor_mutants[] = {
    "no mean of rows", "weight of t + 1", "no d",      "RMS(p) without eps2",
    "lr for rho",      "g^2 for V",       "no RMS(p)", NULL};

static float mean_square(const struct single *x, size_t first, size_t stride, size_t count)
{
    float norm = single_norm(x->g, first, stride, count);
    return norm * norm / (float)count;
}

static float lerp(float a, float b, float w)
{
    return a + w * (b - a);
}

/* One matrix of the tensor; returns the mean of its rows' new states. */
static float update_factors(struct single *x, size_t matrix, float w)
{
    size_t rows = x->rows, cols = x->cols;
    float sum = 0;
    for (size_t r = matrix * rows; r < (matrix + 1) * rows; r++) {
        x->state[0][r] = lerp(x->state[0][r], mean_square(x, r * cols, 1, cols), w);
        sum += x->state[0][r];
    }
    for (size_t c = 0; c < cols; c++) {
        float *state = &x->state[1][matrix * cols + c];
        *state = lerp(*state, mean_square(x, matrix * rows * cols + c, cols, rows), w);
    }
    return sum / (float)rows;
}

/* Divides the gradients of one matrix. */
static void divide_matrix(struct single *x, size_t matrix, float w, float eps1, bool no_mean)
{
    size_t rows = x->rows, cols = x->cols, first = matrix * rows * cols;
    float mean_of_rows = fmaxf(update_factors(x, matrix, w), eps1);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++) {
            float v = x->state[0][matrix * rows + r] * x->state[1][matrix * cols + c];
            v /= no_mean ? 1 : mean_of_rows;
            x->g[first + r * cols + c] /= sqrtf(fmaxf(v, eps1 * eps1));
        }
}

static void divide_vector(struct single *x, float w, float eps1, bool square)
{
    for (size_t i = 0; i < x->count; i++) {
        float g = x->g[i], v = x->state[2][i] = lerp(x->state[2][i], g * g, w);
        x->g[i] = g / sqrtf(fmaxf(square ? g * g : v, eps1 * eps1));
    }
}

static void run_adafactor(const struct single_trial *trial, struct single *x, int mutant)
{
    enum { RIGHT, NO_MEAN, LATER, NO_D, NO_EPS2, NO_RHO, SQUARE, NO_RMS };
    double t = mutant == LATER ? x->t + 1 : x->t, power = option(trial, "beta2_decay");
    float w = (float)pow(t, power), eps1 = single_option(trial, "eps1");
    float eps2 = mutant == NO_EPS2 ? 0 : single_option(trial, "eps2");
    float lr = single_option(trial, "lr"), d = mutant == NO_D ? 1e6F : single_option(trial, "d");
    float rho = mutant == NO_RHO ? lr : fminf(lr, (float)(1 / sqrt(x->t)));
    float count = sqrtf((float)x->count);
    float alpha = fmaxf(eps2, single_norm(x->p, 0, 1, x->count) / count) * rho;
    alpha = mutant == NO_RMS ? rho : alpha;
    if (x->rows == 0)
        divide_vector(x, w, eps1, mutant == SQUARE);
    for (size_t m = 0; x->rows > 0 && m < (x->depth > 0 ? x->depth : 1); m++)
        divide_matrix(x, m, w, eps1, mutant == NO_MEAN);
    float rms = single_norm(x->g, 0, 1, x->count) / count;
    for (size_t i = 0; i < x->count; i++)
        x->p[i] -= alpha / fmaxf(1, rms / d) * x->g[i];
}

/* ---- muon ---- */

static const char *const muon_mutants[] = {"b 1 % off",
                                           "one step fewer",
                                           "no nesterov",
                                           "norm of the rows",
                                           "no k",
                                           "lr +0.2 %",
                                           "rows and columns swapped in k",
                                           NULL};

/* out = left right, right transposed where its columns are left's. */
static void multiply(const float *left, const float *right, size_t rows, size_t inner, size_t cols,
                     bool transposed, float *out)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++) {
            float sum = 0;
            for (size_t k = 0; k < inner; k++)
                sum +=
                    left[i * inner + k] * (transposed ? right[j * inner + k] : right[k * cols + j]);
            out[i * cols + j] = sum;
        }
}

static void iterate(float *u, size_t rows, size_t cols, int steps, float b)
{
    float *gram = calloc(2 * rows * rows + rows * cols, sizeof *gram);
    ck_assert_ptr_nonnull(gram);
    float *square = gram + rows * rows, *product = square + rows * rows;
    for (int step = 0; step < steps; step++) {
        multiply(u, u, rows, cols, rows, true, gram);
        multiply(gram, gram, rows, rows, rows, false, square);
        for (size_t i = 0; i < rows * rows; i++)
            square[i] = b * gram[i] + 2.0315F * square[i];
        multiply(square, u, rows, rows, cols, false, product);
        for (size_t i = 0; i < rows * cols; i++)
            u[i] = 3.4445F * u[i] + product[i];
    }
    free(gram);
}

static void run_muon(const struct single_trial *trial, struct single *x, int mutant)
{
    enum { RIGHT, B, FEWER, PLAIN, ROW_NORM, NO_K, LR, SWAPPED };
    double mu = option(trial, "momentum");
    float eps = single_option(trial, "eps");
    float rows = (float)x->rows, cols = (float)x->cols;
    float k = sqrtf(fmaxf(1, mutant == SWAPPED ? cols / rows : rows / cols));
    float lr = single_option(trial, "lr") * (mutant == LR ? 1.002F : 1) * (mutant == NO_K ? 1 : k);
    for (size_t i = 0; i < x->count; i++) {
        float buf = x->state[0][i] = lerp(x->state[0][i], x->g[i], (float)(1 - mu));
        x->g[i] = mutant == PLAIN ? buf : lerp(x->g[i], buf, (float)mu);
    }
    float norm = single_norm(x->g, 0, 1, mutant == ROW_NORM ? x->cols : x->count);
    for (size_t i = 0; i < x->count; i++)
        x->g[i] /= fmaxf(norm, eps);
    iterate(x->g, x->rows, x->cols, mutant == FEWER ? 4 : 5, mutant == B ? -4.82F : -4.7750F);
    for (size_t i = 0; i < x->count; i++)
        x->p[i] -= lr * x->g[i];
}

/* ---- all of them ---- */

static const struct single_trial trials[] = {
    {.name = "lamb",
     .policy = {.rule = "lamb",
                .options = {{"lr", 0.37},
                            {"beta1", 0.85},
                            {"beta2", 0.97},
                            {"eps", 1e-3},
                            {"weight_decay", 0.2}}},
     .shapes = SINGLE_VECTOR | SINGLE_WIDE,
     .low = -3,
     .high = 1,
     .edges = true,
     .mutants = lamb_mutants,
     .run = run_lamb},
    {.name = "lars",
     .policy = {.rule = "lars",
                .options = {{"lr", 0.37},
                            {"trust_coefficient", 0.4},
                            {"eps", 0.5},
                            {"momentum", 0.85},
                            {"weight_decay", 0.2}}},
     .shapes = SINGLE_VECTOR | SINGLE_WIDE,
     .low = -3,
     .high = 1,
     .edges = true,
     .mutants = lars_mutants,
     .run = run_lars},
    {.name = "schedule_free_adamw",
     .policy = {.rule = "schedule_free_adamw",
                .options = {{"lr", 0.37},
                            {"beta1", 0.85},
                            {"beta2", 0.97},
                            {"eps", 1e-3},
                            {"weight_decay", 0.2},
                            {"r", 0.5}}},
     .shapes = SINGLE_VECTOR,
     .low = -4,
     .high = 2,
     .edges = true,
     .mutants = free_mutants,
     .run = run_schedule_free},
    {.name = "adafactor",
     .policy = {.rule = "adafactor", .options = {{"lr", 0.9}, {"eps2", 20}, {"d", 1.5}}},
     .shapes = SINGLE_VECTOR | SINGLE_WIDE | SINGLE_TALL | SINGLE_DEEP,
     .low = -3,
     .high = 1,
     .edges = true,
     .mutants = adafactor_mutants,
     .run = run_adafactor},
    {.name = "muon",
     .policy = {.rule = "muon", .options = {{"lr", 0.2}, {"momentum", 0.8}, {"weight_decay", 0}}},
     .shapes = SINGLE_WIDE | SINGLE_TALL,
     .low = -3,
     .high = 1,
     .edges = true,
     .mutants = muon_mutants,
     .run = run_muon},
};
enum { TRIALS = sizeof trials / sizeof *trials };

START_TEST(test_trial)
{
    single_judge(&trials[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("judge singles");
    TCase *rules = tcase_create("rules");
    tcase_set_timeout(rules, 60);
    tcase_add_loop_test(rules, test_trial, 0, TRIALS);
    suite_add_tcase(suite, rules);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
