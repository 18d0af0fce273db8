/*
 * The double oracle: one step of every rule, penalty, application and schedule in double, written
 * from the papers and the catalogue of equations. It shares nothing with the library: no header of
 * src/ or cl/, and of the public API only the schedule's fields.
 *
 * A step starts from float32 values p, g and states. Exact arithmetic would give p'; float32
 * arithmetic with one rounding per written operation gives p' within
 *
 *     |error| <= K u scale + carried + ulp/2,      u = 2^-24
 *
 * scale     sum of the absolute values of the terms of the step,
 * K         roundings on the longest way from an input to the step (one factor 1 + d, |d| <= u,
 *           each; Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1),
 *           a scalar of the step counting as one: computed in double and rounded once,
 * carried   what is not in proportion to the terms: the gradient's own error, and underflow, since
 *           a product below 2^-126 has an absolute error of 2^-150 and no relative one,
 * ulp/2     of the last subtraction, one rounding. A whole ulp would be too kind: a decay of 1e-6
 *           applied as a factor 1 - 1e-6 that is rounded, 3 % wrong, hides in the other half.
 *
 * The same holds for each state, without the last part. Each rule's file derives its K and its
 * carried part.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include <stdbool.h>
#include <stddef.h>

struct tik_schedule;

enum { ORACLE_STATES = 4, ORACLE_OPTIONS = 12, ORACLE_PENALTIES = 4, ORACLE_CARRIED = 4 };

struct oracle_option {
    const char *name;
    double value;
};

/*
 * Parts of a tensor that are looked at as vectors. A row is all that one index of the first
 * dimension leaves, a column all that one index of the others leaves; a tensor of fewer than two
 * dimensions is one row and one column.
 */
enum oracle_unit { ORACLE_ROW, ORACLE_COLUMN, ORACLE_TENSOR };

struct oracle_penalty {
    const char *name;        /* NULL ends a list */
    const char *application; /* "coupled", "decoupled", "proximal" */
    const char *convention;  /* "lr", "schedule", "none"; NULL where the application has none */
    double weight, l1_ratio;
    double p;              /* exponent of lp */
    double low, high;      /* of box */
    double radius;         /* of balls and simplex */
    enum oracle_unit unit; /* what a norm or a projection is taken over */
    bool diagonal;         /* metric: the proximal map takes each element's own step */
    /* From oracle_penalty_list: where its own state and carried scalar are; 0 where it has none. */
    size_t state, scalar;
};

/* The exponential mean of the parameters; decay 0: there is none. */
struct oracle_ema_options {
    double decay;
    bool debias; /* starts at 0 and is corrected where it is read, else starts at the parameters */
};

/* Options that are not listed have the rule's defaults; a name NULL ends the list. */
struct oracle_policy {
    const char *rule;
    struct oracle_option options[ORACLE_OPTIONS];
    struct oracle_penalty penalties[ORACLE_PENALTIES];
    struct oracle_ema_options ema;
};

struct oracle_number {
    double value, scale, carried;
    double bound;    /* the largest error allowed; from oracle_step */
    double rounding; /* the part of it that is p's own: half an ulp for each value p takes */
};

struct oracle_element {
    double p, g;    /* in: parameter and raw gradient; the frame makes g what the rule sees */
    double g_error; /* bound of the error of that g; in: what it has already */
    double state[ORACLE_STATES];
    struct oracle_number next, next_state[ORACLE_STATES];
    double ema;                    /* in: of the parameters so far */
    struct oracle_number next_ema; /* with its bound */
    struct oracle_number rate;     /* the element's own step, with its bound; of diagonal rules */
};

/* The values of a state that has fewer than elements are those of the first elements. */
struct oracle_tensor {
    size_t count;
    size_t rows, cols; /* the last two dimensions; rows 0: the tensor is a vector */
    size_t depth;      /* the one before them, depth * rows * cols = count; 0: there is none */
    struct oracle_element *elements;
};

struct oracle_clip {
    double norm, norm_error; /* of all gradients, and its bound */
    double factor, error;    /* min(1, max_norm / (norm + 1e-6)), and its bound */
};

/* What a step depends on beside its tensor. */
struct oracle_moment {
    double t;          /* applied steps, this one included: from 1 */
    double multiplier; /* of the schedule */
    double unit;       /* largest relative error of one operation: 2^-24 where it is rounded */
    double tiny;       /* largest absolute error of one operation that underflows: 2^-150 */
    double carried[ORACLE_CARRIED]; /* from the step before; the order is oracle_scalar_list's */
    const struct oracle_clip *clip; /* NULL: no clipping */
};

