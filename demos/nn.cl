/*
 * The small kernels between the matrix products of 02_digits. Their twins in C are in nn_scalar.c,
 * the same functions in the same order of operations, so that both give the same bits wherever the
 * device divides with one rounding.
 *
 * Matrices lie row by row: element (i, j) of a matrix with `cols` columns is at i * cols + j.
 * Global sizes are padded to whole work-groups, hence each kernel's first test.
 */
#pragma OPENCL FP_CONTRACT OFF

/* z = z + bias, one bias a column. */
kernel void add_bias(global float *z, global const float *bias, uint rows, uint cols)
{
    uint i = get_global_id(0);
    if (i >= rows * cols)
        return;
    z[i] = z[i] + bias[i % cols];
}

/* h = max(h + bias, 0). A NaN stays one, so that a run that diverged shows. */
kernel void add_bias_relu(global float *h, global const float *bias, uint rows, uint cols)
{
    uint i = get_global_id(0);
    if (i >= rows * cols)
        return;
    float x = h[i] + bias[i % cols];
    h[i] = x < 0.0f ? 0.0f : x;
}

/* dh = dh where h > 0, else 0: the slope of max(x, 0), taken as 0 at 0. */
kernel void relu_backward(global float *dh, global const float *h, uint rows, uint cols)
{
    uint i = get_global_id(0);
    if (i >= rows * cols)
        return;
    dh[i] = h[i] > 0.0f ? dh[i] : 0.0f;
}

/*
 * e^x for x <= 0, to 2 units in the last place, in + - * only: the built-in exp may differ from
 * one device to the next, these do not. x = n ln 2 + r with |r| <= (ln 2)/2, ln 2 in two parts of
 * which the first times n is exact (Cody and Waite, "Software Manual for the Elementary
 * Functions", 1980); e^r by Taylor's series up to r^7/7!, e^x = 2^n e^r. Below -87 the result,
 * which would soon be subnormal, is 0.
 */
float exp_negative(float x)
{
    if (!(x >= -87.0f))
        return x != x ? x : 0.0f;
    int n = (int)(x * 1.44269504f - 0.5f);
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

/*
 * The gradient of the mean cross-entropy: with q the softmax of a row of z, q_j = e^z_j / sum e^z,
 * and t the row of targets (1 for the digit, 0 for the others),
 *
 *     dz = (q - t) / rows
 *
 * The largest z of the row is taken off first: q is the same, and no e^z overflows.
 */
kernel void softmax_gradient(global const float *z, global const float *target, global float *dz,
                             uint rows, uint cols, float scale)
{
    uint row = get_global_id(0);
    if (row >= rows)
        return;
    z += row * cols;
    target += row * cols;
    dz += row * cols;
    float most = z[0];
    for (uint j = 1; j < cols; j++)
        most = z[j] > most ? z[j] : most;
    float sum = 0.0f;
    for (uint j = 0; j < cols; j++) {
        dz[j] = exp_negative(z[j] - most);
        sum = sum + dz[j];
    }
    for (uint j = 0; j < cols; j++) {
        float q = dz[j] / sum;
        dz[j] = (q - target[j]) * scale;
    }
}

/* sums[j] = the sum of column j, from the first row to the last: the gradient of a bias. */
kernel void column_sums(global const float *d, global float *sums, uint rows, uint cols)
{
    uint col = get_global_id(0);
    if (col >= cols)
        return;
    float sum = 0.0f;
    for (uint i = 0; i < rows; i++)
        sum = sum + d[i * cols + col];
    sums[col] = sum;
}
