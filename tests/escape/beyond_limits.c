/* What a cell's own weighing (cell/budget.h) is to end, after machine code has taken its signal away: a cell that computes on and on,
   and one that holds more memory than it may. Only the supervisor is left to end them (host/police.h). */
#include "tests/escape/escapes.h"
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

/* More than any limit of the test's with all that is allowed beside it; an end, should nobody be there to set one. */
#define GROWN_BYTES ((size_t)384 << 20)

static void take_signal_away(void) {
    sigset_t all;
    sigfillset(&all);
    if (sigprocmask(SIG_SETMASK, &all, NULL) != 0 || setitimer(ITIMER_PROF, &(struct itimerval){{0, 0}, {0, 0}}, NULL) != 0) abort();
}

_Noreturn void escape_spin(void) {
    take_signal_away();
    for (volatile unsigned turns = 0;; turns++) {}
}

_Noreturn void escape_grow(void) {
    take_signal_away();
    void *at = mmap(NULL, GROWN_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) abort();
    memset(at, 1, GROWN_BYTES);
    for (;;) poll(NULL, 0, -1);
}