/* The same, as a rule sees it. */
struct oracle_setting {
    const struct oracle_rule *rule;
    const struct oracle_policy *policy;
    double t, lr; /* lr of this step, schedule included */
    double unit, tiny;
    const double *carried; /* the rule's own come first */
};

/* How many values a state has: one an element, but for those that look at the shape. */
enum oracle_extent { ORACLE_EACH, ORACLE_EACH_OF_VECTOR, ORACLE_EACH_ROW, ORACLE_EACH_COLUMN };

struct oracle_state {
    const char *name;  /* as PyTorch names it */
    bool positive;     /* a mean of squares: never below 0 */
    const char *when;  /* the option that makes it exist, NULL: always there */
    const char *start; /* the option whose value it starts at, NULL: 0 */
    bool grows;        /* never below where it starts */
    double roundings;  /* K of its own bound */
    enum oracle_extent extent;
    bool at_parameter; /* it starts as a copy of the parameter */
    double limit;      /* of its absolute value in fixtures; 0: none */
};

/* A float64 number that goes from step to step, shared by the elements of a group. */
struct oracle_scalar {
    const char *name;
    double start;
    double later; /* a value it may have in the middle of a training, for fixtures */
};

/* A way to use the rule that makes some of its options visible. */
struct oracle_form {
    const char *name;
    struct oracle_option options[ORACLE_OPTIONS];
};

struct oracle_rule {
    const char *name;
    double roundings; /* K */
    /* Application of its option weight_decay; NULL: it has none, or takes it into its own step. */
    const char *decay;
    const struct oracle_option *options; /* every option and its default; a name NULL ends */
    const struct oracle_state *states;   /* a name NULL ends */
    const struct oracle_form *forms;     /* a name NULL ends */
    /* Sets next and next_state (value, scale, carried) of every element: no decay, no prox. */
    void (*step)(const struct oracle_setting *setting, struct oracle_tensor *tensor);

    /* What few rules have; 0 and NULL elsewhere. */
    const char *decoupled_by; /* the flag with which weight_decay is decoupled after all */
    bool alone;               /* takes no penalty */
    bool own_decay;           /* weight_decay is its own: takes no l2 beside it but the proximal */
    bool matrices;            /* takes matrices alone */
    bool shaped;              /* looks at the shape, or at norms: judged in several shapes */
    bool diagonal;            /* sets every element's `rate` */
    double limit; /* of |p| and |g| in fixtures, where float32 would overflow; 0: none */
    const struct oracle_scalar *carried; /* scalars from step to step; a name NULL ends them */
    /* Their values after this step. */
    void (*carry)(const struct oracle_setting *setting, double next[ORACLE_CARRIED]);
    /* What decoupled and proximal penalties take in the place of lr. */
    double (*rate)(const struct oracle_setting *setting);
    /* Sets the states (value, bound, rounding) that follow from the p after the last prox. */
    void (*finish)(const struct oracle_setting *setting, struct oracle_tensor *tensor);
};

extern const struct oracle_rule oracle_sgd, oracle_adam, oracle_adamw, oracle_nadam, oracle_radam,
    oracle_adamax, oracle_adagrad, oracle_adadelta, oracle_rmsprop, oracle_rprop, oracle_asgd,
    oracle_lion, oracle_ftrl, oracle_adabelief, oracle_ademamix, oracle_lamb, oracle_lars,
    oracle_schedule_free_adamw, oracle_adafactor, oracle_muon;

/* For rules of the family: the moments, steps and forms of adam. */
extern const struct oracle_state oracle_adam_states[];
extern const struct oracle_form oracle_adam_forms[];
void oracle_adam_step(const struct oracle_setting *setting, struct oracle_tensor *tensor);

/* NULL when there is none. */
const struct oracle_rule *oracle_rule_find(const char *name);

/* The policy's value or the rule's default; stops the program when the rule has no such option. */
double oracle_value(const struct oracle_rule *rule, const struct oracle_policy *policy,
                    const char *option);
bool oracle_has_option(const struct oracle_rule *rule, const char *option);

/*
 * The states of a policy, the rule's first, then the penalties', and the scalars it carries; a name
 * NULL ends both.
 */
void oracle_state_list(const struct oracle_policy *policy,
                       struct oracle_state list[ORACLE_STATES + 1]);
void oracle_scalar_list(const struct oracle_policy *policy,
                        struct oracle_scalar list[ORACLE_CARRIED + 1]);

