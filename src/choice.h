/* Which device: candidates, their known-answer probe, and the reasons. */
#ifndef TIK_SRC_CHOICE_H
#define TIK_SRC_CHOICE_H

#include "context.h"
#include "opencl/opencl.h"

/*
 * Opens a device and runs the known-answer probe on it: info.conformance and info.reason are then
 * filled. An error is the opening's; a device that computes wrongly is TIK_ERROR_DEVICE too.
 */
enum tik_status tik_choice_probe(struct tik_context *context,
                                 const struct tik_context_options *options,
                                 struct tik_opencl_device *device, struct tik_backend **backend);

/*
 * Chooses by options->device and opens what was chosen in *context. `list` (may be NULL): told of
 * each candidate's fate; the devices in it are the caller's.
 */
struct tik_choice_list {
    struct tik_opencl_device *devices;
    size_t count;
};
enum tik_status tik_choice_make(struct tik_context *context,
                                const struct tik_context_options *options,
                                struct tik_choice_list *list);

#endif
