/* The row of rmsprop. Equations: cl/rmsprop.cl; options: PyTorch, torch.optim.RMSprop. */
#include "../scalar/stages.h"
#include "../table.h"

#include "options.h"
#include "rmsprop.h"

enum { LR, ALPHA, EPS, MOMENTUM, CENTERED, WEIGHT_DECAY, MAXIMIZE, EPS_PLACEMENT, COUNT };

static const struct tik_option options[COUNT] = {
    [LR] = OPTION_LR(1e-2),
    [ALPHA] = OPTION_UNIT("alpha", 0.99, "decay rate of the average of squares"),
    [EPS] = OPTION_EPS(1e-8, "added to the root"),
    [MOMENTUM] = OPTION_POSITIVE("momentum", 0, "factor of the momentum buffer; 0: no buffer"),
    [CENTERED] = OPTION_FLAG("centered", "divide by the standard deviation of the gradient"),
    [WEIGHT_DECAY] = OPTION_WEIGHT_DECAY(0, "weight of l2, coupled: g += weight_decay*p"),
    [MAXIMIZE] = OPTION_MAXIMIZE,
    [EPS_PLACEMENT] = OPTION_EPS_ROOT_PLACEMENT,
};

static const char *const all_states[] = {"square_avg", "grad_avg", "momentum_buffer", NULL};
static const char *const momentum_states[] = {"square_avg", "momentum_buffer", NULL};

static const struct tik_variant plain = {.stage = "rmsprop",
                                         .twin = tik_scalar_rmsprop,
                                         .fused = tik_fused_rmsprop,
                                         .states = all_states,
                                         .state_count = 1,
                                         .rate = "rmsprop_rate",
                                         .rate_twin = tik_scalar_rmsprop_rate};
static const struct tik_variant momentum = {.stage = "rmsprop_momentum",
                                            .twin = tik_scalar_rmsprop_momentum,
                                            .fused = tik_fused_rmsprop_momentum,
                                            .states = momentum_states,
                                            .state_count = 2,
                                            .rate = "rmsprop_rate",
                                            .rate_twin = tik_scalar_rmsprop_rate};
static const struct tik_variant centered = {.stage = "rmsprop_centered",
                                            .twin = tik_scalar_rmsprop_centered,
                                            .fused = tik_fused_rmsprop_centered,
                                            .states = all_states,
                                            .state_count = 2,
                                            .rate = "rmsprop_centered_rate",
                                            .rate_twin = tik_scalar_rmsprop_centered_rate};
static const struct tik_variant both = {.stage = "rmsprop_centered_momentum",
                                        .twin = tik_scalar_rmsprop_centered_momentum,
                                        .fused = tik_fused_rmsprop_centered_momentum,
                                        .states = all_states,
                                        .state_count = 3,
                                        .rate = "rmsprop_centered_rate",
                                        .rate_twin = tik_scalar_rmsprop_centered_rate};

static const struct tik_variant *choose(const double *o)
{
    if (o[CENTERED] != 0)
        return o[MOMENTUM] > 0 ? &both : &centered;
    return o[MOMENTUM] > 0 ? &momentum : &plain;
}

static void scalars(const double *o, double lr, uint64_t step, double *carry, void *out)
{
    (void)step, (void)carry;
    struct rmsprop_scalars *k = out;
    k->lr = (float)lr;
    k->alpha = (float)o[ALPHA];
    k->one_minus_alpha = (float)(1.0 - o[ALPHA]);
    k->momentum = (float)o[MOMENTUM];
    const bool inside = o[EPS_PLACEMENT] == EPS_ROOT_INSIDE;
    k->eps = inside ? 0.0f : (float)o[EPS];
    k->eps_inside = inside ? (float)o[EPS] : 0.0f;
}

const struct tik_rule_row tik_rule_rmsprop = {
    .info = {.name = "rmsprop",
             .equation = "v = alpha*v + (1 - alpha)*g^2; d = sqrt(v) + eps, centered: a = alpha*a "
                         "+ "
                         "(1 - alpha)*g, d = sqrt(max(v - a^2, 0)) + eps; p -= lr*g/d, with "
                         "momentum: buf = momentum*buf + g/d, p -= lr*buf",
             .citation = "Tieleman and Hinton 2012; centered: Graves 2013; PyTorch 2.14, "
                         "torch.optim.RMSprop (the clamp at 0 is ours)",
             .options = options,
             .option_count = COUNT,
             .states = all_states,
             .state_count = 3},
    .stem = "rmsprop",
    .scalars_size = sizeof(struct rmsprop_scalars),
    .decay = TIK_COUPLED,
    .choose = choose,
    .scalars = scalars,
};
