/*
 * What a step has to know of its gradients before it is taken, in two or three launches:
 *
 *     norm_blocks   sums over one block: of g^2, of p^2, and how many g are not finite
 *     norm_units    a clip factor for every unit: min(1, max_norm / (norm + eps)), or, adaptive,
 *                   min(1, max_norm * max(||p||, eps) / max(||g||, 1e-6))
 *     norm_finish   norm <- sqrt(sum over all), clip <- min(1, max_norm / (norm + eps)); whether
 *                   the step is skipped, and what becomes of the loss scale
 *
 * All of it stays on the device, where the next kernel reads it. CLIP_ALL is 1 where all are clipped
 * together, UNITS where each unit is, by the factor that CLIP_UNIT names, SUM where gradients
 * accumulate (tik_accumulate). Kernels that no launch uses are left out: drivers compile every
 * kernel of a program. Scalar twin: src/scalar/norm.c.
 */
#include "numeric.cl"
#include "reduce.cl"
#include "span.cl"
#include "norm_sums.cl"

#if CLIP_ALL || UNITS || CHECK
/* sums[slot], sums[plane + slot], sums[2*plane + slot] <- of block get_group_id(0). */
__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_norm_blocks(__global const struct tik_span *restrict spans,
                     const uint span_count,
                     __global const float *restrict param,
                     __global const float *restrict grad,
                     __global const float *restrict sum,
                     const struct tik_offsets offsets,
                     __global const struct tik_control *restrict control,
                     const struct gradient_scalars gradient,
                     __global float *restrict sums,
                     const uint plane)
{
    __local float scratch[LOCAL_SIZE];
    const struct tik_offsets at = offsets;
    const struct gradient_scalars k = gradient;
    const struct tik_place place = find_place(spans, span_count, 0, (uint)get_group_id(0));
    norm_sums(place, param, grad, sum, at, control, k, sums, plane, scratch);
}
#endif

float clip_norm(const float squares, const float second, const struct gradient_scalars k)
{
    const float clip = divide(k.max_norm, square_root(squares) + k.eps);
    return clip >= 1.0f ? 1.0f : clip; /* a NaN stays one */
}

/* Brock, De, Smith, Simonyan 2021, eq. 3. */
float clip_adaptive(const float squares, const float second, const struct gradient_scalars k)
{
    const float most = k.max_norm * fmax(square_root(second), k.eps);
    const float norm = square_root(squares);
    const float clip = divide(most, norm < 1e-6f ? 1e-6f : norm);
    return clip >= 1.0f ? 1.0f : clip;
}

#if UNITS
/* clips[unit] <- the factor of unit get_group_id(0), from the sums of its blocks. */
__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_norm_units(__global const struct tik_span *restrict spans,
                    const uint span_count,
                    __global float *sums,
                    const uint plane,
                    const struct gradient_scalars gradient,
                    __global float *restrict clips)
{
    __local float scratch[LOCAL_SIZE];
    const struct gradient_scalars k = gradient;
    const uint u = (uint)get_group_id(0);
    const struct tik_span span = spans[find_unit(spans, span_count, u)];
    const uint blocks = (uint)((span.length + TIK_BLOCK - 1) / TIK_BLOCK);
    const uint nth = u - span.order;
    const uint slot = span.slot + nth * blocks;

    row_sum(sums + slot, blocks, scratch);
    if (SECOND)
        row_sum(sums + plane + slot, blocks, scratch);
    if (get_local_id(0) == 0)
        clips[span.unit + nth] = CLIP_UNIT(sums[slot], SECOND ? sums[plane + slot] : 0.0f, k);
}
#endif

/*
 * The sum over all tensors: those of few blocks by an item each, the others by the whole group, and
 * last the tensors, by the same tree. It ends in totals[0].
 */
