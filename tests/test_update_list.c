/*
 * Lists of the bare call: a thousand tensors, each in buffers of its own, against tik_update_host
 * tensor by tensor: every word of parameters and states, and every word beside them. The device is
 * TIKHONOV_DEVICE, else "opencl"; TIKHONOV_LOCAL_SIZE as elsewhere.
 */
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/opencl/cl.h"

enum { SEED = 20261128, ARRAYS = 2 + TIK_MAX_STATES, MOST = 1000, ROOM = 67, REST = 9 };
/* Sub-buffers begin at multiples of CL_DEVICE_MEM_BASE_ADDR_ALIGN bits: this many words are one. */
enum { ALIGN = 1024 };
static const float factor = 0.37F;

/* The caller's own objects, and a context of the library on them. */
static struct {
    cl_context context;
    cl_command_queue queue, loose; /* in order, and not */
    struct tik_context *tikhonov;
    cl_mem factor;
} own;

/*
 * The tensors on both sides: buffer t of array k is words first[t] to first[t + 1] - 1, and either
 * a buffer of its own or a sub-buffer of the array's: a thousand commands fewer to write and read.
 */
static struct {
    size_t count, first[MOST + 1];
    struct tik_update_tensor tensor[MOST];
    cl_mem buffer[ARRAYS][MOST];
    cl_mem parent[ARRAYS]; /* NULL: buffers of their own */
    float *there[ARRAYS], *here[ARRAYS];
} all;

/* The scalars that the rule carries, of the device's steps and of the host's tensors. */
static struct {
    double there[2], here[MOST][2];
} carried;

#define cl_ok(call) ck_assert_int_eq((call), CL_SUCCESS)

static size_t size_of(size_t t)
{
    static const size_t sizes[] = {0, 1, 7, 93, 1023, 1025, 4099};
    return suite_small() ? sizes[t % 4] + (t == 3 ? 1000 : 0) : sizes[t % 7];
}

/* Where tensor t begins in array k: no two alike, no multiple of anything. */
static size_t offset_of(size_t t, size_t k)
{
    return (3 + 5 * k + 7 * t) % ROOM;
}

static cl_mem make_buffer(size_t k, size_t t)
{
    const cl_mem_flags flags = k == 1 ? CL_MEM_READ_ONLY : CL_MEM_READ_WRITE;
    const cl_buffer_region region = {all.first[t] * sizeof(float),
                                     (all.first[t + 1] - all.first[t]) * sizeof(float)};
    cl_int error;
    cl_mem made =
        all.parent[k] != NULL
            ? clCreateSubBuffer(all.parent[k], flags, CL_BUFFER_CREATE_TYPE_REGION, &region, &error)
            : clCreateBuffer(own.context, flags, region.size, NULL, &error);
    cl_ok(error);
    return made;
}

static void make_tensor(size_t t)
{
    struct tik_update_tensor *tensor = &all.tensor[t];
    for (size_t k = 0; k < ARRAYS; k++)
        all.buffer[k][t] = make_buffer(k, t);
    *tensor = (struct tik_update_tensor){.count = size_of(t),
                                         .param = all.buffer[0][t],
                                         .grad = all.buffer[1][t],
                                         .param_offset = offset_of(t, 0),
                                         .grad_offset = offset_of(t, 1)};
    for (size_t k = 0; k < TIK_MAX_STATES; k++) {
        tensor->state[k] = all.buffer[2 + k][t];
        tensor->state_offset[k] = offset_of(t, 2 + k);
    }
}

static void open_tensors(bool sub_buffers)
{
    all.count = suite_small() ? 40 : MOST;
    for (size_t t = 0; t < all.count; t++)
        all.first[t + 1] = (all.first[t] + ROOM + size_of(t) + REST + ALIGN - 1) / ALIGN * ALIGN;
    const size_t words = all.first[all.count];
    for (size_t k = 0; k < ARRAYS; k++) {
        cl_int error = CL_SUCCESS;
        all.parent[k] = sub_buffers ? clCreateBuffer(own.context, CL_MEM_READ_WRITE,
                                                     words * sizeof(float), NULL, &error)
                                    : NULL;
        cl_ok(error);
        all.there[k] = suite_allocate(words, sizeof(float));
        all.here[k] = suite_allocate(words, sizeof(float));
    }
    for (size_t t = 0; t < all.count; t++)
        make_tensor(t);
}

