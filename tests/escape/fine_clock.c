/* Asks the kernel for the time in nanoseconds. */
#include "tests/escape/escapes.h"
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

const char *escape_fine_clock(void) {
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    return "clock_gettime returned";
}
