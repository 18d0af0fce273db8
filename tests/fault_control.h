/*
 * What a test tells the fault layer, and asks it. The layer is a shared object that the OpenCL
 * loader puts between the program and the drivers (OPENCL_LAYERS); it exports `fault_control`,
 * which a test finds with dlsym. For one thread at a time.
 */
#ifndef TIK_TESTS_FAULT_CONTROL_H
#define TIK_TESTS_FAULT_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

/* The calls that can fail, and so the points at which faults are injected. */
enum fault_point {
    FAULT_GET_PLATFORM_IDS,
    FAULT_GET_PLATFORM_INFO,
    FAULT_GET_DEVICE_IDS,
    FAULT_GET_DEVICE_INFO,
    FAULT_CREATE_CONTEXT,
    FAULT_RETAIN_CONTEXT,
    FAULT_CREATE_COMMAND_QUEUE,
    FAULT_RETAIN_COMMAND_QUEUE,
    FAULT_GET_COMMAND_QUEUE_INFO,
    FAULT_CREATE_BUFFER,
    FAULT_RETAIN_MEM_OBJECT,
    FAULT_GET_MEM_OBJECT_INFO,
    FAULT_CREATE_PROGRAM_WITH_SOURCE,
    FAULT_CREATE_PROGRAM_WITH_BINARY,
    FAULT_BUILD_PROGRAM,
    FAULT_GET_PROGRAM_INFO,
    FAULT_GET_PROGRAM_BUILD_INFO,
    FAULT_CREATE_KERNEL,
    FAULT_SET_KERNEL_ARG,
    FAULT_GET_KERNEL_WORK_GROUP_INFO,
    FAULT_CREATE_USER_EVENT,
    FAULT_SET_USER_EVENT_STATUS,
    FAULT_GET_EVENT_INFO,
    FAULT_WAIT_FOR_EVENTS,
    FAULT_ENQUEUE_ND_RANGE_KERNEL,
    FAULT_ENQUEUE_MARKER,
    FAULT_ENQUEUE_FILL_BUFFER,
    FAULT_ENQUEUE_WRITE_BUFFER,
    FAULT_ENQUEUE_READ_BUFFER,
    FAULT_ENQUEUE_MAP_BUFFER,
    FAULT_ENQUEUE_UNMAP_MEM_OBJECT,
    FAULT_FLUSH,
    FAULT_FINISH,
    FAULT_POINTS,
    FAULT_ANY = FAULT_POINTS, /* calls at all points, counted together */
};

enum fault_object {
    FAULT_CONTEXT,
    FAULT_QUEUE,
    FAULT_BUFFER,
    FAULT_PROGRAM,
    FAULT_KERNEL,
    FAULT_EVENT,
    FAULT_OBJECTS,
};

/*
 * Calls `first` to `first + count - 1` at a point fail, counted from 1 since arming, and do not
 * reach the driver, but for these:
 * clWaitForEvents waits first, and clSetUserEventStatus passes a negative status on: commands that
 * could never be taken back would be waited for for ever, whatever a library does.
 * `otherwise` clSetUserEventStatus passes any status on and says that it failed, and clGetEventInfo
 * succeeds and says that the command failed while it ran.
 */
struct fault_plan {
    enum fault_point point;
    uint64_t first, count;
    int error;
    bool otherwise;
};

struct fault_control {
    /* At most two plans; the counts of calls and of fired faults begin anew. */
    void (*arm)(const struct fault_plan *plans, unsigned count);
    void (*disarm)(void);
    /* While suspended, calls are the test's own: not counted, and never failing. */
    void (*suspend)(bool suspended);
    /* Faults of a plan since arming; *at (may be NULL): the last one's point, or FAULT_POINTS. */
    uint64_t (*fired)(unsigned plan, enum fault_point *at);
    /* Calls at a point since the layer was loaded, and faults among them. */
    uint64_t (*calls)(enum fault_point point);
    uint64_t (*faults)(enum fault_point point);
    const char *(*name)(enum fault_point point);
    /* Objects made or retained, less those released; never affected by faults. */
    int64_t (*live)(enum fault_object object);
    const char *(*object_name)(enum fault_object object);
    /* Lets each device say that it does not share the host's memory, so that it is copied. */
    void (*hide_shared_memory)(bool hide);
    /* Calls since the layer was loaded that return only when commands are done. */
    uint64_t (*waits)(void);
    /* Lets each device say that it has this room for the arguments of a kernel; 0: its own. */
    void (*set_parameter_size)(uint64_t bytes);
};

#endif
