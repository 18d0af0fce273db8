/* The row of schedule_free_adamw. Equations: cl/schedule_free_adamw.cl; options: the authors'. */
#include <float.h>

#include "../numeric.h"
#include "../scalar/stages.h"
#include "../table.h"

#include "options.h"
#include "schedule_free_adamw.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, WARMUP_STEPS, R, WEIGHT_LR_POWER, MAXIMIZE, COUNT };

/* What is carried from step to step. */
enum { WEIGHT_SUM, LR_MAX };

static const struct tik_option options[COUNT] = {
    [LR] = OPTION_LR(2.5e-3),
    [BETA1] = OPTION_UNIT("beta1", 0.9, "share of the mean x in y, where gradients are taken"),
    [BETA2] = OPTION_UNIT("beta2", 0.999, "decay rate of the second moment"),
    [EPS] = OPTION_EPS(1e-8, "added to the corrected root of the second moment"),
    [WEIGHT_DECAY] = OPTION_WEIGHT_DECAY(0, "weight of l2 at y, decoupled: z -= lr*weight_decay*y"),
    [WARMUP_STEPS] = {.name = "warmup_steps",
                      .type = TIK_OPTION_INTEGER,
                      .range = "0, 1, 2, ...",
                      .high = 1e15,
                      .doc = "steps over which lr rises to its value"},
    [R] = OPTION_POSITIVE("r", 0, "power of t in an iterate's weight in the mean"),
    [WEIGHT_LR_POWER] =
        OPTION_POSITIVE("weight_lr_power", 2, "power of the largest lr so far in that weight"),
    [MAXIMIZE] = OPTION_MAXIMIZE,
};

static const char *const states[] = {"z", "exp_avg_sq", NULL};

static const struct tik_variant variant = {.stage = "schedule_free_adamw",
                                           .twin = tik_scalar_schedule_free_adamw,
                                           .follow = "schedule_free_adamw_follow",
                                           .follow_twin = tik_scalar_schedule_free_adamw_follow,
                                           .states = states,
                                           .state_count = 2};

static const struct tik_variant *choose(const double *o)
{
    (void)o;
    return &variant;
}

/* lr_t: what decoupled and proximal penalties answer to as well. */
static double effective_lr(const double *o, double lr, uint64_t step)
{
    const double now = (double)step;
    return now < o[WARMUP_STEPS] ? lr * (now / o[WARMUP_STEPS]) : lr;
}

/* No sum of 2^53 of them is infinite. */
static const double largest_weight = DBL_MAX / 0x1p53;

/* lr_max starts at 0, where the authors have -1: no lr is below either. */
static void scalars(const double *o, double lr, uint64_t step, double *carry, void *out)
{
    struct schedule_free_adamw_scalars *k = out;
    const double now = effective_lr(o, lr, step);
    carry[LR_MAX] = fmax(carry[LR_MAX], now);
    const double weight = pow((double)step, o[R]) * pow(carry[LR_MAX], o[WEIGHT_LR_POWER]);
    const double bounded = fmin(weight, largest_weight);
    carry[WEIGHT_SUM] = fmin(carry[WEIGHT_SUM] + bounded, DBL_MAX);
    const double c = carry[WEIGHT_SUM] > 0 ? bounded / carry[WEIGHT_SUM] : 0.0;
    k->beta2 = (float)o[BETA2];
    k->one_minus_beta2 = (float)(1.0 - o[BETA2]);
    k->inverse_root = (float)(1.0 / sqrt(1.0 - tik_power(o[BETA2], step)));
    k->eps = (float)o[EPS];
    k->lr = (float)now;
    k->c = (float)c;
    k->pull = (float)(1.0 - o[BETA1] * (1.0 - c));
}

/* x = (y - (1 - beta1)*z)/beta1 = y + (1 - 1/beta1)*(z - y); with beta1 = 0 y is z, and x lost. */
static double eval_weight(const double *o)
{
    return 1.0 - 1.0 / o[BETA1];
}

static const char *const carried[] = {"weight_sum", "lr_max", NULL};

const struct tik_rule_row tik_rule_schedule_free_adamw = {
    .info = {.name = "schedule_free_adamw",
             .equation =
                 "v = beta2*v + (1 - beta2)*g^2; z' = z - lr_t*(g/(sqrt(v/(1 - beta2^t)) + eps) + "
                 "weight_decay*p); p -= c*(p - z) + (1 - beta1*(1 - c))*(z - z'); z = z'; lr_t = "
                 "lr*min(1, t/warmup_steps), c the share of t^r*lr_max^weight_lr_power in its sum; "
                 "evaluated at p + (1 - 1/beta1)*(z - p)",
             .citation = "Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky 2024, algorithm 1; "
                         "facebookresearch/schedule_free, AdamWScheduleFree",
             .options = options,
             .option_count = COUNT,
             .states = states,
             .state_count = 2},
    .stem = "schedule_free_adamw",
    .scalars_size = sizeof(struct schedule_free_adamw_scalars),
    .decay = TIK_DECOUPLED,
    .follows = 1u << 0,
    .carried = carried,
    .carried_count = 2,
    .choose = choose,
    .scalars = scalars,
    .effective_lr = effective_lr,
    .eval_weight = eval_weight,
};
