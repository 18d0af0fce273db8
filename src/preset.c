/*
 * The presets: for each library, what it makes of a rule and of its penalties. Equations and the
 * places in the sources: docs/weight_decay.md. What a row says is all that tells the libraries
 * apart; preset_apply.c knows none of them by name.
 */
#include "preset.h"

#include <string.h>

#define COUNT(array)  (sizeof(array) / sizeof *(array))
#define LIST(array)   .rules = array, .rule_count = COUNT(array)
#define WORDS(array)  .words = array, .word_count = COUNT(array)
#define SETTINGS(...) ((const struct tik_setting[]){__VA_ARGS__, {NULL, NULL}})

/* ---- how a weight enters ---- */

static const struct tik_preset_form own = {.factor = 1};

static const struct tik_preset_form coupled_l2 = {
    .penalty = "l2", .options = SETTINGS({"application", "coupled"}), .factor = 1};

/* l2(w) is w*||p||^2. */
static const struct tik_preset_form doubled_l2 = {
    .penalty = "l2", .options = SETTINGS({"application", "coupled"}), .factor = 2};

static const struct tik_preset_form decoupled_lr = {
    .penalty = "l2",
    .options = SETTINGS({"application", "decoupled"}, {"convention", "lr"}),
    .factor = 1};

static const struct tik_preset_form decoupled_before = {
    .penalty = "l2",
    .options = SETTINGS({"application", "decoupled"}, {"convention", "lr"}, {"order", "before"}),
    .factor = 1};

static const struct tik_preset_form decoupled_after = {
    .penalty = "l2",
    .options = SETTINGS({"application", "decoupled"}, {"convention", "lr"}, {"order", "after"}),
    .factor = 1};

static const struct tik_preset_form decoupled_schedule = {
    .penalty = "l2",
    .options = SETTINGS({"application", "decoupled"}, {"convention", "schedule"}),
    .factor = 1};

static const struct tik_preset_form coupled_l1 = {
    .penalty = "l1", .options = SETTINGS({"application", "coupled"}), .factor = 1};

static const struct tik_preset_form cumulative_l1 = {
    .penalty = "l1_cumulative", .options = SETTINGS({"application", "proximal"}), .factor = 1};

static const struct tik_preset_form proximal_l1 = {
    .penalty = "l1", .options = SETTINGS({"application", "proximal"}), .factor = 1};

static const struct tik_preset_form proximal_l2 = {
    .penalty = "l2", .options = SETTINGS({"application", "proximal"}), .factor = 1};

static const struct tik_preset_form diagonal_l1 = {
    .penalty = "l1",
    .options = SETTINGS({"application", "proximal"}, {"metric", "diagonal"}),
    .factor = 1};

static const struct tik_preset_form diagonal_l2 = {
    .penalty = "l2",
    .options = SETTINGS({"application", "proximal"}, {"metric", "diagonal"}),
    .factor = 1};

/* ---- the libraries ---- */

static const struct tik_preset_rule pytorch_rules[] = {{.decay = &own}};

static const struct tik_preset_rule loshchilov_rules[] = {
    {"sgd", SETTINGS({"lr_in_buffer", "true"}), .decay = &decoupled_schedule},
    {"adam", .decay = &decoupled_schedule},
    {"adamw", .decay = &decoupled_schedule},
};
static const struct tik_preset_word loshchilov_words[] = {
    {"alpha", "lr", NULL, NULL},
    {"lambda", "weight_decay", NULL, NULL},
};

static const struct tik_preset_rule optax_rules[] = {
    {"sgd", .decay = &decoupled_lr},
    {"adam", .decay = &decoupled_lr},
    {"adamw", SETTINGS({"weight_decay", "1e-4"}), .decay = &decoupled_lr},
    {"adagrad",
     SETTINGS({"initial_accumulator_value", "0.1"}, {"eps", "1e-7"}, {"eps_placement", "inside"}),
     .decay = &decoupled_lr},
    {"rmsprop", SETTINGS({"alpha", "0.9"}, {"eps", "1e-8"}, {"eps_placement", "inside"}),
     .decay = &decoupled_lr},
    {"adadelta", .decay = &decoupled_lr},
    {"adamax", .decay = &decoupled_lr},
    {"lion", SETTINGS({"weight_decay", "1e-3"}), .decay = &decoupled_lr},
    {"adabelief", .decay = &decoupled_lr},
    {"ademamix", .decay = &decoupled_lr},
    {"lamb", SETTINGS({"variant", "optax"}, {"weight_decay", "0"}), .decay = &own},
    {"lars", SETTINGS({"variant", "optax"}, {"eps", "0"}, {"momentum", "0.9"}), .decay = &own},
};
static const struct tik_setting in_sqrt[] = {
    {"true", "inside"}, {"True", "inside"}, {"false", "after"}, {"False", "after"}, {NULL, NULL}};
