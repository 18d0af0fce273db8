/* The row of ademamix. Equations: cl/ademamix.cl. */
#include "../numeric.h"
#include "../scalar/stages.h"
#include "../table.h"

#include "ademamix.h"
#include "options.h"

enum { LR, BETA1, BETA2, BETA3, ALPHA, EPS, HORIZON, WEIGHT_DECAY, MAXIMIZE, COUNT };

static const struct tik_option options[COUNT] = {
    [LR] = OPTION_LR(1e-3),
    [BETA1] = OPTION_UNIT("beta1", 0.9, "decay rate of the fast first moment"),
    [BETA2] = OPTION_UNIT("beta2", 0.999, "decay rate of the second moment"),
    [BETA3] = OPTION_UNIT("beta3", 0.9999, "decay rate of the slow first moment"),
    [ALPHA] = OPTION_POSITIVE("alpha", 6, "weight of the slow first moment"),
    [EPS] = OPTION_EPS(1e-8, "added to the corrected root of the second moment"),
    [HORIZON] = {.name = "horizon",
                 .type = TIK_OPTION_INTEGER,
                 .range = "0, 1, 2, ...",
                 .high = 1e15,
                 .doc = "steps over which alpha and beta3 warm up; 0: they are there at once"},
    [WEIGHT_DECAY] = OPTION_WEIGHT_DECAY(0, "weight of l2, decoupled: p -= lr*weight_decay*p"),
    [MAXIMIZE] = OPTION_MAXIMIZE,
};

static const char *const states[] = {"exp_avg", "exp_avg_sq", "exp_avg_slow", NULL};

static const struct tik_variant variant = {.stage = "ademamix",
                                           .twin = tik_scalar_ademamix,
                                           .fused = tik_fused_ademamix,
                                           .states = states,
                                           .state_count = 3,
                                           .rate = "ademamix_rate",
                                           .rate_twin = tik_scalar_ademamix_rate};

static const struct tik_variant *choose(const double *o)
{
    (void)o;
    return &variant;
}

/* The half-life of the slow moment grows linearly from beta1's to beta3's. */
static double warm_beta3(const double *o, uint64_t step)
{
    const double share = o[HORIZON] > 0 ? (double)step / o[HORIZON] : 1.0;
    if (share >= 1.0 || o[BETA3] <= 0)
        return o[BETA3];
    if (o[BETA1] <= 0) /* the limit of what follows */
        return pow(o[BETA3], 1.0 / share);
    const double first = log(o[BETA1]), last = log(o[BETA3]);
    return fmin(exp(first * last / ((1.0 - share) * last + share * first)), o[BETA3]);
}

static void scalars(const double *o, double lr, uint64_t step, double *carry, void *out)
{
    (void)carry;
    struct ademamix_scalars *k = out;
    const double beta3 = warm_beta3(o, step);
    const double share = o[HORIZON] > 0 ? fmin((double)step / o[HORIZON], 1.0) : 1.0;
    k->lr = (float)lr;
    k->beta1 = (float)o[BETA1];
    k->one_minus_beta1 = (float)(1.0 - o[BETA1]);
    k->beta2 = (float)o[BETA2];
    k->one_minus_beta2 = (float)(1.0 - o[BETA2]);
    k->beta3 = (float)beta3;
    k->one_minus_beta3 = (float)(1.0 - beta3);
    k->alpha = (float)(share * o[ALPHA]);
    k->inverse_bias = (float)(1.0 / (1.0 - tik_power(o[BETA1], step)));
    k->inverse_root = (float)(1.0 / sqrt(1.0 - tik_power(o[BETA2], step)));
    k->eps = (float)o[EPS];
}

const struct tik_rule_row tik_rule_ademamix = {
    .info = {.name = "ademamix",
             .equation = "m1 = beta1*m1 + (1 - beta1)*g; m2 = beta3*m2 + (1 - beta3)*g; v = "
                         "beta2*v "
                         "+ (1 - beta2)*g^2; p -= lr*(m1/(1 - beta1^t) + alpha*m2)/(sqrt(v/(1 - "
                         "beta2^t)) + eps); weight_decay is decoupled",
             .citation = "Pagliardini, Ablin, Grangier 2024; Optax, optax.contrib.ademamix",
             .options = options,
             .option_count = COUNT,
             .states = states,
             .state_count = 3},
    .stem = "ademamix",
    .scalars_size = sizeof(struct ademamix_scalars),
    .decay = TIK_DECOUPLED,
    .choose = choose,
    .scalars = scalars,
};
