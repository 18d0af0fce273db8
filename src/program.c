#include "program.h"

#include "error.h"
#include "verify.h"

/* A program, and what its known-answer run showed. */
struct candidate {
    struct tik_program *program;
    enum tik_conformance conformance;
    bool remembered;
};

static void discard(struct tik_backend *backend, struct candidate *candidate)
{
    if (candidate->program != NULL)
        backend->ops->program_destroy(backend, candidate->program);
    candidate->program = NULL;
}

static enum tik_status try_program(struct tik_context *context, struct tik_backend *backend,
                                   const struct tik_plan *plan, bool corrected,
                                   struct candidate *candidate)
{
    const struct tik_backend_ops *ops = backend->ops;
    *candidate = (struct candidate){.conformance = TIK_UNTESTED};
    enum tik_status status = corrected ? ops->program_correct(backend, plan, &candidate->program)
                                       : ops->program_create(backend, plan, &candidate->program);
    if (status != TIK_OK)
        return status;
    candidate->conformance = ops->program_conformance(candidate->program);
    candidate->remembered = candidate->conformance != TIK_UNTESTED;
    if (!candidate->remembered)
        status = tik_verify_program(backend, context->scalar, plan, candidate->program,
                                    &candidate->conformance);
    /* On memory of its own: nothing of the caller's is torn. */
    if (status == TIK_ERROR_TORN)
        status = tik_error_prefix(TIK_ERROR_DEVICE, "the known-answer run: ");
    if (status != TIK_OK)
        discard(backend, candidate);
    return status;
}

static void remember(struct tik_backend *backend, struct candidate *candidate)
{
    if (!candidate->remembered)
        backend->ops->program_judge(backend, candidate->program, candidate->conformance);
    candidate->remembered = true;
}

/*
 * Puts the program with corrected / and sqrt in the place of one that is not exact, where it is
 * the better one. Where it cannot even be built or run, the first stays: it may still be bounded.
 */
static void improve(struct tik_context *context, struct tik_backend *backend,
                    const struct tik_plan *plan, struct candidate *first)
{
    struct candidate corrected;
    if (try_program(context, backend, plan, true, &corrected) != TIK_OK)
        return;
    if (corrected.conformance < first->conformance) {
        /* Also when it is wrong, so that the next process does not build it again to find out. */
        remember(backend, first);
        const struct candidate worse = *first;
        *first = corrected;
        corrected = worse;
    } else if (corrected.conformance != TIK_WRONG) {
        remember(backend, &corrected);
    }
    discard(backend, &corrected);
}

enum tik_status tik_program_prepare(struct tik_context *context, struct tik_backend *backend,
                                    const struct tik_plan *plan, struct tik_program **program,
                                    enum tik_conformance *verdict)
{
    struct candidate made;
    enum tik_status status = try_program(context, backend, plan, false, &made);
    if (status == TIK_OK && made.conformance != TIK_EXACT && backend->ops->program_correct != NULL)
        improve(context, backend, plan, &made);
    if (verdict != NULL)
        *verdict = made.conformance;
    if (status == TIK_OK && made.conformance == TIK_WRONG) {
        status = tik_error_set(TIK_ERROR_DEVICE,
                               "%s computes the program of %s wrongly: its known-answer run is "
                               "beyond %d ulp of the scalar path",
                               context->device.name, tik_plan_name(plan), TIK_BOUND_ULPS);
        discard(backend, &made);
    }
    if (status != TIK_OK)
        return status;
    remember(backend, &made);
    *program = made.program;
    return TIK_OK;
}
