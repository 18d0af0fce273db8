#include "program.h"

#include "error.h"
#include "verify.h"

enum tik_status tik_program_prepare(struct tik_context *context, struct tik_backend *backend,
                                    const struct tik_plan *plan, struct tik_program **program,
                                    enum tik_conformance *verdict)
{
    const struct tik_backend_ops *ops = backend->ops;
    struct tik_program *made = NULL;
    if (verdict != NULL)
        *verdict = TIK_UNTESTED;
    enum tik_status status = ops->program_create(backend, plan, &made);
    if (status != TIK_OK)
        return status;

    enum tik_conformance conformance = ops->program_conformance(made);
    if (conformance == TIK_UNTESTED) {
        status = tik_verify_program(backend, context->scalar, plan, made, &conformance);
        /* On memory of its own: nothing of the caller's is torn. */
        if (status == TIK_ERROR_TORN)
            status = tik_error_prefix(TIK_ERROR_DEVICE, "the known-answer run: ");
        if (status == TIK_OK)
            ops->program_judge(backend, made, conformance);
    }
    if (verdict != NULL)
        *verdict = conformance;
    if (status == TIK_OK && conformance == TIK_WRONG)
        status = tik_error_set(TIK_ERROR_DEVICE,
                               "%s computes the program of %s wrongly: its known-answer run is "
                               "beyond %d ulp of the scalar path",
                               context->device.name, tik_plan_name(plan), TIK_BOUND_ULPS);
    if (status != TIK_OK) {
        ops->program_destroy(backend, made);
        return status;
    }
    *program = made;
    return TIK_OK;
}
