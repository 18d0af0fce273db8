/* Figures by gnuplot: a script with the data in it, written beside the pictures and run. */
#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "figure.h"

extern char **environ;

/* Okabe and Ito's colours, told apart with any kind of colour vision; dashes and marks differ too.
 */
static const char *const colours[] = {"#0072B2", "#D55E00", "#009E73",
                                      "#CC79A7", "#56B4E9", "#E69F00"};
static const int marks[] = {7, 5, 9, 11, 13, 6};

static bool drawable(const struct panel *panel, const struct curve *curve)
{
    const struct axis axis = {.log = panel->log_y};
    for (size_t i = 0; i < curve->count; i++) {
        if (axis_shows(&axis, curve->y[i]))
            return true;
    }
    return false;
}

/* gnuplot's quoting: within '…' a quote is written twice. */
static void write_quoted(FILE *file, const char *text)
{
    fputc('\'', file);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', file);
        fputc(*text, file);
    }
    fputc('\'', file);
}

static void write_data(FILE *file, const struct figure *figure)
{
    for (size_t p = 0; p < figure->panel_count; p++) {
        const struct panel *panel = &figure->panels[p];
        const struct axis axis = {.log = panel->log_y};
        for (size_t c = 0; c < panel->curve_count; c++) {
            const struct curve *curve = &panel->curves[c];
            fprintf(file, "$panel%zu_curve%zu << END\n", p, c);
            for (size_t i = 0; i < curve->count; i++) {
                double spread = curve->spread && isfinite(curve->spread[i]) ? curve->spread[i] : 0;
                if (axis_shows(&axis, curve->y[i]))
                    fprintf(file, "%.10g %.10g %.10g\n", curve->x[i], curve->y[i], spread);
                else
                    fprintf(file, "%.10g NaN NaN\n", curve->x[i]);
            }
            fputs("END\n", file);
        }
    }
}

static void write_axes(FILE *file, const struct figure *figure, const struct panel *panel)
{
    struct axis x, y;
    bool any = axis_of_x(panel, &x) && axis_of_y(figure, panel, &y);
    fputs("set title ", file);
    write_quoted(file, panel->title);
    fputs("\nset xlabel ", file);
    write_quoted(file, panel->x_label);
    fputs("\nset ylabel ", file);
    write_quoted(file, panel->y_label);
    fputs("\nunset label\nunset logscale\nset xtics autofreq\nset format y '%g'\n", file);
    if (!any) {
        fputs("set xrange [0:1]\nset yrange [0:1]\n"
              "set label 'no finite value to draw' at graph 0.5, 0.5 center\n",
              file);
        return;
    }
    fprintf(file, "set xrange [%.10g:%.10g]\nset yrange [%.10g:%.10g]\n", x.low, x.high, y.low,
            y.high);
    if (panel->log_y)
        fputs("set logscale y\nset format y '10^{%T}'\n", file);
    if (!panel->x_names)
        return;
    fputs("set xtics (", file);
    for (size_t i = 0; panel->x_names[i]; i++)
        fprintf(file, "%s\"%s\" %zu", i ? ", " : "", panel->x_names[i], i);
    fputs(")\n", file);
}

/* A band for a spread along a curve, bars for a spread at named values. */
static void write_plot(FILE *file, const struct panel *panel, size_t p)
{
    const char *separator = "plot ";
    for (size_t c = 0; c < panel->curve_count; c++) {
        const struct curve *curve = &panel->curves[c];
        const char *colour = colours[c % 6];
        if (!drawable(panel, curve))
            continue;
        if (curve->spread && !panel->x_names)
            fprintf(file,
                    "%s$panel%zu_curve%zu using 1:($2-$3):($2+$3) with filledcurves "
                    "fillcolor rgb '%s' fillstyle transparent solid 0.2 noborder notitle",
                    separator, p, c, colour);
        else if (curve->spread)
            fprintf(file,
                    "%s$panel%zu_curve%zu using 1:2:3 with yerrorbars linecolor rgb '%s' "
                    "linewidth 1.5 pointtype %d pointsize 0.8 notitle",
                    separator, p, c, colour, marks[c % 6]);
        separator = curve->spread ? ", \\\n     " : separator;
        fprintf(file,
                "%s$panel%zu_curve%zu using 1:2 with linespoints linecolor rgb '%s' linewidth 2 "
                "dashtype %d pointtype %d pointsize 0.7 title ",
                separator, p, c, colour, (int)(c % 2) + 1, marks[c % 6]);
        write_quoted(file, curve->label);
        separator = ", \\\n     ";
    }
    fputs(strcmp(separator, "plot ") == 0 ? "plot NaN notitle\n" : "\n", file);
}

