/* What 02_digits shows: a line a lambda, the figure, the JSON object. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "02_digits.h"
#include "figure.h"

/* Mean and spread (standard deviation, n - 1; NaN for one value) over the seeds of a series. */
struct spread {
    double mean, deviation;
};

static struct spread spread_of(const double *values, size_t count)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    double mean = sum / (double)count;
    for (size_t i = 0; i < count; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    return (struct spread){mean, count > 1 ? sqrt(squares / (double)(count - 1)) : (double)NAN};
}

static struct spread accuracy_after(const struct series *series, size_t epoch)
{
    double *values = allocate(series->seeds, sizeof *values);
    for (size_t i = 0; i < series->seeds; i++)
        values[i] = series->runs[i].accuracy[epoch];
    struct spread spread = spread_of(values, series->seeds);
    free(values);
    return spread;
}

static struct spread final_accuracy(const struct series *series)
{
    return accuracy_after(series, series->epochs - 1);
}

static void add_run(cJSON *list, const struct series *series, const struct run *run)
{
    cJSON *entry = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(list, entry) ||
        !cJSON_AddStringToObject(entry, "setting", series->setting))
        fail(EXIT_FAILED, "no memory for a run in the JSON");
    json_add(entry, "lambda", series->lambda);
    json_add(entry, "seed", (double)run->seed);
    json_add(entry, "train_loss", run->train_loss);
    json_add(entry, "val_loss", run->val_loss);
    json_add(entry, "val_accuracy", run->val_accuracy);
    json_add(entry, "half_squared_norm", run->half_squared_norm);
}

static void add_summary(cJSON *list, const struct series *series)
{
    const struct spread accuracy = final_accuracy(series);
    cJSON *entry = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(list, entry) ||
        !cJSON_AddStringToObject(entry, "setting", series->setting))
        fail(EXIT_FAILED, "no memory for the summary in the JSON");
    json_add(entry, "lambda", series->lambda);
    json_add(entry, "seeds", (double)series->seeds);
    json_add(entry, "val_accuracy_mean", accuracy.mean);
    json_add(entry, "val_accuracy_spread", accuracy.deviation);
}

static void print_json(const struct lab *lab, const struct results *results)
{
    cJSON *object = lab_json(lab);
    cJSON *runs = cJSON_AddArrayToObject(object, "runs");
    cJSON *summary = cJSON_AddArrayToObject(object, "summary");
    for (size_t s = 0; s < results->count; s++) {
        const struct series *series = &results->series[s];
        for (size_t i = 0; i < series->seeds; i++)
            add_run(runs, series, &series->runs[i]);
        add_summary(summary, series);
    }
    json_print(object);
}

static double mean_of(const struct series *series, size_t offset)
{
    double sum = 0;
    for (size_t i = 0; i < series->seeds; i++) {
        double value;
        memcpy(&value, (const char *)&series->runs[i] + offset, sizeof value);
        sum += value;
    }
    return unsigned_nan(sum / (double)series->seeds);
}

static void print_table(const struct results *results)
{
    const size_t seeds = results->series[0].seeds;
    if (seeds > 1)
        printf("\nMeans over %zu seeds, of the accuracy also the spread (standard deviation):",
               seeds);
    putchar('\n');
    printf("%-8s %7s  %17s  %10s  %10s  %11s\n", "setting", "lambda", "val accuracy", "train loss",
           "val loss", "1/2 ||w||^2");
    for (size_t s = 0; s < results->count; s++) {
        const struct series *series = &results->series[s];
        const struct spread accuracy = final_accuracy(series);
        char spread[16] = "";
        if (series->seeds > 1)
            snprintf(spread, sizeof spread, "+- %.4f", accuracy.deviation);
        printf("%-8s %7g  %7.4f %9s  %10.4f  %10.4f  %11.4f\n", series->setting, series->lambda,
               accuracy.mean, spread, mean_of(series, offsetof(struct run, train_loss)),
               mean_of(series, offsetof(struct run, val_loss)),
               mean_of(series, offsetof(struct run, half_squared_norm)));
    }
}

/* The answer in words, where noisy runs at several lambdas give one. */
static void print_answer(const struct results *results)
{
    const struct series *least = NULL, *best = NULL;
    for (size_t s = 0; s < results->count; s++) {
        const struct series *series = &results->series[s];
        if (strcmp(series->setting, "noisy") != 0)
            continue;
        if (!least || series->lambda < least->lambda)
            least = series;
        if (!best || final_accuracy(series).mean > final_accuracy(best).mean)
            best = series;
    }
    if (!least || best == least)
        return;
    const struct spread with = final_accuracy(best), without = final_accuracy(least);
    printf("\nTaught with noisy labels, the network reads %.1f %% of the validation digits at "
           "lambda "
           "= %g,\nand %.1f %% at lambda = %g. ",
           100 * with.mean, best->lambda, 100 * without.mean, least->lambda);
    if (with.mean - without.mean > fmax(with.deviation, without.deviation))
        printf("Decay keeps it from learning the wrong labels by heart: its\nloss on the noisy set "
               "is %.2f there, not %.2f.\n",
               mean_of(best, offsetof(struct run, train_loss)),
               mean_of(least, offsetof(struct run, train_loss)));
    else
        puts("That is not more than one seed differs from\nthe next.");
}

