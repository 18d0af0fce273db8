/*
 * Presets: each against what it should equal, the library's own trajectories (golden/) by its own
 * call, or a few lines of double arithmetic from the source that its row names; and against
 * pytorch's, from which it has to differ by more than the bound. Argument: a device.
 */
#include "preset_calls.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 40, STEPS = 12 };

/* golden/README.md: the bound of the other libraries, in their metric. */
#define BOUND 5e-6

static double distance(const double *exact, const float *p, const float *start, size_t count)
{
    double worst = 0;
    for (size_t i = 0; i < count; i++) {
        const double from = (double)start[i];
        const double scale = fmax(fabs(exact[i]), fabs(exact[i] - from));
        const double error = fabs((double)p[i] - exact[i]);
        worst = fmax(worst, scale > 0 ? error / scale : error > 0 ? INFINITY : 0);
    }
    return worst;
}

/* ---- trajectories of one policy ---- */

/* lr is multiplied by 0.6 after each 4 steps: what it multiplies in a buffer then shows. */
static const struct tik_schedule *steps_down(void)
{
    static struct tik_schedule schedule;
    tik_schedule_defaults(&schedule);
    schedule.kind = TIK_SCHEDULE_STEP;
    schedule.step_size = 4;
    schedule.gamma = 0.6;
    return &schedule;
}

static double multiplier(int t)
{
    return pow(0.6, (t - 1) / 4);
}

struct problem {
    float p[N], g[STEPS][N];
};

/* Of one size, so that no element hides what happens to another; `size` of the gradients. */
static struct problem make_problem(double size)
{
    struct problem problem;
    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < (STEPS + 1) * N; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        const double x = (double)(state >> 11) * 0x1p-52 - 1;
        if (i < N)
            problem.p[i] = (float)(x + copysign(0.5, x));
        else
            problem.g[i / N - 1][i % N] = (float)(size * x);
    }
    return problem;
}

/* Takes the steps; p after them. */
static void run(const struct tik_policy *policy, const struct tik_optimizer_options *options,
                const struct tik_schedule *schedule, const struct problem *problem, float p[N])
{
    struct tik_optimizer *optimizer;
    float start[N];
    size_t group, index;
    memcpy(start, problem->p, sizeof start);
    judge_ok(tik_optimizer_create(judge_context(), options, &optimizer));
    judge_ok(tik_optimizer_add_group(optimizer, policy, &group));
    if (schedule)
        judge_ok(tik_optimizer_set_schedule(optimizer, group, schedule));
    const bool matrix = tik_rule_find(tik_policy_rule(policy))->matrices;
    const struct tik_tensor tensor = {.name = "p",
                                      .rank = matrix ? 2 : 1,
                                      .shape = matrix ? (size_t[]){1, N} : (size_t[]){N},
                                      .memory = TIK_MEMORY_LIBRARY,
                                      .param = start};
    judge_ok(tik_optimizer_add_tensor(optimizer, group, &tensor, &index));
    for (int t = 0; t < STEPS; t++) {
        judge_ok(tik_optimizer_write(optimizer, index, TIK_GRAD, problem->g[t]));
        judge_ok(tik_optimizer_step(optimizer));
    }
    judge_ok(tik_optimizer_read(optimizer, index, TIK_PARAM, p));
    tik_optimizer_destroy(optimizer);
}

/* "lr=0.1 momentum=0.9" into a call. */
static struct preset_call make_call(const char *preset, const char *rule, const char *settings)
{
    struct preset_call call = {.preset = preset, .rule = rule};
    static char texts[4][CALL_TEXT];
    static int next;
    char *text = texts[next++ % 4], *rest;
    snprintf(text, CALL_TEXT, "%s", settings);
    for (char *pair = strtok_r(text, " ", &rest); pair; pair = strtok_r(NULL, " ", &rest)) {
        char *equals = strchr(pair, '=');
        *equals = '\0';
        call.settings[call.count++] = (struct tik_setting){pair, equals + 1};
    }
    return call;
}

/* False where the call is one that is awaited. */
static bool run_call(const struct preset_call *call, const struct tik_schedule *schedule,
                     const struct problem *problem, float p[N])
{
    struct tik_policy *policy;
    struct tik_optimizer_options options;
    if (preset_call_apply(call, &policy, &options) != TIK_OK)
        return false;
    run(policy, &options, schedule, problem, p);
    tik_policy_destroy(policy);
    return true;
}

static bool run_text(const char *preset, const char *rule, const char *settings,
                     const struct tik_schedule *schedule, const struct problem *problem, float p[N])
{
    const struct preset_call call = make_call(preset, rule, settings);
    return run_call(&call, schedule, problem, p);
}

/* ---- what a preset equals: trajectories of the libraries, by their own calls ---- */

static const struct {
    const char *file;
    int calls; /* that presets have, of all the cases */
} files[] = {{"keras.json", 48}, {"optax.json", 23}, {"sklearn.json", 8}};
enum { FILES = sizeof files / sizeof *files };

static double bound_of(const cJSON *json, const char *step)
{
    const cJSON *error32 = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "float32_error"), step);
    ck_assert(cJSON_IsNumber(error32));
    return fmax(10 * error32->valuedouble, BOUND);
}

