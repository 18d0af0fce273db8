/* The row of nadam. Equations: cl/nadam.cl; options: PyTorch, torch.optim.NAdam. */
#include "../numeric.h"
#include "../scalar/stages.h"
#include "../table.h"

#include "nadam.h"
#include "options.h"

enum { LR, BETA1, BETA2, EPS, MOMENTUM_DECAY, WEIGHT_DECAY, DECOUPLED, MAXIMIZE, COUNT };

static const struct tik_option options[COUNT] = {
    [LR] = OPTION_LR(2e-3),
    [BETA1] = OPTION_UNIT("beta1", 0.9, "decay rate of the first moment"),
    [BETA2] = OPTION_UNIT("beta2", 0.999, "decay rate of the second moment"),
    [EPS] = OPTION_EPS(1e-8, "added to the corrected root of the second moment"),
    [MOMENTUM_DECAY] = OPTION_POSITIVE("momentum_decay", 4e-3, "how fast the momentum warms up"),
    [WEIGHT_DECAY] = OPTION_WEIGHT_DECAY(0, "weight of l2, coupled: g += weight_decay*p"),
    [DECOUPLED] = OPTION_DECOUPLED,
    [MAXIMIZE] = OPTION_MAXIMIZE,
};

static const char *const states[] = {"exp_avg", "exp_avg_sq", NULL};
static const char *const carried[] = {"mu_product", NULL};

static const struct tik_variant variant = {.stage = "nadam",
                                           .twin = tik_scalar_nadam,
                                           .fused = tik_fused_nadam,
                                           .states = states,
                                           .state_count = 2,
                                           .rate = "nadam_rate",
                                           .rate_twin = tik_scalar_nadam_rate};

static const struct tik_variant *choose(const double *o)
{
    (void)o;
    return &variant;
}

static double momentum_at(const double *o, uint64_t step)
{
    return o[BETA1] * (1.0 - 0.5 * pow(0.96, (double)step * o[MOMENTUM_DECAY]));
}

/* The product of the momenta is carried in double; PyTorch rounds it to float32 each step. */
static void scalars(const double *o, double lr, uint64_t step, double *carry, void *out)
{
    struct nadam_scalars *k = out;
    const double mu = momentum_at(o, step), next = momentum_at(o, step + 1);
    carry[0] *= mu;
    k->beta1 = (float)o[BETA1];
    k->one_minus_beta1 = (float)(1.0 - o[BETA1]);
    k->beta2 = (float)o[BETA2];
    k->one_minus_beta2 = (float)(1.0 - o[BETA2]);
    k->gradient_size = (float)(lr * (1.0 - mu) / (1.0 - carry[0]));
    k->moment_size = (float)(lr * next / (1.0 - carry[0] * next));
    k->inverse_root = (float)(1.0 / sqrt(1.0 - tik_power(o[BETA2], step)));
    k->eps = (float)o[EPS];
    k->lr = (float)lr;
}

const struct tik_rule_row tik_rule_nadam = {
    .info = {.name = "nadam",
             .equation = "m = beta1*m + (1 - beta1)*g; v = beta2*v + (1 - beta2)*g^2; mu_t = "
                         "beta1*(1 - 0.96^(t*momentum_decay)/2), P = prod mu; p -= lr*((1 - "
                         "mu_t)/(1 - P)*g + mu_(t+1)/(1 - P*mu_(t+1))*m)/(sqrt(v/(1 - beta2^t)) + "
                         "eps)",
             .citation = "Dozat 2016; PyTorch 2.14, torch.optim.NAdam",
             .options = options,
             .option_count = COUNT,
             .states = states,
             .state_count = 2},
    .stem = "nadam",
    .scalars_size = sizeof(struct nadam_scalars),
    .decay = TIK_COUPLED,
    .carried = carried,
    .carried_count = 1,
    .carried_initial = {1.0},
    .choose = choose,
    .scalars = scalars,
};
