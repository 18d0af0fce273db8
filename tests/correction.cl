/*
 * Every result of cl/correction.cl, one a work-item: what tests/test_correction.c appends to it.
 * Values go in and out as bits, so that no NaN is changed on the way.
 */
__kernel void quotient(__global const uint *x, __global const uint *y, __global uint *out)
{
    const size_t i = get_global_id(0);
    out[i] = as_uint(corrected_quotient(as_float(x[i]), as_float(y[i])));
}

__kernel void root(__global const uint *x, __global const uint *y, __global uint *out)
{
    const size_t i = get_global_id(0);
    out[i] = as_uint(corrected_root(as_float(x[i])));
}

/* Without the correction. */
__kernel void raw_quotient(__global const uint *x, __global const uint *y, __global uint *out)
{
    const size_t i = get_global_id(0);
    out[i] = as_uint(device_quotient(as_float(x[i]), as_float(y[i])));
}

__kernel void raw_root(__global const uint *x, __global const uint *y, __global uint *out)
{
    const size_t i = get_global_id(0);
    out[i] = as_uint(device_root(as_float(x[i])));
}
