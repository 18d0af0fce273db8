#include "digits.h"

#include <math.h>
#include <stdlib.h>

#include "random.h"

static void check_field(const char *path, size_t row, size_t col, double value)
{
    double most = col < PIXELS ? 16 : CLASSES - 1;
    if (value < 0 || value > most || value != floor(value))
        fail(EXIT_USAGE, "%s, line %zu, field %zu: %g is no %s: a whole number from 0 to %g", path,
             row + 1, col + 1, value, col < PIXELS ? "pixel" : "digit", most);
}

void digits_read(const char *path, struct csv *csv)
{
    csv_read(path, PIXELS + 1, csv);
    for (size_t i = 0; i < csv->rows * csv->cols; i++)
        check_field(path, i / csv->cols, i % csv->cols, csv->values[i]);
    if (csv->rows < VALIDATION_ROWS + CLEAN_ROWS)
        fail(EXIT_USAGE, "%s: %zu rows; %d to validate and %d to train are needed", path, csv->rows,
             VALIDATION_ROWS, CLEAN_ROWS);
}

static void fill_set(struct digit_set *set, struct tik_context *context, const struct csv *csv,
                     const size_t *order, size_t rows)
{
    set->rows = rows;
    set->labels = allocate(rows, 1);
    array_create(&set->x, context, rows * PIXELS);
    array_create(&set->target, context, rows * CLASSES);
    float *x = array_host(&set->x);
    for (size_t i = 0; i < rows; i++) {
        const double *row = csv->values + order[i] * csv->cols;
        /* Pixels are 0 … 16 with a mean near 5: this brings them to about 1 and around 0. */
        for (size_t j = 0; j < PIXELS; j++)
            x[i * PIXELS + j] = (float)(row[j] / 16 - 0.3);
        set->labels[i] = (unsigned char)row[PIXELS];
    }
}

static void set_targets(struct digit_set *set)
{
    float *target = array_host(&set->target);
    for (size_t i = 0; i < set->rows; i++)
        target[i * CLASSES + set->labels[i]] = 1;
}

static void spoil_labels(struct digit_set *set, uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed, STREAM_LABELS);
    for (size_t i = 0; i < set->rows; i++) {
        bool spoilt = rng_uniform(&rng) < 0.3;
        size_t drawn = rng_below(&rng, CLASSES);
        if (spoilt)
            set->labels[i] = (unsigned char)drawn;
    }
}

void digits_split(const struct csv *csv, struct tik_context *context, uint64_t seed, bool noisy,
                  struct digit_set *train, struct digit_set *validation)
{
    struct rng rng;
    size_t *order = allocate(csv->rows, sizeof *order);
    rng_init(&rng, seed, STREAM_DATA);
    rng_order(&rng, csv->rows, order);
    fill_set(validation, context, csv, order, VALIDATION_ROWS);
    fill_set(train, context, csv, order + VALIDATION_ROWS, noisy ? NOISY_ROWS : CLEAN_ROWS);
    free(order);
    if (noisy)
        spoil_labels(train, seed);
    set_targets(train);
    set_targets(validation);
}

void digits_free(struct digit_set *set)
{
    array_destroy(&set->x);
    array_destroy(&set->target);
    free(set->labels);
    *set = (struct digit_set){0};
}
