/* The row of lamb. Equations: cl/lamb.cl; options: NVIDIA Apex, FusedLAMB. */
#include <stddef.h>

#include "../numeric.h"
#include "../scalar/stages.h"
#include "../table.h"

#include "lamb.h"
#include "options.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, VARIANT, USE_NVLAMB, MAXIMIZE, COUNT };

enum { APEX, OPTAX };
static const char *const variants[] = {"apex", "optax", NULL};

static const struct tik_option options[COUNT] = {
    [LR] = OPTION_LR(1e-3),
    [BETA1] = OPTION_UNIT("beta1", 0.9, "decay rate of the first moment"),
    [BETA2] = OPTION_UNIT("beta2", 0.999, "decay rate of the second moment"),
    [EPS] = OPTION_EPS(1e-6, "added to the corrected root of the second moment"),
    [WEIGHT_DECAY] = OPTION_WEIGHT_DECAY(1e-2, "weight of p in u, and so in its norm"),
    [VARIANT] = {.name = "variant",
                 .type = TIK_OPTION_CHOICE,
                 .value = APEX,
                 .range = "apex or optax",
                 .high = OPTAX,
                 .choices = variants,
                 .doc = "apex: ratio 1 where weight_decay is 0, unless use_nvlamb; optax: always "
                        "||p||/||u||"},
    [USE_NVLAMB] = OPTION_FLAG("use_nvlamb", "apex: the ratio without weight_decay too"),
    [MAXIMIZE] = OPTION_MAXIMIZE,
};

static const char *const states[] = {"exp_avg", "exp_avg_sq", NULL};

static const struct tik_measure measure = {
    .measure = "lamb_measure",
    .measure_twin = tik_scalar_lamb_measure,
    .ratio_of = "lamb_ratio_of",
    .ratio_of_twin = tik_scalar_lamb_ratio_of,
    .ratio_in = "lamb_ratio_in",
    .ratio_index = offsetof(struct lamb_scalars, ratio) / sizeof(float),
    .reads = 2,
    .states = 2,
};

static const struct tik_variant adapted = {.stage = "lamb",
                                           .twin = tik_scalar_lamb,
                                           .fused = tik_fused_lamb,
                                           .states = states,
                                           .state_count = 2,
                                           .measure = &measure,
                                           .rate = "lamb_rate",
                                           .rate_twin = tik_scalar_lamb_rate};
static const struct tik_variant plain = {.stage = "lamb_plain",
                                         .twin = tik_scalar_lamb_plain,
                                         .fused = tik_fused_lamb_plain,
                                         .states = states,
                                         .state_count = 2,
                                         .rate = "lamb_rate",
                                         .rate_twin = tik_scalar_lamb_rate};

static const struct tik_variant *choose(const double *o)
{
    const bool adapts = o[VARIANT] == OPTAX || o[WEIGHT_DECAY] != 0 || o[USE_NVLAMB] != 0;
    return adapts ? &adapted : &plain;
}

static void scalars(const double *o, double lr, uint64_t step, double *carry, void *out)
{
    (void)carry;
    struct lamb_scalars *k = out;
    k->beta1 = (float)o[BETA1];
    k->one_minus_beta1 = (float)(1.0 - o[BETA1]);
    k->beta2 = (float)o[BETA2];
    k->one_minus_beta2 = (float)(1.0 - o[BETA2]);
    k->inverse_correction = (float)(1.0 / (1.0 - tik_power(o[BETA1], step)));
    k->inverse_root = (float)(1.0 / sqrt(1.0 - tik_power(o[BETA2], step)));
    k->eps = (float)o[EPS];
    k->weight_decay = (float)o[WEIGHT_DECAY];
    k->lr = (float)lr;
    k->ratio = 1.0f;
}

const struct tik_rule_row tik_rule_lamb = {
    .info = {.name = "lamb",
             .equation = "m = beta1*m + (1 - beta1)*g; v = beta2*v + (1 - beta2)*g^2; u = m/(1 - "
                         "beta1^t)/(sqrt(v/(1 - beta2^t)) + eps) + weight_decay*p; p -= "
                         "lr*||p||/||u||*u, norms by tensor, the ratio 1 where one is 0",
             .citation =
                 "You et al. 2020, algorithm 2; NVIDIA Apex, apex.optimizers.FusedLAMB (its "
                 "max_grad_norm is the optimizer's); Optax, optax.lamb",
             .options = options,
             .option_count = COUNT,
             .states = states,
             .state_count = 2},
    .stem = "lamb",
    .scalars_size = sizeof(struct lamb_scalars),
    .own_decay = "the norm of lamb's step has its own weight_decay in it: set that option",
    .choose = choose,
    .scalars = scalars,
};
