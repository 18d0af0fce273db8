/*
 * Distinct optimizers in distinct threads on one context give the bits that they give one after
 * another. Arguments: a device ("scalar"), and one case.
 */
#include "suite.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 20261125, THREADS = 4, COUNT = 3001, STEPS = 12 };

/* No assertion in a thread: Check would jump out of it. So a job keeps its first error. */
struct job {
    const char *rule;
    uint64_t seed;
    bool clips;
    enum tik_status status;
    char message[512];
    float param[COUNT];
    struct tik_report report;
};

static void note(struct job *job, enum tik_status status)
{
    if (job->status != TIK_OK || status == TIK_OK)
        return;
    job->status = status;
    snprintf(job->message, sizeof job->message, "%.500s", tik_last_error());
}

static struct tik_optimizer *make_optimizer(struct job *job, const float *param)
{
    struct tik_policy *policy = NULL;
    struct tik_optimizer *optimizer = NULL;
    struct tik_optimizer_options options;
    const size_t count = COUNT;
    const struct tik_tensor tensor = {
        .name = "p", .rank = 1, .shape = &count, .param = (float *)(uintptr_t)param};
    tik_optimizer_defaults(&options);
    options.max_norm = job->clips ? 0.5 : 0;
    options.report = true;
    note(job, tik_policy_create(job->rule, &policy));
    if (job->status == TIK_OK)
        note(job, tik_policy_add_penalty(policy, "elastic_net", NULL));
    if (job->status == TIK_OK)
        note(job, tik_policy_set_penalty(policy, 0, "weight", 0.1));
    if (job->status == TIK_OK)
        note(job, tik_optimizer_create(judge_context(), &options, &optimizer));
    if (job->status == TIK_OK)
        note(job, tik_optimizer_add_group(optimizer, policy, NULL));
    if (job->status == TIK_OK)
        note(job, tik_optimizer_add_tensor(optimizer, 0, &tensor, NULL));
    tik_policy_destroy(policy);
    return optimizer;
}

static void *work(void *data)
{
    struct job *job = data;
    float param[COUNT], grad[COUNT];
    uint64_t seed = job->seed;
    suite_fill(param, COUNT, SUITE_LEVEL, &seed);
    struct tik_optimizer *optimizer = make_optimizer(job, param);
    for (size_t t = 0; t < STEPS && job->status == TIK_OK; t++) {
        suite_fill(grad, COUNT, SUITE_LEVEL, &seed);
        note(job, tik_optimizer_write(optimizer, 0, TIK_GRAD, grad));
        if (job->status == TIK_OK)
            note(job, tik_optimizer_step(optimizer));
        if (job->status == TIK_OK && t % 4 == 3)
            note(job, tik_optimizer_report(optimizer, 0, &job->report));
    }
    if (job->status == TIK_OK)
        note(job, tik_optimizer_read(optimizer, 0, TIK_PARAM, job->param));
    tik_optimizer_destroy(optimizer);
    return NULL;
}

/* Two jobs with one program, and two with others, one of them without norm. */
static void prepare(struct job *jobs, uint64_t seed)
{
    static const char *const rules[THREADS] = {"adamw", "adamw", "sgd", "adam"};
    memset(jobs, 0, THREADS * sizeof *jobs);
    for (size_t i = 0; i < THREADS; i++) {
        jobs[i].rule = rules[i];
        jobs[i].seed = seed + i;
        jobs[i].clips = i != 3;
    }
}

static void check(const struct job *job, const struct job *alone)
{
    ck_assert_msg(job->status == TIK_OK, "%s: %s: %s", job->rule, tik_status_name(job->status),
                  job->message);
    ck_assert_msg(alone->status == TIK_OK, "%s alone: %s", alone->rule, alone->message);
    suite_check_words(job->rule, job->param, alone->param, COUNT);
    ck_assert_mem_eq(&job->report, &alone->report, sizeof job->report);
}

START_TEST(test_together)
{
    static struct job together[THREADS], alone[THREADS];
    pthread_t thread[THREADS];
    prepare(together, SEED + (uint64_t)_i * THREADS);
    prepare(alone, SEED + (uint64_t)_i * THREADS);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, work, &together[i]), 0);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        work(&alone[i]);
    for (size_t i = 0; i < THREADS; i++)
        check(&together[i], &alone[i]);
}
END_TEST

/* An error is the thread's own. */
static void *be_refused(void *data)
{
    struct tik_policy *policy = NULL;
    char *message = data;
    const bool refused = tik_policy_create("no such rule", &policy) == TIK_ERROR_ARGUMENT;
    snprintf(message, 256, "%s", refused ? tik_last_error() : "it was not refused");
    return NULL;
}

START_TEST(test_errors)
{
    pthread_t thread;
    char theirs[256];
    suite_refused(TIK_ERROR_ARGUMENT, tik_schedule_check(NULL), "schedule");
    ck_assert_int_eq(pthread_create(&thread, NULL, be_refused, theirs), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_ptr_nonnull(strstr(theirs, "no such rule"));
    ck_assert_ptr_nonnull(strstr(tik_last_error(), "schedule"));
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("threads");
    TCase *test_case = tcase_create("threads");
    tcase_add_loop_test(test_case, test_together, 0, 5);
    tcase_add_test(test_case, test_errors);
    suite_add_tcase(suite, test_case);
    return suite;
}

int main(int argc, char **argv)
{
    return judge_main(argc, argv, make_suite);
}