/* Rows of numbers that the figure's curves point to. */
struct numbers {
    double *x, *mean, *deviation;
    const char **names;
    char (*text)[24];
};

static void create_numbers(struct numbers *numbers, size_t count)
{
    numbers->x = allocate(count, sizeof *numbers->x);
    numbers->mean = allocate(count, sizeof *numbers->mean);
    numbers->deviation = allocate(count, sizeof *numbers->deviation);
    numbers->names = allocate(count + 1, sizeof *numbers->names);
    numbers->text = allocate(count, sizeof *numbers->text);
}

static void free_numbers(struct numbers *numbers)
{
    free(numbers->x);
    free(numbers->mean);
    free(numbers->deviation);
    free(numbers->names);
    free(numbers->text);
}

/* Accuracy against epoch, with a band: one curve a lambda. */
static void add_clean_curve(struct panel *panel, const struct series *series,
                            struct numbers *numbers)
{
    create_numbers(numbers, series->epochs);
    for (size_t i = 0; i < series->epochs; i++) {
        const struct spread accuracy = accuracy_after(series, i);
        numbers->x[i] = (double)(i + 1);
        numbers->mean[i] = accuracy.mean;
        numbers->deviation[i] = accuracy.deviation;
    }
    struct curve *curve = &panel->curves[panel->curve_count++];
    *curve = (struct curve){.count = series->epochs, .x = numbers->x, .y = numbers->mean};
    curve->spread = series->seeds > 1 ? numbers->deviation : NULL;
    snprintf(curve->label, sizeof curve->label, "λ = %g", series->lambda);
}

/* Accuracy at the end against lambda, with bars: lambdas stand in the order in which they came. */
static void add_noisy_point(struct panel *panel, const struct series *series,
                            struct numbers *numbers)
{
    struct curve *curve = &panel->curves[0];
    const size_t i = curve->count++;
    const struct spread accuracy = final_accuracy(series);
    panel->curve_count = 1;
    numbers->x[i] = (double)i;
    numbers->mean[i] = accuracy.mean;
    numbers->deviation[i] = accuracy.deviation;
    snprintf(numbers->text[i], sizeof numbers->text[i], "%g", series->lambda);
    numbers->names[i] = numbers->text[i];
    curve->x = numbers->x;
    curve->y = numbers->mean;
    curve->spread = series->seeds > 1 ? numbers->deviation : NULL;
}

/* One panel a setting that was run. numbers[0 … count - 1]: clean curves; [count]: the noisy one.
 */
static void make_figure(struct figure *figure, const struct results *results,
                        struct numbers *numbers)
{
    struct panel clean = {.x_label = "epoch", .y_label = "validation accuracy"};
    struct panel noisy = {.x_label = "λ", .y_label = "validation accuracy"};
    struct numbers *noisy_numbers = &numbers[results->count];
    create_numbers(noisy_numbers, results->count);
    noisy.x_names = noisy_numbers->names;
    snprintf(clean.title, sizeof clean.title, "clean labels, 1437 images");
    snprintf(noisy.title, sizeof noisy.title, "30 %% noisy labels, 600 images");
    snprintf(noisy.curves[0].label, sizeof noisy.curves[0].label, "after %zu epochs",
             results->series[0].epochs);
    for (size_t s = 0; s < results->count; s++) {
        if (strcmp(results->series[s].setting, "clean") == 0)
            add_clean_curve(&clean, &results->series[s], &numbers[s]);
        else
            add_noisy_point(&noisy, &results->series[s], noisy_numbers);
    }
    *figure =
        (struct figure){.name = "02_digits", .title = "Handwritten digits and weight decay λ"};
    if (clean.curve_count)
        figure->panels[figure->panel_count++] = clean;
    if (noisy.curve_count)
        figure->panels[figure->panel_count++] = noisy;
}

bool report_results(const struct lab *lab, const struct results *results, bool kernels_on_device)
{
    const struct options *options = lab->options;
    static struct figure figure; /* large: not for the stack */
    struct numbers *numbers = allocate(results->count + 1, sizeof *numbers);
    make_figure(&figure, results, numbers);
    enum figure_result result = FIGURE_DRAWN;
    if (options->plot)
        result = figure_draw(&figure, options->out);
    if (options->json) {
        print_json(lab, results);
    } else {
        lab_print_device(lab);
        print_table(results);
        print_answer(results);
        putchar('\n');
        lab_print_account(lab);
        printf("kernels   on the %s\n",
               kernels_on_device ? "device (nn.cl)" : "host (nn_scalar.c)");
        if (options->plot && result == FIGURE_DRAWN)
            printf("figure    %s/%s.svg and .png\n", options->out, figure.name);
    }
    if (!options->json && (options->text || isatty(STDOUT_FILENO))) {
        putchar('\n');
        figure_print(&figure);
    }
    for (size_t s = 0; s <= results->count; s++)
        free_numbers(&numbers[s]);
    free(numbers);
    return result != FIGURE_FAILED;
}
