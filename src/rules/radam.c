/* The row of radam. Equations: cl/radam.cl; options: PyTorch, torch.optim.RAdam. */
#include "../numeric.h"
#include "../scalar/stages.h"
#include "../table.h"

#include "options.h"
#include "radam.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, DECOUPLED, MAXIMIZE, EPS_PLACEMENT, COUNT };

static const struct tik_option options[COUNT] = {
    [LR] = OPTION_LR(1e-3),
    [BETA1] = OPTION_UNIT("beta1", 0.9, "decay rate of the first moment"),
    [BETA2] = OPTION_UNIT("beta2", 0.999, "decay rate of the second moment"),
    [EPS] = OPTION_EPS(1e-8, "added to the root of the second moment"),
    [WEIGHT_DECAY] = OPTION_WEIGHT_DECAY(0, "weight of l2, coupled: g += weight_decay*p"),
    [DECOUPLED] = OPTION_DECOUPLED,
    [MAXIMIZE] = OPTION_MAXIMIZE,
    [EPS_PLACEMENT] = OPTION_EPS_PLACEMENT(EPS_BEFORE),
};

static const char *const states[] = {"exp_avg", "exp_avg_sq", NULL};

static const struct tik_variant variant = {.stage = "radam",
                                           .twin = tik_scalar_radam,
                                           .fused = tik_fused_radam,
                                           .states = states,
                                           .state_count = 2,
                                           .rate = "radam_rate",
                                           .rate_twin = tik_scalar_radam_rate};

static const struct tik_variant *choose(const double *o)
{
    (void)o;
    return &variant;
}

/* rho_t, the length of the approximated moving average: above 5 its variance is tractable. */
static void scalars(const double *o, double lr, uint64_t step, double *carry, void *out)
{
    (void)carry;
    struct radam_scalars *k = out;
    const double power = tik_power(o[BETA2], step);
    const double correction2 = 1.0 - power;
    const double limit = 2.0 / (1.0 - o[BETA2]) - 1.0;
    const double rho = limit - 2.0 * (double)step * power / correction2;
    double rate = lr;
    if (rho > 5.0)
        rate *= sqrt((rho - 4.0) * (rho - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * rho)) *
                sqrt(correction2);
    k->beta1 = (float)o[BETA1];
    k->one_minus_beta1 = (float)(1.0 - o[BETA1]);
    k->beta2 = (float)o[BETA2];
    k->one_minus_beta2 = (float)(1.0 - o[BETA2]);
    k->step_size = (float)(rate / (1.0 - tik_power(o[BETA1], step)));
    k->rate = (float)rate;
    k->rectified = rho > 5.0 ? 1.0f : 0.0f;
    k->eps = o[EPS_PLACEMENT] == EPS_INSIDE  ? 0.0f
             : o[EPS_PLACEMENT] == EPS_AFTER ? (float)(o[EPS] * sqrt(correction2))
                                             : (float)o[EPS];
    k->eps_inside = o[EPS_PLACEMENT] == EPS_INSIDE ? (float)(o[EPS] * correction2) : 0.0f;
}

const struct tik_rule_row tik_rule_radam = {
    .info = {.name = "radam",
             .equation = "m = beta1*m + (1 - beta1)*g; v = beta2*v + (1 - beta2)*g^2; p -= lr*m/(1 "
                         "- beta1^t) * r_t*sqrt(1 - beta2^t)/(sqrt(v) + eps) when rho_t > 5, else "
                         "without the second factor",
             .citation = "Liu, Jiang, He, Chen, Liu, Gao, Han 2020; PyTorch 2.14, "
                         "torch.optim.RAdam",
             .options = options,
             .option_count = COUNT,
             .states = states,
             .state_count = 2},
    .stem = "radam",
    .scalars_size = sizeof(struct radam_scalars),
    .decay = TIK_COUPLED,
    .choose = choose,
    .scalars = scalars,
};
