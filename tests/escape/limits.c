/* Raises its own limits. */
#include "tests/escape/escapes.h"
#include <sys/resource.h>

const char *escape_limits(void) {
    if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){65536, 65536}) == 0) return "it may have more descriptors";
    if (setrlimit(RLIMIT_NPROC, &(struct rlimit){1, 1}) == 0) return "it may have more processes";
    return NULL;
}