/* How many values a state of a tensor of this shape has. */
size_t oracle_state_count(const struct oracle_state *state, const struct oracle_tensor *tensor);

/* Whether a tensor of this shape has a state under a policy, and where that starts. */
bool oracle_state_used(const struct oracle_policy *policy, const struct oracle_state *state,
                       const struct oracle_tensor *tensor);
double oracle_state_start(const struct oracle_policy *policy, const struct oracle_state *state);

/* The global norm of several tensors' raw gradients and the clip factor that follows. */
struct oracle_clip oracle_clip_compute(double max_norm, const struct oracle_tensor *tensors,
                                       size_t count, const struct oracle_moment *moment);

/* around.c: what is done to a tensor's gradients before the clip by the global norm; 0: nothing. */
struct oracle_around {
    double inverse_scale; /* what gradients are multiplied by: 1 / loss scale */
    double clip_value, clip_norm;
    double agc, agc_eps;
};

void oracle_around_apply(const struct oracle_around *around, const struct oracle_moment *moment,
                         struct oracle_tensor *tensor);

/* Makes g of the gradients of `count` micro-batches, tensor->count values each. */
void oracle_accumulate(struct oracle_tensor *tensor, const float *const *gradients, size_t count,
                       const struct oracle_moment *moment);

/* The mean after a step whose p' is within its bound; and what is read of it after `steps` steps. */
struct oracle_number oracle_ema(double decay, double old, const struct oracle_number *p,
                                const struct oracle_moment *moment);
struct oracle_number oracle_ema_read(const struct oracle_ema_options *options, double ema,
                                     double steps, const struct oracle_moment *moment);

/* One whole step: clip, maximize, coupled penalties, rule, decoupled decay, prox, bounds, EMA. */
void oracle_step(const struct oracle_policy *policy, const struct oracle_moment *moment,
                 struct oracle_tensor *tensor);

/* What is carried on from this step, in place of moment->carried. */
void oracle_carry(const struct oracle_policy *policy, const struct oracle_moment *moment,
                  double next[ORACLE_CARRIED]);

/* moments.c: what the adaptive rules share. */

/* 1 - beta^t */
double oracle_correction(double beta, double t);

/* beta old + (1 - beta) g, and the same with g^2: K is 3 and 4. */
struct oracle_number oracle_mean(double beta, double old, const struct oracle_element *e,
                                 double tiny);
struct oracle_number oracle_mean_square(double beta, double old, const struct oracle_element *e,
                                        double tiny);

/* A divisor and how far its absolute errors may move it; its roundings are counted elsewhere. */
struct oracle_span {
    double low, value, high;
};

/* factor sqrt(max(x, 0)) + offset, x within `error` of itself: K is K(x)/2 + 3, or + 2 without a
 * factor. */
struct oracle_span oracle_root(double x, double error, double factor, double offset);

/* A number times a scalar: K + 2. The quotient: K + K(divisor) + 1. The sum: K + 1. */
struct oracle_number oracle_times(struct oracle_number number, double factor, double tiny);
struct oracle_number oracle_quotient(struct oracle_number number, struct oracle_span divisor,
                                     double tiny);
struct oracle_number oracle_plus(struct oracle_number one, struct oracle_number other);

/*
 * The divisor of a mean whose second moment is x, with this correction: sqrt(x/correction) + eps,
 * (sqrt(x) + eps)/sqrt(correction), or sqrt(x/correction + eps).
 */
enum { ORACLE_EPS_AFTER, ORACLE_EPS_BEFORE, ORACLE_EPS_INSIDE };
struct oracle_span oracle_divisor(struct oracle_number x, double correction, double placement,
                                  double eps);

/* next = p - step */
void oracle_subtract(struct oracle_element *e, struct oracle_number step);

/* rate = factor / divisor, K(divisor) given: with the factor's rounding and the division, K + 2. */
void oracle_set_rate(struct oracle_element *e, double factor, struct oracle_span divisor,
                     double roundings, const struct oracle_setting *setting);

/* norm.c: units, norms by a tree of sums, and intervals of numbers that are nowhere below 0. */

struct oracle_slice {
    size_t first, stride, count;
};

size_t oracle_unit_count(const struct oracle_tensor *tensor, enum oracle_unit unit);
struct oracle_slice oracle_unit_at(const struct oracle_tensor *tensor, enum oracle_unit unit,
                                   size_t index);
struct oracle_element *oracle_slice_at(const struct oracle_tensor *tensor,
                                       const struct oracle_slice *slice, size_t index);

/* Levels of the tree that sums `count` terms, and with them the roundings of the sum. */
double oracle_tree_depth(size_t count);

