/* The row of ftrl. Equations: cl/ftrl.cl; defaults: Keras, keras.optimizers.Ftrl. */
#include "../numeric.h"
#include "../scalar/stages.h"
#include "../table.h"

#include "ftrl.h"
#include "options.h"

enum { LR, LR_POWER, INITIAL, BETA, L1, L2, L2_SHRINKAGE, MAXIMIZE, COUNT };

static const struct tik_option options[COUNT] = {
    [LR] = {.name = "lr",
            .type = TIK_OPTION_REAL,
            .value = 1e-3,
            .range = "(0, inf)",
            .low_open = true,
            .high = INFINITY,
            .doc = "learning rate"},
    [LR_POWER] = {.name = "lr_power",
                  .type = TIK_OPTION_REAL,
                  .value = -0.5,
                  .range = "[-20, 0]",
                  .low = -20,
                  .high = 0,
                  .doc = "n^(-lr_power) divides the learning rate; -0.5: a root, 0: nothing"},
    [INITIAL] =
        OPTION_POSITIVE("initial_accumulator_value", 0.1, "where the sum of squares starts"),
    [BETA] = OPTION_POSITIVE("beta", 0, "added to the root of the sum of squares"),
    [L1] = OPTION_POSITIVE("l1", 0, "weight of ||p||_1: exact zeros"),
    [L2] = OPTION_POSITIVE("l2", 0, "weight of ||p||^2, without the 1/2"),
    [L2_SHRINKAGE] = OPTION_POSITIVE("l2_shrinkage", 0, "weight of ||p||^2 in the gradient alone"),
    [MAXIMIZE] = OPTION_MAXIMIZE,
};

static const char *const states[] = {"accumulator", "linear", NULL};

static const struct tik_variant by_root = {.stage = "ftrl",
                                           .twin = tik_scalar_ftrl,
                                           .fused = tik_fused_ftrl,
                                           .states = states,
                                           .state_count = 2};
static const struct tik_variant by_power = {
    .stage = "ftrl_power", .twin = tik_scalar_ftrl_power, .states = states, .state_count = 2};

static const struct tik_variant *choose(const double *o)
{
    return o[LR_POWER] == -0.5 ? &by_root : &by_power;
}

static void initial(const double *o, float *values)
{
    values[0] = (float)o[INITIAL];
    values[1] = 0.0f;
}

static void scalars(const double *o, double lr, uint64_t step, double *carry, void *out)
{
    (void)step, (void)carry;
    struct ftrl_scalars *k = out;
    k->hold = lr > 0 ? 0.0f : 1.0f;
    k->inverse_lr = lr > 0 ? (float)(1.0 / lr) : 0.0f;
    k->beta_over_lr = lr > 0 ? (float)(o[BETA] / lr) : 0.0f;
    tik_split_exponent(-o[LR_POWER], &k->exponent, &k->exponent_tail);
    k->l1 = (float)o[L1];
    k->two_l2 = (float)(2.0 * o[L2]);
    k->two_shrinkage = (float)(2.0 * o[L2_SHRINKAGE]);
}

const struct tik_rule_row tik_rule_ftrl = {
    .info = {.name = "ftrl",
             .equation = "n' = n + g^2 (from initial_accumulator_value); z += g + 2*l2_shrinkage*p "
                         "- (sqrt(n') - sqrt(n))/lr*p; p = |z| > l1 ? (l1*sign(z) - z)/((beta + "
                         "sqrt(n'))/lr + 2*l2) : 0; n^(-lr_power) for sqrt(n)",
             .citation = "McMahan et al. 2013, algorithm 1; TensorFlow, ResourceApplyFtrlV2; "
                         "Keras, "
                         "keras.optimizers.Ftrl; other powers: cl/power.cl",
             .options = options,
             .option_count = COUNT,
             .states = states,
             .state_count = 2},
    .stem = "ftrl",
    .scalars_size = sizeof(struct ftrl_scalars),
    .replaces = true,
    .own_penalties = "ftrl makes p anew at each step, as the minimum of a sum with "
                     "its own l1 and l2 in it, and takes these only: set its options",
    .initial = initial,
    .choose = choose,
    .scalars = scalars,
};
