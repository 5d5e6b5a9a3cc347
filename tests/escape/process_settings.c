/* Makes itself dumpable, so that others can look into it. */
#include "tests/escape/escapes.h"
#include <sys/prctl.h>

const char *escape_process_settings(void) {
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    return "prctl returned";
}
