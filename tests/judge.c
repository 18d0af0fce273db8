/* The judges' device, tally and main. */
#include "judge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tik_context *context;
static const char *only;

void judge_require(enum tik_status status, const char *call, const char *file, int line)
{
    if (status != TIK_OK)
        ck_abort_msg("%s:%d: %s: %s: %s", file, line, call, tik_status_name(status),
                     tik_last_error());
}

struct tik_context *judge_context(void)
{
    return context;
}

const char *judge_device(void)
{
    return tik_context_device(context)->name;
}

bool judge_wanted(const char *label)
{
    return !only || strstr(label, only);
}

bool judge_narrowed(void)
{
    return only != NULL;
}

bool judge_on_scalar(void)
{
    return strcmp(tik_context_backend(context), "scalar") == 0;
}

/* Devices that are there but compute wrongly, with the library's reason: they are no skip. */
static size_t print_wrong_devices(const struct tik_context_options *options)
{
    struct tik_device_list *list;
    size_t wrong = 0;
    if (tik_device_list_create(options, true, &list) != TIK_OK)
        return 1;
    for (size_t i = 0; i < list->count; i++) {
        const struct tik_device_info *device = &list->devices[i];
        if (device->conformance != TIK_WRONG)
            continue;
        fprintf(stderr, "%s: %s\n", device->name, device->reason);
        wrong++;
    }
    tik_device_list_destroy(list);
    return wrong;
}

/*
 * Strict: a device that computes wrongly, or a step that falls back to the scalar path, must fail
 * the judge and not be judged in the scalar path's place.
 */
static int open_context(const char *device)
{
    struct tik_context_options options;
    tik_context_defaults(&options);
    options.device = device;
    options.strict = true;
    enum tik_status status = tik_context_create(&options, &context);
    if (status == TIK_OK)
        return EXIT_SUCCESS;
    bool skip = status == TIK_ERROR_NO_DEVICE && print_wrong_devices(&options) == 0;
    fprintf(stderr, "%s: context on %s: %s: %s\n", skip ? "SKIP" : "FAIL", device,
            tik_status_name(status), tik_last_error());
    return skip ? JUDGE_SKIP : EXIT_FAILURE;
}

/* PoCL hangs in a forked child, so Check does not fork. */
int judge_main(int argc, char **argv, Suite *(*make_suite)(void))
{
    int opened = open_context(argc > 1 ? argv[1] : "scalar");
    if (opened != EXIT_SUCCESS)
        return opened;
    printf("judging %s: %s\n", tik_context_backend(context), tik_context_choice(context));
    only = argc > 3 ? argv[3] : NULL;
    SRunner *runner = srunner_create(make_suite());
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run(runner, NULL, argc > 2 ? argv[2] : NULL, CK_NORMAL);
    int failed = srunner_ntests_failed(runner), run = srunner_ntests_run(runner);
    if (run == 0)
        fprintf(stderr, "there is no case %s\n", argc > 2 ? argv[2] : "at all");
    srunner_free(runner);
    tik_context_destroy(context);
    return failed || run == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static unsigned bits(double x)
{
    float value = (float)x;
    uint32_t word;
    memcpy(&word, &value, sizeof word);
    return word;
}

void judge_number(struct judge_tally *tally, const char *where, size_t index, double got,
                  const struct oracle_number *number)
{
    double error = fabs(got - number->value);
    double excess = error - number->rounding, room = number->bound - number->rounding;
    double ratio = excess <= 0 ? 0 : room > 0 ? excess / room : INFINITY;
    /* An infinite bound would let anything pass: the fixture is then at fault, and fails. */
    if (!isfinite(got) || !isfinite(number->value) || !isfinite(number->bound))
        ratio = INFINITY;
    tally->values++;
    if (ratio > tally->worst)
        tally->worst = ratio;
    if (ratio <= 1 || tally->failures++)
        return;
    snprintf(tally->first, sizeof tally->first,
             "%s on %s, element %zu: got %.9g (0x%08x), should be %.17g (0x%08x) +- %.3g: %.3g of "
             "the bound",
             where, judge_device(), index, got, bits(got), number->value, bits(number->value),
             number->bound, ratio);
}

void judge_value(struct judge_tally *tally, const char *where, size_t index, double got,
                 double value, double bound)
{
    judge_number(tally, where, index, got, &(struct oracle_number){.value = value, .bound = bound});
}

void judge_finish(const struct judge_tally *tally)
{
    printf("oracle %s: worst %.2f of the bound over %zu values, %s, %s\n", tally->subject,
           tally->worst, tally->values, tik_conformance_name(tally->conformance), judge_device());
    fflush(stdout);
    /* One case of several may have no policy of the wanted label; then another has. */
    ck_assert_msg(tally->values > 0 || judge_narrowed(), "%s: nothing was judged", tally->subject);
    ck_assert_msg(tally->failures == 0, "%s: %zu of %zu values beyond their bound; first: %s",
                  tally->subject, tally->failures, tally->values, tally->first);
}
