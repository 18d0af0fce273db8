/* The twins of nn.cl in C, line for line. Compile with -ffp-contract=off: one rounding a sign. */
#include <string.h>

#include "nn.h"

void nn_add_bias(float *z, const float *bias, uint32_t rows, uint32_t cols)
{
    for (size_t i = 0; i < (size_t)rows * cols; i++)
        z[i] = z[i] + bias[i % cols];
}

void nn_add_bias_relu(float *h, const float *bias, uint32_t rows, uint32_t cols)
{
    for (size_t i = 0; i < (size_t)rows * cols; i++) {
        float x = h[i] + bias[i % cols];
        h[i] = x < 0.0f ? 0.0f : x;
    }
}

void nn_relu_backward(float *dh, const float *h, uint32_t rows, uint32_t cols)
{
    for (size_t i = 0; i < (size_t)rows * cols; i++)
        dh[i] = h[i] > 0.0f ? dh[i] : 0.0f;
}

/* OpenCL's as_float: the same bits, read as a float. */
static float as_float(int32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float nn_exp_negative(float x)
{
    if (!(x >= -87.0f))
        return x != x ? x : 0.0f;
    int32_t n = (int32_t)(x * 1.44269504f - 0.5f);
    float r = x - (float)n * 0.693359375f;
    r = r - (float)n * -2.12194440e-4f;
    float sum = 1.0f / 5040.0f;
    sum = sum * r + 1.0f / 720.0f;
    sum = sum * r + 1.0f / 120.0f;
    sum = sum * r + 1.0f / 24.0f;
    sum = sum * r + 1.0f / 6.0f;
    sum = sum * r + 0.5f;
    sum = sum * r + 1.0f;
    sum = sum * r + 1.0f;
    return sum * as_float((n + 127) << 23);
}

static void softmax_gradient_row(const float *z, const float *target, float *dz, uint32_t cols,
                                 float scale)
{
    float most = z[0];
    for (uint32_t j = 1; j < cols; j++)
        most = z[j] > most ? z[j] : most;
    float sum = 0.0f;
    for (uint32_t j = 0; j < cols; j++) {
        dz[j] = nn_exp_negative(z[j] - most);
        sum = sum + dz[j];
    }
    for (uint32_t j = 0; j < cols; j++) {
        float q = dz[j] / sum;
        dz[j] = (q - target[j]) * scale;
    }
}

void nn_softmax_gradient(const float *z, const float *target, float *dz, uint32_t rows,
                         uint32_t cols, float scale)
{
    for (size_t row = 0; row < rows; row++)
        softmax_gradient_row(z + row * cols, target + row * cols, dz + row * cols, cols, scale);
}

void nn_column_sums(const float *d, float *sums, uint32_t rows, uint32_t cols)
{
    for (size_t col = 0; col < cols; col++) {
        float sum = 0.0f;
        for (size_t i = 0; i < rows; i++)
            sum = sum + d[i * cols + col];
        sums[col] = sum;
    }
}