/* One case's steps; its worst error in units of the bound. */
static double judge_case(const struct foreign_case *one, const struct tik_policy *policy,
                         const struct tik_optimizer_options *options)
{
    struct tik_optimizer *optimizer;
    float start[FOREIGN_ELEMENTS], p[FOREIGN_ELEMENTS], g[FOREIGN_ELEMENTS];
    double exact[FOREIGN_ELEMENTS], worst = 0;
    size_t group, index;
    foreign_floats(foreign_inputs(one, "params"), start, one->count);
    memcpy(p, start, sizeof p);
    judge_ok(tik_optimizer_create(judge_context(), options, &optimizer));
    judge_ok(tik_optimizer_add_group(optimizer, policy, &group));
    const struct tik_tensor tensor = {.name = "p",
                                      .rank = one->rank,
                                      .shape = one->shape,
                                      .memory = TIK_MEMORY_LIBRARY,
                                      .param = p};
    judge_ok(tik_optimizer_add_tensor(optimizer, group, &tensor, &index));
    const size_t steps = (size_t)cJSON_GetArraySize(foreign_inputs(one, "grads"));
    for (size_t t = 1; t <= steps; t++) {
        char step[24];
        snprintf(step, sizeof step, "%zu", t);
        foreign_gradient(one, t, g);
        judge_ok(tik_optimizer_write(optimizer, index, TIK_GRAD, g));
        judge_ok(tik_optimizer_step(optimizer));
        const cJSON *after = cJSON_GetObjectItem(cJSON_GetObjectItem(one->json, "after"), step);
        if (!after)
            continue;
        judge_ok(tik_optimizer_read(optimizer, index, TIK_PARAM, p));
        foreign_numbers(after, exact, one->count);
        worst = fmax(worst, distance(exact, p, start, one->count) / bound_of(one->json, step));
    }
    tik_optimizer_destroy(optimizer);
    return worst;
}

START_TEST(test_calls)
{
    cJSON *file = foreign_load(files[_i].file);
    const cJSON *json;
    int judged = 0, awaited = 0;
    double worst = 0;
    ck_assert(file != NULL);
    cJSON_ArrayForEach(json, cJSON_GetObjectItem(file, "cases"))
    {
        struct preset_call call;
        struct foreign_case one;
        struct tik_policy *policy;
        struct tik_optimizer_options options;
        if (!preset_call_read(json, &call))
            continue;
        if (preset_call_apply(&call, &policy, &options) != TIK_OK) {
            awaited++;
            continue;
        }
        foreign_case_open(&one, file, json);
        const double error = judge_case(&one, policy, &options);
        ck_assert_msg(error <= 1, "%s by preset %s on %s: %.3g of the bound", one.name, call.preset,
                      judge_device(), error);
        worst = fmax(worst, error);
        judged++;
        foreign_case_close(&one);
        tik_policy_destroy(policy);
    }
    printf("presets %s: worst %.2f of the bound over %d calls, %d awaited, %s\n", files[_i].file,
           worst, judged, awaited, judge_device());
    fflush(stdout);
    ck_assert_int_eq(judged + awaited, files[_i].calls);
    ck_assert_int_gt(judged, 0);
    cJSON_Delete(file);
}
END_TEST

/* What is awaited is not there yet; once it is, its row in preset_calls.c has to go. */
START_TEST(test_awaited)
{
    for (const struct preset_awaited *one = preset_awaited; one->preset; one++) {
        const struct tik_setting setting = {one->setting, one->value};
        struct tik_policy *policy;
        struct tik_optimizer_options options;
        tik_optimizer_defaults(&options);
        const enum tik_status status = tik_preset_apply(one->preset, one->rule, &setting,
                                                        one->setting != NULL, &policy, &options);
        ck_assert_msg(status == TIK_ERROR_ARGUMENT && strstr(tik_last_error(), one->missing),
                      "%s of %s has its %s now: take the row from preset_awaited, so that it is "
                      "judged",
                      one->rule, one->preset, one->missing);
    }
}
END_TEST

/* Every rule that a preset names can be had, but for those that are awaited. */
START_TEST(test_rules)
{
    size_t count = 0;
    for (size_t i = 0; tik_preset_at(i); i++) {
        const char *preset = tik_preset_at(i)->name, *rule;
        for (size_t k = 0; (rule = tik_preset_rule(preset, k)); k++, count++) {
            const struct preset_call call = {.preset = preset, .rule = rule[0] ? rule : "adamw"};
            struct tik_policy *policy;
            struct tik_optimizer_options options;
            if (preset_call_apply(&call, &policy, &options) == TIK_OK)
                tik_policy_destroy(policy);
        }
    }
    ck_assert_uint_gt(count, 30);
}
END_TEST

/* ---- what a preset equals: double arithmetic from the sources ---- */

/* Fails where the library's p is not within the bound of `exact`. */
static void equals(const char *what, const double *exact, const float *p,
                   const struct problem *problem)
{
    const double error = distance(exact, p, problem->p, N);
    ck_assert_msg(error <= BOUND, "%s on %s: %.3g from the source's arithmetic", what,
                  judge_device(), error);
}

static void widen(const struct problem *problem, double p[N], double buf[N])
{
    for (size_t i = 0; i < N; i++) {
        p[i] = (double)problem->p[i];
        buf[i] = 0;
    }
}

static double clamp(double x, double limit)
{
    return fmin(fmax(x, -limit), limit);
}

static double sign(double x)
{
    return (x > 0) - (x < 0);
}

/*
 * SGDSolver::ApplyUpdate: the sum of iter_size gradients is clipped, divided by iter_size,
 * regularized with weight_decay * decay_mult, and enters the history times the rate.
 */
static void caffe(const struct problem *problem, bool l1, double p[N])
{
    double history[N];
    widen(problem, p, history);
    for (int t = 1; t <= STEPS / 2; t++) {
        double diff[N], squares = 0;
        for (size_t i = 0; i < N; i++) {
            diff[i] = (double)problem->g[2 * t - 2][i] + (double)problem->g[2 * t - 1][i];
            squares += diff[i] * diff[i];
        }
        const double norm = sqrt(squares), clip = norm > 3 ? 3 / norm : 1;
        for (size_t i = 0; i < N; i++) {
            const double decay = 0.05 * 2, g = diff[i] * clip / 2;
            const double whole = g + decay * (l1 ? sign(p[i]) : p[i]);
            history[i] = 0.1 * multiplier(t) * whole + 0.9 * history[i];
            p[i] -= history[i];
        }
    }
}