static void open_context(void)
{
    cl_device_id device = tik_context_cl_device(judge_context());
    cl_int error;
    own.context = clCreateContext(NULL, 1, &device, NULL, NULL, &error);
    cl_ok(error);
    own.queue = clCreateCommandQueue(own.context, device, 0, &error);
    cl_ok(error);
    cl_command_queue_properties can = 0;
    cl_ok(clGetDeviceInfo(device, CL_DEVICE_QUEUE_PROPERTIES, sizeof can, &can, NULL));
    own.loose = clCreateCommandQueue(own.context, device,
                                     can & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &error);
    cl_ok(error);
    struct tik_context_options options;
    tik_context_defaults(&options);
    options.cl_context = own.context;
    options.cl_device = device;
    options.cl_queue = own.queue;
    judge_ok(tik_context_create(&options, &own.tikhonov));
    own.factor = clCreateBuffer(own.context, CL_MEM_COPY_HOST_PTR, sizeof factor,
                                (void *)(uintptr_t)&factor, &error);
    cl_ok(error);
}

static void open_buffers(void)
{
    open_context();
    open_tensors(false);
}

static void open_sub_buffers(void)
{
    open_context();
    open_tensors(true);
}

static void close_own(void)
{
    for (size_t k = 0; k < ARRAYS; k++) {
        for (size_t t = 0; t < all.count; t++)
            clReleaseMemObject(all.buffer[k][t]);
        if (all.parent[k] != NULL)
            clReleaseMemObject(all.parent[k]);
        free(all.there[k]);
        free(all.here[k]);
    }
    clReleaseMemObject(own.factor);
    tik_context_destroy(own.tikhonov);
    clReleaseCommandQueue(own.queue);
    clReleaseCommandQueue(own.loose);
    clReleaseContext(own.context);
}

/* Array k of the device, written or read, whole. */
static void move(size_t k, bool write)
{
    const size_t pieces = all.parent[k] != NULL ? 1 : all.count;
    for (size_t t = 0; t < pieces; t++) {
        cl_mem buffer = all.parent[k] != NULL ? all.parent[k] : all.buffer[k][t];
        const size_t end = all.first[all.parent[k] != NULL ? all.count : t + 1];
        const size_t bytes = (end - all.first[t]) * sizeof(float);
        float *values = all.there[k] + all.first[t];
        cl_ok(write ? clEnqueueWriteBuffer(own.queue, buffer, CL_FALSE, 0, bytes, values, 0, NULL,
                                           NULL)
                    : clEnqueueReadBuffer(own.queue, buffer, CL_FALSE, 0, bytes, values, 0, NULL,
                                          NULL));
    }
    cl_ok(clFinish(own.queue));
}

/* New values of all kinds on both sides, guard zones among them. */
static void fill_all(void)
{
    uint64_t seed = SEED;
    const size_t words = all.first[all.count];
    for (size_t k = 0; k < ARRAYS; k++) {
        suite_fill(all.here[k], words, SUITE_WILD, &seed);
        memcpy(all.there[k], all.here[k], words * sizeof(float));
        move(k, true);
    }
}

static void check_all(const char *what)
{
    cl_ok(clFinish(own.loose));
    for (size_t k = 0; k < ARRAYS; k++) {
        move(k, false);
        suite_check_words(what, all.there[k], all.here[k], all.first[all.count]);
    }
}

/* NULL: a rule that needs more than one launch over elements, which the library says. */
static struct tik_update *make_update(const char *rule, bool clipped)
{
    struct tik_policy *policy = suite_rich_policy(rule);
    struct tik_update *update = NULL;
    const enum tik_status status = tik_update_create(own.tikhonov, policy, clipped, &update);
    tik_policy_destroy(policy);
    if (status != TIK_OK) {
        suite_refused(TIK_ERROR_ARGUMENT, status, rule, "one launch over elements",
                      "tik_optimizer");
        return NULL;
    }
    for (size_t k = 0; k < tik_update_carried(update); k++)
        carried.there[k] = tik_update_carried_initial(update, k);
    for (size_t t = 0; t < MOST; t++)
        memcpy(carried.here[t], carried.there, sizeof carried.there);
    return update;
}

