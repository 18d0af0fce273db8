/*
 * Lists of tensors in buffers of their own, where a call fails: all of their launches happen or
 * none; and where a device has less, or more, room for the arguments of a kernel.
 */
#include <tikhonov/tikhonov.h>

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../src/scalar/types.h"
#include "fault_suite.h"

#include "sgd.h"

enum { TENSORS = 70, COUNT = 93 };

static const float rate = 0.25f;

struct fixture {
    struct tik_context *context;
    struct tik_policy *policy;
    cl_command_queue queue; /* in order, or not */
    struct tik_update_tensor tensors[TENSORS];
    float before[COUNT], gradient[COUNT];
};

static cl_mem make_buffer(struct fixture *f, float *values)
{
    cl_int error;
    cl_mem made =
        clCreateBuffer(tik_context_cl_context(f->context), CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                       COUNT * sizeof *values, values, &error);
    ck_assert_int_eq(error, CL_SUCCESS);
    return made;
}

static void set_up(struct fixture *f, cl_command_queue_properties kind)
{
    f->context = faults_open(false);
    cl_int error;
    f->queue = clCreateCommandQueue(tik_context_cl_context(f->context),
                                    tik_context_cl_device(f->context), kind, &error);
    ck_assert_int_eq(error, CL_SUCCESS);
    faults_ok(tik_policy_create("sgd", &f->policy));
    faults_ok(tik_policy_set(f->policy, "lr", (double)rate));
    for (int i = 0; i < COUNT; i++) {
        f->before[i] = (float)(i - 40) / 16.0f;
        f->gradient[i] = (float)(i % 7 - 3) / 4.0f;
    }
    for (int t = 0; t < TENSORS; t++)
        f->tensors[t] = (struct tik_update_tensor){.count = COUNT,
                                                   .param = make_buffer(f, f->before),
                                                   .grad = make_buffer(f, f->gradient)};
}

static void tear_down(struct fixture *f)
{
    for (int t = 0; t < TENSORS; t++) {
        clReleaseMemObject(f->tensors[t].param);
        clReleaseMemObject(f->tensors[t].grad);
    }
    clReleaseCommandQueue(f->queue);
    tik_policy_destroy(f->policy);
    tik_context_destroy(f->context);
}

/* Every parameter, after so many steps of plain sgd, which are exact in these values. */
static void check_params(const struct fixture *f, size_t count, float steps)
{
    for (size_t t = 0; t < count; t++) {
        float there[COUNT];
        ck_assert_int_eq(clEnqueueReadBuffer(tik_context_cl_queue(f->context), f->tensors[t].param,
                                             CL_TRUE, 0, sizeof there, there, 0, NULL, NULL),
                         CL_SUCCESS);
        for (int i = 0; i < COUNT; i++)
            ck_assert_msg(there[i] == f->before[i] - steps * rate * f->gradient[i],
                          "tensor %zu, element %d: %a after %g steps from %a", t, i,
                          (double)there[i], (double)steps, (double)f->before[i]);
    }
}

static void reset_params(const struct fixture *f, size_t count)
{
    for (size_t t = 0; t < count; t++)
        ck_assert_int_eq(clEnqueueWriteBuffer(tik_context_cl_queue(f->context), f->tensors[t].param,
                                              CL_TRUE, 0, sizeof f->before, f->before, 0, NULL,
                                              NULL),
                         CL_SUCCESS);
}

/* ---- faults ---- */

/* A list that is made and stepped with a fault in one call. */
static bool list_with_fault(struct fixture *f, size_t count, uint64_t n)
{
    const struct fault_plan plan = {
        .point = FAULT_ANY, .first = n, .count = 1, .error = CL_OUT_OF_RESOURCES};
    struct tik_update *update;
    struct tik_update_list *list = NULL;
    cl_event done = NULL;
    enum fault_point point;
    alarm(FAULTS_SECONDS);
    const struct faults_live live = faults_count_live();
    faults_ok(tik_update_create(f->context, f->policy, false, &update));

    faults_control->arm(&plan, 1);
    enum tik_status status = tik_update_list_create(update, f->tensors, count, &list);
    if (status == TIK_OK)
        status = tik_update_list_enqueue(list, f->queue, &(struct tik_update_step){.step = 1}, 0,
                                         NULL, &done);
    faults_control->disarm();
    const bool reached = faults_control->fired(0, &point) > 0;
    ck_assert_msg(status == TIK_OK || (reached && status == TIK_ERROR_DEVICE), "%s failed: %s: %s",
                  faults_control->name(point), tik_status_name(status), tik_last_error());
    ck_assert(status != TIK_OK || !reached || faults_is_harmless(point));
    if (status == TIK_OK) {
        ck_assert_int_eq(clWaitForEvents(1, &done), CL_SUCCESS);
        clReleaseEvent(done);
    }
    check_params(f, count, status == TIK_OK ? 1 : 0);
    reset_params(f, count);
    tik_update_list_destroy(list);
    tik_update_destroy(update);
    faults_check_live(&live, false);
    if (reached)
        faults_note(point, status == TIK_OK ? FAULTS_UNAFFECTED : FAULTS_FAILED);
    return reached;
}

