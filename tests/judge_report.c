/* The report of a step against sums in double. */
#include "judge.h"

#include <math.h>
#include <stdlib.h>

/* Sums in double over the group's active parts, of the library's own p'. */
static struct tik_report sum_group(struct judge_run *run, const struct judge_part *part)
{
    struct oracle_penalty penalties[ORACLE_PENALTIES + 1];
    size_t count = oracle_penalty_list(&part->policy, penalties);
    struct tik_report sums = {0};
    for (size_t i = 0; i < run->part_count; i++) {
        const struct judge_part *other = &run->parts[i];
        if (other->group != part->group || other->idle)
            continue;
        float *p = calloc(other->count + 1, sizeof *p);
        ck_assert_msg(p != NULL, "no memory for %zu elements", other->count);
        judge_ok(tik_optimizer_read(run->optimizer, other->tensor, TIK_PARAM, p));
        for (size_t k = 0; k < count; k++)
            sums.penalty +=
                oracle_penalty_find(penalties[k].name)->measure(&penalties[k], p, &other->exact);
        for (size_t j = 0; j < other->count; j++) {
            sums.half_squared_norm += (double)p[j] * (double)p[j] / 2;
            sums.zeros += fpclassify(p[j]) == FP_ZERO;
        }
        sums.count += other->count;
        free(p);
    }
    return sums;
}

/* The norm, the factor and lr are scalars of the whole step. */
static void compare_scalars(struct judge_run *run, const struct tik_report *report, double lr,
                            const struct oracle_moment *moment, const char *label)
{
    static const struct oracle_clip none = {.factor = 1};
    const struct oracle_clip *clip = moment->clip ? moment->clip : &none;
    if (isinf(clip->norm))
        ck_assert_msg(isinf(report->norm), "%s: norm %g, should be inf", label, report->norm);
    else
        judge_value(run->tally, label, 4, report->norm, clip->norm,
                    clip->norm_error + oracle_ulp(clip->norm));
    judge_value(run->tally, label, 5, report->clip, clip->factor,
                clip->error + oracle_ulp(clip->factor));
    judge_value(run->tally, label, 6, report->lr, lr, 2 * moment->unit * lr);
}

/*
 * In float32 a term of the sums has its power (2, of |p|^3; 5, of |p| times a power within 2 ulp),
 * its weight and their product rounded (7), the sums up to 24 levels of the tree, the halves and the
 * sum over penalties 3 more: 34 u of a sum of terms that are all positive. A square that underflows
 * loses up to 2^-150. A sum beyond float32's range is infinite there.
 */
void judge_run_report(struct judge_run *run, const struct judge_part *part,
                      const struct oracle_moment *moment, const char *label)
{
    struct tik_report report, sums = sum_group(run, part);
    judge_ok(tik_optimizer_report(run->optimizer, part->group, &report));
    double relative = 34 * moment->unit, lost = (double)sums.count * moment->tiny;
    if (sums.penalty * (1 - relative) >= ldexp(1, 128))
        ck_assert_msg(isinf(report.penalty) && report.penalty > 0, "%s: penalty %g, should be inf",
                      label, report.penalty);
    else
        judge_value(run->tally, label, 0, report.penalty, sums.penalty,
                    relative * sums.penalty + lost * (1 + ORACLE_PENALTIES));
    judge_value(run->tally, label, 1, report.half_squared_norm, sums.half_squared_norm,
                relative * sums.half_squared_norm + lost);
    judge_value(run->tally, label, 2, (double)report.zeros, (double)sums.zeros, 0);
    judge_value(run->tally, label, 3, (double)report.count, (double)sums.count, 0);
    double lr = oracle_value(oracle_rule_find(part->policy.rule), &part->policy, "lr");
    compare_scalars(run, &report, lr * moment->multiplier, moment, label);
}
