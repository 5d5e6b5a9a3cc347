/* Makes a user namespace, in which it would have all rights. */
#include "tests/escape/escapes.h"
#include <sched.h>

const char *escape_namespace(void) {
    unshare(CLONE_NEWUSER);
    return "unshare returned";
}
