/*
 * A copy of an optimizer's tensors in host memory, on which the scalar path takes the same step:
 * to compare with the device's result, or to take its place.
 */
#ifndef TIK_SRC_SHADOW_H
#define TIK_SRC_SHADOW_H

#include "optimizer.h"

struct tik_shadow;

/* Copies everything, waiting for steps under way. */
enum tik_status tik_shadow_create(struct tik_optimizer *optimizer, struct tik_shadow **shadow);
void tik_shadow_destroy(struct tik_shadow *shadow);

/* Takes the step whose values are in the groups. */
enum tik_status tik_shadow_step(struct tik_shadow *shadow);

/* Compares the device's tensors, after its step, word by word. */
enum tik_status tik_shadow_compare(struct tik_shadow *shadow, uint64_t *words,
                                   uint64_t *mismatches);

/* Copies the results to the device. TIK_ERROR_TORN when that stops half-way. */
enum tik_status tik_shadow_store(struct tik_shadow *shadow);

/* Likewise what the step's report is made of. Without it the step has none. */
enum tik_status tik_shadow_store_report(struct tik_shadow *shadow);

/*
 * The same for a few blocks only: created before the step, compared after it, with the clip factor
 * that the device computed.
 */
struct tik_sample;
enum tik_status tik_sample_create(struct tik_optimizer *optimizer, struct tik_sample **sample);
enum tik_status tik_sample_compare(struct tik_sample *sample, uint64_t *words,
                                   uint64_t *mismatches);
void tik_sample_destroy(struct tik_sample *sample);

#endif
