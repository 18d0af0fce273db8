/* The row of muon. Equations: cl/muon.cl; options: torch.optim.Muon, whose ns_coefficients are split. */
#include "../scalar/stages.h"
#include "../table.h"

#include "muon.h"
#include "options.h"

enum {
    LR,
    WEIGHT_DECAY,
    MOMENTUM,
    NESTEROV,
    EPS,
    NS_STEPS,
    NS_A,
    NS_B,
    NS_C,
    ADJUST_LR_FN,
    MAXIMIZE,
    COUNT
};

enum { ORIGINAL, MATCH_RMS_ADAMW };
static const char *const adjustments[] = {"original", "match_rms_adamw", NULL};

#define COEFFICIENT(option_name, default_value, text)                                              \
    {                                                                                              \
        .name = option_name, .type = TIK_OPTION_REAL, .value = default_value,                      \
        .range = "(-inf, inf)", .low = -INFINITY, .high = INFINITY, .doc = text                    \
    }

static const struct tik_option options[COUNT] = {
    [LR] = OPTION_LR(1e-3),
    [WEIGHT_DECAY] =
        OPTION_WEIGHT_DECAY(0.1, "decoupled: p -= lr*weight_decay*p, by lr without adjustment"),
    [MOMENTUM] = OPTION_POSITIVE("momentum", 0.95,
                                 "what the buffer keeps: buf += (1 - momentum)*"
                                 "(g - buf)"),
    [NESTEROV] = {.name = "nesterov",
                  .type = TIK_OPTION_FLAG,
                  .value = 1,
                  .range = "true or false",
                  .high = 1,
                  .doc = "u = g + momentum*(buf - g) instead of buf"},
    [EPS] = OPTION_EPS(1e-7, "the least that u is divided by, else its norm"),
    [NS_STEPS] = {.name = "ns_steps",
                  .type = TIK_OPTION_INTEGER,
                  .value = 5,
                  .range = "0, 1, ... 99",
                  .high = 99,
                  .doc = "iterations (Newton-Schulz)"},
    [NS_A] = COEFFICIENT("ns_a", 3.4445, "coefficient of x in an iteration"),
    [NS_B] = COEFFICIENT("ns_b", -4.7750, "coefficient of (x x^T) x"),
    [NS_C] = COEFFICIENT("ns_c", 2.0315, "coefficient of (x x^T)^2 x"),
    [ADJUST_LR_FN] = {.name = "adjust_lr_fn",
                      .type = TIK_OPTION_CHOICE,
                      .value = ORIGINAL,
                      .range = "original or match_rms_adamw",
                      .high = MATCH_RMS_ADAMW,
                      .choices = adjustments,
                      .doc = "lr times sqrt(max(1, rows/cols)), or 0.2*sqrt(max(rows, cols))"},
    [MAXIMIZE] = OPTION_MAXIMIZE,
};

static const char *const states[] = {"momentum_buffer", NULL};

#define MEASURE .ratio_of = "muon_norm", .ratio_of_twin = tik_scalar_muon_norm, .reads = 1

static const struct tik_measure of_buffer = {MEASURE, .measure = "muon_measure",
                                             .measure_twin = tik_scalar_muon_measure};
static const struct tik_measure of_nesterov = {MEASURE, .measure = "muon_measure_nesterov",
                                               .measure_twin = tik_scalar_muon_measure_nesterov};

static void polynomial(const double *o, struct tik_polynomial *made)
{
    *made = (struct tik_polynomial){
        .steps = (unsigned)o[NS_STEPS],
        .a = (float)o[NS_A],
        .b = (float)o[NS_B],
        .c = (float)o[NS_C],
    };
}

static double share(const double *o, double lr, double rows, double cols)
{
    if (o[ADJUST_LR_FN] == MATCH_RMS_ADAMW)
        return lr * 0.2 * sqrt(fmax(rows, cols));
    return lr * sqrt(fmax(1, rows / cols));
}

static const struct tik_iteration original = {.adjust = "muon_original",
                                              .adjust_twin = tik_scalar_muon_original,
                                              .polynomial = polynomial,
                                              .share = share};
static const struct tik_iteration match_rms = {.adjust = "muon_match_rms_adamw",
                                               .adjust_twin = tik_scalar_muon_match_rms_adamw,
                                               .polynomial = polynomial,
                                               .share = share};

#define FORM(measured, iterated)                                                                   \
    {                                                                                              \
        .stage = "muon", .twin = tik_scalar_muon, .states = states, .state_count = 1,              \
        .measure = &(measured), .iteration = &(iterated)                                           \
    }

/* By adjust_lr_fn, without and with nesterov. */
static const struct tik_variant forms[][2] = {
    [ORIGINAL] = {FORM(of_buffer, original), FORM(of_nesterov, original)},
    [MATCH_RMS_ADAMW] = {FORM(of_buffer, match_rms), FORM(of_nesterov, match_rms)},
};

static const struct tik_variant *choose(const double *o)
{
    return &forms[(size_t)o[ADJUST_LR_FN]][o[NESTEROV] != 0];
}

static void scalars(const double *o, double lr, uint64_t step, double *carry, void *out)
{
    (void)step, (void)carry;
    struct muon_scalars *k = out;
    k->momentum = (float)o[MOMENTUM];
    k->one_minus_momentum = (float)(1.0 - o[MOMENTUM]);
    k->eps = (float)o[EPS];
    k->lr = (float)lr;
    k->adjust = 1.0f;
}

const struct tik_rule_row tik_rule_muon = {
    .info = {.name = "muon",
             .equation = "buf += (1 - momentum)*(g - buf); u = nesterov ? g + momentum*(buf - g) : "
                         "buf; x = u/max(||u||, eps); ns_steps times: A = x x^T, x = ns_a*x + "
                         "(ns_b*A + ns_c*A A) x; p -= lr*weight_decay*p + "
                         "lr*sqrt(max(1, rows/cols))*x",
             .citation = "Jordan et al. 2024, Muon; PyTorch 2.14, torch.optim.Muon (which iterates "
                         "in bfloat16; here in float32)",
             .options = options,
             .option_count = COUNT,
             .states = states,
             .state_count = 1,
             .matrices = true,
             .bounded = "products of 2^21 multiply-adds or more are a BLAS's, where there is one"},
    .stem = "muon",
    .scalars_size = sizeof(struct muon_scalars),
    .decay = TIK_DECOUPLED,
    .choose = choose,
    .scalars = scalars,
};
