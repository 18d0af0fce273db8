/* Figures as text: two panels beside each other, 78 columns at most. */
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "figure.h"

enum { WIDTH = 78, GAP = 2, LABEL = 8, HEIGHT = 14 };

struct canvas {
    size_t width; /* of the panel; the plot takes what the labels leave */
    struct axis x, y;
    bool empty;
    const char *cells[HEIGHT][WIDTH];
    char labels[HEIGHT][LABEL + 1];
};

static bool unicode(void)
{
    setlocale(LC_CTYPE, "");
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static const char *mark(size_t curve)
{
    static const char *const round[] = {"●", "○", "▲", "△", "■", "□"};
    static const char *const plain[] = {"o", "+", "x", "*", "#", "%"};
    return (unicode() ? round : plain)[curve % 6];
}

/* Prints a text in `width` columns and returns what is left of them. Greek letters need UTF-8. */
static size_t put(const char *text, size_t width)
{
    static const char lambda[] = "λ";
    bool wide = unicode();
    while (*text && width) {
        if (!wide && strncmp(text, lambda, sizeof lambda - 1) == 0) {
            int written = printf("%.*s", (int)width, "lambda");
            width -= (size_t)written;
            text += sizeof lambda - 1;
            continue;
        }
        do
            putchar(*text++);
        while (((unsigned char)*text & 0xC0) == 0x80); /* the rest of a character in UTF-8 */
        width--;
    }
    return width;
}

static void put_padded(const char *text, size_t width)
{
    for (size_t left = put(text, width); left; left--)
        putchar(' ');
}

static size_t row_of(const struct axis *axis, double value)
{
    return (size_t)lround((1 - axis_place(axis, value)) * (HEIGHT - 1));
}

/* y between the two points around x, as the eye draws it: straight on the axis, log or not. */
static bool between(const struct canvas *canvas, const struct curve *curve, double x, double *place)
{
    for (size_t i = 0; i + 1 < curve->count; i++) {
        double x0 = curve->x[i], x1 = curve->x[i + 1];
        double y0 = curve->y[i], y1 = curve->y[i + 1];
        if (x < x0 || x > x1 || !axis_shows(&canvas->y, y0) || !axis_shows(&canvas->y, y1))
            continue;
        double share = (x - x0) / (x1 - x0);
        *place = (1 - share) * axis_place(&canvas->y, y0) + share * axis_place(&canvas->y, y1);
        return true;
    }
    return false;
}

static void draw_curve(struct canvas *canvas, const struct panel *panel, size_t index)
{
    const struct curve *curve = &panel->curves[index];
    size_t cols = canvas->width - LABEL;
    for (size_t col = 0; !panel->x_names && col < cols; col++) {
        double share = (double)col / (double)(cols - 1), place;
        double x = canvas->x.low + share * (canvas->x.high - canvas->x.low);
        if (between(canvas, curve, x, &place))
            canvas->cells[(size_t)lround((1 - place) * (HEIGHT - 1))][col] = mark(index);
    }
    for (size_t i = 0; i < curve->count; i++) {
        if (!axis_shows(&canvas->y, curve->y[i]))
            continue;
        double place = axis_place(&canvas->x, curve->x[i]);
        size_t col = (size_t)lround(place * (double)(cols - 1));
        canvas->cells[row_of(&canvas->y, curve->y[i])][col] = mark(index);
    }
}

static void draw_labels(struct canvas *canvas)
{
    const struct axis *y = &canvas->y;
    double value = y->low;
    for (int i = 0; i < 100 && value <= y->high * (1 + 1e-9); i++) {
        char *label = canvas->labels[row_of(y, value)];
        if (!*label)
            snprintf(label, LABEL + 1, y->log ? "%6.0e |" : "%6.4g |", value);
        value = y->log ? value * y->step : y->low + (i + 1) * y->step;
    }
}

static void draw(struct canvas *canvas, const struct figure *figure, const struct panel *panel,
                 size_t width)
{
    *canvas = (struct canvas){.width = width};
    canvas->empty = !axis_of_x(panel, &canvas->x) || !axis_of_y(figure, panel, &canvas->y);
    for (size_t row = 0; row < HEIGHT; row++) {
        for (size_t col = 0; col < WIDTH; col++)
            canvas->cells[row][col] = " ";
    }
    if (canvas->empty)
        return;
    draw_labels(canvas);
    for (size_t c = 0; c < panel->curve_count; c++)
        draw_curve(canvas, panel, c);
}

static void print_row(const struct canvas *canvas, size_t row)
{
    if (canvas->empty) {
        put_padded(row == HEIGHT / 2 ? "       | no finite value to draw" : "       |",
                   canvas->width);
        return;
    }
    printf("%s", *canvas->labels[row] ? canvas->labels[row] : "       |");
    for (size_t col = 0; col < canvas->width - LABEL; col++)
        fputs(canvas->cells[row][col], stdout);
}

/* The line below the plot: both ends of the axis, or the names of its values. */
static void print_foot(const struct canvas *canvas, const struct panel *panel)
{
    size_t cols = canvas->width - LABEL;
    char line[WIDTH + 1], end[16];
    memset(line, ' ', sizeof line);
    line[cols] = '\0';
    for (size_t i = 0; panel->x_names && panel->x_names[i] && !canvas->empty; i++) {
        size_t length = strlen(panel->x_names[i]);
        double place = axis_place(&canvas->x, (double)i) * (double)(cols - 1);
        size_t at = (size_t)lround(fmax(place - (double)(length - 1) / 2, 0));
        if (at + length <= cols)
            memcpy(line + at, panel->x_names[i], length);
    }
    if (!panel->x_names && !canvas->empty) {
        int length = snprintf(end, sizeof end, "%g", canvas->x.low);
        memcpy(line, end, (size_t)length);
        length = snprintf(end, sizeof end, "%g", canvas->x.high);
        memcpy(line + cols - (size_t)length, end, (size_t)length);
        size_t label = strlen(panel->x_label);
        memcpy(line + (cols - label) / 2, panel->x_label, label);
    }
    printf("%*s", LABEL, "");
    put_padded(line, cols);
}

static void print_legend(const struct panel *panel, size_t width)
{
    size_t left = put(panel->x_names ? panel->x_label : "", width);
    for (size_t c = 0; c < panel->curve_count && left > 4; c++) {
        left = put(c || panel->x_names ? "  " : "", left);
        left = put(mark(c), left);
        left = put(" ", left);
        left = put(panel->curves[c].label, left);
    }
    while (left--)
        putchar(' ');
}

/* One line of all panels that stand beside each other. */
static void print_line(const struct canvas *canvases, const struct panel *panels, size_t count,
                       size_t line)
{
    for (size_t i = 0; i < count; i++) {
        size_t width = canvases[i].width, plot = width - LABEL;
        if (i)
            printf("%*s", GAP, "");
        if (line > 0 && line <= HEIGHT) {
            print_row(&canvases[i], line - 1);
        } else if (line == HEIGHT + 1) {
            print_foot(&canvases[i], &panels[i]);
        } else {
            printf("%*s", LABEL, "");
            if (line == 0)
                put_padded(panels[i].title, plot);
            else
                print_legend(&panels[i], plot);
        }
    }
    putchar('\n');
}

void figure_print(const struct figure *figure)
{
    for (size_t first = 0; first < figure->panel_count; first += 2) {
        struct canvas canvases[2];
        size_t count = figure->panel_count - first < 2 ? 1 : 2;
        for (size_t i = 0; i < count; i++)
            draw(&canvases[i], figure, &figure->panels[first + i],
                 count == 2 ? (WIDTH - GAP) / 2 : WIDTH);
        for (size_t line = 0; line < HEIGHT + 3; line++)
            print_line(canvases, &figure->panels[first], count, line);
        putchar('\n');
    }
}
