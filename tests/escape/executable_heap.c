/* Writes code into its heap and makes that executable. */
#include "tests/escape/escapes.h"
#include <sys/mman.h>

const char *escape_executable_heap(void) {
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
    return "mprotect returned";
}
