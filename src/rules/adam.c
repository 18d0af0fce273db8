/* The rows of adam and adamw. Equations: cl/adam.cl; options: PyTorch, torch.optim.Adam, AdamW. */
#include "../numeric.h"
#include "../scalar/stages.h"
#include "../table.h"

#include "adam.h"
#include "options.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, AMSGRAD, MAXIMIZE, EPS_PLACEMENT, COUNT };

#define MOMENTS                                                                                    \
    [LR] = OPTION_LR(1e-3), [BETA1] = OPTION_UNIT("beta1", 0.9, "decay rate of the first moment"), \
    [BETA2] = OPTION_UNIT("beta2", 0.999, "decay rate of the second moment"),                      \
    [EPS] = OPTION_EPS(1e-8, "added to the root of the second moment"),                            \
    [EPS_PLACEMENT] = OPTION_EPS_PLACEMENT(EPS_AFTER),                                             \
    [AMSGRAD] = OPTION_FLAG("amsgrad", "divide by the largest second moment so far"),              \
    [MAXIMIZE] = OPTION_MAXIMIZE

static const struct tik_option adam_options[COUNT] = {
    MOMENTS,
    [WEIGHT_DECAY] = OPTION_WEIGHT_DECAY(0, "weight of l2, coupled: g += weight_decay*p"),
};

static const struct tik_option adamw_options[COUNT] = {
    MOMENTS,
    [WEIGHT_DECAY] = OPTION_WEIGHT_DECAY(1e-2, "weight of l2, decoupled: p -= lr*weight_decay*p"),
};

static const char *const states[] = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq", NULL};

static const struct tik_variant adam = {.stage = "adam",
                                        .twin = tik_scalar_adam,
                                        .fused = tik_fused_adam,
                                        .states = states,
                                        .state_count = 2,
                                        .rate = "adam_rate",
                                        .rate_twin = tik_scalar_adam_rate};
static const struct tik_variant amsgrad = {.stage = "adam_amsgrad",
                                           .twin = tik_scalar_adam_amsgrad,
                                           .fused = tik_fused_adam_amsgrad,
                                           .states = states,
                                           .state_count = 3,
                                           .rate = "adam_amsgrad_rate",
                                           .rate_twin = tik_scalar_adam_amsgrad_rate};

static const struct tik_variant *choose(const double *o)
{
    return o[AMSGRAD] != 0 ? &amsgrad : &adam;
}

static void scalars(const double *o, double lr, uint64_t step, double *carry, void *out)
{
    (void)carry;
    struct adam_scalars *k = out;
    const double correction1 = 1.0 - tik_power(o[BETA1], step);
    const double correction2 = 1.0 - tik_power(o[BETA2], step);
    k->beta1 = (float)o[BETA1];
    k->one_minus_beta1 = (float)(1.0 - o[BETA1]);
    k->beta2 = (float)o[BETA2];
    k->one_minus_beta2 = (float)(1.0 - o[BETA2]);
    k->step_size = (float)(lr / correction1);
    k->inverse_root = (float)(1.0 / sqrt(correction2));
    k->eps = o[EPS_PLACEMENT] == EPS_INSIDE   ? 0.0f
             : o[EPS_PLACEMENT] == EPS_BEFORE ? (float)(o[EPS] / sqrt(correction2))
                                              : (float)o[EPS];
    k->eps_inside = o[EPS_PLACEMENT] == EPS_INSIDE ? (float)(o[EPS] * correction2) : 0.0f;
    k->lr = (float)lr;
}

#define EQUATION                                                                                   \
    "m = beta1*m + (1 - beta1)*g; v = beta2*v + (1 - beta2)*g^2; p -= lr/(1 - beta1^t) * "         \
    "m/(sqrt(v)/sqrt(1 - beta2^t) + eps); amsgrad: the largest v so far"

const struct tik_rule_row tik_rule_adam = {
    .info = {.name = "adam",
             .equation = EQUATION,
             .citation = "Kingma and Ba 2015, algorithm 1; Reddi, Kale, Kumar 2018 (amsgrad); "
                         "PyTorch 2.14, torch.optim.Adam",
             .options = adam_options,
             .option_count = COUNT,
             .states = states,
             .state_count = 3},
    .stem = "adam",
    .scalars_size = sizeof(struct adam_scalars),
    .decay = TIK_COUPLED,
    .choose = choose,
    .scalars = scalars,
};

const struct tik_rule_row tik_rule_adamw = {
    .info = {.name = "adamw",
             .equation = EQUATION "; weight_decay is decoupled",
             .citation = "Loshchilov and Hutter 2019, algorithm 2; PyTorch 2.14, torch.optim.AdamW",
             .options = adamw_options,
             .option_count = COUNT,
             .states = states,
             .state_count = 3},
    .stem = "adam",
    .scalars_size = sizeof(struct adam_scalars),
    .decay = TIK_DECOUPLED,
    .choose = choose,
    .scalars = scalars,
};
