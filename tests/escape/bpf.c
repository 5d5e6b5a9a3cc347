/* Loads nothing yet, only asks for a map in the kernel. */
#include "tests/escape/escapes.h"
#include <sys/syscall.h>
#include <unistd.h>

const char *escape_bpf(void) {
    char attributes[64] = {0};
    syscall(SYS_bpf, 0, attributes, sizeof attributes);
    return "bpf returned";
}
