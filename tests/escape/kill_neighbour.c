/* Signals every process it can see. */
#include "tests/escape/escapes.h"
#include <signal.h>

const char *escape_kill_neighbour(void) {
    kill(-1, SIGKILL);
    return "kill returned";
}
