/* The row of adagrad. Equations: cl/adagrad.cl; options: PyTorch, torch.optim.Adagrad. */
#include "../scalar/stages.h"
#include "../table.h"

#include "adagrad.h"
#include "options.h"

enum { LR, LR_DECAY, INITIAL, EPS, WEIGHT_DECAY, MAXIMIZE, EPS_PLACEMENT, COUNT };

static const struct tik_option options[COUNT] = {
    [LR] = OPTION_LR(1e-2),
    [LR_DECAY] = OPTION_POSITIVE("lr_decay", 0, "lr is divided by 1 + (t - 1)*lr_decay"),
    [INITIAL] = OPTION_POSITIVE("initial_accumulator_value", 0, "where the sum of squares starts"),
    [EPS] = OPTION_EPS(1e-10, "added to the root of the sum"),
    [WEIGHT_DECAY] = OPTION_WEIGHT_DECAY(0, "weight of l2, coupled: g += weight_decay*p"),
    [MAXIMIZE] = OPTION_MAXIMIZE,
    [EPS_PLACEMENT] = OPTION_EPS_ROOT_PLACEMENT,
};

static const char *const states[] = {"sum", NULL};

static const struct tik_variant variant = {.stage = "adagrad",
                                           .twin = tik_scalar_adagrad,
                                           .fused = tik_fused_adagrad,
                                           .states = states,
                                           .state_count = 1,
                                           .rate = "adagrad_rate",
                                           .rate_twin = tik_scalar_adagrad_rate};

static const struct tik_variant *choose(const double *o)
{
    (void)o;
    return &variant;
}

static void initial(const double *o, float *values)
{
    values[0] = (float)o[INITIAL];
}

static void scalars(const double *o, double lr, uint64_t step, double *carry, void *out)
{
    (void)carry;
    struct adagrad_scalars *k = out;
    k->step_size = (float)(lr / (1.0 + (double)(step - 1) * o[LR_DECAY]));
    const bool inside = o[EPS_PLACEMENT] == EPS_ROOT_INSIDE;
    k->eps = inside ? 0.0f : (float)o[EPS];
    k->eps_inside = inside ? (float)o[EPS] : 0.0f;
}

const struct tik_rule_row tik_rule_adagrad = {
    .info = {.name = "adagrad",
             .equation = "s += g^2 (from initial_accumulator_value); p -= lr/(1 + (t - "
                         "1)*lr_decay)*g/(sqrt(s) + eps)",
             .citation = "Duchi, Hazan, Singer 2011; PyTorch 2.14, torch.optim.Adagrad",
             .options = options,
             .option_count = COUNT,
             .states = states,
             .state_count = 1},
    .stem = "adagrad",
    .scalars_size = sizeof(struct adagrad_scalars),
    .decay = TIK_COUPLED,
    .initial = initial,
    .choose = choose,
    .scalars = scalars,
};
