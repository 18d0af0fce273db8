#include "numeric.h"

/*
 * FE_DFL_ENV is more than the rounding mode: on x86 it also clears flush-to-zero and
 * denormals-are-zero in MXCSR, on ARM FZ in FPCR (test_numeric shows it).
 */
void tik_numeric_enter(fenv_t *saved)
{
    fegetenv(saved);
    fesetenv(FE_DFL_ENV);
}

void tik_numeric_leave(const fenv_t *saved)
{
    fesetenv(saved);
}
