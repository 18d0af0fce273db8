/* What every public header needs: visibility, checked results, forward declarations. */
#ifndef TIKHONOV_BASE_H
#define TIKHONOV_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* C++ finds the functions under their C names. */
#ifdef __cplusplus
#define TIK_LINKAGE extern "C"
#else
#define TIK_LINKAGE
#endif

#if defined(__GNUC__)
#define TIK_API                   TIK_LINKAGE __attribute__((visibility("default")))
#define TIK_CHECKED               __attribute__((warn_unused_result))
#define TIK_PRINTF(string, first) __attribute__((format(printf, string, first)))
#else
#define TIK_API TIK_LINKAGE
#define TIK_CHECKED
#define TIK_PRINTF(string, first)
#endif

/*
 * Handles are opaque: made by tik_NOUN_create, freed by tik_NOUN_destroy, which takes NULL. Other
 * calls that return a status refuse NULL with TIK_ERROR_ARGUMENT. Those that return none say
 * nothing of it: 0, NULL or TIK_UNTESTED; tik_NOUN_defaults leaves it alone.
 */
struct tik_context;
struct tik_optimizer;
struct tik_policy;
struct tik_tensors;
struct tik_update;

/* OpenCL's handle types, so that these headers need no OpenCL header: cl_mem is struct _cl_mem *. */
struct _cl_command_queue;
struct _cl_context;
struct _cl_device_id;
struct _cl_event;
struct _cl_mem;

#endif
