/* The row of lars. Equations: cl/lars.cl; defaults: MXNet, mxnet.optimizer.LARS. */
#include <stddef.h>

#include "../scalar/stages.h"
#include "../table.h"

#include "lars.h"
#include "options.h"

enum { LR, TRUST_COEFFICIENT, EPS, MOMENTUM, WEIGHT_DECAY, VARIANT, MAXIMIZE, COUNT };

enum { MXNET, OPTAX, APEX };
static const char *const variants[] = {"mxnet", "optax", "apex", NULL};

static const struct tik_option options[COUNT] = {
    [LR] = OPTION_LR(0.1),
    [TRUST_COEFFICIENT] =
        OPTION_POSITIVE("trust_coefficient", 1e-3, "length of a step as a share of ||p||"),
    [EPS] = OPTION_EPS(1e-8, "added to the norm that ||p|| is divided by"),
    [MOMENTUM] = OPTION_POSITIVE("momentum", 0, "factor of the momentum buffer; 0: no buffer"),
    [WEIGHT_DECAY] = OPTION_WEIGHT_DECAY(0, "weight of p beside g, and of ||p|| beside ||g||"),
    [VARIANT] = {.name = "variant",
                 .type = TIK_OPTION_CHOICE,
                 .value = MXNET,
                 .range = "mxnet, optax or apex",
                 .high = APEX,
                 .choices = variants,
                 .doc = "mxnet: ||g|| + weight_decay*||p||; optax: ||g + weight_decay*p||; apex: "
                        "mxnet's ratio/lr, at most 1, and lr outside the buffer"},
    [MAXIMIZE] = OPTION_MAXIMIZE,
};

static const char *const states[] = {"momentum_buffer", NULL};

#define MEASURE                                                                                    \
    .ratio_in = "lars_ratio_in", .ratio_index = offsetof(struct lars_scalars, ratio) / sizeof(float)

static const struct tik_measure of_gradient = {
    MEASURE, .measure = "lars_measure", .measure_twin = tik_scalar_lars_measure,
    .ratio_of = "lars_ratio_of", .ratio_of_twin = tik_scalar_lars_ratio_of};
static const struct tik_measure of_decayed = {
    MEASURE, .measure = "lars_measure_decayed", .measure_twin = tik_scalar_lars_measure_decayed,
    .ratio_of = "lars_ratio_of_decayed", .ratio_of_twin = tik_scalar_lars_ratio_of_decayed};
static const struct tik_measure of_apex = {
    MEASURE, .measure = "lars_measure", .measure_twin = tik_scalar_lars_measure,
    .ratio_of = "lars_ratio_of_apex", .ratio_of_twin = tik_scalar_lars_ratio_of_apex};

/* By variant, without and with momentum. */
static const struct tik_variant forms[][2] = {
    [MXNET] = {{.stage = "lars",
                .twin = tik_scalar_lars,
                .fused = tik_fused_lars,
                .states = states,
                .state_count = 0,
                .measure = &of_gradient},
               {.stage = "lars_momentum",
                .twin = tik_scalar_lars_momentum,
                .fused = tik_fused_lars_momentum,
                .states = states,
                .state_count = 1,
                .measure = &of_gradient}},
    [OPTAX] = {{.stage = "lars",
                .twin = tik_scalar_lars,
                .fused = tik_fused_lars,
                .states = states,
                .state_count = 0,
                .measure = &of_decayed},
               {.stage = "lars_momentum",
                .twin = tik_scalar_lars_momentum,
                .fused = tik_fused_lars_momentum,
                .states = states,
                .state_count = 1,
                .measure = &of_decayed}},
    [APEX] = {{.stage = "lars_apex",
               .twin = tik_scalar_lars_apex,
               .fused = tik_fused_lars_apex,
               .states = states,
               .state_count = 0,
               .measure = &of_apex},
              {.stage = "lars_apex_momentum",
               .twin = tik_scalar_lars_apex_momentum,
               .fused = tik_fused_lars_apex_momentum,
               .states = states,
               .state_count = 1,
               .measure = &of_apex}},
};

static const struct tik_variant *choose(const double *o)
{
    return &forms[(size_t)o[VARIANT]][o[MOMENTUM] > 0];
}

static void scalars(const double *o, double lr, uint64_t step, double *carry, void *out)
{
    (void)step, (void)carry;
    struct lars_scalars *k = out;
    k->lr = (float)lr;
    k->trust_coefficient = (float)o[TRUST_COEFFICIENT];
    k->eps = (float)o[EPS];
    k->momentum = (float)o[MOMENTUM];
    k->weight_decay = (float)o[WEIGHT_DECAY];
    k->ratio = 1.0f;
}

const struct tik_rule_row tik_rule_lars = {
    .info = {.name = "lars",
             .equation = "r = trust_coefficient*||p||/(||g|| + weight_decay*||p|| + eps), norms by "
                         "tensor, 1 where one is 0; buf = momentum*buf + lr*r*(g + "
                         "weight_decay*p); p -= buf; optax: r by ||g + weight_decay*p||; apex: "
                         "min(r/lr, 1), p -= lr*buf",
             .citation = "You, Gitman, Ginsburg 2017; MXNet 1.9, mxnet.optimizer.LARS; Optax, "
                         "optax.lars; NVIDIA Apex, apex.parallel.LARC",
             .options = options,
             .option_count = COUNT,
             .states = states,
             .state_count = 1},
    .stem = "lars",
    .scalars_size = sizeof(struct lars_scalars),
    .own_decay = "lars has its own weight_decay in its ratio: set that option",
    .choose = choose,
    .scalars = scalars,
};
