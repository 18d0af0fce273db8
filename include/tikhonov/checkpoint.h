/*
 * An optimizer's state as named tensors: one a state and parameter, NAME.exp_avg and so on as
 * PyTorch names them; rule, step count and carried scalars in the metadata. Parameters are not in
 * it: they are the model's.
 */
#ifndef TIKHONOV_CHECKPOINT_H
#define TIKHONOV_CHECKPOINT_H

#include <tikhonov/base.h>
#include <tikhonov/optimizer.h>
#include <tikhonov/safetensors.h>

/*
 * Metadata: "format" = "tikhonov.state", "version" = "1", "rule" and "step" of group 0, and
 * "group.N.rule" and "group.N.step" of any later group in which they differ; likewise "ema", where
 * there is an average: "debiased" or "plain". With a loss scale "loss_scale" and "loss_scale_clean";
 * where steps may be skipped "skipped" and "skipped_in_row"; with accumulated gradients "gathered",
 * how many there are in the states NAME.grad_sum.
 */

/*
 * Copies the state out; waits for steps under way. *state is the caller's. TIK_OK; _MEMORY; _DEVICE;
 * _NONFINITE: steps were halted, nothing is saved, and the next call saves.
 */
TIK_API TIK_CHECKED enum tik_status tik_checkpoint_save(struct tik_optimizer *optimizer,
                                                        struct tik_tensors **state);

/*
 * Copies a state in, after every name, shape and rule was checked; steps go on from its count.
 * TIK_OK; TIK_ERROR_FORMAT: another rule's state, a tensor that is missing, surplus or of another
 * shape, metadata that is missing or no number, a loss scale, an average or accumulated gradients
 * where the optimizer has none, or the other way round: the optimizer is as before.
 * TIK_ERROR_DEVICE.
 */
TIK_API TIK_CHECKED enum tik_status tik_checkpoint_load(struct tik_optimizer *optimizer,
                                                        const struct tik_tensors *state);

#endif
