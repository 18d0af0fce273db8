/* The row of rprop. Equations: cl/rprop.cl; options: PyTorch, torch.optim.Rprop. */
#include "../error.h"
#include "../scalar/stages.h"
#include "../table.h"

#include "options.h"
#include "rprop.h"

enum { LR, ETA_MINUS, ETA_PLUS, STEP_MIN, STEP_MAX, MAXIMIZE, COUNT };

static const struct tik_option options[COUNT] = {
    [LR] = OPTION_LR(1e-2),
    [ETA_MINUS] = {.name = "eta_minus",
                   .type = TIK_OPTION_REAL,
                   .value = 0.5,
                   .range = "(0, 1)",
                   .low_open = true,
                   .high = 1,
                   .high_open = true,
                   .doc = "factor of the step size after a change of sign"},
    [ETA_PLUS] = {.name = "eta_plus",
                  .type = TIK_OPTION_REAL,
                  .value = 1.2,
                  .range = "(1, inf)",
                  .low = 1,
                  .low_open = true,
                  .high = INFINITY,
                  .doc = "factor of the step size while the sign stays"},
    [STEP_MIN] = OPTION_POSITIVE("step_min", 1e-6, "smallest step size"),
    [STEP_MAX] = OPTION_POSITIVE("step_max", 50, "largest step size"),
    [MAXIMIZE] = OPTION_MAXIMIZE,
};

static const char *const states[] = {"prev", "step_size", NULL};

static const struct tik_variant variant = {.stage = "rprop",
                                           .twin = tik_scalar_rprop,
                                           .fused = tik_fused_rprop,
                                           .states = states,
                                           .state_count = 2};

static const struct tik_variant *choose(const double *o)
{
    (void)o;
    return &variant;
}

static enum tik_status check(const double *o)
{
    if (o[STEP_MIN] > o[STEP_MAX])
        return tik_error_set(TIK_ERROR_ARGUMENT,
                             "rule rprop: step_min is %g; allowed is at most step_max, %g",
                             o[STEP_MIN], o[STEP_MAX]);
    return TIK_OK;
}

/* Step sizes start at lr, and lr has no other part in the rule. */
static void initial(const double *o, float *values)
{
    values[0] = 0.0f;
    values[1] = (float)o[LR];
}

static void scalars(const double *o, double lr, uint64_t step, double *carry, void *out)
{
    (void)lr, (void)step, (void)carry;
    struct rprop_scalars *k = out;
    k->eta_minus = (float)o[ETA_MINUS];
    k->eta_plus = (float)o[ETA_PLUS];
    k->step_min = (float)o[STEP_MIN];
    k->step_max = (float)o[STEP_MAX];
}

const struct tik_rule_row tik_rule_rprop = {
    .info = {.name = "rprop",
             .equation = "q = sign(g*prev); size = clamp(size*(q > 0: eta_plus, q < 0: eta_minus, "
                         "else 1), step_min, step_max), from lr; g = 0 when q < 0; p -= "
                         "sign(g)*size; prev = g",
             .citation = "Riedmiller and Braun 1993; PyTorch 2.14, torch.optim.Rprop",
             .options = options,
             .option_count = COUNT,
             .states = states,
             .state_count = 2},
    .stem = "rprop",
    .scalars_size = sizeof(struct rprop_scalars),
    .initial = initial,
    .no_metric = "has a step size for each element that multiplies the sign of the gradient, not "
                 "the gradient, and so is no metric",
    .choose = choose,
    .check = check,
    .scalars = scalars,
};