void sum_tensors(__global const struct tik_tensor_blocks *tensors, const uint tensor_count,
                 __global float *sums, __global float *totals, __local float *scratch)
{
    for (uint t = get_local_id(0); t < tensor_count; t += LOCAL_SIZE) {
        if (tensors[t].count <= FEW_BLOCKS)
            item_sum(sums + tensors[t].first, tensors[t].count);
        totals[t] = tensors[t].count > 0 ? sums[tensors[t].first] : 0.0f;
    }
    for (uint t = 0; t <= tensor_count; t++) {
        const bool all = t == tensor_count;
        const uint count = all ? tensor_count : tensors[t].count;
        if (!all && count <= FEW_BLOCKS)
            continue;
        __global float *x = all ? totals : sums + tensors[t].first;
        sync_global();
        row_sum(x, count, scratch);
        if (!all && get_local_id(0) == 0)
            totals[t] = x[0];
    }
}

/* The loss scale after this step: torch.amp.GradScaler, PyTorch 2.14. */
float next_scale(const float scale, const bool skip, __global uint *clean,
                 const struct guard_scalars k)
{
    if (skip) {
        *clean = 0;
        const float smaller = scale * k.backoff;
        return smaller < FLT_MIN ? scale : smaller;
    }
    if (k.interval == 0 || ++*clean < k.interval)
        return scale;
    *clean = 0;
    const float larger = scale * k.growth;
    return isfinite(larger) ? larger : scale;
}

/* Whether the step is applied, and with which rows of scalars. */
void decide(const bool bad, __global struct tik_control *control,
            __global const struct tik_row *rows, __global struct tik_progress *progress,
            const uint group_count, const struct guard_scalars k)
{
    const bool skip = bad || control->halted;
    control->unscale = control->coming;
    control->skip = skip;
    if (!control->halted) {
        control->scale = next_scale(control->scale, skip, &control->clean, k);
        control->coming = divide(1.0f, control->scale);
        control->in_row = skip ? control->in_row + 1 : 0;
        control->skipped += skip;
        control->halted = k.patience > 0 && control->in_row >= k.patience;
    }
    for (uint n = 0; n < group_count; n++) {
        progress[n].row = progress[n].count;
        progress[n].count += !skip && rows[n * TIK_ROWS].active;
    }
}

#if CLIP_ALL || CHECK
/* By one work-group: norm, clip, and, where there is a guard, its decision. */
__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_norm_finish(__global const struct tik_tensor_blocks *restrict tensors,
                     const uint tensor_count,
                     __global float *sums,
                     const uint plane,
                     __global float *totals,
                     const struct gradient_scalars gradient,
                     const struct guard_scalars guard,
                     __global struct tik_control *control,
                     __global const struct tik_row *rows,
                     __global struct tik_progress *progress,
                     const uint group_count)
{
    __local float scratch[LOCAL_SIZE];
    const struct gradient_scalars k = gradient;
    const struct guard_scalars scaling = guard;
    float bad = 0.0f, squares = 0.0f;

    /* Squares first, then the count of those that are not finite. */
    for (uint kind = CLIP_ALL ? 0 : 2; kind <= (CHECK ? 2 : 0); kind += 2) {
        sum_tensors(tensors, tensor_count, sums + kind * plane, totals, scratch);
        const float total = tensor_count > 0 ? totals[0] : 0.0f;
        if (kind == 0)
            squares = total;
        else
            bad = total;
        sync_global(); /* totals[0] was read before it is written */
    }
    if (get_local_id(0) == 0) {
        if (CLIP_ALL) {
            control->clip = clip_norm(squares, 0.0f, k);
            control->norm = square_root(squares);
        }
        if (CHECK)
            decide(bad > 0.0f, control, rows, progress, group_count, scaling);
    }
}
#endif

#if SUM
/* sum <- sum + g; one work-group a block. */
__kernel __attribute__((reqd_work_group_size(LOCAL_SIZE, 1, 1)))
void tik_accumulate(__global const struct tik_span *restrict spans,
                    const uint span_count,
                    __global float *restrict grad,
                    __global float *restrict sum,
                    const struct tik_offsets offsets)
{
    const struct tik_offsets at = offsets;
    const struct tik_place place = find_place(spans, span_count, 0, (uint)get_group_id(0));
    for (uint j = get_local_id(0); j < place.length; j += LOCAL_SIZE) {
        const ulong i = place.first + j;
        sum[at.state[TIK_SUM] + i] += grad[at.grad + i];
        if (ZERO_GRAD)
            grad[at.grad + i] = 0.0f;
    }
}
#endif