START_TEST(test_caffe)
{
    const struct problem problem = make_problem(1);
    const char *types[] = {"L2", "L1"};
    for (int l1 = 0; l1 < 2; l1++) {
        char text[CALL_TEXT];
        double exact[N];
        float p[N];
        snprintf(text, sizeof text,
                 "base_lr=0.1 momentum=0.9 weight_decay=0.05 decay_mult=2 iter_size=2 "
                 "clip_gradients=3 regularization_type=%s",
                 types[l1]);
        ck_assert(run_text("caffe", "sgd", text, steps_down(), &problem, p));
        caffe(&problem, l1, exact);
        equals(types[l1], exact, p, &problem);
    }
}
END_TEST

/* sgd_mom_update: mom = momentum*mom - lr*wd*weight - lr*clip(grad); weight += mom. */
START_TEST(test_mxnet_sgd)
{
    const struct problem problem = make_problem(1);
    static const char *const names[] = {"mxnet", "mxnet2"};
    double exact[N], mom[N];
    float p[N];
    widen(&problem, exact, mom);
    for (int t = 1; t <= STEPS; t++)
        for (size_t i = 0; i < N; i++) {
            const double lr = 0.1 * multiplier(t), g = clamp((double)problem.g[t - 1][i], 0.4);
            mom[i] = 0.9 * mom[i] - lr * 0.05 * 3 * exact[i] - lr * g;
            exact[i] += mom[i];
        }
    for (int k = 0; k < 2; k++) {
        ck_assert(run_text(names[k], "sgd",
                           "learning_rate=0.1 momentum=0.9 wd=0.05 wd_mult=3 clip_gradient=0.4",
                           steps_down(), &problem, p));
        equals(names[k], exact, p, &problem);
    }
}
END_TEST

/* Adam of 1.x clips grad + wd*weight, of 2.0 grad alone; lr' = lr*sqrt(1 - beta2^t)/(1 - beta1^t),
 * weight -= lr'*m/(sqrt(v) + epsilon). */
static void mxnet_adam(const struct problem *problem, bool together, double p[N])
{
    double m[N], v[N] = {0};
    widen(problem, p, m);
    for (int t = 1; t <= STEPS; t++)
        for (size_t i = 0; i < N; i++) {
            const double grad = (double)problem->g[t - 1][i], decay = 0.3 * p[i];
            const double g = together ? clamp(grad + decay, 0.4) : clamp(grad, 0.4) + decay;
            const double rate = 0.1 * sqrt(1 - pow(0.99, t)) / (1 - pow(0.8, t));
            m[i] = 0.8 * m[i] + (1 - 0.8) * g;
            v[i] = 0.99 * v[i] + (1 - 0.99) * g * g;
            p[i] -= rate * m[i] / (sqrt(v[i]) + 0.05);
        }
}

START_TEST(test_mxnet_adam)
{
    const struct problem problem = make_problem(1);
    static const char *const names[] = {"mxnet2", "mxnet"};
    for (int together = 0; together < 2; together++) {
        double exact[N];
        float p[N];
        ck_assert(
            run_text(names[together], "adam",
                     "learning_rate=0.1 beta1=0.8 beta2=0.99 epsilon=0.05 wd=0.3 clip_gradient=0.4",
                     NULL, &problem, p));
        mxnet_adam(&problem, together, exact);
        equals(names[together], exact, p, &problem);
    }
}
END_TEST

/*
 * rmsprop_update: n = gamma1*n + (1 - gamma1)*g^2, weight -= lr*g/sqrt(n + epsilon), g the clipped
 * sum of gradient and wd*weight; rmspropalex_update: also m = gamma1*m + (1 - gamma1)*g, and n - m^2
 * in the place of n.
 */
static void mxnet_rmsprop(const struct problem *problem, bool centered, double p[N])
{
    double m[N], n[N] = {0};
    widen(problem, p, m);
    for (int t = 1; t <= STEPS; t++)
        for (size_t i = 0; i < N; i++) {
            const double g = clamp((double)problem->g[t - 1][i] + 0.3 * p[i], 0.4);
            n[i] = 0.8 * n[i] + (1 - 0.8) * g * g;
            m[i] = centered ? 0.8 * m[i] + (1 - 0.8) * g : 0;
            p[i] -= 0.1 * multiplier(t) * g / sqrt(n[i] - m[i] * m[i] + 0.05);
        }
}

START_TEST(test_mxnet_rmsprop)
{
    const struct problem problem = make_problem(1);
    for (int centered = 0; centered < 2; centered++) {
        char text[CALL_TEXT];
        double exact[N];
        float p[N];
        snprintf(text, sizeof text,
                 "learning_rate=0.1 gamma1=0.8 epsilon=0.05 wd=0.3 clip_gradient=0.4 centered=%s",
                 centered ? "true" : "false");
        ck_assert(run_text("mxnet", "rmsprop", text, steps_down(), &problem, p));
        mxnet_rmsprop(&problem, centered, exact);
        equals("rmsprop of mxnet", exact, p, &problem);
    }
}
END_TEST

/* Where a library decays a parameter of Adam, and where it has eps. */
enum decay { COUPLED, AHEAD, BEHIND };

