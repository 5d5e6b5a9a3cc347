/* The calls of 32-bit programs, which have other numbers: 1 is exit there. Kernels without them fault. */
#include "tests/escape/escapes.h"

const char *escape_compat_call(void) {
#ifdef __x86_64__
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L /* getpid */) : "memory");
    return "int 0x80 returned";
#else
    __builtin_trap();
#endif
}
