/* What devices there are, without opening one. */
#include "inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../error.h"

#define PLATFORMS 64
#define DEVICES   64

void tik_opencl_string(cl_device_id device, cl_device_info what, char *text, size_t size)
{
    char value[1024] = "";
    if (clGetDeviceInfo(device, what, sizeof value - 1, value, NULL) != CL_SUCCESS)
        value[0] = '\0';
    /* Some drivers pad names with spaces. */
    const char *begin = value + strspn(value, " ");
    size_t length = strlen(begin);
    while (length > 0 && begin[length - 1] == ' ')
        length--;
    snprintf(text, size, "%.*s", (int)length, begin);
}

static bool get_flag(cl_device_id device, cl_device_info what)
{
    cl_bool value = CL_FALSE;
    return clGetDeviceInfo(device, what, sizeof value, &value, NULL) == CL_SUCCESS && value;
}

static enum tik_device_type get_type(cl_device_id device)
{
    cl_device_type type = 0;
    if (clGetDeviceInfo(device, CL_DEVICE_TYPE, sizeof type, &type, NULL) != CL_SUCCESS)
        return TIK_DEVICE_OTHER;
    if (type & CL_DEVICE_TYPE_GPU)
        return TIK_DEVICE_GPU;
    return type & CL_DEVICE_TYPE_CPU ? TIK_DEVICE_CPU : TIK_DEVICE_OTHER;
}

/* NULL when the device can be used. */
static const char *find_fault(cl_device_id device)
{
    char profile[64];
    tik_opencl_string(device, CL_DEVICE_PROFILE, profile, sizeof profile);
    if (!get_flag(device, CL_DEVICE_AVAILABLE))
        return "the driver says it is not available";
    if (!get_flag(device, CL_DEVICE_COMPILER_AVAILABLE))
        return "it has no compiler, and the kernels are compiled at run time";
    if (strcmp(profile, "FULL_PROFILE") != 0)
        return "it is of the embedded profile, which does not round correctly";
    return NULL;
}

void tik_opencl_describe(cl_device_id device, struct tik_device_info *info)
{
    *info = (struct tik_device_info){.type = get_type(device)};
    tik_opencl_string(device, CL_DEVICE_NAME, info->name, sizeof info->name);
    tik_opencl_string(device, CL_DRIVER_VERSION, info->driver, sizeof info->driver);
    tik_opencl_string(device, CL_DEVICE_VERSION, info->version, sizeof info->version);
    info->host_unified_memory = get_flag(device, CL_DEVICE_HOST_UNIFIED_MEMORY);
    cl_platform_id platform;
    if (clGetDeviceInfo(device, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL) == CL_SUCCESS)
        clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof info->platform - 1, info->platform,
                          NULL);
    info->blas = tik_opencl_blas_name();
    const char *fault = find_fault(device);
    info->usable = fault == NULL;
    snprintf(info->reason, sizeof info->reason, "%s", fault != NULL ? fault : "not tested yet");
}

/* A platform that has no device is listed too: people look for the reason. */
static void describe_empty(cl_platform_id platform, cl_uint index, cl_int error,
                           struct tik_device_info *info)
{
    *info = (struct tik_device_info){.type = TIK_DEVICE_OTHER};
    snprintf(info->index, sizeof info->index, "%u", (unsigned)index);
    clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof info->platform - 1, info->platform, NULL);
    snprintf(info->reason, sizeof info->reason, "the platform has no device: %s",
             tik_opencl_error_name(error));
}

static enum tik_status add_platform(cl_platform_id platform, cl_uint index,
                                    struct tik_opencl_device **devices, size_t *count)
{
    cl_device_id ids[DEVICES];
    cl_uint found = 0;
    const cl_int error = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, DEVICES, ids, &found);
    found = error != CL_SUCCESS ? 0 : found < DEVICES ? found : DEVICES;

    const size_t bytes = (*count + found + 1) * sizeof **devices;
    struct tik_opencl_device *grown = realloc(*devices, bytes);
    if (grown == NULL)
        return tik_error_memory("the list of devices", bytes);
    *devices = grown;
    if (found == 0) {
        grown[*count] = (struct tik_opencl_device){.id = NULL};
        describe_empty(platform, index, error, &grown[(*count)++].info);
    }
    for (cl_uint i = 0; i < found; i++) {
        struct tik_opencl_device *device = &grown[(*count)++];
        device->id = ids[i];
        tik_opencl_describe(ids[i], &device->info);
        snprintf(device->info.index, sizeof device->info.index, "%u.%u", (unsigned)index,
                 (unsigned)i);
    }
    return TIK_OK;
}

enum tik_status tik_opencl_devices(struct tik_opencl_device **devices, size_t *count)
{
    cl_platform_id platforms[PLATFORMS];
    cl_uint found = 0;
    *devices = NULL;
    *count = 0;
    /* No platform at all is an error to the loader, and a normal case here. */
    if (clGetPlatformIDs(PLATFORMS, platforms, &found) != CL_SUCCESS)
        return TIK_OK;
    found = found < PLATFORMS ? found : PLATFORMS;
    for (cl_uint i = 0; i < found; i++) {
        const enum tik_status status = add_platform(platforms[i], i, devices, count);
        if (status != TIK_OK) {
            free(*devices);
            *devices = NULL;
            *count = 0;
            return status;
        }
    }
    return TIK_OK;
}
