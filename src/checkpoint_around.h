/* What a checkpoint keeps of what is done around a step: loss scale, accumulation, averages. */
#ifndef TIK_SRC_CHECKPOINT_AROUND_H
#define TIK_SRC_CHECKPOINT_AROUND_H

#include <tikhonov/optimizer.h>
#include <tikhonov/safetensors.h>

/* Of an optimizer that is in sync, into the metadata of a state. */
enum tik_status tik_checkpoint_save_around(struct tik_optimizer *optimizer,
                                           struct tik_tensors *state);

/* TIK_ERROR_FORMAT: the metadata do not fit the optimizer's options. */
enum tik_status tik_checkpoint_check_around(const struct tik_optimizer *optimizer,
                                            const struct tik_tensors *state);

/* What was checked, into the optimizer. */
enum tik_status tik_checkpoint_load_around(struct tik_optimizer *optimizer,
                                           const struct tik_tensors *state);

/* How a group keeps its average: the metadata "ema"; NULL: it has none. */
const char *tik_checkpoint_ema(const struct tik_optimizer *optimizer, size_t group);

#endif