static const struct {
    const char *preset, *rule, *settings;
    enum decay decay;
    bool eps_before;
} adams[] = {
    /* AdamSolver::ComputeUpdateValue: rate*sqrt(1 - beta2^t)/(1 - beta1^t)*m/(sqrt(v) + delta). */
    {"caffe", "adam", "base_lr=0.1 momentum=0.8 momentum2=0.99 delta=0.05 weight_decay=0.3",
     COUPLED, true},
    /* training_ops.cc, ApplyAdam: the same. */
    {"tensorflow", "adam", "learning_rate=0.1 beta1=0.8 beta2=0.99 epsilon=0.05", COUPLED, true},
    /* AdamOptimizer::step: data = data - wd*lr*data, then as above. */
    {"flashlight", "adam", "learningRate=0.1 beta1=0.8 beta2=0.99 epsilon=0.05 weightDecay=0.3",
     AHEAD, true},
    /* kOptimizer32bit2State: s1/(sqrt(s2) + eps*sqrt(1 - beta2^t)), then p *= 1 - lr*weight_decay. */
    {"bitsandbytes", "adam", "lr=0.1 beta1=0.8 beta2=0.99 eps=0.05 weight_decay=0.3", BEHIND,
     false},
    {"bitsandbytes", "adamw", "lr=0.1 beta1=0.8 beta2=0.99 eps=0.05 weight_decay=0.3", BEHIND,
     false},
    /* multi_tensor_adam.cu, ADAM_MODE_1: p -= lr*(m^/(sqrt(v^) + eps) + decay*p). */
    {"apex", "adam", "lr=0.1 beta1=0.8 beta2=0.99 eps=0.05 weight_decay=0.3", AHEAD, false},
};

static void adam_of(const struct problem *problem, enum decay decay, bool eps_before, double weight,
                    double p[N])
{
    double m[N], v[N] = {0};
    widen(problem, p, m);
    for (int t = 1; t <= STEPS; t++)
        for (size_t i = 0; i < N; i++) {
            const double lr = 0.1 * multiplier(t), root = sqrt(1 - pow(0.99, t));
            const double g = (double)problem->g[t - 1][i] + (decay == COUPLED ? weight * p[i] : 0);
            m[i] = 0.8 * m[i] + (1 - 0.8) * g;
            v[i] = 0.99 * v[i] + (1 - 0.99) * g * g;
            const double d = eps_before ? (sqrt(v[i]) + 0.05) / root : sqrt(v[i]) / root + 0.05;
            const double step = lr * m[i] / (1 - pow(0.8, t)) / d;
            p[i] = decay == BEHIND  ? (p[i] - step) * (1 - lr * weight)
                   : decay == AHEAD ? p[i] - lr * weight * p[i] - step
                                    : p[i] - step;
        }
}

START_TEST(test_adams)
{
    const struct problem problem = make_problem(1);
    const bool decays = strstr(adams[_i].settings, "0.3") != NULL;
    double exact[N];
    float p[N];
    ck_assert(
        run_text(adams[_i].preset, adams[_i].rule, adams[_i].settings, steps_down(), &problem, p));
    adam_of(&problem, adams[_i].decay, adams[_i].eps_before, decays ? 0.3 : 0, exact);
    equals(adams[_i].preset, exact, p, &problem);
}
END_TEST

/*
 * fused_lamb.py and LARC.py: the gradient over max(1, norm/max_grad_norm), here 1 by default, then
 * u = m^/(sqrt(v^) + eps) + decay*p and p -= lr*||p||/||u||*u; LARC: g = (g + decay*p)*min(r/lr, 1),
 * r = 0.02*||p||/(||g|| + decay*||p|| + eps), to sgd.
 */
static void apex(const struct problem *problem, bool larc, double p[N])
{
    double m[N], v[N] = {0}, u[N];
    widen(problem, p, m);
    for (int t = 1; t <= STEPS; t++) {
        double p_squares = 0, g_squares = 0, u_squares = 0;
        for (size_t i = 0; i < N; i++) {
            p_squares += p[i] * p[i];
            g_squares += (double)problem->g[t - 1][i] * (double)problem->g[t - 1][i];
        }
        const double norm = sqrt(p_squares), length = sqrt(g_squares), lr = 0.1 * multiplier(t);
        const double local = fmin(0.02 * norm / (length + 0.3 * norm + 1e-8) / lr, 1);
        for (size_t i = 0; i < N; i++) {
            const double g = (double)problem->g[t - 1][i];
            m[i] = larc ? 0.8 * m[i] + local * (g + 0.3 * p[i])
                        : 0.8 * m[i] + (1 - 0.8) * g / fmax(1, length);
            v[i] = 0.99 * v[i] + (1 - 0.99) * pow(g / fmax(1, length), 2);
            const double root = sqrt(v[i] / (1 - pow(0.99, t))) + 0.05;
            u[i] = m[i] / (1 - pow(0.8, t)) / root + 0.3 * p[i];
            u_squares += u[i] * u[i];
        }
        for (size_t i = 0; i < N; i++)
            p[i] -= lr * (larc ? m[i] : norm / sqrt(u_squares) * u[i]);
    }
}

START_TEST(test_apex)
{
    const struct problem problem = make_problem(1);
    double exact[N];
    float p[N];
    ck_assert(run_text("apex", "lamb", "lr=0.1 beta1=0.8 beta2=0.99 eps=0.05 weight_decay=0.3",
                       steps_down(), &problem, p));
    apex(&problem, false, exact);
    equals("lamb of apex", exact, p, &problem);
    ck_assert(run_text("apex", "lars", "lr=0.1 momentum=0.8 weight_decay=0.3", steps_down(),
                       &problem, p));
    apex(&problem, true, exact);
    equals("LARC", exact, p, &problem);
}
END_TEST

/* kOptimizer32bit1State: g += weight_decay*p; s = g the first time, then s = beta1*s + g, p -= lr*s;
 * of rmsprop s = beta1*s + (1 - beta1)*g^2, p -= lr*g/(sqrt(s) + eps). */
