/*
 * 01: weight decay on a problem that begs for it.
 *
 * The experiment of the "Weight Decay" section of Dive into Deep Learning (Zhang, Lipton, Li and
 * Smola, d2l.ai): a line through 200 inputs, learnt from 20 examples. There are ten times as many
 * weights as examples, so the examples can be fitted exactly, by weights that are of no use for any
 * other. A penalty on the size of the weights makes that fit worse and the others' better.
 *
 *     y = 0.05 + sum_i 0.01 x_i + noise,   x_i ~ N(0, 1),   noise ~ N(0, 0.01^2)
 *
 *     minimize   mean over a batch of 1/2 (w.x + b - y)^2   +   lambda 1/2 ||w||^2
 *
 * The penalty is on w and not on b: b moves the line up and down and cannot fit single examples,
 * and pulling it to 0 would only pull every prediction away from the mean of y. Hence two groups.
 */
#include "01_weight_decay.h"

#include <stdlib.h>

#include "figure.h"
#include "progress.h"
#include "random.h"

enum { INPUTS = 200, TRAIN = 20, VALIDATION = 100, BATCH = 5 };

/* Examples: a row of inputs each, and what the line should answer. */
struct examples {
    size_t rows;
    struct array x;
    float y[VALIDATION];
};

struct model {
    struct array w, b, grad_w, grad_b;
    struct array batch_x, answers; /* a batch's inputs; w.x of some rows */
    float batch_y[BATCH];
};

static void draw_examples(struct examples *examples, struct lab *lab, struct rng *rng, size_t rows)
{
    examples->rows = rows;
    array_create(&examples->x, lab->context, rows * INPUTS);
    float *x = array_host(&examples->x);
    for (size_t i = 0; i < rows; i++, x += INPUTS) {
        double y = 0.05 + 0.01 * rng_normal(rng);
        for (size_t j = 0; j < INPUTS; j++) {
            x[j] = (float)rng_normal(rng);
            y += 0.01 * (double)x[j];
        }
        examples->y[i] = (float)y;
    }
}

static void create_model(struct model *model, struct lab *lab)
{
    struct tik_context *context = lab->context;
    struct rng rng;
    array_create(&model->w, context, INPUTS);
    array_create(&model->b, context, 1); /* 0 */
    array_create(&model->grad_w, context, INPUTS);
    array_create(&model->grad_b, context, 1);
    array_create(&model->batch_x, context, (size_t)BATCH * INPUTS);
    array_create(&model->answers, context, VALIDATION);

    /* The same start for every lambda, so that nothing but lambda differs between the runs. */
    rng_init(&rng, lab->options->seed, STREAM_WEIGHTS);
    float *w = array_host(&model->w);
    for (size_t j = 0; j < INPUTS; j++)
        w[j] = (float)(0.01 * rng_normal(&rng));
}

static void destroy_model(struct model *model)
{
    array_destroy(&model->w);
    array_destroy(&model->b);
    array_destroy(&model->grad_w);
    array_destroy(&model->grad_b);
    array_destroy(&model->batch_x);
    array_destroy(&model->answers);
}

/* Mean of 1/2 (w.x + b - y)^2, without the penalty: what the line gets wrong, whatever lambda is.
 */
static double loss(struct lab *lab, struct model *model, struct examples *examples)
{
    multiply(&lab->products, matrix(&examples->x, examples->rows, INPUTS),
             matrix(&model->w, INPUTS, 1), &model->answers);
    const float *answers = array_host(&model->answers);
    const float b = array_host(&model->b)[0];
    double sum = 0;
    for (size_t i = 0; i < examples->rows; i++) {
        double error = (double)answers[i] + (double)b - (double)examples->y[i];
        sum += 0.5 * error * error;
    }
    return sum / (double)examples->rows;
}

static void take_batch(struct model *model, struct examples *examples, const size_t *order)
{
    const float *from = array_host(&examples->x);
    float *to = array_host(&model->batch_x);
    for (size_t i = 0; i < BATCH; i++) {
        for (size_t j = 0; j < INPUTS; j++)
            to[i * INPUTS + j] = from[order[i] * INPUTS + j];
        model->batch_y[i] = examples->y[order[i]];
    }
}

/*
 * The gradient of the batch's loss, with r = w.x + b - y for each example:
 *
 *     grad_w = 1/5 sum r x,   grad_b = 1/5 sum r
 *
 * lambda w is not in it: adding that is the optimizer's work, in the same pass as the step.
 */
static void compute_gradient(struct lab *lab, struct model *model)
{
    struct matrix x = matrix(&model->batch_x, BATCH, INPUTS);
    multiply(&lab->products, x, matrix(&model->w, INPUTS, 1), &model->answers);

    float *r = array_host(&model->answers);
    const float b = array_host(&model->b)[0];
    float sum = 0;
    for (size_t i = 0; i < BATCH; i++) {
        r[i] = (r[i] + b - model->batch_y[i]) / BATCH;
        sum += r[i];
    }
    array_host(&model->grad_b)[0] = sum;
    multiply(&lab->products, transpose(x), matrix(&model->answers, BATCH, 1), &model->grad_w);
}