/* The list of the first `count` tensors. */
static struct tik_update_list *make_list(struct tik_update *update, size_t count)
{
    struct tik_update_list *list;
    judge_ok(tik_update_list_create(update, all.tensor, count, &list));
    const size_t packs = tik_update_list_packs(list);
    ck_assert_msg(packs >= 1 && packs <= 32 && (packs & (packs - 1)) == 0, "packs is %zu", packs);
    size_t filled = 0;
    for (size_t t = 0; t < count; t++)
        filled += all.tensor[t].count > 0;
    ck_assert_uint_eq(tik_update_list_launches(list), (filled + packs - 1) / packs);
    return list;
}

/* A part of the learning rate: the second step of a long warm-up. */
static const struct tik_schedule warming = {
    .kind = TIK_SCHEDULE_CONSTANT, .warmup_steps = 1000, .warmup_start = 0.5, .step_size = 1};

static struct tik_update_step step_of(const struct tik_update *update, bool clipped, uint64_t t)
{
    return (struct tik_update_step){
        .step = t,
        .factor = clipped ? own.factor : NULL,
        .schedule = t == 2 ? &warming : NULL,
        .carried = tik_update_carried(update) > 0 ? carried.there : NULL,
    };
}

static void step_host(struct tik_update *update, bool clipped, uint64_t step, size_t count)
{
    for (size_t t = 0; t < count; t++) {
        struct tik_update_host_args args = {
            .count = size_of(t),
            .param = all.here[0] + all.first[t] + offset_of(t, 0),
            .grad = all.here[1] + all.first[t] + offset_of(t, 1),
            .factor = clipped ? &factor : NULL,
            .step = step,
            .schedule = step == 2 ? &warming : NULL,
            .carried = tik_update_carried(update) > 0 ? carried.here[t] : NULL,
        };
        for (size_t k = 0; k < tik_update_states(update); k++)
            args.state[k] = all.here[2 + k] + all.first[t] + offset_of(t, 2 + k);
        judge_ok(tik_update_host(update, &args));
    }
}

/* ---- the same bits ---- */

START_TEST(test_steps)
{
    const bool clipped = _i % 2;
    const struct tik_rule_info *rule = tik_rule_at((size_t)_i / 2);
    struct tik_update *update = make_update(rule->name, clipped);
    if (update == NULL)
        return;
    struct tik_update_list *list = make_list(update, all.count);
    ck_assert_int_eq(tik_update_conformance(update), TIK_EXACT);
    fill_all();
    for (uint64_t t = 1; t <= 2; t++) {
        const struct tik_update_step step = step_of(update, clipped, t);
        judge_ok(tik_update_list_enqueue(list, own.queue, &step, 0, NULL, NULL));
        step_host(update, clipped, t, all.count);
        for (size_t k = 0; k < tik_update_carried(update); k++)
            ck_assert_double_eq(carried.there[k], carried.here[0][k]);
        judge_ok(tik_update_set(update, "lr", 0.02));
    }
    check_all(rule->name);
    if (!clipped)
        printf("list of %zu tensors, %s: %zu launches of %zu\n", all.count, rule->name,
               tik_update_list_launches(list), tik_update_list_packs(list));
    tik_update_list_destroy(list);
    tik_update_destroy(update);
}
END_TEST

static bool is_done(cl_event event)
{
    cl_int fate = CL_QUEUED;
    cl_ok(clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof fate, &fate, NULL));
    ck_assert_int_ge(fate, CL_COMPLETE);
    return fate == CL_COMPLETE;
}

/*
 * On a queue out of order: nothing before the caller's events, and the event stands for all. As
 * long as one launch, as two, and as many.
 */