/* FOLDER/NAMESUFFIX; freed with free. */
static char *join(const char *folder, const char *name, const char *suffix)
{
    size_t room = strlen(folder) + strlen(name) + strlen(suffix) + 2;
    char *path = allocate(room, 1);
    snprintf(path, room, "%s/%s%s", folder, name, suffix);
    return path;
}

static void write_output(FILE *file, const struct figure *figure, const char *folder,
                         const char *suffix, size_t columns, size_t rows)
{
    char *path = join(folder, figure->name, suffix);
    if (strcmp(suffix, ".png") == 0)
        fprintf(file, "\nset terminal pngcairo enhanced font ',16' size %zu,%zu linewidth 1.5\n",
                columns * 760, rows * 560 + 50);
    else
        fprintf(file,
                "\nset terminal svg enhanced font 'sans-serif,14' size %zu,%zu background "
                "rgb 'white'\n",
                columns * 500, rows * 370 + 30);
    fputs("set output ", file);
    write_quoted(file, path);
    fprintf(file, "\nset multiplot layout %zu,%zu title ", rows, columns);
    write_quoted(file, figure->title);
    fputc('\n', file);
    for (size_t p = 0; p < figure->panel_count; p++) {
        write_axes(file, figure, &figure->panels[p]);
        write_plot(file, &figure->panels[p], p);
    }
    fputs("unset multiplot\nunset output\n", file);
    free(path);
}

static bool write_script(const struct figure *figure, const char *folder, const char *path)
{
    size_t columns = figure->panel_count < 2 ? 1 : 2;
    size_t rows = (figure->panel_count + columns - 1) / columns;
    FILE *file = fopen(path, "w");
    if (!file)
        return false;
    fprintf(file, "# Run with: gnuplot %s.gp\nset encoding utf8\n", figure->name);
    write_data(file, figure);
    fputs("set grid linecolor rgb '#C0C0C0' linewidth 0.8 linetype 1\nset border 3\n"
          "set tics nomirror\nset xlabel offset 0,0.4\nset bmargin 5.2\n"
          "set key bmargin center horizontal height 0.5 noenhanced\n",
          file);
    write_output(file, figure, folder, ".svg", columns, rows);
    write_output(file, figure, folder, ".png", columns, rows);
    bool failed = ferror(file) != 0;
    return fclose(file) == 0 && !failed;
}

/* A child that is not found ends with 127 where spawn cannot tell. */
static enum figure_result run_gnuplot(const char *script)
{
    char program[] = "gnuplot";
    char *path = allocate(strlen(script) + 1, 1);
    char *const arguments[] = {program, strcpy(path, script), NULL};
    pid_t child;
    int status = 0;
    int error = posix_spawnp(&child, program, NULL, NULL, arguments, environ);
    if (!error)
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
    free(path);
    if (!error && !status)
        return FIGURE_DRAWN;
    if (error == ENOENT || (!error && WIFEXITED(status) && WEXITSTATUS(status) == 127)) {
        warn("gnuplot is not installed: no SVG and PNG; %s holds the figure", script);
        return FIGURE_NO_GNUPLOT;
    }
    warn("gnuplot could not draw %s", script);
    return FIGURE_FAILED;
}

/* Makes a folder and those above it that are missing. */
static bool make_folder(const char *folder)
{
    bool made = true;
    char *path = allocate(strlen(folder) + 1, 1);
    strcpy(path, folder);
    for (char *slash = strchr(path + 1, '/'); made && slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        made = mkdir(path, 0777) == 0 || errno == EEXIST;
        *slash = '/';
    }
    made = made && (mkdir(path, 0777) == 0 || errno == EEXIST);
    free(path);
    return made;
}

/* False with errno. What is there already may be a file. */
static bool is_folder(const char *path)
{
    struct stat about;
    if (stat(path, &about))
        return false;
    errno = ENOTDIR;
    return S_ISDIR(about.st_mode);
}

void figure_make_folder(const char *folder)
{
    if (!*folder || !make_folder(folder) || !is_folder(folder) || access(folder, W_OK | X_OK))
        fail(EXIT_USAGE, "--out %s: %s; give a folder that can be made and written to", folder,
             *folder ? strerror(errno) : "no name");
}

enum figure_result figure_draw(const struct figure *figure, const char *folder)
{
    char *script = join(folder, figure->name, ".gp");
    enum figure_result result = FIGURE_FAILED;
    if (!write_script(figure, folder, script))
        warn("%s: cannot be written: %s", script, strerror(errno));
    else
        result = run_gnuplot(script);
    free(script);
    return result;
}
