/*
 * A figure: panels of curves, drawn as SVG and PNG by gnuplot, and as text on a terminal.
 *
 * Values that are not finite (a run that diverged) are left out; a panel without any that can be
 * drawn says so.
 */
#ifndef DEMOS_FIGURE_H
#define DEMOS_FIGURE_H

#include <stdbool.h>
#include <stddef.h>

#define MAX_CURVES 16
#define MAX_PANELS 16

struct curve {
    char label[32];
    size_t count;
    const double *x, *y;
    const double *spread; /* NULL, or what is drawn above and below y */
};

struct panel {
    char title[64];
    const char *x_label, *y_label;
    bool log_y;
    /* NULL, or names of x = 0, 1, 2, …: values that no even axis shows, such as 0 and 0.1 and 3. */
    const char *const *x_names;
    size_t curve_count;
    struct curve curves[MAX_CURVES];
};

struct figure {
    const char *name; /* NAME.svg, NAME.png and NAME.gp, gnuplot's script */
    const char *title;
    bool same_y; /* panels share a range, unless a run that diverged would flatten the others */
    size_t panel_count;
    struct panel panels[MAX_PANELS];
};

/* The range of an axis, round on both ends; `log` counts in decades of y. */
struct axis {
    double low, high, step;
    bool log;
};

/* Ranges that hold the curves of a panel. False: no value can be drawn. */
bool axis_of_x(const struct panel *panel, struct axis *axis);
bool axis_of_y(const struct figure *figure, const struct panel *panel, struct axis *axis);
/* Where a value lies on the axis, 0 … 1 from low to high. */
double axis_place(const struct axis *axis, double value);
/* Whether a value can be drawn on the axis. */
bool axis_shows(const struct axis *axis, double value);

/* Makes the folder of --out when it is missing, or ends the program with 2. */
void figure_make_folder(const char *folder);

enum figure_result {
    FIGURE_DRAWN,
    FIGURE_NO_GNUPLOT, /* it is not installed: the script is written, no picture */
    FIGURE_FAILED,
};

/* Draws into `folder`. What kept it from it is said in one line on stderr. */
enum figure_result figure_draw(const struct figure *figure, const char *folder);

/* Prints as text, at most 78 columns, in Unicode where the locale has it. */
void figure_print(const struct figure *figure);

#endif
