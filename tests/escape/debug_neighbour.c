/* Becomes the debugger of the first process. */
#include "tests/escape/escapes.h"
#include <sys/ptrace.h>

const char *escape_debug_neighbour(void) {
    ptrace(PTRACE_SEIZE, 1, 0, 0);
    return "ptrace returned";
}
