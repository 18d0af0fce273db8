#include "network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

static void draw_uniform(struct array *array, struct rng *rng, double bound)
{
    float *values = array_host(array);
    for (size_t i = 0; i < array->count; i++)
        values[i] = (float)(bound * (2 * rng_uniform(rng) - 1));
}

static void create_layer(struct layer *layer, struct tik_context *context, struct rng *rng,
                         size_t inputs, size_t outputs)
{
    const double bound = 1 / sqrt((double)inputs);
    layer->inputs = inputs;
    layer->outputs = outputs;
    array_create(&layer->w, context, inputs * outputs);
    array_create(&layer->b, context, outputs);
    array_create(&layer->grad_w, context, inputs * outputs);
    array_create(&layer->grad_b, context, outputs);
    draw_uniform(&layer->w, rng, bound);
    draw_uniform(&layer->b, rng, bound);
}

static void destroy_layer(struct layer *layer)
{
    array_destroy(&layer->w);
    array_destroy(&layer->b);
    array_destroy(&layer->grad_w);
    array_destroy(&layer->grad_b);
}

void network_create(struct network *network, struct lab *lab, struct nn *nn, uint64_t seed)
{
    struct tik_context *context = lab->context;
    struct rng rng;
    *network = (struct network){.lab = lab, .nn = nn};
    rng_init(&rng, seed, STREAM_WEIGHTS);
    create_layer(&network->hidden, context, &rng, PIXELS, HIDDEN);
    create_layer(&network->output, context, &rng, HIDDEN, CLASSES);
    array_create(&network->x, context, (size_t)BATCH * PIXELS);
    array_create(&network->target, context, (size_t)BATCH * CLASSES);
    array_create(&network->h, context, (size_t)CLEAN_ROWS * HIDDEN);
    array_create(&network->z, context, (size_t)CLEAN_ROWS * CLASSES);
    array_create(&network->dh, context, (size_t)BATCH * HIDDEN);
    array_create(&network->dz, context, (size_t)BATCH * CLASSES);
}

void network_destroy(struct network *network)
{
    struct array *const arrays[] = {&network->x, &network->target, &network->h,
                                    &network->z, &network->dh,     &network->dz};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        array_destroy(arrays[i]);
    destroy_layer(&network->hidden);
    destroy_layer(&network->output);
}

double network_set_product(size_t rows)
{
    return (double)rows * PIXELS * HIDDEN;
}

double network_step_product(void)
{
    return network_set_product(BATCH);
}

void network_register(struct network *network, struct tik_optimizer *optimizer,
                      const struct groups *groups)
{
    struct layer *const layers[] = {&network->hidden, &network->output};
    static const char *const names[][2] = {{"hidden.weight", "hidden.bias"},
                                           {"output.weight", "output.bias"}};
    for (size_t i = 0; i < 2; i++) {
        struct layer *layer = layers[i];
        const size_t shape[] = {layer->inputs, layer->outputs};
        array_register(optimizer, groups->weights, names[i][0], 2, shape, &layer->w,
                       &layer->grad_w);
        array_register(optimizer, groups->biases, names[i][1], 1, &shape[1], &layer->b,
                       &layer->grad_b);
    }
}

static void forward(struct network *network, struct array *x, size_t rows)
{
    struct products *products = &network->lab->products;
    struct layer *hidden = &network->hidden, *output = &network->output;
    multiply(products, matrix(x, rows, PIXELS), matrix(&hidden->w, PIXELS, HIDDEN), &network->h);
    add_bias_relu(network->nn, &network->h, &hidden->b, rows, HIDDEN);
    multiply(products, matrix(&network->h, rows, HIDDEN), matrix(&output->w, HIDDEN, CLASSES),
             &network->z);
    add_bias(network->nn, &network->z, &output->b, rows, CLASSES);
}

/*
 * The chain rule, from the loss back to the pixels. With d… the gradient of the mean loss:
 *
 *     dz = (q - target) / rows      dw2 = h^T dz      db2 = column sums of dz
 *     dh = dz w2^T where h > 0      dw1 = x^T dh      db1 = column sums of dh
 */
