/*
 * What a small network needs between its matrix products: biases, ReLU, the gradient of softmax and
 * cross-entropy. On the context's OpenCL device (nn.cl) or on the host (nn_scalar.c).
 */
#ifndef DEMOS_NN_H
#define DEMOS_NN_H

#include <stddef.h>
#include <stdint.h>

#include "array.h"

/* The twins of nn.cl: same names, same order of operations. */
void nn_add_bias(float *z, const float *bias, uint32_t rows, uint32_t cols);
void nn_add_bias_relu(float *h, const float *bias, uint32_t rows, uint32_t cols);
void nn_relu_backward(float *dh, const float *h, uint32_t rows, uint32_t cols);
float nn_exp_negative(float x);
void nn_softmax_gradient(const float *z, const float *target, float *dz, uint32_t rows,
                         uint32_t cols, float scale);
void nn_column_sums(const float *d, float *sums, uint32_t rows, uint32_t cols);

struct nn_device; /* the compiled kernels */

struct nn {
    struct nn_device *device; /* NULL: the twins do it */
};

/* Compiles nn.cl for the context's device when `on_device`, or ends the program. */
void nn_create(struct nn *nn, struct tik_context *context, bool on_device);
void nn_destroy(struct nn *nn);

/* The first rows * cols elements of each array take part; see nn.cl for what is computed. */
void add_bias(struct nn *nn, struct array *z, struct array *bias, size_t rows, size_t cols);
void add_bias_relu(struct nn *nn, struct array *h, struct array *bias, size_t rows, size_t cols);
void relu_backward(struct nn *nn, struct array *dh, struct array *h, size_t rows, size_t cols);
void softmax_gradient(struct nn *nn, struct array *z, struct array *target, struct array *dz,
                      size_t rows, size_t cols);
void column_sums(struct nn *nn, struct array *d, struct array *sums, size_t rows, size_t cols);

/* The device's side: nn_device.c, or nn_nodevice.c where OpenCL is not built in. */
enum nn_kernel {
    NN_ADD_BIAS,
    NN_ADD_BIAS_RELU,
    NN_RELU_BACKWARD,
    NN_SOFTMAX_GRADIENT,
    NN_COLUMN_SUMS,
    NN_KERNELS,
};
struct nn_device *nn_device_create(struct tik_context *context);
void nn_device_destroy(struct nn_device *device);
/* Enqueues a kernel with `items` work-items; `scale` NULL where the kernel takes none. */
void nn_device_run(struct nn_device *device, enum nn_kernel kernel, size_t items,
                   struct array *const *arrays, size_t array_count, size_t rows, size_t cols,
                   const float *scale);

#endif