START_TEST(test_events)
{
    static const size_t counts[] = {2, 40, MOST};
    const size_t count = counts[_i] < all.count ? counts[_i] : all.count;
    struct tik_update *update = make_update("adamw", true);
    struct tik_update_list *list = make_list(update, count);
    fill_all();
    cl_event done[4];
    cl_int error;
    cl_event gate = clCreateUserEvent(own.context, &error);
    cl_ok(error);
    for (uint64_t t = 0; t < 4; t++) {
        const struct tik_update_step step = step_of(update, true, t + 1);
        judge_ok(tik_update_list_enqueue(list, own.loose, &step, 1, t > 0 ? &done[t - 1] : &gate,
                                         &done[t]));
    }
    for (size_t t = 0; t < 4; t++)
        ck_assert(!is_done(done[t]));
    cl_ok(clSetUserEventStatus(gate, CL_COMPLETE));
    cl_ok(clWaitForEvents(1, &done[3]));
    for (size_t t = 0; t < 4; t++) {
        ck_assert(is_done(done[t]));
        clReleaseEvent(done[t]);
        step_host(update, true, t + 1, count);
    }
    clReleaseEvent(gate);
    check_all("events");
    tik_update_list_destroy(list);
    tik_update_destroy(update);
}
END_TEST

/* Adds tensor t, whose states are then the optimizer's own. */
static void add_tensor(struct tik_optimizer *optimizer, size_t t)
{
    const size_t count = size_of(t);
    char name[16];
    snprintf(name, sizeof name, "%zu", t);
    const struct tik_tensor tensor = {.name = name,
                                      .rank = 1,
                                      .shape = &count,
                                      .memory = TIK_MEMORY_OPENCL,
                                      .cl_param = all.buffer[0][t],
                                      .cl_grad = all.buffer[1][t],
                                      .param_offset = offset_of(t, 0),
                                      .grad_offset = offset_of(t, 1)};
    judge_ok(tik_optimizer_add_tensor(optimizer, 0, &tensor, NULL));
}

/* The stateful optimizer packs tensors in the caller's buffers likewise. */
START_TEST(test_optimizer)
{
    enum { STEPS = 3 };
    struct tik_policy *policy = suite_rich_policy("adam");
    struct tik_update *update = make_update("adam", false);
    struct tik_optimizer *optimizer;
    judge_ok(tik_optimizer_create(own.tikhonov, NULL, &optimizer));
    judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    for (size_t t = 0; t < all.count; t++)
        add_tensor(optimizer, t);
    fill_all();
    for (int step = 0; step < STEPS; step++)
        judge_ok(tik_optimizer_step(optimizer));
    judge_ok(tik_optimizer_sync(optimizer));
    for (size_t t = 0; t < all.count; t++) {
        float *states = suite_allocate(TIK_MAX_STATES * size_of(t) + 1, sizeof *states);
        for (uint64_t step = 1; step <= STEPS; step++) {
            struct tik_update_host_args args = {
                .count = size_of(t),
                .param = all.here[0] + all.first[t] + offset_of(t, 0),
                .grad = all.here[1] + all.first[t] + offset_of(t, 1),
                .step = step};
            for (size_t k = 0; k < TIK_MAX_STATES; k++)
                args.state[k] = states + k * size_of(t);
            judge_ok(tik_update_host(update, &args));
        }
        free(states);
    }
    check_all("an optimizer's tensors");
    tik_optimizer_destroy(optimizer);
    tik_update_destroy(update);
    tik_policy_destroy(policy);
}
END_TEST

/* The same tensors in the memory of a library on the scalar path. */
static void add_twin(struct tik_optimizer *optimizer, size_t t)
{
    const size_t count = size_of(t);
    char name[16];
    size_t index;
    snprintf(name, sizeof name, "%zu", t);
    const struct tik_tensor tensor = {.name = name,
                                      .rank = 1,
                                      .shape = &count,
                                      .memory = TIK_MEMORY_LIBRARY,
                                      .param = all.here[0] + all.first[t] + offset_of(t, 0)};
    judge_ok(tik_optimizer_add_tensor(optimizer, 0, &tensor, &index));
    judge_ok(tik_optimizer_write(optimizer, index, TIK_GRAD,
                                 all.here[1] + all.first[t] + offset_of(t, 1)));
}

static struct tik_optimizer *make_clipping(struct tik_context *context, size_t way)
{
    struct tik_optimizer_options options;
    struct tik_policy *policy = suite_rich_policy("adam");
    struct tik_optimizer *optimizer;
    tik_optimizer_defaults(&options);
    options.max_norm = way == 0 ? 0 : 0.5;
    options.loss_scale = way == 2 ? 1024 : 0;
    judge_ok(tik_optimizer_create(context, &options, &optimizer));
    judge_ok(tik_optimizer_add_group(optimizer, policy, NULL));
    tik_policy_destroy(policy);
    return optimizer;
}

