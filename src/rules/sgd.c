/* The row of sgd. Equations: cl/sgd.cl; options: PyTorch, torch.optim.SGD. */
#include "../error.h"
#include "../scalar/stages.h"
#include "../table.h"

#include "options.h"
#include "sgd.h"

enum { LR, MOMENTUM, DAMPENING, NESTEROV, WEIGHT_DECAY, MAXIMIZE, LR_IN_BUFFER, COUNT };

static const struct tik_option options[COUNT] = {
    [LR] = OPTION_LR(1e-3),
    [MOMENTUM] = {.name = "momentum",
                  .type = TIK_OPTION_REAL,
                  .range = "[0, inf)",
                  .high = INFINITY,
                  .doc = "factor of the momentum buffer; 0: no buffer"},
    [DAMPENING] = {.name = "dampening",
                   .type = TIK_OPTION_REAL,
                   .range = "(-inf, inf)",
                   .low = -INFINITY,
                   .high = INFINITY,
                   .doc = "the gradient enters the buffer times 1 - dampening"},
    [NESTEROV] = OPTION_FLAG("nesterov", "look ahead; needs momentum > 0 and dampening 0"),
    [WEIGHT_DECAY] = OPTION_WEIGHT_DECAY(0, "weight of l2, coupled: g += weight_decay*p"),
    [MAXIMIZE] = OPTION_MAXIMIZE,
    [LR_IN_BUFFER] = OPTION_FLAG("lr_in_buffer", "the gradient enters the buffer times lr, as in "
                                                 "Caffe and MXNet"),
};

static const char *const states[] = {"momentum_buffer", NULL};

static const struct tik_variant plain = {.stage = "sgd",
                                         .twin = tik_scalar_sgd,
                                         .fused = tik_fused_sgd,
                                         .states = states,
                                         .state_count = 0};
static const struct tik_variant momentum = {.stage = "sgd_momentum",
                                            .twin = tik_scalar_sgd_momentum,
                                            .fused = tik_fused_sgd_momentum,
                                            .states = states,
                                            .state_count = 1};
static const struct tik_variant nesterov = {.stage = "sgd_nesterov",
                                            .twin = tik_scalar_sgd_nesterov,
                                            .fused = tik_fused_sgd_nesterov,
                                            .states = states,
                                            .state_count = 1};
static const struct tik_variant paced = {.stage = "sgd_paced",
                                         .twin = tik_scalar_sgd_paced,
                                         .fused = tik_fused_sgd_paced,
                                         .states = states,
                                         .state_count = 1};
static const struct tik_variant paced_nesterov = {.stage = "sgd_paced_nesterov",
                                                  .twin = tik_scalar_sgd_paced_nesterov,
                                                  .fused = tik_fused_sgd_paced_nesterov,
                                                  .states = states,
                                                  .state_count = 1};

static const struct tik_variant *choose(const double *o)
{
    if (o[MOMENTUM] == 0)
        return &plain;
    if (o[LR_IN_BUFFER] != 0)
        return o[NESTEROV] != 0 ? &paced_nesterov : &paced;
    return o[NESTEROV] != 0 ? &nesterov : &momentum;
}

static enum tik_status check(const double *o)
{
    if (o[NESTEROV] != 0 && (o[MOMENTUM] == 0 || o[DAMPENING] != 0))
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "rule sgd: nesterov needs momentum > 0 and dampening 0; they are %g "
                             "and %g",
                             o[MOMENTUM], o[DAMPENING]);
    return TIK_OK;
}

/* The buffer starts as the first gradient, undampened: PyTorch clones it. */
static void scalars(const double *o, double lr, uint64_t step, double *carry, void *out)
{
    (void)carry;
    struct sgd_scalars *k = out;
    k->lr = (float)lr;
    k->momentum = (float)o[MOMENTUM];
    k->carry = step > 1 ? (float)o[MOMENTUM] : 0.0f;
    k->gain = step > 1 ? (float)(1.0 - o[DAMPENING]) : 1.0f;
    k->pace = (float)(step > 1 ? lr * (1.0 - o[DAMPENING]) : lr);
}

const struct tik_rule_row tik_rule_sgd = {
    .info = {.name = "sgd",
             .equation =
                 "buf = momentum*buf + (1 - dampening)*g (buf = g first); p -= lr*d, d = g "
                 "without momentum, buf with it, g + momentum*buf with nesterov; lr_in_buffer: "
                 "buf = momentum*buf + lr*(1 - dampening)*g, p -= buf, or lr*g + "
                 "momentum*buf",
             .citation = "PyTorch 2.14, torch.optim.SGD; momentum: Polyak 1964; Sutskever, "
                         "Martens, Dahl, Hinton 2013; lr_in_buffer: Caffe 1.0, SGDSolver; MXNet "
                         "1.9, sgd_mom_update; Loshchilov and Hutter 2019, algorithm 1",
             .options = options,
             .option_count = COUNT,
             .states = states,
             .state_count = 1},
    .stem = "sgd",
    .scalars_size = sizeof(struct sgd_scalars),
    .decay = TIK_COUPLED,
    .choose = choose,
    .check = check,
    .scalars = scalars,
};
