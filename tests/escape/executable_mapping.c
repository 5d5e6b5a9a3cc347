/* Maps fresh memory that can be written and executed. */
#include "tests/escape/escapes.h"
#include <sys/mman.h>

const char *escape_executable_mapping(void) {
    mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return "mmap returned";
}
