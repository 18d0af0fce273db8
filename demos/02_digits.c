/*
 * 02: weight decay on real data.
 *
 * A small network reads handwritten digits. Twice, because one setting alone would mislead:
 *
 *   clean   1437 images to learn from, their labels true. Weight decay changes little.
 *   noisy   600 images, three labels in ten replaced by a draw from the ten digits. A network of
 *           9,610 parameters can learn these by heart, wrong ones and all, and does so without
 *           decay. Decay makes that too expensive: what remains is what many images have in common.
 *
 * The rule is adamw, which takes lr lambda w from the weights themselves. Adam with lambda w added
 * to the gradient is another method: there the decay passes through the division by sqrt(v), and
 * weights whose gradients are large hardly decay (Loshchilov and Hutter, "Decoupled Weight Decay
 * Regularization", 2019). To compare: --rule adam. Biases do not decay; see 01_weight_decay.c.
 */
#include "02_digits.h"

#include <stdlib.h>
#include <string.h>

#include "figure.h"
#include "network.h"
#include "progress.h"
#include "random.h"

/* What all runs share. */
struct experiment {
    struct lab lab;
    struct nn nn;
    struct csv digits;
    bool kernels_on_device;
};

static struct tik_optimizer *create_optimizer(struct lab *lab, struct network *network,
                                              double lambda, struct groups *groups)
{
    struct tik_optimizer *optimizer = lab_optimizer(lab, lambda, groups);
    network_register(network, optimizer, groups);
    lab_prepare(optimizer);
    return optimizer;
}

static void train_network(struct experiment *experiment, const struct series *series,
                          struct run *run)
{
    struct lab *lab = &experiment->lab;
    struct digit_set train, validation;
    struct network network;
    struct groups groups;
    struct rng rng;
    digits_split(&experiment->digits, lab->context, run->seed,
                 strcmp(series->setting, "noisy") == 0, &train, &validation);
    network_create(&network, lab, &experiment->nn, run->seed);
    struct tik_optimizer *optimizer = create_optimizer(lab, &network, series->lambda, &groups);
    rng_init(&rng, run->seed, STREAM_SHUFFLE);

    progress_start("%s, lambda = %g", series->setting, series->lambda);
    for (size_t epoch = 0; epoch < series->epochs; epoch++) {
        progress_note("%s, lambda = %g, seed %llu, epoch %zu of %zu", series->setting,
                      series->lambda, (unsigned long long)run->seed, epoch + 1, series->epochs);
        network_train_epoch(&network, optimizer, &train, &rng);
        network_judge(&network, &validation, &run->val_loss, &run->accuracy[epoch]);
    }
    progress_stop();

    double unused;
    struct tik_report report;
    network_judge(&network, &train, &run->train_loss, &unused);
    check(tik_optimizer_report(optimizer, groups.weights, &report), "the report on the weights");
    run->half_squared_norm = report.half_squared_norm;
    run->val_accuracy = run->accuracy[series->epochs - 1];
    lab_account(lab, optimizer);
    tik_optimizer_destroy(optimizer);
    network_destroy(&network);
    digits_free(&train);
    digits_free(&validation);
}

static void add_series(struct results *results, const struct options *options, const char *setting,
                       double lambda)
{
    struct series *series = &results->series[results->count++];
    *series = (struct series){.setting = setting,
                              .lambda = lambda,
                              .seeds = options->seeds,
                              .epochs = options->epochs,
                              .runs = allocate(options->seeds, sizeof(struct run))};
    for (size_t i = 0; i < options->seeds; i++) {
        series->runs[i].seed = options->seed + i;
        series->runs[i].accuracy = allocate(options->epochs, sizeof(double));
    }
}

/* Which runs to do: --lambda for both settings, else what shows the difference best in each. */
static void plan(struct results *results, const struct options *options)
{
    static const double clean[] = {0.1}, noisy[] = {0, 0.1, 0.3, 1, 3};
    const size_t given = options->lambda_count;
    *results = (struct results){0};
    for (size_t i = 0; options->clean && i < (given ? given : 1); i++)
        add_series(results, options, "clean", given ? options->lambdas[i] : clean[i]);
    for (size_t i = 0; options->noisy && i < (given ? given : 5); i++)
        add_series(results, options, "noisy", given ? options->lambdas[i] : noisy[i]);
}

static void free_results(struct results *results)
{
    for (size_t s = 0; s < results->count; s++) {
        for (size_t i = 0; i < results->series[s].seeds; i++)
            free(results->series[s].runs[i].accuracy);
        free(results->series[s].runs);
    }
}

/*
 * The kernels between the products run on the device when the arrays cost nothing to hand over
 * (host and device share memory) or are there already (CLBlast does a step's products). Else a
 * step's 100 microseconds of arithmetic would wait for ten copies to and fro.
 */
static void open_experiment(struct experiment *experiment, const struct options *options)
{
    struct lab *lab = &experiment->lab;
    digits_read(options->data, &experiment->digits);
    lab_open(lab, options);
    products_prepare(&lab->products, network_set_product(options->clean ? CLEAN_ROWS : NOISY_ROWS));
    experiment->kernels_on_device = tik_context_cl_queue(lab->context) &&
                                    (tik_context_device(lab->context)->host_unified_memory ||
                                     products_on_device(&lab->products, network_step_product()));
    progress_start("building the network's kernels");
    nn_create(&experiment->nn, lab->context, experiment->kernels_on_device);
    progress_stop();
}

int main(int argc, char **argv)
{
    static const struct options_about about = {.summary = "A 64-128-10 network on handwritten "
                                                          "digits, with clean and with noisy "
                                                          "labels.\n"
                                                          "Without --lambda: 0.1 clean; 0, 0.1, "
                                                          "0.3, 1 and 3 noisy.",
                                               .data = "demos/data/digits.csv"};
    struct options options = {.penalty = "l2",
                              .rule = "adamw",
                              .lr = 3e-3,
                              .epochs = 40,
                              .verify = TIK_VERIFY_ALL,
                              .out = ".",
                              .plot = true,
                              .clean = true,
                              .noisy = true,
                              .seeds = 5,
                              .data = DIGITS_CSV};
    options_parse(argc, argv, &about, &options);
    options_check(&options);
    if (options.plot)
        figure_make_folder(options.out);

    struct experiment experiment;
    static struct results results; /* large: not for the stack */
    open_experiment(&experiment, &options);
    plan(&results, &options);
    for (size_t s = 0; s < results.count; s++) {
        for (size_t i = 0; i < results.series[s].seeds; i++)
            train_network(&experiment, &results.series[s], &results.series[s].runs[i]);
    }
    bool shown = report_results(&experiment.lab, &results, experiment.kernels_on_device);
    int verdict = lab_verdict(&experiment.lab);

    free_results(&results);
    nn_destroy(&experiment.nn);
    csv_free(&experiment.digits);
    lab_close(&experiment.lab);
    return shown ? verdict : EXIT_FAILED;
}