static void backward(struct network *network, size_t rows)
{
    struct products *products = &network->lab->products;
    struct nn *nn = network->nn;
    struct layer *hidden = &network->hidden, *output = &network->output;
    struct matrix x = matrix(&network->x, rows, PIXELS), h = matrix(&network->h, rows, HIDDEN);
    struct matrix dz = matrix(&network->dz, rows, CLASSES);
    struct matrix dh = matrix(&network->dh, rows, HIDDEN);

    softmax_gradient(nn, &network->z, &network->target, &network->dz, rows, CLASSES);
    multiply(products, transpose(h), dz, &output->grad_w);
    column_sums(nn, &network->dz, &output->grad_b, rows, CLASSES);

    multiply(products, dz, transpose(matrix(&output->w, HIDDEN, CLASSES)), &network->dh);
    relu_backward(nn, &network->dh, &network->h, rows, HIDDEN);
    multiply(products, transpose(x), dh, &hidden->grad_w);
    column_sums(nn, &network->dh, &hidden->grad_b, rows, HIDDEN);
}

static void take_batch(struct network *network, struct digit_set *set, const size_t *order,
                       size_t rows)
{
    const float *x = array_host(&set->x), *target = array_host(&set->target);
    float *batch_x = array_host(&network->x), *batch_target = array_host(&network->target);
    for (size_t i = 0; i < rows; i++) {
        memcpy(batch_x + i * PIXELS, x + order[i] * PIXELS, PIXELS * sizeof *x);
        memcpy(batch_target + i * CLASSES, target + order[i] * CLASSES, CLASSES * sizeof *target);
    }
}

void network_gradient(struct network *network, struct digit_set *set, const size_t *order,
                      size_t rows)
{
    take_batch(network, set, order, rows);
    forward(network, &network->x, rows);
    backward(network, rows);
}

/* The library's turn: parameters and gradients are on the device before a step. */
static void hand_over(struct layer *layer)
{
    array_device(&layer->w);
    array_device(&layer->b);
    array_device(&layer->grad_w);
    array_device(&layer->grad_b);
}

void network_train_epoch(struct network *network, struct tik_optimizer *optimizer,
                         struct digit_set *set, struct rng *rng)
{
    size_t *order = allocate(set->rows, sizeof *order);
    rng_order(rng, set->rows, order);
    for (size_t first = 0; first < set->rows; first += BATCH) {
        size_t left = set->rows - first, rows = left < BATCH ? left : BATCH;
        network_gradient(network, set, order + first, rows);
        hand_over(&network->hidden);
        hand_over(&network->output);
        lab_step(optimizer);
    }
    free(order);
}

/* -log q of the true digit: log(sum e^z) - z, with the largest z taken off first. */
static double cross_entropy(const float *z, size_t digit)
{
    double most = (double)z[0], sum = 0;
    for (size_t j = 1; j < CLASSES; j++)
        most = fmax(most, (double)z[j]);
    for (size_t j = 0; j < CLASSES; j++)
        sum += exp((double)z[j] - most);
    return log(sum) - ((double)z[digit] - most);
}

static bool right(const float *z, size_t digit)
{
    for (size_t j = 0; j < CLASSES; j++) {
        if (j != digit && !(z[j] < z[digit])) /* a tie or a NaN is no answer */
            return false;
    }
    return true;
}

void network_judge(struct network *network, struct digit_set *set, double *loss, double *accuracy)
{
    size_t hits = 0;
    double sum = 0;
    forward(network, &set->x, set->rows);
    const float *z = array_host(&network->z);
    for (size_t i = 0; i < set->rows; i++) {
        sum += cross_entropy(z + i * CLASSES, set->labels[i]);
        hits += right(z + i * CLASSES, set->labels[i]);
    }
    *loss = sum / (double)set->rows;
    *accuracy = (double)hits / (double)set->rows;
}
