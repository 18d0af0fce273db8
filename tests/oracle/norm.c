/*
 * Units of a tensor, norms, and intervals.
 *
 * A norm is the root of a sum of squares by a tree of depth d: one rounding a square and one a
 * level, d + 1 in all, relative to the sum since its terms are positive (Higham, section 4.2); the
 * root halves them and adds its own. Terms with errors of their own, and squares that underflow,
 * widen the sum before the root is taken at both of its ends.
 */
#include "oracle.h"

#include <math.h>

size_t oracle_unit_count(const struct oracle_tensor *tensor, enum oracle_unit unit)
{
    if (tensor->rows == 0 || unit == ORACLE_TENSOR)
        return 1;
    if (tensor->depth > 0)
        return unit == ORACLE_ROW ? tensor->depth : tensor->rows * tensor->cols;
    return unit == ORACLE_ROW ? tensor->rows : tensor->cols;
}

struct oracle_slice oracle_unit_at(const struct oracle_tensor *tensor, enum oracle_unit unit,
                                   size_t index)
{
    if (tensor->rows == 0 || unit == ORACLE_TENSOR)
        return (struct oracle_slice){.first = 0, .stride = 1, .count = tensor->count};
    size_t rows = oracle_unit_count(tensor, ORACLE_ROW);
    size_t cols = oracle_unit_count(tensor, ORACLE_COLUMN);
    if (unit == ORACLE_ROW)
        return (struct oracle_slice){.first = index * cols, .stride = 1, .count = cols};
    return (struct oracle_slice){.first = index, .stride = cols, .count = rows};
}

struct oracle_element *oracle_slice_at(const struct oracle_tensor *tensor,
                                       const struct oracle_slice *slice, size_t index)
{
    return &tensor->elements[slice->first + index * slice->stride];
}

/*
 * ceil(log2(count)) levels where the terms are one tree's. Two more, for terms that begin in the
 * middle of one block and end in another.
 */
double oracle_tree_depth(size_t count)
{
    double depth = 2;
    for (size_t reach = 1; reach < count; reach *= 2)
        depth++;
    return depth;
}

void oracle_norm_add(struct oracle_norm *norm, double x, double error)
{
    norm->squares += x * x;
    norm->slack += (2 * fabs(x) + error) * error;
    norm->count++;
}

struct oracle_span oracle_norm_take(const struct oracle_norm *norm, double unit, double tiny)
{
    double roundings = oracle_tree_depth(norm->count) + 1;
    double error = norm->squares * roundings * unit + norm->slack + (double)norm->count * tiny;
    if (norm->squares == 0 && norm->slack == 0)
        return (struct oracle_span){0};
    return oracle_span_widen(oracle_root(norm->squares, error, 1, 0), unit, 0);
}

struct oracle_span oracle_norm_of_p(const struct oracle_tensor *tensor, double unit, double tiny)
{
    struct oracle_norm norm = {0};
    for (size_t i = 0; i < tensor->count; i++)
        oracle_norm_add(&norm, tensor->elements[i].p, 0);
    return oracle_norm_take(&norm, unit, tiny);
}

struct oracle_span oracle_norm_of_g(const struct oracle_tensor *tensor, double unit, double tiny)
{
    struct oracle_norm norm = {0};
    for (size_t i = 0; i < tensor->count; i++)
        oracle_norm_add(&norm, tensor->elements[i].g, tensor->elements[i].g_error);
    return oracle_norm_take(&norm, unit, tiny);
}

struct oracle_span oracle_span_of(double value, double error)
{
    return (struct oracle_span){
        .low = fmax(value - error, 0), .value = value, .high = value + error};
}

struct oracle_span oracle_span_widen(struct oracle_span span, double relative, double absolute)
{
    span.low = fmax(span.low * (1 - relative) - absolute, 0);
    span.high = span.high * (1 + relative) + absolute;
    return span;
}

struct oracle_span oracle_span_add(struct oracle_span one, struct oracle_span other)
{
    return (struct oracle_span){
        .low = one.low + other.low,
        .value = one.value + other.value,
        .high = one.high + other.high,
    };
}

struct oracle_span oracle_span_multiply(struct oracle_span one, struct oracle_span other)
{
    return (struct oracle_span){
        .low = one.low * other.low,
        .value = one.value * other.value,
        .high = one.high * other.high,
    };
}

struct oracle_span oracle_span_divide(struct oracle_span one, struct oracle_span other)
{
    return (struct oracle_span){
        .low = one.low / other.high,
        .value = one.value / other.value,
        .high = one.high / other.low,
    };
}

struct oracle_span oracle_span_root(struct oracle_span span)
{
    return (struct oracle_span){
        .low = sqrt(span.low), .value = sqrt(span.value), .high = sqrt(span.high)};
}

struct oracle_span oracle_span_at_least(struct oracle_span span, double low)
{
    return (struct oracle_span){
        .low = fmax(span.low, low),
        .value = fmax(span.value, low),
        .high = fmax(span.high, low),
    };
}

struct oracle_span oracle_span_at_most(struct oracle_span span, double high)
{
    return (struct oracle_span){
        .low = fmin(span.low, high),
        .value = fmin(span.value, high),
        .high = fmin(span.high, high),
    };
}

double oracle_span_error(struct oracle_span span)
{
    return fmax(span.high - span.value, span.value - span.low);
}

struct oracle_number oracle_scaled(struct oracle_number number, struct oracle_span factor,
                                   double tiny)
{
    double error = oracle_span_error(factor);
    number.carried = number.carried * factor.high + number.scale * error + tiny;
    number.value *= factor.value;
    number.scale *= factor.value;
    return number;
}