/*
 * Clipped by the norm of all, and with a loss scale too: the sums of several tensors share a launch,
 * eight at least on any device, and the norm is that of tensors side by side.
 */
START_TEST(test_clipped)
{
    enum { STEPS = 3, LEAST = 8 };
    struct tik_context *host = suite_scalar(0);
    struct tik_optimizer *plain = make_clipping(own.tikhonov, 0);
    struct tik_optimizer *clipped = make_clipping(own.tikhonov, (size_t)_i);
    struct tik_optimizer *twin = make_clipping(host, (size_t)_i);
    fill_all();
    /* Finite gradients: else all is NaN, or skipped. */
    uint64_t seed = SEED + 1;
    suite_fill(all.here[1], all.first[all.count], SUITE_EDGES, &seed);
    memcpy(all.there[1], all.here[1], all.first[all.count] * sizeof(float));
    move(1, true);
    size_t filled = 0;
    for (size_t t = 0; t < all.count; t++) {
        add_tensor(plain, t);
        add_tensor(clipped, t);
        add_twin(twin, t);
        filled += size_of(t) > 0;
    }
    judge_ok(tik_optimizer_prepare(plain));
    judge_ok(tik_optimizer_prepare(clipped));
    /* Steps that may be skipped are one launch each. */
    const size_t steps = _i == 2 ? filled : tik_optimizer_launches(plain);
    ck_assert_uint_gt(tik_optimizer_launches(clipped), steps + 1);
    ck_assert_uint_le(tik_optimizer_launches(clipped), steps + 1 + (all.count + LEAST - 1) / LEAST);
    printf("%zu tensors, clipped in way %d: %zu launches\n", filled, _i,
           tik_optimizer_launches(clipped));
    for (int step = 0; step < STEPS; step++) {
        judge_ok(tik_optimizer_step(clipped));
        judge_ok(tik_optimizer_step(twin));
    }
    judge_ok(tik_optimizer_sync(clipped));
    ck_assert_int_eq(tik_optimizer_conformance(clipped), TIK_EXACT);
    for (size_t t = 0; t < all.count; t++)
        judge_ok(
            tik_optimizer_read(twin, t, TIK_PARAM, all.here[0] + all.first[t] + offset_of(t, 0)));
    check_all("clipped");
    tik_optimizer_destroy(plain);
    tik_optimizer_destroy(clipped);
    tik_optimizer_destroy(twin);
    tik_context_destroy(host);
}
END_TEST

/* No launch, and yet an event, after those that it waits for. */
START_TEST(test_nothing_to_do)
{
    struct tik_update *update = make_update("adam", false);
    const struct tik_update_tensor empty[2] = {{.count = 0}};
    struct tik_update_list *list;
    judge_ok(tik_update_list_create(update, empty, _i ? 2 : 0, &list));
    ck_assert_uint_eq(tik_update_list_launches(list), 0);
    const struct tik_update_step step = step_of(update, false, 1);
    cl_int error;
    cl_event gate = clCreateUserEvent(own.context, &error), done = NULL;
    cl_ok(error);
    judge_ok(tik_update_list_enqueue(list, own.loose, &step, 1, &gate, &done));
    ck_assert(!is_done(done));
    cl_ok(clSetUserEventStatus(gate, CL_COMPLETE));
    cl_ok(clWaitForEvents(1, &done));
    clReleaseEvent(gate);
    clReleaseEvent(done);
    judge_ok(tik_update_list_enqueue(list, own.loose, &step, 0, NULL, NULL));
    tik_update_list_destroy(list);
    tik_update_destroy(update);
}
END_TEST

static cl_uint references(cl_mem buffer)
{
    cl_uint count = 0;
    cl_ok(clGetMemObjectInfo(buffer, CL_MEM_REFERENCE_COUNT, sizeof count, &count, NULL));
    return count;
}