static const struct tik_preset_word optax_words[] = {
    {"learning_rate", "lr", NULL, NULL},
    {"b1", "beta1", NULL, NULL},
    {"b2", "beta2", NULL, NULL},
    {"b3", "beta3", NULL, NULL},
    {"decay", "alpha", "rmsprop", NULL},
    {"eps_in_sqrt", "eps_placement", "rmsprop", in_sqrt},
    {"clip", "clip_value", NULL, NULL},
    {"clip_by_global_norm", "max_norm", NULL, NULL},
    {"adaptive_grad_clip", "agc", NULL, NULL},
    {"every_k_schedule", "accumulate", NULL, NULL},
};

static const struct tik_preset_rule keras_rules[] = {
    {"sgd", SETTINGS({"lr", "0.01"}), &decoupled_lr, &coupled_l1, &doubled_l2, false},
    {"adam", SETTINGS({"eps", "1e-7"}, {"eps_placement", "before"}), &decoupled_lr, &coupled_l1,
     &doubled_l2, false},
    {"adamw", SETTINGS({"weight_decay", "0.004"}, {"eps", "1e-7"}, {"eps_placement", "before"}),
     &decoupled_lr, &coupled_l1, &doubled_l2, false},
    {"nadam", SETTINGS({"lr", "1e-3"}, {"eps", "1e-7"}, {"momentum_decay", "1"}), &decoupled_lr,
     &coupled_l1, &doubled_l2, false},
    {"adagrad",
     SETTINGS({"lr", "1e-3"}, {"eps", "1e-7"}, {"initial_accumulator_value", "0.1"},
              {"eps_placement", "inside"}),
     &decoupled_lr, &coupled_l1, &doubled_l2, false},
    {"adadelta", SETTINGS({"lr", "1e-3"}, {"rho", "0.95"}, {"eps", "1e-7"}), &decoupled_lr,
     &coupled_l1, &doubled_l2, false},
    {"rmsprop",
     SETTINGS({"lr", "1e-3"}, {"alpha", "0.9"}, {"eps", "1e-7"}, {"eps_placement", "inside"}),
     &decoupled_lr, &coupled_l1, &doubled_l2, false},
    {"lion", SETTINGS({"lr", "1e-3"}), &decoupled_lr, &coupled_l1, &doubled_l2, false},
    {"ftrl", SETTINGS({"lr", "1e-3"}), &decoupled_before, NULL, NULL, false},
};
static const struct tik_preset_word keras_words[] = {
    {"learning_rate", "lr", NULL, NULL},
    {"beta_1", "beta1", NULL, NULL},
    {"beta_2", "beta2", NULL, NULL},
    {"epsilon", "eps", NULL, NULL},
    {"rho", "alpha", "rmsprop", NULL},
    {"clipnorm", "clip_norm", NULL, NULL},
    {"global_clipnorm", "max_norm", NULL, NULL},
    {"clipvalue", "clip_value", NULL, NULL},
    {"gradient_accumulation_steps", "accumulate", NULL, NULL},
    {"l1_regularization_strength", "l1", "ftrl", NULL},
    {"l2_regularization_strength", "l2", "ftrl", NULL},
    {"l2_shrinkage_regularization_strength", "l2_shrinkage", "ftrl", NULL},
    {"learning_rate_power", "lr_power", "ftrl", NULL},
};

