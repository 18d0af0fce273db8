/* Programs: compiled once a device and policy, from source or from the cache of binaries. */
#include <locale.h>

#include "inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../error.h"
#include "cache.h"
#include "source.h"

#define OPTIONS_TEXT (TIK_PLAN_TEXT + 256)

static char *copy_text(const char *text)
{
    char *copy = malloc(strlen(text) + 1);
    if (copy != NULL)
        strcpy(copy, text);
    return copy;
}

/* What a program is, beside its source and its device. */
struct variant {
    const struct tik_plan *plan;
    size_t local_size;
    bool corrected; /* / and sqrt are those of cl/correction.cl */
};

static void write_options(const struct opencl_device *device, const struct variant *variant,
                          char *text)
{
    char displacement[32] = "";
    if (device->displacement != 0)
        snprintf(displacement, sizeof displacement, "-DDISPLACE=%d ", device->displacement);
    const int length =
        snprintf(text, OPTIONS_TEXT, "-cl-std=CL1.2%s -DLOCAL_SIZE=%zu %s%s",
                 device->correctly_rounded ? " -cl-fp32-correctly-rounded-divide-sqrt" : "",
                 variant->local_size, displacement,
                 variant->corrected ? "-DQUOTIENT=corrected_quotient -DROOT=corrected_root " : "");
    tik_plan_defines(variant->plan, text + length, OPTIONS_TEXT - (size_t)length);
}

/* A driver was seen to misread numbers under a locale with a decimal comma. */
static cl_int build(struct opencl_device *device, cl_program program, const char *options)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = plain != (locale_t)0 ? uselocale(plain) : (locale_t)0;
    const cl_int error = clBuildProgram(program, 1, &device->id, options, NULL, NULL);
    if (plain != (locale_t)0) {
        uselocale(before);
        freelocale(plain);
    }
    return error;
}

static enum tik_status build_failed(struct opencl_device *device, cl_program program,
                                    const char *options, cl_int error)
{
    size_t length = 0;
    clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &length);
    char *log = calloc(length + 1, 1);
    if (log != NULL)
        clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, length, log, NULL);
    const enum tik_status status =
        tik_error_set(TIK_ERROR_DEVICE, "clBuildProgram: %s\n%s\nsource: %s\noptions: %s",
                      tik_opencl_error_name(error), log != NULL ? log : "",
                      device->kernel_path != NULL ? device->kernel_path : "embedded", options);
    free(log);
    return status;
}

static enum tik_status build_source(struct opencl_device *device, const struct tik_source *source,
                                    const char *options, cl_program *program)
{
    const char *text = source->text;
    cl_int error;
    cl_program made = clCreateProgramWithSource(device->context, 1, &text, &source->length, &error);
    if (error != CL_SUCCESS)
        return tik_opencl_failed("clCreateProgramWithSource", error);
    error = build(device, made, options);
    if (error != CL_SUCCESS) {
        const enum tik_status status = build_failed(device, made, options, error);
        clReleaseProgram(made);
        return status;
    }
    *program = made;
    return TIK_OK;
}

/* False, and the entry dropped from the cache, when the driver does not want the binary. */
static bool build_cached(struct opencl_device *device, struct opencl_entry *entry)
{
    struct tik_binary binary;
    if (!tik_cache_load(device->cache, entry->key, &binary))
        return false;
    const unsigned char *bytes = binary.bytes;
    cl_int error, status;
    cl_program made = clCreateProgramWithBinary(device->context, 1, &device->id, &binary.length,
                                                &bytes, &status, &error);
    if (error == CL_SUCCESS && build(device, made, entry->options) != CL_SUCCESS) {
        clReleaseProgram(made);
        error = CL_INVALID_BINARY;
    }
    free(binary.bytes);
    if (error != CL_SUCCESS) {
        tik_cache_drop(device->cache, entry->key);
        return false;
    }
    entry->program = made;
    entry->stored = true;
    atomic_store(&entry->verdict, binary.verdict);
    return true;
}

static char *make_key(const struct opencl_device *device, const char *options, uint64_t hash)
{
    const size_t size = strlen(device->identity) + strlen(options) + 128;
    char *key = malloc(size);
    if (key != NULL)
        snprintf(key, size, "tikhonov %s\n%s\n%s\nsource %016llx\n", TIK_VERSION, device->identity,
                 options, (unsigned long long)hash);
    return key;
}

static void free_entry(struct opencl_entry *entry)
{
    if (entry->program != NULL)
        clReleaseProgram(entry->program);
    free(entry->options);
    free(entry->key);
    free(entry);
}