START_TEST(test_bitsandbytes)
{
    const struct problem problem = make_problem(1);
    for (int root = 0; root < 2; root++) {
        double exact[N], s[N];
        float p[N];
        widen(&problem, exact, s);
        for (int t = 1; t <= STEPS; t++)
            for (size_t i = 0; i < N; i++) {
                const double g = (double)problem.g[t - 1][i] + 0.3 * exact[i];
                s[i] = root ? 0.8 * s[i] + (1 - 0.8) * g * g : 0.8 * s[i] + g;
                exact[i] -= 0.1 * multiplier(t) * (root ? g / (sqrt(s[i]) + 0.05) : s[i]);
            }
        ck_assert(run_text("bitsandbytes", root ? "rmsprop" : "sgd",
                           root ? "lr=0.1 alpha=0.8 eps=0.05 weight_decay=0.3"
                                : "lr=0.1 momentum=0.8 weight_decay=0.3",
                           steps_down(), &problem, p));
        equals(root ? "rmsprop of bitsandbytes" : "sgd of bitsandbytes", exact, p, &problem);
    }
}
END_TEST

/*
 * Algorithm 1, lines 6 to 9: m = beta1*m + eta*alpha*g, x = x - m - eta*lambda*x; algorithm 2, line
 * 12: x = x - eta*(alpha*m^/(sqrt(v^) + eps) + lambda*x). eta is the schedule multiplier.
 */
static void loshchilov(const struct problem *problem, bool adam, double x[N])
{
    double m[N], v[N] = {0};
    widen(problem, x, m);
    for (int t = 1; t <= STEPS; t++)
        for (size_t i = 0; i < N; i++) {
            const double g = (double)problem->g[t - 1][i], eta = multiplier(t);
            if (adam) {
                m[i] = 0.8 * m[i] + (1 - 0.8) * g;
                v[i] = 0.99 * v[i] + (1 - 0.99) * g * g;
                const double root = sqrt(v[i] / (1 - pow(0.99, t))) + 0.05;
                x[i] -= eta * (0.1 * m[i] / (1 - pow(0.8, t)) / root + 0.03 * x[i]);
            } else {
                m[i] = 0.9 * m[i] + eta * 0.1 * g;
                x[i] = x[i] - m[i] - eta * 0.03 * x[i];
            }
        }
}

START_TEST(test_loshchilov)
{
    const struct problem problem = make_problem(1);
    double exact[N];
    float p[N];
    ck_assert(run_text("loshchilov", "sgd", "alpha=0.1 momentum=0.9 lambda=0.03", steps_down(),
                       &problem, p));
    loshchilov(&problem, false, exact);
    equals("SGDW", exact, p, &problem);
    static const char *const names[] = {"adam", "adamw"};
    for (int k = 0; k < 2; k++) {
        ck_assert(run_text("loshchilov", names[k],
                           "alpha=0.1 beta1=0.8 beta2=0.99 eps=0.05 lambda=0.03", steps_down(),
                           &problem, p));
        loshchilov(&problem, true, exact);
        equals(names[k], exact, p, &problem);
    }
}
END_TEST

/* The gradient of loss + lambda/2*||w||^2, clipped when its norm is above theta. */
START_TEST(test_d2l)
{
    const struct problem problem = make_problem(1);
    double exact[N], unused[N];
    float p[N];
    widen(&problem, exact, unused);
    for (int t = 1; t <= STEPS; t++)
        for (size_t i = 0; i < N; i++)
            exact[i] -= 0.1 * ((double)problem.g[t - 1][i] + 0.3 * exact[i]);
    ck_assert(run_text("d2l", "sgd", "lr=0.1 lambd=0.3", NULL, &problem, p));
    equals("d2l", exact, p, &problem);
}
END_TEST

/*
 * The scaling: d2l's loss is 1/2 (y^ - y)^2, PyTorch's MSELoss (y^ - y)^2, with twice the gradient.
 * Half the lr and twice the weight_decay are then the same steps, to the bit, since 2 rounds
 * nothing; with the same loss the numbers are the same.
 */
START_TEST(test_pytorch_is_d2l)
{
    const struct problem problem = make_problem(1), doubled = make_problem(2);
    float d2l[N], same[N], scaled[N];
    ck_assert(run_text("d2l", "sgd", "lr=0.1 lambd=0.3", NULL, &problem, d2l));
    ck_assert(run_text("pytorch", "sgd", "lr=0.1 weight_decay=0.3", NULL, &problem, same));
    ck_assert(run_text("pytorch", "sgd", "lr=0.05 weight_decay=0.6", NULL, &doubled, scaled));
    ck_assert_mem_eq(d2l, same, sizeof d2l);
    ck_assert_mem_eq(d2l, scaled, sizeof d2l);
}
END_TEST

/* keras/src/regularizers: l1*sum|p| + l2*sum p^2 is in the loss; the gradient of it all is clipped.
 */
START_TEST(test_keras_regularizers)
{
    const struct problem problem = make_problem(1);
    double exact[N], unused[N];
    float p[N];
    widen(&problem, exact, unused);
    for (int t = 1; t <= STEPS; t++)
        for (size_t i = 0; i < N; i++) {
            const double penalty = 0.02 * sign(exact[i]) + 2 * 0.1 * exact[i];
            exact[i] -= 0.1 * clamp((double)problem.g[t - 1][i] + penalty, 0.4);
        }
    ck_assert(run_text("keras", "sgd", "learning_rate=0.1 l1=0.02 l2=0.1 clipvalue=0.4", NULL,
                       &problem, p));
    equals("regularizers of keras", exact, p, &problem);
}
END_TEST

/*
 * base_optimizer.py, apply: weights decay, p -= p*weight_decay*lr, and then comes the rule; Ftrl's
 * update_step finds what is left: n' = n + g^2, z += g - (sqrt(n') - sqrt(n))/lr*p.
 */