static const struct tik_preset_rule tensorflow_rules[] = {
    {"sgd", NULL, NULL, &proximal_l1, &proximal_l2, false},
    {"adagrad", SETTINGS({"initial_accumulator_value", "0.1"}, {"eps", "0"}), NULL, &diagonal_l1,
     &diagonal_l2, false},
    {"adam", SETTINGS({"eps_placement", "before"}), NULL, NULL, NULL, false},
    {"ftrl", SETTINGS({"initial_accumulator_value", "0.1"}), NULL, NULL, NULL, false},
};
static const struct tik_preset_word tensorflow_words[] = {
    {"alpha", "lr", "sgd", NULL},
    {"learning_rate", "lr", NULL, NULL},
    {"epsilon", "eps", NULL, NULL},
    {"l1_regularization_strength", "l1", NULL, NULL},
    {"l2_regularization_strength", "l2", NULL, NULL},
    {"l2_shrinkage_regularization_strength", "l2_shrinkage", "ftrl", NULL},
    {"learning_rate_power", "lr_power", "ftrl", NULL},
    {"clip_by_value", "clip_value", NULL, NULL},
    {"clip_by_norm", "clip_norm", NULL, NULL},
    {"clip_by_global_norm", "max_norm", NULL, NULL},
};

static const struct tik_preset_rule caffe_rules[] = {
    {"sgd", SETTINGS({"lr_in_buffer", "true"}), &coupled_l2, &coupled_l1, NULL, false},
    {"adam", SETTINGS({"eps_placement", "before"}), &coupled_l2, &coupled_l1, NULL, false},
    {"adagrad", SETTINGS({"eps", "1e-8"}), &coupled_l2, &coupled_l1, NULL, false},
    {"rmsprop", SETTINGS({"eps", "1e-8"}), &coupled_l2, &coupled_l1, NULL, false},
    {"adadelta", SETTINGS({"eps", "1e-8"}), &coupled_l2, &coupled_l1, NULL, false},
};
static const struct tik_setting norms[] = {{"L2", "0"}, {"L1", "1"}, {NULL, NULL}};
static const struct tik_preset_word caffe_words[] = {
    {"base_lr", "lr", NULL, NULL},
    {"momentum", "beta1", "adam", NULL},
    {"momentum2", "beta2", "adam", NULL},
    {"momentum", "rho", "adadelta", NULL},
    {"rms_decay", "alpha", "rmsprop", NULL},
    {"delta", "eps", NULL, NULL},
    {"regularization_type", "l1_ratio", NULL, norms},
    {"clip_gradients", "max_norm", NULL, NULL},
    {"iter_size", "accumulate", NULL, NULL},
};

static const struct tik_preset_rule mxnet_rules[] = {
    {"sgd", SETTINGS({"lr", "0.01"}, {"lr_in_buffer", "true"}), &coupled_l2, NULL, NULL, false},
    {"adam", SETTINGS({"eps_placement", "before"}), &coupled_l2, NULL, NULL, true},
    {"rmsprop", SETTINGS({"lr", "1e-3"}, {"alpha", "0.9"}, {"eps_placement", "inside"}),
     &coupled_l2, NULL, NULL, true},
};
static const struct tik_preset_rule mxnet2_rules[] = {
    {"sgd", SETTINGS({"lr", "0.1"}, {"lr_in_buffer", "true"}), &coupled_l2, NULL, NULL, false},
    {"adam", SETTINGS({"eps_placement", "before"}), &coupled_l2, NULL, NULL, false},
};
static const struct tik_preset_word mxnet_words[] = {
    {"learning_rate", "lr", NULL, NULL},          {"wd", "weight_decay", NULL, NULL},
    {"wd_mult", "decay_mult", NULL, NULL},        {"epsilon", "eps", NULL, NULL},
    {"gamma1", "alpha", "rmsprop", NULL},         {"clip_gradient", "clip_value", NULL, NULL},
    {"clip_global_norm", "max_norm", NULL, NULL},
};

static const struct tik_preset_rule flashlight_rules[] = {
    {"adam", SETTINGS({"eps_placement", "before"}), .decay = &decoupled_lr},
};
static const struct tik_preset_word flashlight_words[] = {
    {"learningRate", "lr", NULL, NULL},
    {"epsilon", "eps", NULL, NULL},
    {"weightDecay", "weight_decay", NULL, NULL},
    {"maxNorm", "max_norm", NULL, NULL},
};

