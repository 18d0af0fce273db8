/* What tikhonov bench found: a table for people, and JSON. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "command.h"

double bench_row_speed(const struct bench_row *row, double seconds)
{
    return (double)row->bytes * (double)row->size.parameters / seconds * 1e-9;
}

static void write_seconds(char text[16], double seconds)
{
    const bool small = seconds < 1e-3;
    snprintf(text, 16, "%.*f %s", 2, seconds * (small ? 1e6 : 1e3), small ? "us" : "ms");
}

void bench_print_head(const struct bench_row *row)
{
    printf("%s (%s), %d threads", row->device->name, row->backend, row->threads);
    if (isfinite(row->empty)) {
        char empty[16];
        write_seconds(empty, row->empty);
        printf("; launching an empty kernel and waiting takes %s", empty);
    }
    printf("\n%-26s %11s %7s %6s %11s %11s %7s %7s %6s %8s\n", "rule", "parameters", "tensors",
           "B/par.", "median", "best", "GB/s", "limit", "ratio", "launches");
}

void bench_print_row(const struct bench_row *row)
{
    char median[16], best[16];
    write_seconds(median, row->median);
    write_seconds(best, row->best);
    const char *rule = tik_policy_rule(row->policy->policy);
    const bool plain = row->policy->text[0] == '\0';
    const int column = printf("%s%s%s", rule, plain ? "" : " ", row->policy->text);
    printf("%*s%11zu %7zu %6zu %11s %11s %7.2f %7.2f %6.3f %8u\n", column < 27 ? 27 - column : 1,
           "", row->size.parameters, row->size.tensors, row->bytes, median, best,
           bench_row_speed(row, row->median), bench_row_speed(row, row->limit),
           row->limit / row->median, row->launches);
    fflush(stdout);
}

static bool add_row(cJSON *list, const struct bench_row *row)
{
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"parameters", (double)row->size.parameters},
        {"tensors", (double)row->size.tensors},
        {"bytes_per_parameter", (double)row->bytes},
        {"rounds", (double)row->rounds},
        {"seconds_median", row->median},
        {"seconds_best", row->best},
        {"gb_per_s", bench_row_speed(row, row->median)},
        {"limit_gb_per_s", bench_row_speed(row, row->limit)},
        {"limit_ratio", row->limit / row->median},
        {"launches", (double)row->launches},
        {"empty_launch_seconds", row->empty}, /* null on the scalar path */
    };
    cJSON *entry = cJSON_CreateObject();
    bool complete =
        cJSON_AddItemToArray(list, entry) &&
        cJSON_AddStringToObject(entry, "backend", row->backend) != NULL &&
        cJSON_AddStringToObject(entry, "device", row->device->name) != NULL &&
        cJSON_AddNumberToObject(entry, "threads", row->threads) != NULL &&
        cJSON_AddStringToObject(entry, "rule", tik_policy_rule(row->policy->policy)) != NULL &&
        cJSON_AddStringToObject(entry, "policy", row->policy->text) != NULL;
    for (size_t i = 0; complete && i < sizeof numbers / sizeof *numbers; i++)
        complete = cJSON_AddNumberToObject(entry, numbers[i].name, numbers[i].value) != NULL;
    return complete;
}

int bench_print_json(const struct bench_row *rows, size_t count)
{
    cJSON *root = cJSON_CreateObject();
    bool complete =
        cJSON_AddStringToObject(root, "device", count > 0 ? rows[0].device->name : "") != NULL;
    cJSON *list = cJSON_AddArrayToObject(root, "rows");
    complete = complete && list != NULL;
    for (size_t i = 0; complete && i < count; i++)
        complete = add_row(list, &rows[i]);
    if (!complete) {
        cJSON_Delete(root);
        root = NULL;
    }
    return command_print_json(root);
}
