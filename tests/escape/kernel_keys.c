/* Leaves a key in the kernel for a neighbour to find. */
#include "tests/escape/escapes.h"
#include <sys/syscall.h>
#include <unistd.h>

const char *escape_kernel_keys(void) {
    syscall(SYS_add_key, "user", "note", "x", 1, -4 /* of the user */);
    return "add_key returned";
}
