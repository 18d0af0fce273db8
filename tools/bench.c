/* tikhonov bench: how fast steps are, beside the limit that memory sets. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "command.h"

#define GIB 0x1p30

struct bench {
    struct bench_arguments arguments;
    struct bench_device *devices;
    struct bench_row *rows;
    size_t row_count;
};

/* Strict: a step that the scalar path took for the device would be a row of the wrong device. */
static enum tik_status open_context(const char *name, int threads, struct tik_context **context)
{
    struct tik_context_options options;
    command_context_options(&options, name, true);
    options.threads = threads;
    return tik_context_create(&options, context);
}

/* The OpenCL device of the CPU, whose kernels may get more out of its memory. None is no error. */
static struct tik_context *open_beside(void)
{
    struct tik_device_list *list;
    struct tik_context *context = NULL;
    if (tik_device_list_create(NULL, false, &list) != TIK_OK)
        return NULL;
    for (size_t i = 0; context == NULL && i < list->count; i++)
        if (list->devices[i].usable && list->devices[i].type == TIK_DEVICE_CPU &&
            open_context(list->devices[i].index, 0, &context) != TIK_OK)
            context = NULL;
    tik_device_list_destroy(list);
    return context;
}

static enum tik_status open_device(struct bench *bench, size_t index)
{
    struct bench_device *device = &bench->devices[index];
    const int threads = bench_host_threads(bench->arguments.threads);
    const enum tik_status status =
        open_context(bench->arguments.devices[index], threads, &device->context);
    if (status != TIK_OK)
        return status;
    const bool scalar = tik_context_device(device->context)->type == TIK_DEVICE_SCALAR;
    if (scalar)
        device->beside = open_beside();
    device->threads = scalar ? threads : bench_kernel_threads(device->context);
    return TIK_OK;
}

static size_t physical_memory(void)
{
#ifdef _SC_PHYS_PAGES
    const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    if (pages > 0 && size > 0)
        return (size_t)pages * (size_t)size;
#endif
    return SIZE_MAX;
}

/* Bytes of memory that can be had, as Linux tells; elsewhere, what the machine has. */
static size_t free_memory(void)
{
    FILE *file = fopen("/proc/meminfo", "r");
    if (file == NULL)
        return physical_memory();
    char line[128];
    unsigned long long kib = 0;
    while (kib == 0 && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "MemAvailable: %llu", &kib) != 1)
            kib = 0;
    fclose(file);
    return kib > 0 ? (size_t)kib * 1024 : physical_memory();
}

static size_t device_memory(const struct bench *bench)
{
    size_t least = free_memory();
    for (size_t i = 0; i < bench->arguments.device_count; i++) {
        const struct tik_context *context = bench->devices[i].context;
        if (tik_context_cl_device(context) == NULL)
            continue;
        const size_t own = bench_kernel_memory(context);
        least = own < least ? own : least;
    }
    return least;
}

/* Before anything is measured, so that nobody waits for an error. */
static int check_memory(struct bench *bench)
{
    struct bench_arguments *a = &bench->arguments;
    const size_t there = device_memory(bench);
    size_t kept = 0;
    for (size_t i = 0; i < a->size_count; i++) {
        size_t due = 0;
        const char *rule = "";
        for (size_t k = 0; k < a->policy_count; k++) {
            struct bench_streams streams;
            const int code = bench_steps_streams(&a->policies[k], &streams);
            if (code != COMMAND_OK)
                return code;
            const size_t bytes = bench_steps_memory(&streams, a->sizes[i].parameters);
            rule = bytes > due ? tik_policy_rule(a->policies[k].policy) : rule;
            due = bytes > due ? bytes : due;
        }
        if (due <= there)
            a->sizes[kept++] = a->sizes[i];
        else if (a->default_sizes)
            command_warning("%zu parameters are left out: %s needs %.1f GiB, and %.1f GiB are free",
                            a->sizes[i].parameters, rule, (double)due / GIB, (double)there / GIB);
        else
            return command_error(COMMAND_USAGE,
                                 "--sizes has %zu parameters, for which %s needs %.1f GiB, its "
                                 "limit included; %.1f GiB are free",
                                 a->sizes[i].parameters, rule, (double)due / GIB,
                                 (double)there / GIB);
    }
    a->size_count = kept;
    return COMMAND_OK;
}

static int measure_device(struct bench *bench, const struct bench_device *device)
{
    const struct bench_arguments *a = &bench->arguments;
    const size_t first = bench->row_count;
    for (size_t k = 0; k < a->policy_count; k++)
        for (size_t i = 0; i < a->size_count; i++) {
            struct bench_row *row = &bench->rows[bench->row_count];
            const int code = bench_trial_run(device, &a->policies[k], a->sizes[i], a->rounds, row);
            if (code != COMMAND_OK)
                return code;
            if (!a->json && bench->row_count == first)
                bench_print_head(row);
            if (!a->json)
                bench_print_row(row);
            bench->row_count++;
        }
    return COMMAND_OK;
}

static int measure(struct bench *bench)
{
    const struct bench_arguments *a = &bench->arguments;
    bench->devices = calloc(a->device_count, sizeof *bench->devices);
    bench->rows = calloc(a->device_count * a->policy_count * a->size_count, sizeof *bench->rows);
    if (bench->devices == NULL || bench->rows == NULL)
        return command_error(COMMAND_FAILED, "no memory for the rows");
    for (size_t i = 0; i < a->device_count; i++) {
        const enum tik_status status = open_device(bench, i);
        if (status != TIK_OK)
            return command_failure(status);
    }
    int code = check_memory(bench);
    for (size_t i = 0; code == COMMAND_OK && i < a->device_count; i++)
        code = measure_device(bench, &bench->devices[i]);
    if (code == COMMAND_OK && a->json)
        code = bench_print_json(bench->rows, bench->row_count);
    if (code == COMMAND_OK && a->plot != NULL)
        code = bench_plot_draw(a->plot, bench->rows, bench->row_count);
    return code;
}

int bench_run(int argc, char **argv)
{
    struct bench bench = {.row_count = 0};
    bool done;
    int code = bench_arguments_read(&bench.arguments, argc, argv, &done);
    if (code == COMMAND_OK && !done)
        code = measure(&bench);
    for (size_t i = 0; bench.devices != NULL && i < bench.arguments.device_count; i++) {
        tik_context_destroy(bench.devices[i].beside);
        tik_context_destroy(bench.devices[i].context);
    }
    free(bench.devices);
    free(bench.rows);
    bench_arguments_finish(&bench.arguments);
    return code;
}