static void keras_ftrl(const struct problem *problem, double p[N])
{
    double z[N], n[N];
    widen(problem, p, z);
    for (size_t i = 0; i < N; i++)
        n[i] = 0.1;
    for (int t = 1; t <= STEPS; t++)
        for (size_t i = 0; i < N; i++) {
            const double g = (double)problem->g[t - 1][i], next = n[i] + g * g;
            p[i] -= p[i] * 0.3 * 0.5;
            z[i] += g - (sqrt(next) - sqrt(n[i])) / 0.5 * p[i];
            p[i] = fabs(z[i]) > 0.1 ? (0.1 * sign(z[i]) - z[i]) / (sqrt(next) / 0.5 + 2 * 0.2) : 0;
            n[i] = next;
        }
}

START_TEST(test_keras_ftrl)
{
    const struct problem problem = make_problem(1);
    double exact[N];
    float p[N], plain[N];
    ck_assert(run_text("keras", "ftrl",
                       "learning_rate=0.5 initial_accumulator_value=0.1 weight_decay=0.3 "
                       "l1_regularization_strength=0.1 l2_regularization_strength=0.2",
                       NULL, &problem, p));
    ck_assert(run_text("keras", "ftrl",
                       "learning_rate=0.5 initial_accumulator_value=0.1 "
                       "l1_regularization_strength=0.1 l2_regularization_strength=0.2",
                       NULL, &problem, plain));
    keras_ftrl(&problem, exact);
    equals("ftrl of keras", exact, p, &problem);
    ck_assert_double_gt(distance(exact, plain, problem.p, N), 10 * BOUND);
}
END_TEST

/* The decay before the rule, or after its step, to the bit: two subtractions, each rounded. */
START_TEST(test_order)
{
    static const char *const orders[] = {"before", "after"};
    const struct problem problem = make_problem(1);
    const float decay = (float)(0.1 * 0.3), lr = 0.1f;
    struct tik_optimizer_options options;
    struct tik_policy *policy;
    float p[N];
    tik_optimizer_defaults(&options);
    judge_ok(tik_policy_create("sgd", &policy));
    judge_ok(tik_policy_set(policy, "lr", 0.1));
    judge_ok(tik_policy_add_penalty(policy, "l2", NULL));
    judge_ok(tik_policy_set_penalty(policy, 0, "weight", 0.3));
    judge_ok(tik_policy_set_penalty_text(policy, 0, "application", "decoupled"));
    judge_ok(tik_policy_set_penalty_text(policy, 0, "order", orders[_i]));
    run(policy, &options, NULL, &problem, p);
    for (size_t i = 0; i < N; i++) {
        volatile float due = problem.p[i], part;
        for (int t = 0; t < STEPS; t++) {
            part = _i == 0 ? decay * due : lr * problem.g[t][i];
            due = due - part;
            part = _i == 0 ? lr * problem.g[t][i] : decay * due;
            due = due - part;
        }
        ck_assert_msg(due == p[i], "element %zu: got %a, should be %a", i, (double)p[i],
                      (double)due);
    }
    tik_policy_destroy(policy);
}
END_TEST

START_TEST(test_one_order)
{
    struct tik_policy *policy;
    judge_ok(tik_policy_create("sgd", &policy));
    for (size_t k = 0; k < 2; k++) {
        judge_ok(tik_policy_add_penalty(policy, "l2", NULL));
        judge_ok(tik_policy_set_penalty_text(policy, k, "application", "decoupled"));
        judge_ok(tik_policy_set_penalty_text(policy, k, "order", k == 0 ? "before" : "after"));
    }
    ck_assert_int_eq(tik_policy_check(policy), TIK_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(tik_last_error(), "penalty l2: one decay has order before"));
    judge_ok(tik_policy_set_penalty_text(policy, 1, "order", "beside"));
    ck_assert_int_eq(tik_policy_check(policy), TIK_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(tik_last_error(), "has order before and another beside"));
    judge_ok(tik_policy_set_penalty_text(policy, 1, "order", "before"));
    judge_ok(tik_policy_check(policy));
    judge_ok(tik_policy_set_penalty_text(policy, 1, "application", "coupled"));
    ck_assert_int_eq(tik_policy_check(policy), TIK_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(tik_last_error(), "order is before, and the application is not"));
    tik_policy_destroy(policy);
}
END_TEST

/* Beside ftrl no other penalty is allowed, nor this one in another place. */
START_TEST(test_before_ftrl)
{
    struct tik_policy *policy;
    judge_ok(tik_policy_create("ftrl", &policy));
    judge_ok(tik_policy_add_penalty(policy, "l2", NULL));
    judge_ok(tik_policy_set_penalty_text(policy, 0, "order", "before"));
    ck_assert_int_eq(tik_policy_check(policy), TIK_ERROR_ARGUMENT);
    judge_ok(tik_policy_set_penalty_text(policy, 0, "application", "decoupled"));
    judge_ok(tik_policy_check(policy));
    judge_ok(tik_policy_add_penalty(policy, "l1", NULL));
    ck_assert_int_eq(tik_policy_check(policy), TIK_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(tik_last_error(), "penalty l1 with rule ftrl"));
    tik_policy_destroy(policy);
}
END_TEST

/* Of two gradients the mean; the ratio is max/norm without eps. Optax and Keras have it in golden/.
 */
