/* The row of adadelta. Equations: cl/adadelta.cl; options: PyTorch, torch.optim.Adadelta. */
#include "../scalar/stages.h"
#include "../table.h"

#include "adadelta.h"
#include "options.h"

enum { LR, RHO, EPS, WEIGHT_DECAY, MAXIMIZE, COUNT };

static const struct tik_option options[COUNT] = {
    [LR] = OPTION_LR(1),
    [RHO] = OPTION_UNIT("rho", 0.9, "decay rate of both averages of squares"),
    [EPS] = OPTION_EPS(1e-6, "added inside both roots"),
    [WEIGHT_DECAY] = OPTION_WEIGHT_DECAY(0, "weight of l2, coupled: g += weight_decay*p"),
    [MAXIMIZE] = OPTION_MAXIMIZE,
};

static const char *const states[] = {"square_avg", "acc_delta", NULL};

static const struct tik_variant variant = {.stage = "adadelta",
                                           .twin = tik_scalar_adadelta,
                                           .fused = tik_fused_adadelta,
                                           .states = states,
                                           .state_count = 2,
                                           .rate = "adadelta_rate",
                                           .rate_twin = tik_scalar_adadelta_rate};

static const struct tik_variant *choose(const double *o)
{
    (void)o;
    return &variant;
}

static void scalars(const double *o, double lr, uint64_t step, double *carry, void *out)
{
    (void)step, (void)carry;
    struct adadelta_scalars *k = out;
    k->lr = (float)lr;
    k->rho = (float)o[RHO];
    k->one_minus_rho = (float)(1.0 - o[RHO]);
    k->eps = (float)o[EPS];
}

const struct tik_rule_row tik_rule_adadelta = {
    .info = {.name = "adadelta",
             .equation = "v = rho*v + (1 - rho)*g^2; d = sqrt(a + eps)/sqrt(v + eps)*g; a = rho*a "
                         "+ (1 - rho)*d^2; p -= lr*d",
             .citation = "Zeiler 2012; PyTorch 2.14, torch.optim.Adadelta",
             .options = options,
             .option_count = COUNT,
             .states = states,
             .state_count = 2},
    .stem = "adadelta",
    .scalars_size = sizeof(struct adadelta_scalars),
    .decay = TIK_COUPLED,
    .choose = choose,
    .scalars = scalars,
};
