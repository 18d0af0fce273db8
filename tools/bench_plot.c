/* The plot of tikhonov bench: GB/s against size, one line a rule, its limit dashed, by gnuplot. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "command.h"

extern char **environ;

/* Okabe and Ito's colours, told apart with any kind of colour vision; marks differ too. */
static const char *const colours[] = {"#0072B2", "#D55E00", "#009E73",
                                      "#CC79A7", "#56B4E9", "#E69F00"};
static const int marks[] = {7, 5, 9, 11, 13, 6};
#define COLOURS (sizeof colours / sizeof *colours)

/* FILE.svg or FILE.png with another suffix; freed by free. */
static char *with_suffix(const char *path, const char *suffix)
{
    const size_t stem = strlen(path) - strlen(".svg");
    char *made = malloc(stem + strlen(suffix) + 1);
    if (made == NULL)
        return NULL;
    memcpy(made, path, stem);
    strcpy(made + stem, suffix);
    return made;
}

static bool ends_with(const char *path, const char *suffix)
{
    const size_t length = strlen(path), tail = strlen(suffix);
    return length > tail && strcmp(path + length - tail, suffix) == 0;
}

int bench_plot_check(const char *path)
{
    if (!ends_with(path, ".svg") && !ends_with(path, ".png"))
        return command_error(COMMAND_USAGE,
                             "--plot is '%s'; a file that ends in .svg or .png is due", path);
    char *script = with_suffix(path, ".gp");
    if (script == NULL)
        return command_error(COMMAND_FAILED, "no memory for the plot");
    const bool there = access(script, F_OK) == 0;
    FILE *file = fopen(script, "a");
    int code = COMMAND_OK;
    if (file == NULL)
        code = command_error(COMMAND_USAGE, "--plot is '%s': %s cannot be written: %s", path,
                             script, strerror(errno));
    else
        fclose(file);
    if (file != NULL && !there)
        remove(script); /* an error that is still to come should leave nothing */
    free(script);
    return code;
}

/* gnuplot's quoting: within '…' a quote is written twice. */
static void write_quoted(FILE *file, const char *text)
{
    fputc('\'', file);
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputc('\'', file);
        fputc(*text, file);
    }
    fputc('\'', file);
}

/* A line of the plot: rows that differ in parameters alone. */
static bool same_line(const struct bench_row *a, const struct bench_row *b)
{
    return a->policy == b->policy && a->device == b->device && a->size.tensors == b->size.tensors;
}

static bool starts_line(const struct bench_row *rows, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (same_line(&rows[k], &rows[i]))
            return false;
    return true;
}

/* A colour for each policy: they lie in one array, in the order of the rows. */
static const char *line_colour(const struct bench_row *rows, size_t i)
{
    return colours[(size_t)(rows[i].policy - rows[0].policy) % COLOURS];
}

/* A mark for each line of a policy: its devices and numbers of tensors. */
static int line_mark(const struct bench_row *rows, size_t i)
{
    size_t number = 0;
    for (size_t k = 0; k < i; k++)
        number += rows[k].policy == rows[i].policy && starts_line(rows, k);
    return marks[number % (sizeof marks / sizeof *marks)];
}

static int by_parameters(const void *a, const void *b)
{
    const struct bench_row *const *x = a, *const *y = b;
    const size_t m = (*x)->size.parameters, n = (*y)->size.parameters;
    return (m > n) - (m < n);
}

/* Data of the line that row `first` begins, in the order of size. */
static bool write_data(FILE *file, const struct bench_row *rows, size_t count, size_t first)
{
    const struct bench_row **line = malloc(count * sizeof *line);
    if (line == NULL)
        return false;
    size_t length = 0;
    for (size_t i = first; i < count; i++)
        if (same_line(&rows[first], &rows[i]))
            line[length++] = &rows[i];
    qsort(line, length, sizeof *line, by_parameters);
    fprintf(file, "$line%zu << END\n", first);
    for (size_t i = 0; i < length; i++)
        fprintf(file, "%zu %.6g %.6g\n", line[i]->size.parameters,
                bench_row_speed(line[i], line[i]->median),
                bench_row_speed(line[i], line[i]->limit));
    fputs("END\n", file);
    free(line);
    return true;
}

