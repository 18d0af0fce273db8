/* The row of adafactor. Equations: cl/adafactor.cl; options: PyTorch, torch.optim.Adafactor. */
#include <float.h>
#include <stddef.h>

#include "../scalar/stages.h"
#include "../table.h"

#include "adafactor.h"
#include "options.h"

enum { LR, BETA2_DECAY, EPS1, EPS2, D, WEIGHT_DECAY, MAXIMIZE, COUNT };

static const struct tik_option options[COUNT] = {
    [LR] = OPTION_LR(1e-2),
    [BETA2_DECAY] = {.name = "beta2_decay",
                     .type = TIK_OPTION_REAL,
                     .value = -0.8,
                     .range = "(-inf, 0]",
                     .low = -INFINITY,
                     .doc = "exponent of t in the weight of the new mean square"},
    [EPS1] = OPTION_POSITIVE("eps1", (double)FLT_EPSILON,
                             "least mean of the rows, and least root of the second moment"),
    [EPS2] = OPTION_POSITIVE("eps2", 1e-3, "least RMS of the parameter that the step is scaled by"),
    [D] = {.name = "d",
           .type = TIK_OPTION_REAL,
           .value = 1,
           .range = "[1, inf)",
           .low = 1,
           .high = INFINITY,
           .doc = "RMS to which the update is clipped"},
    [WEIGHT_DECAY] = OPTION_WEIGHT_DECAY(0, "weight of l2, decoupled: p -= lr*weight_decay*p"),
    [MAXIMIZE] = OPTION_MAXIMIZE,
};

static const char *const all_states[] = {"row_var", "col_var", "variance", NULL};
static const char *const matrix_states[] = {"row_var", "col_var", NULL};

static const struct tik_line_form lines = {
    .of_vector = "variance",
    .line = "adafactor_line",
    .line_twin = tik_scalar_adafactor_line,
    .mean = "adafactor_mean",
    .mean_twin = tik_scalar_adafactor_mean,
};

static const struct tik_measure measure = {
    .measure = "adafactor_measure",
    .measure_twin = tik_scalar_adafactor_measure,
    .ratio_of = "adafactor_ratio_of",
    .ratio_of_twin = tik_scalar_adafactor_ratio_of,
    .ratio_in = "adafactor_ratio_in",
    .ratio_index = offsetof(struct adafactor_scalars, ratio) / sizeof(float),
};

static const enum tik_extent extents[] = {TIK_EACH_ROW, TIK_EACH_COLUMN};

static const struct tik_variant variant = {.stage = "adafactor",
                                           .twin = tik_scalar_adafactor,
                                           .states = matrix_states,
                                           .state_count = 2,
                                           .extents = extents,
                                           .lines = &lines,
                                           .measure = &measure};

static const struct tik_variant *choose(const double *o)
{
    (void)o;
    return &variant;
}

static void scalars(const double *o, double lr, uint64_t step, double *carry, void *out)
{
    (void)carry;
    struct adafactor_scalars *k = out;
    const double most = 1 / sqrt((double)step);
    k->weight = (float)pow((double)step, o[BETA2_DECAY]);
    k->eps1 = (float)o[EPS1];
    k->eps2 = (float)o[EPS2];
    k->d = (float)o[D];
    k->rho = (float)(lr < most ? lr : most);
    k->ratio = 1.0f;
}

const struct tik_rule_row tik_rule_adafactor = {
    .info = {.name = "adafactor",
             .equation =
                 "of a matrix R += w*(mean of g^2 over the row - R), C likewise over the "
                 "column, w = t^beta2_decay; V = R*C/max(mean of R, eps1), of a vector V += "
                 "w*(g^2 - V); U = g/max(sqrt(V), eps1); p -= max(eps2, RMS(p))*min(lr, "
                 "1/sqrt(t))/max(1, RMS(U)/d)*U, both RMS by tensor",
             .citation = "Shazeer and Stern 2018, algorithm 4; PyTorch 2.14, torch.optim.Adafactor",
             .options = options,
             .option_count = COUNT,
             .states = all_states,
             .state_count = 3},
    .stem = "adafactor",
    .scalars_size = sizeof(struct adafactor_scalars),
    .decay = TIK_DECOUPLED,
    .no_metric = "has a step that depends on the RMS of the whole tensor, which the proximal stage "
                 "does not know",
    .choose = choose,
    .scalars = scalars,
};
