/* The row of asgd. Equations: cl/asgd.cl; options: PyTorch, torch.optim.ASGD. */
#include "../scalar/stages.h"
#include "../table.h"

#include "asgd.h"
#include "options.h"

enum { LR, LAMBD, ALPHA, T0, WEIGHT_DECAY, MAXIMIZE, COUNT };

static const struct tik_option options[COUNT] = {
    [LR] = OPTION_LR(1e-2),
    [LAMBD] = OPTION_POSITIVE("lambd", 1e-4, "decay of the parameter, and of the step size"),
    [ALPHA] = OPTION_POSITIVE("alpha", 0.75, "power of the step size's decay"),
    [T0] = OPTION_POSITIVE("t0", 1e6, "step at which averaging starts"),
    [WEIGHT_DECAY] = OPTION_WEIGHT_DECAY(0, "weight of l2, coupled: g += weight_decay*p"),
    [MAXIMIZE] = OPTION_MAXIMIZE,
};

static const char *const states[] = {"ax", NULL};

static const struct tik_variant variant = {.stage = "asgd",
                                           .twin = tik_scalar_asgd,
                                           .after = "asgd_average",
                                           .after_twin = tik_scalar_asgd_average,
                                           .states = states,
                                           .state_count = 1};

static const struct tik_variant *choose(const double *o)
{
    (void)o;
    return &variant;
}

/*
 * eta_t = lr/(1 + lambd*lr*(t - 1))^alpha, mu_t = 1/max(1, t - 1 - t0): what PyTorch computes at
 * the end of step t - 1, in float32 there. With a schedule, lr is that of step t.
 */
static void scalars(const double *o, double lr, uint64_t step, double *carry, void *out)
{
    (void)carry;
    struct asgd_scalars *k = out;
    const double before = (double)(step - 1);
    const double eta = lr / pow(1.0 + o[LAMBD] * lr * before, o[ALPHA]);
    k->eta = (float)eta;
    k->pull = (float)(o[LAMBD] * eta);
    k->mu = (float)(1.0 / fmax(1.0, before - o[T0]));
}

/* The step that a proximal stage answers to. */
static double effective_lr(const double *o, double lr, uint64_t step)
{
    return lr / pow(1.0 + o[LAMBD] * lr * (double)(step - 1), o[ALPHA]);
}

const struct tik_rule_row tik_rule_asgd = {
    .info = {.name = "asgd",
             .equation = "eta = lr/(1 + lambd*lr*(t - 1))^alpha; p -= lambd*eta*p + eta*g; ax += "
                         "(p - ax)/max(1, t - 1 - t0)",
             .citation = "Polyak and Juditsky 1992; PyTorch 2.14, torch.optim.ASGD",
             .options = options,
             .option_count = COUNT,
             .states = states,
             .state_count = 1},
    .stem = "asgd",
    .scalars_size = sizeof(struct asgd_scalars),
    .decay = TIK_COUPLED,
    .choose = choose,
    .scalars = scalars,
    .effective_lr = effective_lr,
};
