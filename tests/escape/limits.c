/* Raises its own limits. */
#include "tests/escape/escapes.h"
#include <sys/resource.h>

const char *escape_limits(void) {
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){65536, 65536});
    return "setrlimit returned";
}
