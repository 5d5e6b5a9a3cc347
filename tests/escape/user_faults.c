/* Handles its own page faults, which holds the kernel where the attacker wants it. */
#include "tests/escape/escapes.h"
#include <sys/syscall.h>
#include <unistd.h>

const char *escape_user_faults(void) {
    syscall(SYS_userfaultfd, 1 /* user mode only */);
    return "userfaultfd returned";
}
