/* For code that runs while memory is not to be trusted, or is not there: system calls, and what libc has for memory, without libc. x86-64
   only. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __x86_64__

#define PAGE_BYTES 4096ul

#define INLINE static inline __attribute__((always_inline))

INLINE long call(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

INLINE void copy(uintptr_t to, uintptr_t from, size_t len) {
    len /= 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
}

INLINE void clear(uintptr_t to, size_t len) {
    len /= 8;
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(len) : "a"(0l) : "memory");
}

INLINE bool is_as_was(uintptr_t now, uintptr_t was, size_t len) {
    const uint64_t *a = (const uint64_t *)now, *b = (const uint64_t *)was;
    uint64_t difference = 0;
    for (size_t i = 0; i < len / sizeof *a; i++) difference |= a[i] ^ b[i];
    return difference == 0;
}

#endif