START_TEST(test_clip_without_eps)
{
    static const char *const presets[][2] = {{"optax", "clip_by_global_norm=1e-6"},
                                             {"keras", "global_clipnorm=1e-6"},
                                             {"tensorflow", "clip_by_global_norm=1e-6"},
                                             {"caffe", "clip_gradients=1e-6"},
                                             {"d2l", "grad_clip_val=1e-6"},
                                             {"pytorch", "max_norm=1e-6"}};
    const struct problem problem = make_problem(1e-6);
    for (size_t k = 0; k < sizeof presets / sizeof *presets; k++) {
        double exact[N], unused[N];
        float p[N];
        char text[CALL_TEXT];
        const double eps = strcmp(presets[k][0], "pytorch") == 0 ? 1e-6 : 0;
        widen(&problem, exact, unused);
        for (int t = 1; t <= STEPS; t++) {
            double squares = 0;
            for (size_t i = 0; i < N; i++)
                squares += (double)problem.g[t - 1][i] * (double)problem.g[t - 1][i];
            for (size_t i = 0; i < N; i++)
                exact[i] -=
                    1e5 * (double)problem.g[t - 1][i] * fmin(1, 1e-6 / (sqrt(squares) + eps));
        }
        snprintf(text, sizeof text, "lr=1e5 %s", presets[k][1]);
        ck_assert(run_text(presets[k][0], "sgd", text, NULL, &problem, p));
        equals(presets[k][0], exact, p, &problem);
    }
}
END_TEST

/* ---- the difference that a preset makes ---- */

static const struct {
    const char *preset, *rule, *settings;
    const char *pytorch; /* the same settings by their names there */
    bool schedule;
    double size; /* of the gradients */
} differences[] = {
    {"loshchilov", "adamw", "lr=0.1 weight_decay=0.05", "lr=0.1 weight_decay=0.05", false, 1},
    {"loshchilov", "sgd", "lr=0.1 momentum=0.9", "lr=0.1 momentum=0.9", true, 1},
    {"optax", "adamax", "lr=0.1 weight_decay=0.05", "lr=0.1 weight_decay=0.05", false, 1},
    {"keras", "sgd", "lr=0.1 momentum=0.9 weight_decay=0.05",
     "lr=0.1 momentum=0.9 weight_decay=0.05", false, 1},
    {"tensorflow", "sgd", "lr=0.1 l2=0.4", "lr=0.1 weight_decay=0.4", false, 1},
    {"caffe", "sgd", "lr=0.1 momentum=0.9 weight_decay=0.05",
     "lr=0.1 momentum=0.9 weight_decay=0.05", true, 1},
    {"mxnet", "sgd", "lr=0.1 momentum=0.9 weight_decay=0.05",
     "lr=0.1 momentum=0.9 weight_decay=0.05", true, 1},
    {"mxnet2", "sgd", "lr=0.1 momentum=0.9 weight_decay=0.05",
     "lr=0.1 momentum=0.9 weight_decay=0.05", true, 1},
    {"flashlight", "adam", "lr=0.1 weight_decay=0.05", "lr=0.1 weight_decay=0.05", false, 1},
    {"bitsandbytes", "adamw", "lr=0.1 weight_decay=0.5", "lr=0.1 weight_decay=0.5", false, 1},
    {"apex", "adam", "lr=0.1 weight_decay=0.05", "lr=0.1 weight_decay=0.05", false, 1},
    {"d2l", "sgd", "lr=1e5 max_norm=1e-6", "lr=1e5 max_norm=1e-6", false, 1e-6},
    {"sklearn", "sgd", "lr=0.1", "lr=0.1", false, 1},
};

START_TEST(test_difference)
{
    const struct problem problem = make_problem(differences[_i].size);
    const struct tik_schedule *schedule = differences[_i].schedule ? steps_down() : NULL;
    float p[N], plain[N];
    double wide[N];
    ck_assert(run_text(differences[_i].preset, differences[_i].rule, differences[_i].settings,
                       schedule, &problem, p));
    ck_assert(run_text("pytorch", differences[_i].rule, differences[_i].pytorch, schedule, &problem,
                       plain));
    for (size_t i = 0; i < N; i++)
        wide[i] = (double)plain[i];
    const double apart = distance(wide, p, problem.p, N);
    printf("presets: %s of %s is %.2g from pytorch's\n", differences[_i].rule,
           differences[_i].preset, apart);
    ck_assert_msg(apart > 10 * BOUND, "%s of %s is only %.3g from pytorch's", differences[_i].rule,
                  differences[_i].preset, apart);
}
END_TEST

START_TEST(test_every_preset_differs)
{
    for (size_t i = 1; tik_preset_at(i); i++) {
        bool found = false;
        for (size_t k = 0; k < sizeof differences / sizeof *differences; k++)
            found |= strcmp(differences[k].preset, tik_preset_at(i)->name) == 0;
        ck_assert_msg(found, "nothing shows what %s differs in", tik_preset_at(i)->name);
    }
}
END_TEST

/* pytorch is what the library does by itself. */
START_TEST(test_pytorch)
{
    const struct problem problem = make_problem(1);
    for (size_t r = 0; tik_rule_at(r); r++) {
        const struct tik_rule_info *rule = tik_rule_at(r);
        struct tik_optimizer_options options, defaults;
        struct tik_policy *policy, *plain;
        float p[N], own[N];
        size_t decay = 0;
        while (decay < rule->option_count && strcmp(rule->options[decay].name, "weight_decay") != 0)
            decay++;
        const struct tik_setting setting = {"weight_decay", "0.05"};
        tik_optimizer_defaults(&options);
        tik_optimizer_defaults(&defaults);
        judge_ok(tik_preset_apply("pytorch", rule->name, &setting, decay < rule->option_count,
                                  &policy, &options));
        judge_ok(tik_policy_create(rule->name, &plain));
        if (decay < rule->option_count)
            judge_ok(tik_policy_set(plain, "weight_decay", 0.05));
        ck_assert_mem_eq(&options, &defaults, sizeof options);
        run(policy, &options, NULL, &problem, p);
        run(plain, &defaults, NULL, &problem, own);
        ck_assert_mem_eq(p, own, sizeof p);
        tik_policy_destroy(policy);
        tik_policy_destroy(plain);
    }
}
END_TEST

