/* Starts a thread, to count time with, in a cell whose worker carries no WebAssembly. */
#include "tests/escape/escapes.h"
#include <sched.h>
#include <stdlib.h>

static int count(void *at) {
    while (++*(volatile int *)at) {
    }
    return 0;
}

const char *escape_start_thread(void) {
    static int counter;
    char *stack = malloc(65536);
    clone(count, stack + 65536, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, &counter);
    return "clone returned";
}