/* Two lists of one update; each holds its buffers as long as it lives. */
START_TEST(test_two_lists)
{
    struct tik_update *update = make_update("lion", false);
    const size_t half = all.count / 2;
    const cl_uint before = references(all.buffer[0][3]);
    struct tik_update_list *one = make_list(update, half), *other;
    judge_ok(tik_update_list_create(update, all.tensor + half, all.count - half, &other));
    ck_assert_uint_gt(references(all.buffer[0][3]), before);
    fill_all();
    const struct tik_update_step step = step_of(update, false, 1);
    judge_ok(tik_update_list_enqueue(other, own.queue, &step, 0, NULL, NULL));
    judge_ok(tik_update_list_enqueue(one, own.queue, &step, 0, NULL, NULL));
    step_host(update, false, 1, all.count);
    check_all("two lists");
    tik_update_list_destroy(one);
    tik_update_list_destroy(other);
    tik_update_list_destroy(NULL);
    ck_assert_uint_eq(references(all.buffer[0][3]), before);
    tik_update_destroy(update);
}
END_TEST

/* A decay that is not in one sum with the step: before the rule, and after what it left. */
START_TEST(test_order)
{
    static const char *const orders[] = {"before", "after"};
    struct tik_policy *policy;
    struct tik_update *update;
    judge_ok(tik_policy_create("sgd", &policy));
    judge_ok(tik_policy_set(policy, "momentum", 0.9));
    judge_ok(tik_policy_add_penalty(policy, "l2", NULL));
    judge_ok(tik_policy_set_penalty(policy, 0, "weight", 3));
    judge_ok(tik_policy_set_penalty_text(policy, 0, "application", "decoupled"));
    judge_ok(tik_policy_set_penalty_text(policy, 0, "order", orders[_i]));
    judge_ok(tik_update_create(own.tikhonov, policy, false, &update));
    struct tik_update_list *list = make_list(update, all.count);
    fill_all();
    const struct tik_update_step step = step_of(update, false, 1);
    judge_ok(tik_update_list_enqueue(list, own.queue, &step, 0, NULL, NULL));
    step_host(update, false, 1, all.count);
    check_all(orders[_i]);
    tik_update_list_destroy(list);
    tik_update_destroy(update);
    tik_policy_destroy(policy);
}
END_TEST

/* The momenta's product: of one step, however many tensors; and of none that was refused. */
START_TEST(test_carried)
{
    struct tik_update *update = make_update("nadam", false);
    struct tik_update_list *list = make_list(update, all.count);
    struct tik_update_step step = step_of(update, false, 1);
    step.carried = NULL;
    suite_refused(TIK_ERROR_ARGUMENT,
                  tik_update_list_enqueue(list, own.queue, &step, 0, NULL, NULL), "carried is NULL",
                  "nadam");
    step = step_of(update, false, 0);
    suite_refused(TIK_ERROR_ARGUMENT,
                  tik_update_list_enqueue(list, own.queue, &step, 0, NULL, NULL), "step", "0");
    ck_assert_double_eq(carried.there[0], 1);
    step.step = 1;
    judge_ok(tik_update_list_enqueue(list, own.queue, &step, 0, NULL, NULL));
    ck_assert_double_lt(carried.there[0], 1);
    cl_ok(clFinish(own.queue));
    tik_update_list_destroy(list);
    tik_update_destroy(update);
}
END_TEST

/* ---- refusals ---- */

enum { BAD = 2 };

static void refuse_list(struct tik_update *update, const struct tik_update_tensor *tensors,
                        const char *one, const char *two)
{
    struct tik_update_list *list = NULL;
    const cl_uint before = references(all.buffer[0][3]);
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_list_create(update, tensors, 10, &list), one, two);
    ck_assert_ptr_null(list);
    ck_assert_uint_eq(references(all.buffer[0][3]), before);
}