static enum tik_status make_entry(struct opencl_device *device, const struct variant *variant,
                                  const char *options, struct opencl_entry **entry)
{
    struct tik_source source;
    char name[TIK_SOURCE_NAME];
    tik_plan_source(variant->plan, name);
    enum tik_status status = tik_source_load(device->kernel_path, name, &source);
    if (status != TIK_OK)
        return status;
    struct opencl_entry *made = calloc(1, sizeof *made);
    if (made != NULL) {
        atomic_init(&made->verdict, TIK_UNTESTED);
        made->local_size = variant->local_size;
        made->options = copy_text(options);
        made->key = make_key(device, options, source.hash);
    }
    if (made == NULL || made->options == NULL || made->key == NULL)
        status = tik_error_memory("a program's name", OPTIONS_TEXT);
    else if (!build_cached(device, made))
        status = build_source(device, &source, options, &made->program);
    tik_source_free(&source);
    if (status == TIK_OK)
        *entry = made;
    else if (made != NULL)
        free_entry(made);
    return status;
}

void tik_opencl_entries_free(struct opencl_device *device)
{
    while (device->entries != NULL) {
        struct opencl_entry *next = device->entries->next;
        free_entry(device->entries);
        device->entries = next;
    }
}

/* Options name the whole program: no two kinds have the same. */
static struct opencl_entry *find_entry(struct opencl_device *device, const char *options)
{
    struct opencl_entry *entry = device->entries;
    while (entry != NULL && strcmp(entry->options, options) != 0)
        entry = entry->next;
    return entry;
}

/* Finds or builds; one build at a time, since two threads often want the same program. */
static enum tik_status get_entry(struct opencl_device *device, const struct variant *variant,
                                 struct opencl_entry **entry)
{
    char options[OPTIONS_TEXT];
    write_options(device, variant, options);
    enum tik_status status = TIK_OK;
    pthread_mutex_lock(&device->lock);
    *entry = find_entry(device, options);
    if (*entry == NULL) {
        status = make_entry(device, variant, options, entry);
        if (status == TIK_OK) {
            (*entry)->next = device->entries;
            device->entries = *entry;
        }
    }
    pthread_mutex_unlock(&device->lock);
    return status;
}

/* ---- kernels ---- */

static enum tik_status make_kernel(struct tik_program *program, size_t slot, const char *name)
{
    cl_int error;
    program->kernels[slot] = clCreateKernel(program->entry->program, name, &error);
    return error == CL_SUCCESS ? TIK_OK : tik_opencl_failed(name, error);
}

/* Items that a work-group of this kernel may have: some devices say less than for the device. */
static size_t kernel_limit(const struct opencl_device *device, cl_kernel kernel)
{
    size_t limit = 0;
    const cl_int error = clGetKernelWorkGroupInfo(kernel, device->id, CL_KERNEL_WORK_GROUP_SIZE,
                                                  sizeof limit, &limit, NULL);
    return error == CL_SUCCESS && limit > 0 ? limit : 1;
}

static void release_kernels(struct tik_program *program)
{
    for (size_t i = 0; i < TIK_KERNELS; i++) {
        if (program->kernels[i] != NULL)
            clReleaseKernel(program->kernels[i]);
        program->kernels[i] = NULL;
    }
}

/* The kernels that a plan will launch. */
static bool is_wanted(const struct tik_plan *plan, enum tik_kernel kernel)
{
    const struct tik_gather *gather = &plan->gather;
    const bool step = plan->kind == TIK_PROGRAM_STEP, norm = plan->kind == TIK_PROGRAM_NORM;
    const bool group = plan->kind == TIK_PROGRAM_GROUP;
    const bool factor = group && plan->group->factor != NULL;
    const bool measured = step && plan->variant->measure != NULL;
    const bool iterated = step && plan->variant->iteration != NULL;
    const bool lines = step && plan->variant->lines != NULL;
    const bool units = tik_gather_units(gather);
    const bool wanted[TIK_KERNELS] = {
        [TIK_ACCUMULATE] = norm && gather->mean && plan->packed == 0,
        [TIK_NORM_BLOCKS] = norm && tik_gather_looks(gather) && plan->packed == 0,
        [TIK_NORM_MANY] = norm && plan->packed > 0,
        [TIK_NORM_UNITS] = norm && units && plan->packed == 0,
        [TIK_NORM_FINISH] = norm && tik_gather_finishes(gather) && plan->packed == 0,
        [TIK_GROUP_BLOCKS] = factor,
        [TIK_GROUP_FACTORS] = factor,
        [TIK_GROUP_SCALE] = factor,
        [TIK_GROUP_PROJECT] = group && !factor,
        [TIK_ROW_SUMS] = lines,
        [TIK_COLUMN_SUMS] = lines,
        [TIK_LINE_ENDS] = lines,
        [TIK_MEANS] = lines,
        [TIK_MEASURE] = measured,
        [TIK_RATIOS] = measured,
        [TIK_NORMALIZE] = iterated,
        [TIK_PRODUCT] = iterated,
        [TIK_STEP] = step && plan->packed == 0,
        [TIK_STEP_MANY] = step && plan->packed > 0,
        [TIK_LATE] = step && plan->late,
    };
    return wanted[kernel];
}

