/* Asks for its own code to be writable and executable. */
#include "tests/escape/escapes.h"
#include <stdint.h>
#include <sys/mman.h>

const char *escape_writable_text(void) {
    uintptr_t page = (uintptr_t)escape_writable_text & ~(uintptr_t)4095;
    mprotect((void *)page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
    return "mprotect returned";
}