START_TEST(test_bad_tensors)
{
    struct tik_update *update = make_update("adamw", false);
    struct tik_update_tensor tensors[10];
    struct tik_update_tensor *bad = &tensors[BAD];
    cl_int error;
    cl_mem read_only = clCreateBuffer(own.context, CL_MEM_READ_ONLY, 99999, NULL, &error);
    cl_ok(error);
    cl_mem write_only = clCreateBuffer(own.context, CL_MEM_WRITE_ONLY, 99999, NULL, &error);
    cl_ok(error);
    cl_mem foreign =
        clCreateBuffer(tik_context_cl_context(judge_context()), 0, 99999, NULL, &error);
    cl_ok(error);
#define refused(change, ...)                                                                       \
    memcpy(tensors, all.tensor, sizeof tensors);                                                   \
    change;                                                                                        \
    refuse_list(update, tensors, __VA_ARGS__)
    refused(bad->param = NULL, "tensor 2, param", "NULL");
    refused(bad->grad = NULL, "tensor 2, grad", "NULL");
    refused(bad->state[1] = NULL, "tensor 2, state[1]", "NULL");
    refused(bad->param = read_only, "tensor 2, param", "CL_MEM_READ_ONLY");
    refused(bad->grad = write_only, "tensor 2, grad", "CL_MEM_WRITE_ONLY");
    refused(bad->state[0] = foreign, "tensor 2, state[0]", "another cl_context");
    refused(bad->count = all.first[BAD + 1] - all.first[BAD], "tensor 2, param", "bytes");
    refused(bad->grad_offset = all.first[BAD + 1] - all.first[BAD] - bad->count + 1,
            "tensor 2, grad", "bytes");
    refused(bad->grad_offset = SIZE_MAX / 4, "tensor 2, grad", "offset");
    refused(bad->count = SIZE_MAX / 2, "tensor 2, param", "count");
    /* Elements in common: with itself, with a neighbour, in a buffer that both have. */
    refused(bad->state[0] = bad->state[1], "tensor 2, state[0]", "tensor 2, state[1]");
    refused(tensors[3] = *bad, "tensor 3, ", "tensor 2, ");
    refused(bad->state[1] = tensors[3].param, "tensor 2, state[1]", "tensor 3, param");
    refused((bad->grad = tensors[3].state[0], bad->grad_offset = 40), "tensor 2, grad",
            "tensor 3, state[0]");
#undef refused
    clReleaseMemObject(read_only);
    clReleaseMemObject(write_only);
    clReleaseMemObject(foreign);
    tik_update_destroy(update);
}
END_TEST

/* What is only read may be shared, and one buffer may hold parts that lie side by side. */
START_TEST(test_shared_buffers)
{
    struct tik_update *update = make_update("sgd", false);
    struct tik_update_tensor tensors[3];
    const size_t third = (all.first[4] - all.first[3]) / 3;
    for (size_t i = 0; i < 3; i++)
        tensors[i] = (struct tik_update_tensor){.count = third,
                                                .param = all.buffer[0][3],
                                                .grad = all.buffer[1][3],
                                                .state = {all.buffer[2][3]},
                                                .param_offset = (2 - i) * third,
                                                .grad_offset = 1,
                                                .state_offset = {i * third}};
    struct tik_update_list *list;
    judge_ok(tik_update_list_create(update, tensors, 3, &list));
    fill_all();
    const struct tik_update_step step = step_of(update, false, 1);
    judge_ok(tik_update_list_enqueue(list, own.queue, &step, 0, NULL, NULL));
    for (size_t i = 0; i < 3; i++) {
        const struct tik_update_host_args args = {.count = third,
                                                  .param =
                                                      all.here[0] + all.first[3] + (2 - i) * third,
                                                  .grad = all.here[1] + all.first[3] + 1,
                                                  .state = {all.here[2] + all.first[3] + i * third},
                                                  .step = 1};
        judge_ok(tik_update_host(update, &args));
    }
    check_all("shared buffers");
    tik_update_list_destroy(list);
    tensors[2].param_offset++;
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_list_create(update, tensors, 3, &list),
                  "tensor 1, param", "tensor 2, param");
    tik_update_destroy(update);
}
END_TEST

START_TEST(test_bad_calls)
{
    struct tik_update *update = make_update("adamw", true), *plain = make_update("adamw", false);
    struct tik_update_list *list = NULL, *unclipped = make_list(plain, 10);
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_list_create(NULL, all.tensor, 1, &list), "update",
                  "NULL");
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_list_create(update, NULL, 1, &list), "tensors",
                  "NULL");
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_list_create(update, all.tensor, 1, NULL), "list",
                  "NULL");
    list = make_list(update, all.count);
    fill_all();
    struct tik_update_step step = step_of(update, true, 1);
    cl_event event;