static void write_title(char *title, size_t room, const struct bench_row *row)
{
    const bool plain = row->policy->text[0] == '\0';
    char tensors[40] = "";
    if (row->size.tensors > 1)
        snprintf(tensors, sizeof tensors, ", %zu tensors", row->size.tensors);
    snprintf(title, room, "%s%s%s, %s%s", tik_policy_rule(row->policy->policy), plain ? "" : " ",
             row->policy->text, row->backend, tensors);
}

static void write_plot(FILE *file, const struct bench_row *rows, size_t count)
{
    const char *separator = "plot ";
    for (size_t i = 0; i < count; i++) {
        if (!starts_line(rows, i))
            continue;
        fprintf(file,
                "%s$line%zu using 1:2 with linespoints linecolor rgb '%s' linewidth 2 pointtype %d "
                "pointsize 0.8 title ",
                separator, i, line_colour(rows, i), line_mark(rows, i));
        char title[256];
        write_title(title, sizeof title, &rows[i]);
        write_quoted(file, title);
        fprintf(file,
                ", \\\n     $line%zu using 1:3 with lines linecolor rgb '%s' linewidth 1 "
                "dashtype 2 notitle",
                i, line_colour(rows, i));
        separator = ", \\\n     ";
    }
    fputs(", \\\n     NaN with lines linecolor rgb 'black' dashtype 2 title 'limit of each'\n",
          file);
}

static void write_output(FILE *file, const char *path, const struct bench_row *rows, size_t count)
{
    if (ends_with(path, ".png"))
        fputs("set terminal pngcairo font ',15' size 1100,750 linewidth 1.4\n", file);
    else
        fputs("set terminal svg font 'sans-serif,14' size 900,600 background rgb 'white'\n", file);
    fputs("set output ", file);
    write_quoted(file, path);
    fputc('\n', file);
    write_plot(file, rows, count);
    fputs("unset output\n", file);
}

static bool write_script(FILE *file, const char *svg, const char *png, const struct bench_row *rows,
                         size_t count)
{
    fputs("# Run with gnuplot.\nset encoding utf8\n", file);
    for (size_t i = 0; i < count; i++)
        if (starts_line(rows, i) && !write_data(file, rows, count, i))
            return false;
    fputs("set title ", file);
    char title[256];
    bool alike = count > 0;
    for (size_t i = 1; i < count; i++)
        alike = alike && rows[i].device == rows[0].device;
    snprintf(title, sizeof title, "Bytes that a step has to move, over its time%s%s",
             alike ? ": " : "", alike ? rows[0].device->name : "");
    write_quoted(file, title);
    fputs(" noenhanced\n"
          "set xlabel 'parameters'\nset ylabel 'GB/s'\nset logscale xy\n"
          "set format x '10^{%T}'\nset format y '%g'\nset offsets graph 0.02, graph 0.02\n"
          "set grid linecolor rgb '#C0C0C0' linewidth 0.8 linetype 1\nset border 3\n"
          "set tics nomirror\nset key outside bottom center horizontal noenhanced\n",
          file);
    write_output(file, svg, rows, count);
    if (png != NULL)
        write_output(file, png, rows, count);
    return ferror(file) == 0;
}

/* A child that is not found ends with 127 where spawn cannot tell. */
static int run_gnuplot(char *script)
{
    char program[] = "gnuplot";
    char *const arguments[] = {program, script, NULL};
    pid_t child;
    int status = 0;
    const int error = posix_spawnp(&child, program, NULL, NULL, arguments, environ);
    if (error == 0)
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
    if (error == 0 && status == 0)
        return COMMAND_OK;
    if (error == ENOENT || (error == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 127))
        return command_error(COMMAND_FAILED,
                             "gnuplot is not installed: no picture; %s holds the plot", script);
    return command_error(COMMAND_FAILED, "gnuplot could not draw %s", script);
}

int bench_plot_draw(const char *path, const struct bench_row *rows, size_t count)
{
    char *script = with_suffix(path, ".gp"), *svg = with_suffix(path, ".svg");
    const char *png = ends_with(path, ".png") ? path : NULL;
    FILE *file = script != NULL && svg != NULL ? fopen(script, "w") : NULL;
    bool written = false;
    if (file != NULL) {
        written = write_script(file, svg, png, rows, count);
        written = fclose(file) == 0 && written;
    }
    const int code = written
                         ? run_gnuplot(script)
                         : command_error(COMMAND_FAILED, "the script of %s cannot be written: %s",
                                         path, strerror(errno));
    free(script);
    free(svg);
    return code;
}
