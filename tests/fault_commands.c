/* The layer's calls on buffers, events and commands. */
#include "fault_layer.h"

/* ---- buffers ---- */

static cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t size,
                                        void *host, cl_int *error)
{
    const cl_int fault = fault_layer_enter(FAULT_CREATE_BUFFER, NULL);
    if (fault != 0)
        return fault_layer_refuse(fault, error);
    return fault_layer_made(fault_layer_next->clCreateBuffer(context, flags, size, host, error),
                            FAULT_BUFFER);
}

static cl_int CL_API_CALL retain_mem_object(cl_mem memory)
{
    const cl_int fault = fault_layer_enter(FAULT_RETAIN_MEM_OBJECT, NULL);
    return fault != 0
               ? fault
               : fault_layer_retained(fault_layer_next->clRetainMemObject(memory), FAULT_BUFFER);
}

static cl_int CL_API_CALL release_mem_object(cl_mem memory)
{
    return fault_layer_released(fault_layer_next->clReleaseMemObject(memory), FAULT_BUFFER);
}

static cl_int CL_API_CALL get_mem_object_info(cl_mem memory, cl_mem_info what, size_t size,
                                              void *value, size_t *needed)
{
    const cl_int fault = fault_layer_enter(FAULT_GET_MEM_OBJECT_INFO, NULL);
    return fault != 0 ? fault
                      : fault_layer_next->clGetMemObjectInfo(memory, what, size, value, needed);
}

static cl_int CL_API_CALL enqueue_fill_buffer(cl_command_queue queue, cl_mem memory,
                                              const void *pattern, size_t pattern_size, size_t at,
                                              size_t size, cl_uint waits, const cl_event *list,
                                              cl_event *event)
{
    const cl_int fault = fault_layer_enter(FAULT_ENQUEUE_FILL_BUFFER, NULL);
    if (fault != 0)
        return fault;
    return fault_layer_enqueued(fault_layer_next->clEnqueueFillBuffer(queue, memory, pattern,
                                                                      pattern_size, at, size, waits,
                                                                      list, event),
                                event);
}

static cl_int CL_API_CALL enqueue_write_buffer(cl_command_queue queue, cl_mem memory, cl_bool wait,
                                               size_t at, size_t size, const void *values,
                                               cl_uint waits, const cl_event *list, cl_event *event)
{
    fault_layer_waits(wait == CL_TRUE);
    const cl_int fault = fault_layer_enter(FAULT_ENQUEUE_WRITE_BUFFER, NULL);
    if (fault != 0)
        return fault;
    return fault_layer_enqueued(fault_layer_next->clEnqueueWriteBuffer(
                                    queue, memory, wait, at, size, values, waits, list, event),
                                event);
}

static cl_int CL_API_CALL enqueue_read_buffer(cl_command_queue queue, cl_mem memory, cl_bool wait,
                                              size_t at, size_t size, void *values, cl_uint waits,
                                              const cl_event *list, cl_event *event)
{
    fault_layer_waits(wait == CL_TRUE);
    const cl_int fault = fault_layer_enter(FAULT_ENQUEUE_READ_BUFFER, NULL);
    if (fault != 0)
        return fault;
    return fault_layer_enqueued(fault_layer_next->clEnqueueReadBuffer(queue, memory, wait, at, size,
                                                                      values, waits, list, event),
                                event);
}

static void *CL_API_CALL enqueue_map_buffer(cl_command_queue queue, cl_mem memory, cl_bool wait,
                                            cl_map_flags flags, size_t at, size_t size,
                                            cl_uint waits, const cl_event *list, cl_event *event,
                                            cl_int *error)
{
    fault_layer_waits(wait == CL_TRUE);
    const cl_int fault = fault_layer_enter(FAULT_ENQUEUE_MAP_BUFFER, NULL);
    if (fault != 0)
        return fault_layer_refuse(fault, error);
    void *mapped = fault_layer_next->clEnqueueMapBuffer(queue, memory, wait, flags, at, size, waits,
                                                        list, event, error);
    fault_layer_enqueued(mapped != NULL ? CL_SUCCESS : CL_MAP_FAILURE, event);
    return mapped;
}

static cl_int CL_API_CALL enqueue_unmap_mem_object(cl_command_queue queue, cl_mem memory,
                                                   void *mapped, cl_uint waits,
                                                   const cl_event *list, cl_event *event)
{
    const cl_int fault = fault_layer_enter(FAULT_ENQUEUE_UNMAP_MEM_OBJECT, NULL);
    if (fault != 0)
        return fault;
    return fault_layer_enqueued(
        fault_layer_next->clEnqueueUnmapMemObject(queue, memory, mapped, waits, list, event),
        event);
}