#define refused(call, ...) suite_refused(TIK_ERROR_ARGUMENT, tik_update_list_##call, __VA_ARGS__)
    refused(enqueue(NULL, own.queue, &step, 0, NULL, NULL), "list", "NULL");
    refused(enqueue(list, NULL, &step, 0, NULL, NULL), "queue", "NULL");
    refused(enqueue(list, own.queue, NULL, 0, NULL, NULL), "step", "NULL");
    refused(enqueue(list, own.queue, &step, 1, NULL, NULL), "wait_count", "1", "waits");
    refused(enqueue(list, own.queue, &step, 0, &event, NULL), "wait_count", "0", "waits");
    refused(enqueue(list, tik_context_cl_queue(judge_context()), &step, 0, NULL, NULL), "queue",
            "another cl_context");
    refused(enqueue(unclipped, own.queue, &step, 0, NULL, NULL), "factor", "without clipping");
    step.factor = NULL;
    refused(enqueue(list, own.queue, &step, 0, NULL, NULL), "factor", "NULL");
#undef refused
    check_all("refused steps");
    tik_update_list_destroy(list);
    tik_update_list_destroy(unclipped);
    tik_update_destroy(update);
    tik_update_destroy(plain);
}
END_TEST

START_TEST(test_on_the_scalar_path)
{
    struct tik_context *scalar = suite_scalar(1);
    struct tik_policy *policy = suite_rich_policy("sgd");
    struct tik_update *update;
    struct tik_update_list *list = NULL;
    judge_ok(tik_update_create(scalar, policy, false, &update));
    suite_refused(TIK_ERROR_ARGUMENT, tik_update_list_create(update, all.tensor, 1, &list),
                  "scalar path", "tik_update_host");
    ck_assert_ptr_null(list);
    tik_update_destroy(update);
    tik_policy_destroy(policy);
    tik_context_destroy(scalar);
}
END_TEST

static Suite *make_suite(void)
{
    int rules = 0;
    int adamw = 0;
    for (; tik_rule_at((size_t)rules) != NULL; rules++)
        if (strcmp(tik_rule_at((size_t)rules)->name, "adamw") == 0)
            adamw = 2 * rules;
    Suite *suite = suite_create("update list");
    TCase *rules_case = tcase_create("rules");
    tcase_add_unchecked_fixture(rules_case, open_sub_buffers, close_own);
    tcase_set_timeout(rules_case, 120);
    tcase_add_loop_test(rules_case, test_steps, 0, 2 * rules);
    suite_add_tcase(suite, rules_case);
    TCase *test_case = tcase_create("buffers");
    tcase_add_unchecked_fixture(test_case, open_buffers, close_own);
    tcase_set_timeout(test_case, 120);
    tcase_add_loop_test(test_case, test_steps, adamw, adamw + 2); /* alone: mutants ask for it */
    suite_add_tcase(suite, test_case);
    test_case = tcase_create("calls");
    tcase_add_unchecked_fixture(test_case, open_buffers, close_own);
    tcase_set_timeout(test_case, 120);
    tcase_add_loop_test(test_case, test_events, 0, 3);
    tcase_add_loop_test(test_case, test_nothing_to_do, 0, 2);
    tcase_add_test(test_case, test_two_lists);
    tcase_add_test(test_case, test_optimizer);
    tcase_add_test(test_case, test_carried);
    tcase_add_loop_test(test_case, test_order, 0, 2);
    tcase_add_test(test_case, test_bad_tensors);
    tcase_add_test(test_case, test_shared_buffers);
    tcase_add_test(test_case, test_bad_calls);
    tcase_add_test(test_case, test_on_the_scalar_path);
    suite_add_tcase(suite, test_case);
    test_case = tcase_create("norms");
    tcase_add_unchecked_fixture(test_case, open_buffers, close_own);
    tcase_set_timeout(test_case, 120);
    tcase_add_loop_test(test_case, test_clipped, 1, 3);
    suite_add_tcase(suite, test_case);
    return suite;
}

/* test_update_list [DEVICE [CASE]]; the variable TIKHONOV_DEVICE stays above DEVICE. */
int main(int argc, char **argv)
{
    char *device = getenv("TIKHONOV_DEVICE");
    char *arguments[] = {(char[]){"test_update_list"},
                         device != NULL ? device
                         : argc > 1     ? argv[1]
                                        : (char[]){"opencl"},
                         argc > 2 ? argv[2] : NULL};
    return judge_main(argc > 2 ? 3 : 2, arguments, make_suite);
}
