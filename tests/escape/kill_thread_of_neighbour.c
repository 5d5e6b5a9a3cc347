/* Signals one thread of the neighbour, as the engine does with its own. */
#include "tests/escape/escapes.h"
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *escape_kill_thread_of_neighbour(void) {
    syscall(SYS_tgkill, 2, 2, SIGUSR1);
    return "tgkill returned";
}