/* ---- events and commands ---- */

static cl_event CL_API_CALL create_user_event(cl_context context, cl_int *error)
{
    const cl_int fault = fault_layer_enter(FAULT_CREATE_USER_EVENT, NULL);
    if (fault != 0)
        return fault_layer_refuse(fault, error);
    return fault_layer_made(fault_layer_next->clCreateUserEvent(context, error), FAULT_EVENT);
}

static cl_int CL_API_CALL set_user_event_status(cl_event event, cl_int status)
{
    bool otherwise = false;
    const cl_int fault = fault_layer_enter(FAULT_SET_USER_EVENT_STATUS, &otherwise);
    if (fault != 0 && status >= 0 && !otherwise)
        return fault;
    const cl_int error = fault_layer_next->clSetUserEventStatus(event, status);
    return fault != 0 ? fault : error;
}

static cl_int CL_API_CALL wait_for_events(cl_uint count, const cl_event *events)
{
    fault_layer_waits(true);
    const cl_int fault = fault_layer_enter(FAULT_WAIT_FOR_EVENTS, NULL);
    const cl_int error = fault_layer_next->clWaitForEvents(count, events);
    return fault != 0 ? fault : error;
}

static cl_int CL_API_CALL get_event_info(cl_event event, cl_event_info what, size_t size,
                                         void *value, size_t *needed)
{
    bool otherwise = false;
    const cl_int fault = fault_layer_enter(FAULT_GET_EVENT_INFO, &otherwise);
    if (fault != 0 && !otherwise)
        return fault;
    const cl_int error = fault_layer_next->clGetEventInfo(event, what, size, value, needed);
    if (fault != 0 && what == CL_EVENT_COMMAND_EXECUTION_STATUS && value != NULL)
        *(cl_int *)value = fault;
    return error;
}

static cl_int CL_API_CALL release_event(cl_event event)
{
    return fault_layer_released(fault_layer_next->clReleaseEvent(event), FAULT_EVENT);
}

static cl_int CL_API_CALL enqueue_nd_range_kernel(cl_command_queue queue, cl_kernel kernel,
                                                  cl_uint dimensions, const size_t *offset,
                                                  const size_t *global, const size_t *local,
                                                  cl_uint waits, const cl_event *list,
                                                  cl_event *event)
{
    const cl_int fault = fault_layer_enter(FAULT_ENQUEUE_ND_RANGE_KERNEL, NULL);
    if (fault != 0)
        return fault;
    return fault_layer_enqueued(fault_layer_next->clEnqueueNDRangeKernel(queue, kernel, dimensions,
                                                                         offset, global, local,
                                                                         waits, list, event),
                                event);
}

static cl_int CL_API_CALL enqueue_marker(cl_command_queue queue, cl_uint waits,
                                         const cl_event *list, cl_event *event)
{
    const cl_int fault = fault_layer_enter(FAULT_ENQUEUE_MARKER, NULL);
    if (fault != 0)
        return fault;
    return fault_layer_enqueued(
        fault_layer_next->clEnqueueMarkerWithWaitList(queue, waits, list, event), event);
}

void fault_layer_replace_commands(cl_icd_dispatch *layer)
{
    layer->clCreateBuffer = create_buffer;
    layer->clRetainMemObject = retain_mem_object;
    layer->clReleaseMemObject = release_mem_object;
    layer->clGetMemObjectInfo = get_mem_object_info;
    layer->clEnqueueFillBuffer = enqueue_fill_buffer;
    layer->clEnqueueWriteBuffer = enqueue_write_buffer;
    layer->clEnqueueReadBuffer = enqueue_read_buffer;
    layer->clEnqueueMapBuffer = enqueue_map_buffer;
    layer->clEnqueueUnmapMemObject = enqueue_unmap_mem_object;
    layer->clCreateUserEvent = create_user_event;
    layer->clSetUserEventStatus = set_user_event_status;
    layer->clGetEventInfo = get_event_info;
    layer->clWaitForEvents = wait_for_events;
    layer->clReleaseEvent = release_event;
    layer->clEnqueueNDRangeKernel = enqueue_nd_range_kernel;
    layer->clEnqueueMarkerWithWaitList = enqueue_marker;
}