/* ---- what is refused, in words ---- */

static const struct {
    const char *preset, *rule, *settings, *says[4];
} refusals[] = {
    {"torch", "sgd", "lr=0.1", {"torch", "pytorch, loshchilov, optax, keras"}},
    {"caffe", "lion", "lr=0.1", {"caffe", "lion", "sgd, adam, adagrad"}},
    {"pytorch", "lionn", "lr=0.1", {"lionn", "sgd, adam"}},
    {"keras", "sgd", "learning_rat=0.1", {"sgd", "learning_rat", "lr, momentum"}},
    {"keras", "sgd", "learning_rate=fast", {"sgd", "lr", "fast"}},
    {"keras", "sgd", "weight_decay=-1", {"keras", "weight_decay", "-1", "[0, inf)"}},
    {"keras", "sgd", "l1_ratio=0.5", {"keras", "l1_ratio"}},
    {"keras", "sgd", "clipnorm=1 clipvalue=1", {"keras", "clip_norm", "clip_value", "one clip"}},
    {"keras", "sgd", "l2=0.1 global_clipnorm=1", {"keras", "loss", "clip_value"}},
    {"tensorflow", "sgd", "weight_decay=0.1", {"tensorflow", "weight_decay", "proximal"}},
    {"caffe", "sgd", "regularization_type=L3", {"caffe", "regularization_type", "L3", "L2, L1"}},
    {"caffe", "sgd", "iter_size=1.5", {"caffe", "accumulate", "1.5"}},
    {"sklearn", "sgd", "eta0=10 alpha=0.2", {"sklearn", "2", "at most 1"}},
    {"mxnet", "sgd", "nesterov=true", {"sgd", "nesterov", "momentum > 0"}},
    {"flashlight", "adamw", "lr=0.1", {"flashlight", "adamw", "it has: adam"}},
};

START_TEST(test_refused)
{
    struct tik_policy *const none = (struct tik_policy *)&none;
    struct tik_policy *policy = none;
    struct tik_optimizer_options options, before;
    tik_optimizer_defaults(&before);
    before.clip_eps = 0.25;
    options = before;
    const struct preset_call call =
        make_call(refusals[_i].preset, refusals[_i].rule, refusals[_i].settings);
    const enum tik_status status =
        tik_preset_apply(call.preset, call.rule, call.settings, call.count, &policy, &options);
    ck_assert_int_eq(status, TIK_ERROR_ARGUMENT);
    for (int k = 0; k < 4 && refusals[_i].says[k]; k++)
        ck_assert_msg(strstr(tik_last_error(), refusals[_i].says[k]) != NULL,
                      "'%s' does not say '%s'", tik_last_error(), refusals[_i].says[k]);
    ck_assert_ptr_eq(policy, none);
    ck_assert_mem_eq(&options, &before, sizeof options);
}
END_TEST

START_TEST(test_misuse)
{
    const struct tik_setting clip = {"max_norm", "1"}, nameless = {NULL, "1"};
    struct tik_policy *policy;
    ck_assert_int_eq(tik_preset_apply(NULL, "sgd", NULL, 0, &policy, NULL), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_preset_apply("keras", NULL, NULL, 0, &policy, NULL), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_preset_apply("keras", "sgd", NULL, 1, &policy, NULL), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_preset_apply("keras", "sgd", NULL, 0, NULL, NULL), TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_preset_apply("keras", "sgd", &nameless, 1, &policy, NULL),
                     TIK_ERROR_ARGUMENT);
    ck_assert_int_eq(tik_preset_apply("keras", "sgd", &clip, 1, &policy, NULL), TIK_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(tik_last_error(), "max_norm"));
    judge_ok(tik_preset_apply("keras", "sgd", NULL, 0, &policy, NULL));
    tik_policy_destroy(policy);
    ck_assert_ptr_null(tik_preset_find("none"));
    ck_assert_ptr_null(tik_preset_rule("none", 0));
    ck_assert_str_eq(tik_preset_find("keras")->name, "keras");
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("presets");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, test_calls, 0, FILES);
    tcase_add_test(cases, test_awaited);
    tcase_add_test(cases, test_rules);
    tcase_add_test(cases, test_caffe);
    tcase_add_test(cases, test_mxnet_sgd);
    tcase_add_test(cases, test_mxnet_adam);
    tcase_add_test(cases, test_mxnet_rmsprop);
    tcase_add_loop_test(cases, test_adams, 0, sizeof adams / sizeof *adams);
    tcase_add_test(cases, test_apex);
    tcase_add_test(cases, test_bitsandbytes);
    tcase_add_test(cases, test_loshchilov);
    tcase_add_test(cases, test_d2l);
    tcase_add_test(cases, test_pytorch_is_d2l);
    tcase_add_test(cases, test_keras_regularizers);
    tcase_add_test(cases, test_keras_ftrl);
    tcase_add_loop_test(cases, test_order, 0, 2);
    tcase_add_test(cases, test_one_order);
    tcase_add_test(cases, test_before_ftrl);
    tcase_add_test(cases, test_clip_without_eps);
    tcase_add_loop_test(cases, test_difference, 0, sizeof differences / sizeof *differences);
    tcase_add_test(cases, test_every_preset_differs);
    tcase_add_test(cases, test_pytorch);
    tcase_add_loop_test(cases, test_refused, 0, sizeof refusals / sizeof *refusals);
    tcase_add_test(cases, test_misuse);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(int argc, char **argv)
{
    return judge_main(argc, argv, make_suite);
}
