/* Ranges of axes: round numbers that hold all that can be drawn. */
#include <math.h>

#include "figure.h"

bool axis_shows(const struct axis *axis, double value)
{
    return isfinite(value) && (!axis->log || value > 0);
}

double axis_place(const struct axis *axis, double value)
{
    if (axis->log)
        return (log10(value) - log10(axis->low)) / (log10(axis->high) - log10(axis->low));
    return (value - axis->low) / (axis->high - axis->low);
}

static void widen(const struct axis *axis, double value, double *low, double *high)
{
    if (!axis_shows(axis, value))
        return;
    *low = fmin(*low, value);
    *high = fmax(*high, value);
}

/* 1, 2 or 5 times a power of ten, so that some four to nine of it make `width`. */
static double round_step(double width)
{
    double power = pow(10, floor(log10(width / 5)));
    double ratio = width / 5 / power;
    return power * (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10);
}

static bool settle(struct axis *axis, double low, double high)
{
    if (low > high)
        return false;
    if (axis->log) {
        axis->low = pow(10, floor(log10(low)));
        axis->high = pow(10, ceil(log10(high)));
        axis->step = 10;
        if (axis->low >= axis->high)
            axis->high = 10 * axis->low;
        return true;
    }
    if (low >= high) { /* one value: some room around it */
        double room = low != 0 ? fabs(low) / 10 : 1;
        low -= room;
        high += room;
    }
    axis->step = round_step(high - low);
    axis->low = axis->step * floor(low / axis->step);
    axis->high = axis->step * ceil(high / axis->step);
    return true;
}

bool axis_of_x(const struct panel *panel, struct axis *axis)
{
    double low = INFINITY, high = -INFINITY;
    *axis = (struct axis){0};
    for (size_t c = 0; c < panel->curve_count; c++) {
        for (size_t i = 0; i < panel->curves[c].count; i++)
            widen(axis, panel->curves[c].x[i], &low, &high);
    }
    if (!panel->x_names)
        return settle(axis, low, high);
    *axis = (struct axis){.low = low - 0.5, .high = high + 0.5, .step = 1};
    return low <= high;
}

static bool settle_panel(const struct panel *panel, struct axis *axis)
{
    double low = INFINITY, high = -INFINITY;
    *axis = (struct axis){.log = panel->log_y};
    for (size_t c = 0; c < panel->curve_count; c++) {
        const struct curve *curve = &panel->curves[c];
        for (size_t i = 0; i < curve->count; i++) {
            double spread = curve->spread && isfinite(curve->spread[i]) ? curve->spread[i] : 0;
            widen(axis, curve->y[i] - spread, &low, &high);
            widen(axis, curve->y[i] + spread, &low, &high);
        }
    }
    return settle(axis, low, high);
}

bool axis_of_y(const struct figure *figure, const struct panel *panel, struct axis *axis)
{
    struct axis all, one;
    bool any = settle_panel(panel, axis);
    if (!any || !figure->same_y)
        return any;
    all = *axis;
    for (size_t p = 0; p < figure->panel_count; p++) {
        if (!settle_panel(&figure->panels[p], &one))
            continue;
        all.low = fmin(all.low, one.low);
        all.high = fmax(all.high, one.high);
    }
    if (!all.log || all.high / all.low <= 1e8)
        *axis = all;
    return true;
}
