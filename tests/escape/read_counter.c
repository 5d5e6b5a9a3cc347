/* Reads the processor's cycle counter. */
#include "tests/escape/escapes.h"

const char *escape_read_counter(void) {
#ifdef __x86_64__
    unsigned low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return "rdtsc returned";
#else
    *(volatile char *volatile *)0 = 0; /* no such trap on this processor; doctor says so */
    return "";
#endif
}
