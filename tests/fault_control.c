/* The fault layer's memory: what is to fail, what was called, what is alive. */
#include "fault_control.h"

#include <string.h>

#include "fault_layer.h"

static struct {
    struct fault_plan plans[2];
    unsigned plan_count;
    uint64_t since[FAULT_POINTS + 1]; /* calls since arming; the last counts all */
    uint64_t fired[2];
    enum fault_point at[2];
    bool suspended;
    uint64_t calls[FAULT_POINTS], faults[FAULT_POINTS];
    int64_t live[FAULT_OBJECTS];
    bool hide_shared_memory;
    uint64_t waits;
    uint64_t parameter_size;
} state;

static const char *const names[FAULT_POINTS] = {
    [FAULT_GET_PLATFORM_IDS] = "clGetPlatformIDs",
    [FAULT_GET_PLATFORM_INFO] = "clGetPlatformInfo",
    [FAULT_GET_DEVICE_IDS] = "clGetDeviceIDs",
    [FAULT_GET_DEVICE_INFO] = "clGetDeviceInfo",
    [FAULT_CREATE_CONTEXT] = "clCreateContext",
    [FAULT_RETAIN_CONTEXT] = "clRetainContext",
    [FAULT_CREATE_COMMAND_QUEUE] = "clCreateCommandQueue",
    [FAULT_RETAIN_COMMAND_QUEUE] = "clRetainCommandQueue",
    [FAULT_GET_COMMAND_QUEUE_INFO] = "clGetCommandQueueInfo",
    [FAULT_CREATE_BUFFER] = "clCreateBuffer",
    [FAULT_RETAIN_MEM_OBJECT] = "clRetainMemObject",
    [FAULT_GET_MEM_OBJECT_INFO] = "clGetMemObjectInfo",
    [FAULT_CREATE_PROGRAM_WITH_SOURCE] = "clCreateProgramWithSource",
    [FAULT_CREATE_PROGRAM_WITH_BINARY] = "clCreateProgramWithBinary",
    [FAULT_BUILD_PROGRAM] = "clBuildProgram",
    [FAULT_GET_PROGRAM_INFO] = "clGetProgramInfo",
    [FAULT_GET_PROGRAM_BUILD_INFO] = "clGetProgramBuildInfo",
    [FAULT_CREATE_KERNEL] = "clCreateKernel",
    [FAULT_SET_KERNEL_ARG] = "clSetKernelArg",
    [FAULT_GET_KERNEL_WORK_GROUP_INFO] = "clGetKernelWorkGroupInfo",
    [FAULT_CREATE_USER_EVENT] = "clCreateUserEvent",
    [FAULT_SET_USER_EVENT_STATUS] = "clSetUserEventStatus",
    [FAULT_GET_EVENT_INFO] = "clGetEventInfo",
    [FAULT_WAIT_FOR_EVENTS] = "clWaitForEvents",
    [FAULT_ENQUEUE_ND_RANGE_KERNEL] = "clEnqueueNDRangeKernel",
    [FAULT_ENQUEUE_MARKER] = "clEnqueueMarkerWithWaitList",
    [FAULT_ENQUEUE_FILL_BUFFER] = "clEnqueueFillBuffer",
    [FAULT_ENQUEUE_WRITE_BUFFER] = "clEnqueueWriteBuffer",
    [FAULT_ENQUEUE_READ_BUFFER] = "clEnqueueReadBuffer",
    [FAULT_ENQUEUE_MAP_BUFFER] = "clEnqueueMapBuffer",
    [FAULT_ENQUEUE_UNMAP_MEM_OBJECT] = "clEnqueueUnmapMemObject",
    [FAULT_FLUSH] = "clFlush",
    [FAULT_FINISH] = "clFinish",
};

static const char *const object_names[FAULT_OBJECTS] = {
    [FAULT_CONTEXT] = "context", [FAULT_QUEUE] = "queue",   [FAULT_BUFFER] = "buffer",
    [FAULT_PROGRAM] = "program", [FAULT_KERNEL] = "kernel", [FAULT_EVENT] = "event",
};

static const struct fault_plan *find_plan(enum fault_point point)
{
    const struct fault_plan *found = NULL;
    for (unsigned i = 0; i < state.plan_count; i++) {
        const struct fault_plan *plan = &state.plans[i];
        if (plan->point != FAULT_ANY && plan->point != point)
            continue;
        const uint64_t call = state.since[plan->point];
        if (call < plan->first || call - plan->first >= plan->count)
            continue;
        state.fired[i]++;
        state.at[i] = point;
        found = found != NULL ? found : plan;
    }
    return found;
}

int fault_layer_enter(enum fault_point point, bool *otherwise)
{
    if (state.suspended)
        return 0;
    state.calls[point]++;
    state.since[point]++;
    state.since[FAULT_ANY]++;
    const struct fault_plan *plan = find_plan(point);
    if (plan == NULL)
        return 0;
    state.faults[point]++;
    if (otherwise != NULL)
        *otherwise = plan->otherwise;
    return plan->error;
}

void fault_layer_count(enum fault_object object, int64_t change)
{
    state.live[object] += change;
}

bool fault_layer_hides_shared_memory(void)
{
    return state.hide_shared_memory;
}

void fault_layer_waits(bool waits)
{
    state.waits += waits && !state.suspended;
}

uint64_t fault_layer_parameter_size(void)
{
    return state.parameter_size;
}

/* ---- the test's side ---- */

static void arm(const struct fault_plan *plans, unsigned count)
{
    state.plan_count = count < 2 ? count : 2;
    for (unsigned i = 0; i < 2; i++) {
        if (i < count)
            state.plans[i] = plans[i];
        state.fired[i] = 0;
        state.at[i] = FAULT_POINTS;
    }
    memset(state.since, 0, sizeof state.since);
    state.suspended = false;
}

static void disarm(void)
{
    state.plan_count = 0;
}

static void suspend(bool suspended)
{
    state.suspended = suspended;
}

static uint64_t fired(unsigned plan, enum fault_point *at)
{
    if (at != NULL)
        *at = state.at[plan];
    return state.fired[plan];
}

static uint64_t calls(enum fault_point point)
{
    return state.calls[point];
}

static uint64_t faults(enum fault_point point)
{
    return state.faults[point];
}

static const char *name(enum fault_point point)
{
    return point < FAULT_POINTS ? names[point] : "no call";
}

static int64_t live(enum fault_object object)
{
    return state.live[object];
}

static const char *object_name(enum fault_object object)
{
    return object_names[object];
}

static void hide_shared_memory(bool hide)
{
    state.hide_shared_memory = hide;
}

static uint64_t count_waits(void)
{
    return state.waits;
}

static void set_parameter_size(uint64_t bytes)
{
    state.parameter_size = bytes;
}

extern const struct fault_control fault_control;
const struct fault_control fault_control = {
    .arm = arm,
    .disarm = disarm,
    .suspend = suspend,
    .fired = fired,
    .calls = calls,
    .faults = faults,
    .name = name,
    .live = live,
    .object_name = object_name,
    .hide_shared_memory = hide_shared_memory,
    .waits = count_waits,
    .set_parameter_size = set_parameter_size,
};
