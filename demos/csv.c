#include "csv.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

/* Room for the longest line that could be right: 65 fields of up to 30 characters. */
#define LINE_LENGTH 2048

/* Reads one field up to a comma or the end of the line; returns what follows it. */
static const char *read_field(const char *path, const struct csv *csv, const char *text, size_t col,
                              double *value)
{
    size_t length = strcspn(text, ",\r\n");
    char *end;
    *value = strtod(text, &end);
    if (!length || end != text + length || !isfinite(*value))
        fail(EXIT_USAGE, "%s, line %zu, field %zu: \"%.*s\" is no finite number", path,
             csv->rows + 1, col + 1, (int)length, text);
    return text + length;
}

static void read_line(const char *path, struct csv *csv, const char *text)
{
    double *row = csv->values + csv->rows * csv->cols;
    for (size_t col = 0; col < csv->cols; col++) {
        text = read_field(path, csv, text, col, &row[col]);
        bool last = col + 1 == csv->cols;
        if (!last && *text != ',')
            fail(EXIT_USAGE, "%s, line %zu: %zu fields where %zu are due", path, csv->rows + 1,
                 col + 1, csv->cols);
        if (last && *text == ',')
            fail(EXIT_USAGE, "%s, line %zu: more than the %zu fields that are due", path,
                 csv->rows + 1, csv->cols);
        text++;
    }
    csv->rows++;
}

void csv_read(const char *path, size_t cols, struct csv *csv)
{
    char line[LINE_LENGTH];
    size_t room = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        fail(EXIT_USAGE, "%s: cannot be read: %s", path, strerror(errno));
    *csv = (struct csv){.cols = cols};
    while (fgets(line, sizeof line, file)) {
        if (strlen(line) + 1 == sizeof line)
            fail(EXIT_USAGE, "%s, line %zu: longer than %d characters", path, csv->rows + 1,
                 LINE_LENGTH - 2);
        if (csv->rows == room) {
            room = room ? 2 * room : 256;
            csv->values = realloc(csv->values, room * cols * sizeof *csv->values);
            if (!csv->values)
                fail(EXIT_FAILED, "%s: no memory for %zu rows", path, room);
        }
        read_line(path, csv, line);
    }
    if (ferror(file))
        fail(EXIT_USAGE, "%s: cannot be read to its end: %s", path, strerror(errno));
    fclose(file);
}

void csv_free(struct csv *csv)
{
    free(csv->values);
    *csv = (struct csv){0};
}
