/* The row of lion. Equations: cl/lion.cl. */
#include "../scalar/stages.h"
#include "../table.h"

#include "lion.h"
#include "options.h"

enum { LR, BETA1, BETA2, WEIGHT_DECAY, MAXIMIZE, COUNT };

static const struct tik_option options[COUNT] = {
    [LR] = OPTION_LR(1e-4),
    [BETA1] = OPTION_UNIT("beta1", 0.9, "share of the momentum in the step"),
    [BETA2] = OPTION_UNIT("beta2", 0.99, "decay rate of the momentum"),
    [WEIGHT_DECAY] = OPTION_WEIGHT_DECAY(0, "weight of l2, decoupled: p -= lr*weight_decay*p"),
    [MAXIMIZE] = OPTION_MAXIMIZE,
};

static const char *const states[] = {"exp_avg", NULL};

static const struct tik_variant variant = {.stage = "lion",
                                           .twin = tik_scalar_lion,
                                           .fused = tik_fused_lion,
                                           .states = states,
                                           .state_count = 1};

static const struct tik_variant *choose(const double *o)
{
    (void)o;
    return &variant;
}

static void scalars(const double *o, double lr, uint64_t step, double *carry, void *out)
{
    (void)step, (void)carry;
    struct lion_scalars *k = out;
    k->lr = (float)lr;
    k->beta1 = (float)o[BETA1];
    k->one_minus_beta1 = (float)(1.0 - o[BETA1]);
    k->beta2 = (float)o[BETA2];
    k->one_minus_beta2 = (float)(1.0 - o[BETA2]);
}

const struct tik_rule_row tik_rule_lion = {
    .info = {.name = "lion",
             .equation = "p -= lr*sign(beta1*m + (1 - beta1)*g); m = beta2*m + (1 - beta2)*g; "
                         "weight_decay is decoupled",
             .citation = "Chen et al. 2023, algorithm 2; Optax, optax.lion",
             .options = options,
             .option_count = COUNT,
             .states = states,
             .state_count = 1},
    .stem = "lion",
    .scalars_size = sizeof(struct lion_scalars),
    .decay = TIK_DECOUPLED,
    .choose = choose,
    .scalars = scalars,
};
