/* The row of adamax. Equations: cl/adamax.cl; options: PyTorch, torch.optim.Adamax. */
#include "../numeric.h"
#include "../scalar/stages.h"
#include "../table.h"

#include "adamax.h"
#include "options.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, MAXIMIZE, COUNT };

static const struct tik_option options[COUNT] = {
    [LR] = OPTION_LR(2e-3),
    [BETA1] = OPTION_UNIT("beta1", 0.9, "decay rate of the first moment"),
    [BETA2] = OPTION_UNIT("beta2", 0.999, "decay rate of the infinity norm"),
    [EPS] = OPTION_EPS(1e-8, "added to |g|"),
    [WEIGHT_DECAY] = OPTION_WEIGHT_DECAY(0, "weight of l2, coupled: g += weight_decay*p"),
    [MAXIMIZE] = OPTION_MAXIMIZE,
};

static const char *const states[] = {"exp_avg", "exp_inf", NULL};

static const struct tik_variant variant = {.stage = "adamax",
                                           .twin = tik_scalar_adamax,
                                           .fused = tik_fused_adamax,
                                           .states = states,
                                           .state_count = 2,
                                           .rate = "adamax_rate",
                                           .rate_twin = tik_scalar_adamax_rate};

static const struct tik_variant *choose(const double *o)
{
    (void)o;
    return &variant;
}

static void scalars(const double *o, double lr, uint64_t step, double *carry, void *out)
{
    (void)carry;
    struct adamax_scalars *k = out;
    k->beta1 = (float)o[BETA1];
    k->one_minus_beta1 = (float)(1.0 - o[BETA1]);
    k->beta2 = (float)o[BETA2];
    k->step_size = (float)(lr / (1.0 - tik_power(o[BETA1], step)));
    k->eps = (float)o[EPS];
    k->lr = (float)lr;
}

const struct tik_rule_row tik_rule_adamax = {
    .info = {.name = "adamax",
             .equation = "m = beta1*m + (1 - beta1)*g; u = max(beta2*u, |g| + eps); p -= lr/(1 - "
                         "beta1^t)*m/u",
             .citation = "Kingma and Ba 2015, algorithm 2; PyTorch 2.14, torch.optim.Adamax",
             .options = options,
             .option_count = COUNT,
             .states = states,
             .state_count = 2},
    .stem = "adamax",
    .scalars_size = sizeof(struct adamax_scalars),
    .decay = TIK_COUPLED,
    .choose = choose,
    .scalars = scalars,
};