/* A sum of squares in the making; its terms have errors of their own. */
struct oracle_norm {
    double squares, slack;
    size_t count;
};

void oracle_norm_add(struct oracle_norm *norm, double x, double error);
struct oracle_span oracle_norm_take(const struct oracle_norm *norm, double unit, double tiny);

/* The norms of a tensor's parameters, and of its gradients. */
struct oracle_span oracle_norm_of_p(const struct oracle_tensor *tensor, double unit, double tiny);
struct oracle_span oracle_norm_of_g(const struct oracle_tensor *tensor, double unit, double tiny);

struct oracle_span oracle_span_of(double value, double error);
struct oracle_span oracle_span_widen(struct oracle_span span, double relative, double absolute);
struct oracle_span oracle_span_add(struct oracle_span one, struct oracle_span other);
struct oracle_span oracle_span_multiply(struct oracle_span one, struct oracle_span other);
struct oracle_span oracle_span_divide(struct oracle_span one, struct oracle_span other);
struct oracle_span oracle_span_root(struct oracle_span span);
struct oracle_span oracle_span_at_least(struct oracle_span span, double low);
struct oracle_span oracle_span_at_most(struct oracle_span span, double high);
double oracle_span_error(struct oracle_span span);

/* A number times a factor that has its own error: K + 1. */
struct oracle_number oracle_scaled(struct oracle_number number, struct oracle_span factor,
                                   double tiny);

/* penalty.c */
enum { ORACLE_COUPLED = 1, ORACLE_DECOUPLED = 2, ORACLE_PROXIMAL = 4 };

struct oracle_penalty_rule {
    const char *name;
    unsigned applications;
    /* Options and their defaults, but for the application; NULL: not judged. */
    const struct oracle_option *options;
    /* Adds the gradient of the penalty at p to g, and its error to g_error. */
    void (*couple)(const struct oracle_penalty *penalty, const struct oracle_moment *moment,
                   struct oracle_tensor *tensor);
    /* What multiplies c * p, c by convention, in the decoupled decay. */
    double (*decay)(const struct oracle_penalty *penalty);
    /* Replaces `next` by the proximal map of lr times the penalty (or its part outside the decay).
     */
    void (*prox)(const struct oracle_penalty *penalty, double lr,
                 const struct oracle_moment *moment, struct oracle_tensor *tensor);
    /* The penalty's value at p, of this shape. */
    double (*measure)(const struct oracle_penalty *penalty, const float *p,
                      const struct oracle_tensor *shape);

    /* What few penalties have; 0 and NULL elsewhere. */
    bool separable;                      /* a sum over elements: takes a diagonal metric */
    bool shaped;                         /* takes units */
    const struct oracle_state *states;   /* one at most; a name NULL ends */
    const struct oracle_scalar *carried; /* one at most; a name NULL ends */
    double (*carry)(const struct oracle_penalty *penalty, double rate, double old);
};

extern const struct oracle_penalty_rule oracle_lp, oracle_box, oracle_group_lasso, oracle_max_norm,
    oracle_l2_ball, oracle_l1_ball, oracle_simplex, oracle_l1_cumulative;

/* The step of an element that a proximal map takes: lr, or with a diagonal metric its own. */
struct oracle_span oracle_prox_rate(const struct oracle_penalty *penalty, double lr,
                                    const struct oracle_element *e);

/*
 * Moves a number through a map that nowhere falls: its bound becomes what the map makes of it, and
 * so does the part that is p's own.
 */
void oracle_map(struct oracle_number *number, double (*map)(double x, const void *setting),
                const void *setting);

/* Multiplies a number, its bound known, by a factor within [0, 1] that has its own error: one rounding
 * more, or none where the factor is 0 or 1 exactly. */
void oracle_scale_next(struct oracle_number *next, struct oracle_span factor,
                       const struct oracle_moment *moment);

const struct oracle_penalty_rule *oracle_penalty_find(const char *name);

/* The penalties of a policy, the one behind the option weight_decay first; returns how many. */
size_t oracle_penalty_list(const struct oracle_policy *policy,
                           struct oracle_penalty list[ORACLE_PENALTIES + 1]);

/* schedule.c: the multiplier of step t from 1. */
double oracle_schedule(const struct tik_schedule *schedule, unsigned long long t);

/* The distance between two float32 numbers at x: 2^(e-23), e the exponent of x, at least -126. */
double oracle_ulp(double x);

/* Rounds a number to float32: half an ulp more in its bound. */
void oracle_round(struct oracle_number *number);

#endif