/* Of no launch at all, of one, and of several; on a queue in order and on one out of order. */
START_TEST(any_call_of_a_list)
{
    static const size_t counts[] = {0, 2, 20};
    struct fixture f;
    const size_t count = counts[_i % 3];
    set_up(&f, _i < 3 ? 0 : CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    uint64_t n = 1;
    while (list_with_fault(&f, count, n))
        n++;
    printf("a list of %zu tensors: %" PRIu64 " faults\n", count, n - 1);
    ck_assert_uint_gt(n, count);
    tear_down(&f);
}
END_TEST

/* ---- room for arguments ---- */

static uint64_t count_launches(void)
{
    return faults_control->calls(FAULT_ENQUEUE_ND_RANGE_KERNEL);
}

/* A step of the list, and as many launches as it said. */
static size_t step_list(struct fixture *f)
{
    struct tik_update *update;
    struct tik_update_list *list;
    faults_ok(tik_update_create(f->context, f->policy, false, &update));
    faults_ok(tik_update_list_create(update, f->tensors, TENSORS, &list));
    const size_t packs = tik_update_list_packs(list);
    const uint64_t before = count_launches();
    faults_ok(tik_update_list_enqueue(list, tik_context_cl_queue(f->context),
                                      &(struct tik_update_step){.step = 1}, 0, NULL, NULL));
    ck_assert_uint_eq(count_launches() - before, (TENSORS + packs - 1) / packs);
    tik_update_list_destroy(list);
    tik_update_destroy(update);
    return packs;
}

/*
 * The stateful optimizer on the same buffers, in two groups that take turns: launches of each; and
 * without a tensor that sits out.
 */
static void step_optimizer(struct fixture *f, size_t packs)
{
    struct tik_optimizer *optimizer;
    size_t group[2], index, shape = COUNT;
    faults_ok(tik_optimizer_create(f->context, NULL, &optimizer));
    for (int g = 0; g < 2; g++)
        faults_ok(tik_optimizer_add_group(optimizer, f->policy, &group[g]));
    for (int t = 0; t < TENSORS; t++) {
        char name[16];
        snprintf(name, sizeof name, "%d", t);
        const struct tik_tensor tensor = {.name = name,
                                          .rank = 1,
                                          .shape = &shape,
                                          .memory = TIK_MEMORY_OPENCL,
                                          .cl_param = f->tensors[t].param,
                                          .cl_grad = f->tensors[t].grad};
        faults_ok(tik_optimizer_add_tensor(optimizer, group[t % 2], &tensor, &index));
    }
    faults_ok(tik_optimizer_prepare(optimizer));
    for (int idle = 0; idle < 2; idle++) {
        const uint64_t before = count_launches();
        faults_ok(tik_optimizer_step(optimizer));
        faults_ok(tik_optimizer_sync(optimizer));
        const size_t first = TENSORS / 2 - (size_t)idle;
        ck_assert_uint_eq(count_launches() - before,
                          (first + packs - 1) / packs + (TENSORS / 2 + packs - 1) / packs);
        check_params(f, 2, idle ? 3 : 2);
        faults_ok(tik_optimizer_set_active(optimizer, 4, false));
    }
    const struct tik_update_tensor idle = f->tensors[4];
    f->tensors[4] = f->tensors[5];
    check_params(f, TENSORS, 3);
    f->tensors[4] = idle;
    tik_optimizer_destroy(optimizer);
}

/* What sgd's kernel takes beside its tensors, and for each of them: two pointers, three numbers. */
enum {
    FIXED = sizeof(cl_mem) + sizeof(struct step_scalars) + sizeof(struct sgd_scalars) + 32,
    EACH = 2 * sizeof(cl_mem) + 3 * sizeof(cl_ulong)
};

_Static_assert(FIXED + 8 * EACH <= 1024, "a device of the standard's least room takes 8 at once");

/* What devices say: too little for any two, just so much and a byte less, and NVIDIA's. */
START_TEST(room_for_arguments)
{
    static const struct {
        uint64_t bytes;
        size_t packs;
    } rooms[] = {{64, 1},
                 {FIXED + 2 * EACH - 1, 1},
                 {FIXED + 2 * EACH, 2},
                 {FIXED + 4 * EACH, 4},
                 {FIXED + 16 * EACH, 16},
                 {4352, 32}};
    struct fixture f;
    faults_control->set_parameter_size(rooms[_i].bytes);
    set_up(&f, 0);
    ck_assert_uint_eq(step_list(&f), rooms[_i].packs);
    check_params(&f, TENSORS, 1);
    step_optimizer(&f, rooms[_i].packs);
    faults_control->set_parameter_size(0);
    tear_down(&f);
}
END_TEST

TCase *faults_lists(void)
{
    TCase *tests = tcase_create("lists");
    tcase_add_loop_test(tests, any_call_of_a_list, 0, 6);
    tcase_add_loop_test(tests, room_for_arguments, 0, 6);
    return tests;
}
