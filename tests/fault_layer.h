/* Between the layer's calls and its memory. */
#ifndef TIK_TESTS_FAULT_LAYER_H
#define TIK_TESTS_FAULT_LAYER_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl_layer.h>

#include "fault_control.h"

/* The driver's functions, or those of the layer below. */
extern const cl_icd_dispatch *fault_layer_next;

/* Counts a call. 0, or the error with which it is to fail; `otherwise` (may be NULL) says how. */
int fault_layer_enter(enum fault_point point, bool *otherwise);

void fault_layer_count(enum fault_object object, int64_t change);

bool fault_layer_hides_shared_memory(void);

/* Counts a call that waits for commands, if it does. */
void fault_layer_waits(bool waits);
/* 0: as the device says. */
uint64_t fault_layer_parameter_size(void);

/* A call that returns what it made: NULL, and the error by pointer. */
void *fault_layer_refuse(cl_int error, cl_int *where);

void *fault_layer_made(void *object, enum fault_object kind);

cl_int fault_layer_retained(cl_int error, enum fault_object kind);

cl_int fault_layer_released(cl_int error, enum fault_object kind);

/* An enqueued command whose event the caller keeps. */
cl_int fault_layer_enqueued(cl_int error, const cl_event *event);

/* Buffers, events and commands. */
void fault_layer_replace_commands(cl_icd_dispatch *layer);

#endif