static enum tik_status make_kernels(struct tik_program *program, const struct tik_plan *plan)
{
    enum tik_status status = TIK_OK;
    for (enum tik_kernel k = 0; k < TIK_KERNELS && status == TIK_OK; k++)
        if (is_wanted(plan, k))
            status = make_kernel(program, k, tik_kernel_names[k]);
    return status;
}

/* Whether all of them run in groups of that many items. */
static bool fits(const struct opencl_device *device, const struct tik_program *program,
                 size_t local_size)
{
    bool fit = true;
    for (size_t k = 0; k < TIK_KERNELS; k++)
        if (program->kernels[k] != NULL)
            fit &= kernel_limit(device, program->kernels[k]) >= local_size;
    return fit;
}

static enum tik_status create(struct opencl_device *device, const struct tik_plan *plan,
                              bool corrected, struct tik_program **program)
{
    struct tik_program *made = calloc(1, sizeof *made);
    if (made == NULL)
        return tik_error_memory("a program's handle", sizeof *made);
    made->rule_size = plan->kind == TIK_PROGRAM_STEP ? plan->rule->scalars_size : 0;
    made->state_count = plan->kind == TIK_PROGRAM_STEP ? plan->variant->state_count : 0;
    made->packed = plan->packed;
    made->zero_grad = plan->gather.zero_grad;

    struct variant variant = {plan, device->local_size, corrected};
    enum tik_status status;
    bool fit = false;
    do {
        status = get_entry(device, &variant, &made->entry);
        if (status == TIK_OK)
            status = make_kernels(made, plan);
        if (status != TIK_OK)
            break;
        fit = fits(device, made, variant.local_size);
        if (!fit) {
            release_kernels(made);
            variant.local_size /= 2;
        }
    } while (!fit);
    if (status != TIK_OK) {
        release_kernels(made);
        free(made);
        return status;
    }
    *program = made;
    return TIK_OK;
}

enum tik_status tik_opencl_program_create(struct tik_backend *backend, const struct tik_plan *plan,
                                          struct tik_program **program)
{
    struct opencl_device *device = ((struct opencl_backend *)backend)->device;
    return create(device, plan, device->correction == CORRECT_ALWAYS, program);
}

enum tik_status tik_opencl_program_correct(struct tik_backend *backend, const struct tik_plan *plan,
                                           struct tik_program **program)
{
    struct opencl_device *device = ((struct opencl_backend *)backend)->device;
    return create(device, plan, device->correction != CORRECT_NEVER, program);
}

void tik_opencl_program_destroy(struct tik_backend *backend, struct tik_program *program)
{
    (void)backend;
    if (program == NULL)
        return;
    release_kernels(program);
    free(program);
}

enum tik_conformance tik_opencl_program_conformance(const struct tik_program *program)
{
    return (enum tik_conformance)atomic_load(&program->entry->verdict);
}

/* ---- the verdict, kept with the binary ---- */

static void store_binary(struct opencl_device *device, struct opencl_entry *entry)
{
    struct tik_binary binary = {.verdict = atomic_load(&entry->verdict)};
    if (clGetProgramInfo(entry->program, CL_PROGRAM_BINARY_SIZES, sizeof binary.length,
                         &binary.length, NULL) != CL_SUCCESS ||
        binary.length == 0)
        return;
    binary.bytes = malloc(binary.length);
    if (binary.bytes != NULL &&
        clGetProgramInfo(entry->program, CL_PROGRAM_BINARIES, sizeof(unsigned char *),
                         &binary.bytes, NULL) == CL_SUCCESS)
        tik_cache_store(device->cache, entry->key, &binary);
    free(binary.bytes);
    entry->stored = true;
}

void tik_opencl_program_judge(struct tik_backend *backend, struct tik_program *program,
                              enum tik_conformance conformance)
{
    struct opencl_device *device = ((struct opencl_backend *)backend)->device;
    struct opencl_entry *entry = program->entry;
    pthread_mutex_lock(&device->lock);
    atomic_store(&entry->verdict, (int)conformance);
    if (!entry->stored)
        store_binary(device, entry);
    pthread_mutex_unlock(&device->lock);
}
