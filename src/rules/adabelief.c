/* The row of adabelief. Equations: cl/adabelief.cl; defaults: Optax, optax.adabelief. */
#include "../numeric.h"
#include "../scalar/stages.h"
#include "../table.h"

#include "adabelief.h"
#include "options.h"

enum { LR, BETA1, BETA2, EPS, EPS_ROOT, WEIGHT_DECAY, MAXIMIZE, COUNT };

static const struct tik_option options[COUNT] = {
    [LR] = OPTION_LR(1e-3),
    [BETA1] = OPTION_UNIT("beta1", 0.9, "decay rate of the first moment"),
    [BETA2] = OPTION_UNIT("beta2", 0.999, "decay rate of the variance"),
    [EPS] = OPTION_EPS(1e-16, "added to the corrected root of the variance"),
    [EPS_ROOT] = OPTION_POSITIVE("eps_root", 1e-16, "added to the variance in each step"),
    [WEIGHT_DECAY] = OPTION_WEIGHT_DECAY(0, "weight of l2, decoupled: p -= lr*weight_decay*p"),
    [MAXIMIZE] = OPTION_MAXIMIZE,
};

static const char *const states[] = {"exp_avg", "exp_avg_var", NULL};

static const struct tik_variant variant = {.stage = "adabelief",
                                           .twin = tik_scalar_adabelief,
                                           .fused = tik_fused_adabelief,
                                           .states = states,
                                           .state_count = 2,
                                           .rate = "adabelief_rate",
                                           .rate_twin = tik_scalar_adabelief_rate};

static const struct tik_variant *choose(const double *o)
{
    (void)o;
    return &variant;
}

static void scalars(const double *o, double lr, uint64_t step, double *carry, void *out)
{
    (void)carry;
    struct adabelief_scalars *k = out;
    k->beta1 = (float)o[BETA1];
    k->one_minus_beta1 = (float)(1.0 - o[BETA1]);
    k->beta2 = (float)o[BETA2];
    k->one_minus_beta2 = (float)(1.0 - o[BETA2]);
    k->step_size = (float)(lr / (1.0 - tik_power(o[BETA1], step)));
    k->inverse_root = (float)(1.0 / sqrt(1.0 - tik_power(o[BETA2], step)));
    k->eps = (float)o[EPS];
    k->lr = (float)lr;
    k->eps_root = (float)o[EPS_ROOT];
}

const struct tik_rule_row tik_rule_adabelief = {
    .info = {.name = "adabelief",
             .equation = "m = beta1*m + (1 - beta1)*g; s = beta2*s + (1 - beta2)*(g - m)^2 + "
                         "eps_root; p -= lr/(1 - beta1^t)*m/(sqrt(s/(1 - beta2^t)) + eps)",
             .citation = "Zhuang et al. 2020; Optax, optax.adabelief",
             .options = options,
             .option_count = COUNT,
             .states = states,
             .state_count = 2},
    .stem = "adabelief",
    .scalars_size = sizeof(struct adabelief_scalars),
    .decay = TIK_DECOUPLED,
    .choose = choose,
    .scalars = scalars,
};
