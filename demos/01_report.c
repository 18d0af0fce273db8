/* What 01_weight_decay shows: the table, the book's figure, the JSON object. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "01_weight_decay.h"
#include "figure.h"

static void print_json(const struct lab *lab, const struct run *runs, size_t count)
{
    cJSON *object = lab_json(lab);
    cJSON *list = cJSON_AddArrayToObject(object, "runs");
    for (size_t i = 0; i < count; i++) {
        cJSON *entry = cJSON_CreateObject();
        if (!cJSON_AddItemToArray(list, entry))
            fail(EXIT_FAILED, "no memory for run %zu in the JSON", i);
        json_add(entry, "lambda", runs[i].lambda);
        json_add(entry, "train_loss", runs[i].train[runs[i].epochs]);
        json_add(entry, "val_loss", runs[i].validation[runs[i].epochs]);
        json_add(entry, "half_squared_norm", runs[i].half_squared_norm);
        json_add(entry, "bias", runs[i].bias);
    }
    json_print(object);
}

static void print_table(const struct run *runs, size_t count)
{
    printf("\n%10s  %12s  %16s  %13s  %10s\n", "lambda", "train loss", "validation loss",
           "1/2 ||w||^2", "b");
    for (size_t i = 0; i < count; i++) {
        const struct run *run = &runs[i];
        printf("%10g  %12.3e  %16.3e  %13.5f  %10.5f\n", run->lambda,
               unsigned_nan(run->train[run->epochs]), unsigned_nan(run->validation[run->epochs]),
               unsigned_nan(run->half_squared_norm), unsigned_nan(run->bias));
    }
}

/* Steps that are too long leave the losses higher than they were, if not infinite. */
static bool diverged(const struct run *run)
{
    double train = run->train[run->epochs], validation = run->validation[run->epochs];
    return !(train <= run->train[0]) || !isfinite(validation);
}

/*
 * The answer in words: the run with the smallest lambda against the one that validates best. One
 * lambda alone has nothing to be compared with.
 */
static void print_answer(const struct run *runs, size_t count)
{
    const struct run *least = &runs[0], *best = &runs[0];
    bool several = false;
    for (size_t i = 0; i < count; i++) {
        if (diverged(&runs[i])) {
            printf("\nAt lambda = %g the run diverged: its steps were too long. Try a smaller "
                   "--lr.\n",
                   runs[i].lambda);
            return;
        }
        several = several || runs[i].lambda != runs[0].lambda;
        least = runs[i].lambda < least->lambda ? &runs[i] : least;
        best =
            runs[i].validation[runs[i].epochs] < best->validation[best->epochs] ? &runs[i] : best;
    }
    if (!several)
        return;
    if (best == least) {
        puts("\nHere the smallest lambda validates best: nothing was gained by more of it.");
        return;
    }
    double norms = best->half_squared_norm / least->half_squared_norm;
    double train = best->train[best->epochs] / least->train[least->epochs];
    printf("\nWith lambda = %g instead of %g, 1/2 ||w||^2 is %.2g %% of what it was. The line fits "
           "its\n"
           "own examples %s (loss x %.3g) and the others better (loss x %.2g).\n",
           best->lambda, least->lambda, 100 * norms, train > 1 ? "worse" : "better", train,
           best->validation[best->epochs] / least->validation[least->epochs]);
}

/* The book's figure: one panel a lambda, both losses on one logarithmic axis. */
static void make_figure(struct figure *figure, const struct run *runs, size_t count)
{
    *figure = (struct figure){.name = "01_weight_decay",
                              .title = "200 inputs, 20 examples: the loss with weight decay λ",
                              .same_y = true,
                              .panel_count = count};
    for (size_t i = 0; i < count; i++) {
        const struct run *run = &runs[i];
        struct panel *panel = &figure->panels[i];
        snprintf(panel->title, sizeof panel->title, "λ = %g", run->lambda);
        panel->x_label = "epoch";
        panel->y_label = "loss";
        panel->log_y = true;
        panel->curve_count = 2;
        panel->curves[0] = (struct curve){
            .label = "train", .count = run->epochs + 1, .x = run->epoch, .y = run->train};
        panel->curves[1] = (struct curve){
            .label = "validation", .count = run->epochs + 1, .x = run->epoch, .y = run->validation};
    }
}

bool report_runs(const struct lab *lab, const struct run *runs, size_t count)
{
    const struct options *options = lab->options;
    static struct figure figure; /* large: not for the stack */
    make_figure(&figure, runs, count);
    enum figure_result result = FIGURE_DRAWN;
    if (options->plot)
        result = figure_draw(&figure, options->out);
    if (options->json) {
        print_json(lab, runs, count);
        return result != FIGURE_FAILED;
    }
    lab_print_device(lab);
    print_table(runs, count);
    print_answer(runs, count);
    putchar('\n');
    lab_print_account(lab);
    if (options->plot && result == FIGURE_DRAWN)
        printf("figure    %s/%s.svg and .png\n", options->out, figure.name);
    if (options->text || isatty(STDOUT_FILENO)) {
        putchar('\n');
        figure_print(&figure);
    }
    return result != FIGURE_FAILED;
}
