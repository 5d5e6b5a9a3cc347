/* Looks for what the kernel laid onto the stack when the program started. */
#include "tests/escape/escapes.h"
#include <elf.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

const char *escape_start_values(void) {
    if (getauxval(AT_RANDOM)) return "the place of the kernel's random bytes";
    if (getauxval(AT_EXECFN)) return "the place of the program's path";
    for (char **at = environ; at && *at; at++) {
        if (strncmp(*at, "JSC_", 4) != 0 && strncmp(*at, "TZ=", 3) != 0) return *at;
    }
    return NULL;
}