static const struct tik_preset_rule bitsandbytes_rules[] = {
    {"sgd", .decay = &coupled_l2},
    {"adam", .decay = &decoupled_after},
    {"adamw", SETTINGS({"weight_decay", "1e-2"}), .decay = &decoupled_after},
    {"rmsprop", .decay = &coupled_l2},
};

static const struct tik_preset_rule apex_rules[] = {
    {"adam", .decay = &decoupled_lr},
    {"lamb", SETTINGS({"variant", "apex"}, {"max_norm", "1"}), .decay = &own},
    {"lars", SETTINGS({"variant", "apex"}, {"trust_coefficient", "0.02"}), .decay = &own},
};
static const struct tik_preset_word apex_words[] = {
    {"max_grad_norm", "max_norm", NULL, NULL},
};

static const struct tik_preset_rule d2l_rules[] = {{"sgd", .decay = &coupled_l2}};
static const struct tik_preset_word d2l_words[] = {
    {"wd", "weight_decay", NULL, NULL},
    {"lambd", "weight_decay", NULL, NULL},
    {"grad_clip_val", "max_norm", NULL, NULL},
};

static const struct tik_preset_rule sklearn_rules[] = {
    {"sgd", SETTINGS({"lr", "0.01"}, {"weight_decay", "1e-4"}), &decoupled_lr, &cumulative_l1, NULL,
     false},
};
/* elasticnet's own default of l1_ratio is 0.15. */
static const struct tik_setting penalties[] = {
    {"l2", "0"}, {"l1", "1"}, {"elasticnet", "0.15"}, {NULL, NULL}};
static const struct tik_setting no_penalty[] = {{"None", "0"}, {"none", "0"}, {NULL, NULL}};
static const struct tik_preset_word sklearn_words[] = {
    {"eta0", "lr", NULL, NULL},
    {"alpha", "weight_decay", NULL, NULL},
    {"penalty", "decay_mult", NULL, no_penalty},
    {"penalty", "l1_ratio", NULL, penalties},
};