static void train_epoch(struct lab *lab, struct model *model, struct examples *train,
                        struct tik_optimizer *optimizer, struct rng *rng)
{
    size_t order[TRAIN];
    rng_order(rng, TRAIN, order);
    for (size_t first = 0; first < TRAIN; first += BATCH) {
        take_batch(model, train, order + first);
        compute_gradient(lab, model);
        array_device(&model->w);
        array_device(&model->b);
        array_device(&model->grad_w);
        array_device(&model->grad_b);
        lab_step(optimizer);
    }
}

/* The optimizer of the model: w in the group with the penalty, b in the one without. */
static struct tik_optimizer *create_optimizer(struct lab *lab, struct model *model, double lambda,
                                              size_t *weights)
{
    struct groups groups;
    struct tik_optimizer *optimizer = lab_optimizer(lab, lambda, &groups);
    const size_t shape[] = {INPUTS};
    array_register(optimizer, groups.weights, "w", 1, shape, &model->w, &model->grad_w);
    array_register(optimizer, groups.biases, "b", 0, NULL, &model->b, &model->grad_b);
    lab_prepare(optimizer);
    *weights = groups.weights;
    return optimizer;
}

static void train_model(struct lab *lab, struct examples *train, struct examples *validation,
                        struct run *run)
{
    struct model model;
    struct rng rng;
    size_t weights;
    create_model(&model, lab);
    struct tik_optimizer *optimizer = create_optimizer(lab, &model, run->lambda, &weights);
    rng_init(&rng, lab->options->seed, STREAM_SHUFFLE);

    progress_start("lambda = %g", run->lambda);
    for (size_t epoch = 0; epoch <= lab->options->epochs; epoch++) {
        progress_note("lambda = %g, epoch %zu of %zu", run->lambda, epoch, lab->options->epochs);
        if (epoch > 0)
            train_epoch(lab, &model, train, optimizer, &rng);
        run->epoch[epoch] = (double)epoch;
        run->train[epoch] = loss(lab, &model, train);
        run->validation[epoch] = loss(lab, &model, validation);
    }
    progress_stop();

    struct tik_report report;
    check(tik_optimizer_report(optimizer, weights, &report), "the report on w");
    run->half_squared_norm = report.half_squared_norm;
    run->bias = (double)array_host(&model.b)[0];
    lab_account(lab, optimizer);
    tik_optimizer_destroy(optimizer);
    destroy_model(&model);
}

static void create_run(struct run *run, double lambda, size_t epochs)
{
    run->lambda = lambda;
    run->epochs = epochs;
    run->epoch = allocate(epochs + 1, sizeof *run->epoch);
    run->train = allocate(epochs + 1, sizeof *run->train);
    run->validation = allocate(epochs + 1, sizeof *run->validation);
}

static void destroy_run(struct run *run)
{
    free(run->epoch);
    free(run->train);
    free(run->validation);
}

int main(int argc, char **argv)
{
    static const struct options_about about = {.summary = "A line through 200 inputs, learnt from "
                                                          "20 examples, with and without weight "
                                                          "decay.\nWithout --lambda: 0 and 3."};
    struct options options = {.penalty = "l2",
                              .rule = "sgd",
                              .lr = 0.01,
                              .epochs = 10,
                              .verify = TIK_VERIFY_ALL,
                              .out = ".",
                              .plot = true};
    options_parse(argc, argv, &about, &options);
    if (!options.lambda_count) {
        options.lambdas[options.lambda_count++] = 0;
        options.lambdas[options.lambda_count++] = 3;
    }
    options_check(&options);
    if (options.plot)
        figure_make_folder(options.out);

    struct lab lab;
    lab_open(&lab, &options);
    products_prepare(&lab.products, (double)VALIDATION * INPUTS);

    struct examples train, validation;
    struct rng rng;
    rng_init(&rng, options.seed, STREAM_DATA);
    draw_examples(&train, &lab, &rng, TRAIN);
    draw_examples(&validation, &lab, &rng, VALIDATION);

    struct run runs[MAX_LAMBDAS];
    for (size_t i = 0; i < options.lambda_count; i++) {
        create_run(&runs[i], options.lambdas[i], options.epochs);
        train_model(&lab, &train, &validation, &runs[i]);
    }
    bool shown = report_runs(&lab, runs, options.lambda_count);
    int verdict = lab_verdict(&lab);

    for (size_t i = 0; i < options.lambda_count; i++)
        destroy_run(&runs[i]);
    array_destroy(&train.x);
    array_destroy(&validation.x);
    lab_close(&lab);
    return shown ? verdict : EXIT_FAILED;
}
