#include "nn.h"

void nn_create(struct nn *nn, struct tik_context *context, bool on_device)
{
    *nn = (struct nn){.device = on_device ? nn_device_create(context) : NULL};
}

void nn_destroy(struct nn *nn)
{
    if (nn->device)
        nn_device_destroy(nn->device);
    *nn = (struct nn){0};
}

void add_bias(struct nn *nn, struct array *z, struct array *bias, size_t rows, size_t cols)
{
    struct array *const arrays[] = {z, bias};
    if (nn->device)
        nn_device_run(nn->device, NN_ADD_BIAS, rows * cols, arrays, 2, rows, cols, NULL);
    else
        nn_add_bias(array_host(z), array_host(bias), (uint32_t)rows, (uint32_t)cols);
}

void add_bias_relu(struct nn *nn, struct array *h, struct array *bias, size_t rows, size_t cols)
{
    struct array *const arrays[] = {h, bias};
    if (nn->device)
        nn_device_run(nn->device, NN_ADD_BIAS_RELU, rows * cols, arrays, 2, rows, cols, NULL);
    else
        nn_add_bias_relu(array_host(h), array_host(bias), (uint32_t)rows, (uint32_t)cols);
}

void relu_backward(struct nn *nn, struct array *dh, struct array *h, size_t rows, size_t cols)
{
    struct array *const arrays[] = {dh, h};
    if (nn->device)
        nn_device_run(nn->device, NN_RELU_BACKWARD, rows * cols, arrays, 2, rows, cols, NULL);
    else
        nn_relu_backward(array_host(dh), array_host(h), (uint32_t)rows, (uint32_t)cols);
}

void softmax_gradient(struct nn *nn, struct array *z, struct array *target, struct array *dz,
                      size_t rows, size_t cols)
{
    /* Rounded once here, so that both sides multiply by the same number. */
    const float scale = 1.0f / (float)rows;
    struct array *const arrays[] = {z, target, dz};
    if (nn->device)
        nn_device_run(nn->device, NN_SOFTMAX_GRADIENT, rows, arrays, 3, rows, cols, &scale);
    else
        nn_softmax_gradient(array_host(z), array_host(target), array_host(dz), (uint32_t)rows,
                            (uint32_t)cols, scale);
}

void column_sums(struct nn *nn, struct array *d, struct array *sums, size_t rows, size_t cols)
{
    struct array *const arrays[] = {d, sums};
    if (nn->device)
        nn_device_run(nn->device, NN_COLUMN_SUMS, cols, arrays, 2, rows, cols, NULL);
    else
        nn_column_sums(array_host(d), array_host(sums), (uint32_t)rows, (uint32_t)cols);
}