static const struct tik_preset_row rows[] = {
    {.info = {.name = "pytorch",
              .differs = "weight_decay is coupled, g += weight_decay*p, but decoupled, p *= 1 - "
                         "lr*weight_decay, for adamw; clip = min(1, max_norm/(norm + 1e-6))",
              .citation = "PyTorch 2.14, torch.optim and torch.nn.utils.clip_grad"},
     LIST(pytorch_rules),
     .clip_eps = 1e-6},
    {.info = {.name = "loshchilov",
              .differs = "p -= schedule*weight_decay*p, without lr; sgd has lr inside its buffer",
              .citation = "Loshchilov and Hutter 2019, algorithms 1 and 2",
              WORDS(loshchilov_words)},
     LIST(loshchilov_rules),
     .clip_eps = 1e-6},
    {.info = {.name = "optax",
              .differs = "the decay is added to the update and takes the same lr, for every rule; "
                         "clip = max_norm/norm without eps; rmsprop and adagrad have eps inside "
                         "the root",
              .citation = "Optax 0.2.8, add_decayed_weights, clip_by_global_norm, scale_by_rms, "
                          "scale_by_rss",
              WORDS(optax_words)},
     LIST(optax_rules)},
    {.info = {.name = "keras",
              .differs = "weight_decay is decoupled for every rule, after the clip; the "
                         "regularizers l1 and l2 are in the loss and clipped with it, and l2(w) is "
                         "w*||p||^2 without 1/2; one clip alone, without eps; adam has eps before "
                         "the correction, rmsprop and adagrad inside the root",
              .citation = "Keras 3.15, keras/src/optimizers/base_optimizer.py, "
                          "keras/src/regularizers/regularizers.py",
              WORDS(keras_words)},
     LIST(keras_rules),
     .one_clip = true,
     .loss_clip = true},
    {.info = {.name = "tensorflow",
              .differs = "no weight_decay, but l1 and l2 by their proximal points with 1/2 before "
                         "the l2 norm, for adagrad with each element's own step and no eps; ftrl "
                         "has l2*||p||^2 without 1/2; adam has eps before the correction",
              .citation = "TensorFlow 2.21, core/kernels/training_ops.cc, compat.v1.train",
              WORDS(tensorflow_words)},
     LIST(tensorflow_rules)},
    {.info = {.name = "caffe",
              .differs = "the clip is of the sum of iter_size gradients, without eps; then L2, g "
                         "+= weight_decay*p, or L1, g += weight_decay*sign(p); sgd has lr inside "
                         "its buffer, adam has eps before the correction",
              .citation = "Caffe 1.0, src/caffe/solvers/sgd_solver.cpp, adam_solver.cpp",
              WORDS(caffe_words)},
     LIST(caffe_rules),
     .sum_clip = true},
    {.info = {.name = "mxnet",
              .differs = "sgd clips the gradient alone, adam and rmsprop gradient and "
                         "weight_decay*p together; sgd has lr inside its buffer, adam has eps "
                         "before the correction, rmsprop inside the root",
              .citation = "MXNet 1.3 to 1.9, src/operator/optimizer_op-inl.h",
              WORDS(mxnet_words)},
     LIST(mxnet_rules),
     .clip_eps = 1e-8},
    {.info = {.name = "mxnet2",
              .differs = "as mxnet, but adam too clips the gradient before it adds weight_decay*p",
              .citation = "MXNet 2.0, python/mxnet/optimizer/sgd.py, adam.py",
              WORDS(mxnet_words)},
     LIST(mxnet2_rules),
     .clip_eps = 1e-8},
    {.info = {.name = "flashlight",
              .differs = "adam's weight_decay is decoupled; eps before the correction",
              .citation = "Flashlight 0.4, flashlight/fl/optim/AdamOptimizer.cpp, Utils.cpp",
              WORDS(flashlight_words)},
     LIST(flashlight_rules),
     .clip_eps = 1e-6},
    {.info = {.name = "bitsandbytes",
              .differs = "adam's weight_decay is decoupled, and after the step: p = (p - step)*(1 "
                         "- lr*weight_decay); coupled for sgd and rmsprop",
              .citation = "bitsandbytes 0.43, csrc/kernels.cu, kOptimizer32bit2State, "
                          "kOptimizer32bit1State"},
     LIST(bitsandbytes_rules),
     .clip_eps = 1e-6},
    {.info = {.name = "apex",
              .differs = "adam's weight_decay is decoupled; lamb takes a clip with it, "
                         "max_grad_norm 1 without eps; lars is LARC, its ratio at most 1",
              .citation = "NVIDIA Apex, apex/optimizers/fused_adam.py, fused_lamb.py, "
                          "apex/parallel/LARC.py",
              WORDS(apex_words)},
     LIST(apex_rules)},
    {.info = {.name = "d2l",
              .differs = "weight_decay/2*||w||^2 is added to the loss, for weights alone; clip = "
                         "max_norm/norm without eps",
              .citation = "Zhang, Lipton, Li, Smola: Dive into Deep Learning 1.0, sections 3.7 "
                          "and 9.5",
              WORDS(d2l_words)},
     LIST(d2l_rules)},
    {.info = {.name = "sklearn",
              .differs = "p *= 1 - (1 - l1_ratio)*lr*alpha, p -= lr*g, then l1_ratio*alpha by the "
                         "cumulative l1; the intercept is free",
              .citation = "scikit-learn 1.9, sklearn/linear_model/_sgd_fast",
              WORDS(sklearn_words)},
     LIST(sklearn_rules),
     .decay_clamp = true},
};

const struct tik_preset_row *tik_preset_row_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < COUNT(rows); i++)
        if (strcmp(rows[i].info.name, name) == 0)
            return &rows[i];
    return NULL;
}

const struct tik_preset_info *tik_preset_at(size_t index)
{
    return index < COUNT(rows) ? &rows[index].info : NULL;
}

const struct tik_preset_info *tik_preset_find(const char *name)
{
    const struct tik_preset_row *row = tik_preset_row_find(name);
    return row != NULL ? &row->info : NULL;
}

const char *tik_preset_rule(const char *preset, size_t index)
{
    const struct tik_preset_row *row = tik_preset_row_find(preset);
    if (row == NULL || index >= row->rule_count)
        return NULL;
    return row->rules[index].rule != NULL ? row->rules[index].rule : "";
}
