/* Makes a second process. */
#include "tests/escape/escapes.h"
#include <unistd.h>

const char *escape_fork_process(void) {
    if (fork() == 0) _exit(0);
    return "fork returned";
}
