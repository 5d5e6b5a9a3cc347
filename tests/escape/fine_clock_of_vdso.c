/* Has the vDSO tell the time in nanoseconds, which reads the cycle counter. */
#include "tests/escape/escapes.h"
#include <dlfcn.h>
#include <time.h>

const char *escape_fine_clock_of_vdso(void) {
    int (*libc)(clockid_t, struct timespec *) =
        (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    struct timespec now;
    libc(CLOCK_MONOTONIC, &now);
    return "the vDSO told the time";
}
